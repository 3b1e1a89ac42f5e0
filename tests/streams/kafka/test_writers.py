"""Who may write: opened after the group was asked again, fenced, given up, tried with a bound."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerFenced
from prometheus_client import REGISTRY

from events.data import BREACHES, DEAD_LETTERS, OWN, TOPICS
from events.outcomes import Message
from streams.errors import NotWritable, Withheld
from streams.kafka.assignment import Assignment, PartitionProgress
from streams.kafka.clocks import LeaderClock, Stamp
from streams.kafka.producer import Stamps, transactional_id
from streams.kafka.writers import Membership, Writers
from streams.seals import Seal
from streams.settings import Settings

GENERATION = 7
HELD, LOST, UNKNOWN = Membership.HELD, Membership.LOST, Membership.UNKNOWN


class Said(NamedTuple):
    topic: str = BREACHES
    partition: int = 0
    key: bytes | None = b"acme"
    value: bytes = b"{}"
    headers: Sequence[tuple[str, bytes]] = ()


class Speaking:
    """A shard that has so much to say, and remembers that it was told to start over."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.next: dict[str, int] = {}
        self.lacking: dict[str, int] = {}
        self.seal: Seal | None = None
        self.names: set[str] = set()
        self.due: list[Said] = []
        self.begun = 0

    def remember(self, names: Collection[str]) -> None:
        self.names = {*self.names, *names}

    def propose(self, seal: Seal) -> None:
        self.seal = seal

    def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        self.next[topic] = end

    def tick(self, now: object, heard_again: object = None) -> tuple[()]:
        return ()

    def to_send(self) -> list[Said]:
        return self.due

    def start_over(self) -> None:
        self.begun += 1


class Group:
    """A group that answers what it is told to; the last answer again and again."""

    def __init__(self, *answers: Membership) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []
        self.ends = dict.fromkeys(OWN, 0)

    async def membership(self, generation: int) -> Membership:
        assert generation == GENERATION
        self.asked.append("membership")
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    async def own_ends(self, partitions: Collection[int]) -> dict[int, dict[str, int]]:
        self.asked.append("ends")
        return dict.fromkeys(partitions, self.ends)


class Producer:
    """Sends, unless it is told to fail, and stamps what it sends by a clock that may be ahead.

    That of who leads the breaches is `apart` from it.
    """

    def __init__(self) -> None:
        self.ahead = 0.0
        self.apart = 0.0
        self.measured: list[set[str]] = []
        self.error: KafkaError | None = None
        self.sent: list[int] = []
        self.closed = False

    async def send(self, outputs: Sequence[Said], may_stand: Callable[[Stamps], bool]) -> None:
        if self.error is not None:
            raise self.error
        if not may_stand(self._stamps(output.topic for output in outputs)):
            raise Withheld("off")
        self.sent.append(len(outputs))

    async def measure(self, topics: Collection[str]) -> Stamps:
        if self.error is not None:
            raise self.error
        self.measured.append(set(topics))
        return self._stamps(topics)

    def _stamps(self, topics: Iterable[str]) -> Stamps:
        now, at = time.monotonic(), time.time() + self.ahead
        return {
            topic: Stamp(now, now, at + later, at + later)
            for topic in topics
            for later in [self.apart if topic == BREACHES else 0]
        }

    async def close(self) -> None:
        self.closed = True


class Broker:
    """Starts producers, unless it is told not to, and says so where the group is asked."""

    def __init__(self, group: Group) -> None:
        self.started: list[Producer] = []
        self.error: KafkaError | None = None
        self.ahead = 0.0
        self._group = group

    async def start(self, settings: Settings, partition: int) -> Producer:
        self._group.asked.append("started")
        if self.error is not None:
            raise self.error
        self.started.append(Producer())
        self.started[-1].ahead = self.ahead
        return self.started[-1]


class World(NamedTuple):
    writers: Writers
    assignment: Assignment
    group: Group
    broker: Broker
    clock: list[float]

    @property
    def progress(self) -> PartitionProgress:
        return next(iter(self.assignment))

    @property
    def shard(self) -> Any:
        return self.progress.shard

    async def open(self) -> None:
        await self.writers.open(self.group)

    async def open_later(self, seconds: float = 10.0) -> None:
        self.clock[0] += seconds
        await self.open()

    async def open_again_and_again(self) -> None:
        for _ in range(100):
            await self.open_later()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> World:
    group = Group(*getattr(request, "param", (HELD,)))
    broker, clock = Broker(group), [0.0]
    monkeypatch.setattr("streams.kafka.producer.PartitionProducer.started", broker.start)
    assignment = Assignment(Speaking)
    assignment.hold({0}, GENERATION)
    made = World(
        Writers(Settings(broker_wait=60), assignment, lambda: clock[0]),
        assignment,
        group,
        broker,
        clock,
    )
    made.progress.assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0))
    return made


def fenced() -> float:
    return REGISTRY.get_sample_value("cmowatch_outputs_fenced_total", {"partition": "0"}) or 0.0


def test_a_transactional_id_is_the_group_and_the_partition() -> None:
    assert transactional_id(Settings(group="watchers"), 3) == "watchers-3"


async def test_the_group_is_asked_before_a_producer_starts_and_again_after_it(
    world: World,
) -> None:
    await world.open()
    assert world.group.asked == ["membership", "started", "membership", "ends"]
    assert world.progress.may_speak
    await world.open()
    assert len(world.broker.started) == 1


async def test_all_that_is_held_is_opened_at_once_and_its_ends_are_asked_for_in_one(
    world: World,
) -> None:
    world.assignment.hold({0, 1, 2, 3}, GENERATION)
    for progress in world.assignment:
        progress.assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0))
    await world.open()
    assert [each.may_speak for each in world.assignment] == [True] * 4
    assert world.group.asked.count("ends") == 1
    last_start = len(world.group.asked) - 1 - world.group.asked[::-1].index("started")
    assert world.group.asked[last_start + 1 :] == ["membership"] * 4 + ["ends"]


async def test_what_was_judged_before_is_dropped_and_our_own_topics_are_read_first(
    world: World,
) -> None:
    world.group.ends = {DEAD_LETTERS: 0, BREACHES: 2}
    await world.open()
    assert (world.shard.begun, world.progress.may_speak) == (1, False)
    world.progress.take(BREACHES, 2, ())
    assert world.progress.may_speak


@pytest.mark.parametrize("world", [(UNKNOWN,), (LOST,)], indirect=True)
async def test_who_is_no_member_starts_no_producer_and_fences_nobody(world: World) -> None:
    await world.open()
    assert world.broker.started == []
    assert not world.progress.writable


@pytest.mark.parametrize("world", [(HELD, LOST), (HELD, UNKNOWN)], indirect=True)
async def test_who_is_no_member_any_more_once_its_producer_started_does_not_write(
    world: World,
) -> None:
    await world.open()
    assert not world.progress.writable
    await world.open_later()
    assert world.broker.started[0].closed


async def test_an_assignment_opens_anew_what_was_open(world: World) -> None:
    await world.open()
    world.progress.assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0))
    assert not world.progress.writable
    await world.open()
    assert world.progress.may_speak
    assert [each.closed for each in world.broker.started] == [True, False]


async def test_a_partition_that_leaves_while_it_is_opened_is_not_opened(world: World) -> None:
    came, ends = world.progress, world.group.own_ends

    async def leaves(partitions: Collection[int]) -> dict[int, dict[str, int]]:
        world.assignment.hold(())
        return await ends(partitions)

    world.group.own_ends = leaves  # type: ignore[method-assign]
    await world.open()
    assert not came.writable
    await world.open()
    assert world.broker.started[0].closed


async def test_what_there_is_to_say_is_sent_in_transactions(world: World) -> None:
    await world.open()
    world.shard.due = [Said()] * 1_200
    assert await world.writers.send(world.progress) == 1_200
    assert world.broker.started[0].sent == [500, 500, 200]
    assert (world.writers.sent, world.writers.failed) == (1_200, 0)


@pytest.mark.parametrize("world", [(HELD, HELD, LOST)], indirect=True)
async def test_who_is_fenced_drops_what_it_had_to_say_and_gives_the_partition_up(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.open()
    before, world.shard.due = fenced(), [Said()] * 3
    world.broker.started[0].error = ProducerFenced()
    assert await world.writers.send(world.progress) == 0
    assert (fenced() - before, world.writers.failed) == (1, 3)
    assert "3 outputs that were judged before are dropped" in caplog.text
    assert world.broker.started[0].closed
    await world.open()
    assert len(world.assignment) == 0
    assert "partition 0 was given up" in caplog.text


async def test_who_is_fenced_by_one_that_came_too_late_opens_anew_and_says_it_again(
    world: World,
) -> None:
    await world.open()
    world.shard.due = [Said()]
    world.broker.started[0].error = ProducerFenced()
    await world.writers.send(world.progress)
    await world.open()
    assert (world.shard.begun, world.progress.may_speak) == (2, True)
    assert await world.writers.send(world.progress) == 1


async def test_what_is_not_delivered_closes_the_producer_and_keeps_the_shard(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.open()
    before, world.shard.due = fenced(), [Said()]
    world.broker.started[0].error = KafkaConnectionError("away")
    await world.writers.send(world.progress)
    assert (fenced(), len(world.assignment), world.progress.writable) == (before, 1, False)
    assert "1 outputs were not delivered" in caplog.text


async def test_a_producer_that_does_not_start_is_tried_ever_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.broker.error = KafkaConnectionError("away")
    for _ in range(10):
        await world.open_later(0.3)
    assert 2 <= world.group.asked.count("started") <= 4
    assert "no producer as cmowatch-0 yet" in caplog.text
    world.broker.error = None
    await world.open_later()
    assert world.progress.may_speak


async def test_a_producer_that_starts_for_no_member_within_the_bound_ends_the_worker(
    world: World,
) -> None:
    world.broker.error = KafkaConnectionError("refused")
    with pytest.raises(NotWritable, match=r"cmowatch-0 for 60 s.*Operator action"):
        await world.open_again_and_again()
    assert 60 < world.clock[0] <= 80


@pytest.mark.parametrize("world", [(UNKNOWN,)], indirect=True)
async def test_while_nobody_answers_there_is_no_bound(world: World) -> None:
    await world.open_again_and_again()
    assert not world.progress.writable


async def test_the_clock_is_measured_before_a_partition_is_open(world: World) -> None:
    assert world.progress.clocks.skew is None
    world.broker.ahead = 3_600
    await world.open()
    assert world.progress.writable
    assert world.progress.clocks.skew == pytest.approx(-3_600, abs=1)


async def test_a_clock_that_is_not_measured_opens_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def measure(self: Producer, topics: Collection[str]) -> Stamps:
        raise KafkaConnectionError("away")

    with monkeypatch.context() as patched:
        patched.setattr(Producer, "measure", measure)
        await world.open()
    assert not world.progress.writable
    await world.open_later()
    assert [each.closed for each in world.broker.started] == [True, False]
    assert world.progress.writable


async def test_where_nothing_else_is_sent_the_clock_is_measured_at_times(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    [producer] = world.broker.started
    world.progress.integrity.begun = 7
    for _ in range(2):
        await world.writers.send(world.progress)
    assert producer.measured == [{DEAD_LETTERS}, {BREACHES}]
    monkeypatch.setattr(LeaderClock, "due", True)
    world.shard.due = [Said()]
    await world.writers.send(world.progress)
    assert (producer.measured[2:], producer.sent) == ([{DEAD_LETTERS}], [1])
    world.shard.due = []
    await world.writers.send(world.progress)
    assert producer.measured[3:] == [{DEAD_LETTERS, BREACHES}]


async def test_before_the_log_is_sealed_nothing_is_written_to_the_breaches_to_measure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LeaderClock, "due", True)
    await world.open()
    await world.writers.send(world.progress)
    assert world.broker.started[0].measured == [{DEAD_LETTERS}] * 2


async def test_each_of_our_own_topics_is_measured_by_the_clock_of_who_leads_it(
    world: World,
) -> None:
    await world.open()
    world.progress.integrity.begun = 7
    world.broker.started[0].apart = 3_600
    assert not world.progress.clocks.off
    await world.writers.send(world.progress)
    assert world.progress.clocks.skew == pytest.approx(-3_600, abs=1)
    assert not world.progress.clocks.of(DEAD_LETTERS).off
    world.shard.due = [Said(), Said(DEAD_LETTERS)]
    assert await world.writers.send(world.progress) == 0
    assert world.progress.clocks.off


async def test_what_was_judged_is_not_said_by_a_stamp_that_tells_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    world.progress.integrity.begun = 7
    await world.writers.send(world.progress)
    assert world.progress.clocks.believed

    def between(self: Producer, topics: Iterable[str]) -> Stamps:
        now, at = time.monotonic(), time.time()
        return dict.fromkeys(topics, Stamp(now, now, at, at + 3_600))

    monkeypatch.setattr(Producer, "_stamps", between)
    world.shard.due = [Said()]
    assert await world.writers.send(world.progress) == 0
    assert not world.progress.writable


async def test_what_was_withheld_is_tried_again_ten_seconds_later_and_no_sooner(
    world: World,
) -> None:
    await world.open()
    world.broker.ahead = world.broker.started[0].ahead = 3_600
    world.shard.due = [Said()]
    await world.writers.send(world.progress)
    for _ in range(9):
        await world.open_later(1.0)
    assert (len(world.broker.started), world.progress.writable) == (1, False)
    await world.open_later(1.0)
    assert (len(world.broker.started), world.progress.writable) == (2, True)


async def test_what_was_judged_is_not_said_where_its_stamp_tells_that_a_clock_is_off(
    world: World,
) -> None:
    await world.open()
    world.broker.ahead = world.broker.started[0].ahead = 3_600
    world.shard.due = [Said(), Said(DEAD_LETTERS)]
    assert await world.writers.send(world.progress) == 0
    assert (world.broker.started[0].sent, world.progress.writable) == ([], False)
    await world.open_later()
    assert (world.shard.begun, world.progress.writable) == (2, True)
    assert world.progress.clocks.off


async def test_what_was_refused_is_said_by_whatever_clock(world: World) -> None:
    world.broker.ahead = 3_600
    await world.open()
    world.shard.due = [Said(DEAD_LETTERS)]
    assert await world.writers.send(world.progress) == 1


async def test_a_measurement_that_fails_closes_the_producer_and_keeps_the_shard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.open()
    monkeypatch.setattr(LeaderClock, "due", True)
    world.broker.started[0].error = KafkaConnectionError("away")
    await world.writers.send(world.progress)
    assert (len(world.assignment), world.progress.writable) == (1, False)


async def test_who_ends_closes_every_producer_and_opens_none(world: World) -> None:
    await world.open()
    await world.writers.stop()
    await world.open()
    assert [each.closed for each in world.broker.started] == [True]
    assert not world.progress.writable
