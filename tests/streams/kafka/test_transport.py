"""What the transport does with a fetch, and what it relies on in Faust and aiokafka."""

import asyncio
import inspect
from collections.abc import Collection, Sequence
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import SubscriptionState, TopicPartitionState
from aiokafka.errors import CommitFailedError, KafkaConnectionError
from aiokafka.structs import TopicPartition
from faust.app.base import App as FaustApp
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from events.data import LOTS, OWN, TOPICS
from events.outcomes import Message
from streams.app import create_app
from streams.kafka.assignment import Assignment, PartitionProgress
from streams.kafka.batches import Batch
from streams.kafka.hearing import HighWatermark
from streams.kafka.transport import Consumer, ConsumerThread, Transport, _Unread
from streams.seals import Damage, Extent, Kind, Memory, Seal
from streams.settings import Settings

HERE = TP(LOTS, 0)
WHOLE = dict.fromkeys(TOPICS, Extent("id", 0, 0))


def records(*offsets: int) -> list[Any]:
    return [
        SimpleNamespace(
            topic=LOTS, partition=0, offset=o, timestamp=0, key=b"k", value=b"v", headers=()
        )
        for o in offsets
    ]


class Folded:
    """A shard that remembers the offsets it was given."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.next: dict[str, int] = {}
        self.lacking: dict[str, int] = {}
        self.seal: Seal | None = None
        self.names: set[str] = set()
        self.offsets: list[int] = []

    def remember(self, names: Collection[str]) -> None:
        self.names = {*self.names, *names}

    def propose(self, seal: Seal) -> None:
        self.seal = seal

    def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        self.offsets += [message.offset for message in messages]
        self.next[topic] = end

    def tick(self, now: object, heard_again: object = None) -> tuple[()]:
        return ()

    def to_send(self) -> tuple[()]:
        return ()

    def start_over(self) -> None:
        pass


class SeekingThread:
    """Stands in for the consumer's thread: notes where it was sent."""

    def __init__(self) -> None:
        self.sought: list[dict[TP, int]] = []
        self.commits: list[dict[TP, Memory]] = []
        self.fetched: dict[TP, int] = {}
        self.cut: set[TP] = set()
        self.assigned = {TP(topic, 0) for topic in TOPICS}
        self.reassign: set[TP] | None = None

    def assignment(self) -> set[TP]:
        return self.assigned

    async def bounds(self, tps: set[TP]) -> tuple[dict[TP, int], dict[TP, int]]:
        self.assigned = self.assigned if self.reassign is None else self.reassign
        return dict.fromkeys(tps, 0), dict.fromkeys(tps, 9)

    async def committed(self, tps: set[TP]) -> dict[TP, Memory]:
        return dict.fromkeys(tps, Memory(2, 7))

    def marks(self) -> dict[TP, HighWatermark]:
        return {}

    def positions(self) -> dict[TP, int]:
        return self.fetched

    async def seek_here(self, offsets: dict[TP, int]) -> None:
        self.sought.append(dict(offsets))

    async def commit_folded(self, offsets: dict[TP, Memory]) -> bool:
        self.commits.append(dict(offsets))
        return True


@pytest.fixture
def assignment() -> Assignment:
    assignment = Assignment(Folded)
    assignment.hold({0})
    held(assignment).assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0))
    held(assignment).integrity.begun = 7
    return assignment


def held(assignment: Assignment) -> PartitionProgress:
    return next(iter(assignment))


@pytest.fixture
async def consumer(assignment: Assignment) -> Any:
    app = create_app(Settings(), assignment, {})
    consumer: Any = app.consumer
    consumer._thread.thread_loop.close()
    consumer._thread = SeekingThread()
    return consumer


def message(batch: Batch) -> Any:
    return SimpleNamespace(topic=LOTS, partition=0, tp=HERE, value=batch)


class FaustAssignment:
    def __init__(self, position: int) -> None:
        self.tps = [TopicPartition(*HERE)]
        self.state = SimpleNamespace(_position=position, timestamp=1_000, highwater=9)

    def state_value(self, _: Any) -> Any:
        return self.state


async def fetched(monkeypatch: pytest.MonkeyPatch, during: Any) -> Any:
    """What a thread makes of a fetch from 5 to 8 while `during` happens to it."""
    thread = ConsumerThread.__new__(ConsumerThread)
    thread._seeks = {}
    subscription = SimpleNamespace(assignment=FaustAssignment(5))
    subscriptions = SimpleNamespace(subscription=subscription)
    thread._consumer = SimpleNamespace(_fetcher=SimpleNamespace(_subscriptions=subscriptions))

    async def fetch(*_: Any, **__: Any) -> Any:
        subscription.assignment.state._position = 8
        during(thread, subscription)
        return {HERE: records(6, 7)}

    monkeypatch.setattr(driver.AIOKafkaConsumerThread, "_fetch_records", fetch)
    return (await thread._fetch_records(thread._consumer, {HERE}))[HERE][:2]


async def test_an_undisturbed_fetch_is_bounded_by_its_positions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await fetched(monkeypatch, lambda *_: None) == (5, 8)


async def test_a_seek_during_a_fetch_leaves_its_beginning_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await fetched(monkeypatch, lambda thread, _: thread._seeks.update({HERE: 1})) == (6, 8)


async def test_a_new_assignment_during_a_fetch_leaves_its_beginning_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reassign(_: Any, subscription: Any) -> None:
        subscription.assignment = FaustAssignment(8)

    assert await fetched(monkeypatch, reassign) == (6, 8)


# --- folding


async def test_a_gap_is_gone_back_for_and_nothing_of_its_batch_is_folded(
    consumer: Any, assignment: Assignment
) -> None:
    await consumer.fold(message(Batch(3, 5, records(3, 4))))
    assert consumer._thread.sought == [{HERE: 0}]
    assert held(assignment).shard.offsets == []  # type: ignore[attr-defined]


async def test_a_batch_that_never_came_is_gone_back_for_when_none_follows(consumer: Any) -> None:
    consumer._thread.fetched = {HERE: 7}
    await consumer.listen(now=100.0)
    await consumer.listen(now=104.0)
    assert consumer._thread.sought == []
    await consumer.listen(now=106.0)
    assert consumer._thread.sought == [{HERE: 0}]


async def test_a_consumer_that_stays_behind_what_is_folded_reads_another_log(
    consumer: Any, assignment: Assignment
) -> None:
    await consumer.fold(message(Batch(0, 250, ())))
    consumer._thread.fetched = {HERE: 0}
    await consumer.listen(now=100.0)
    consumer._thread.fetched = {HERE: 9}
    await consumer.listen(now=106.0)
    found = held(assignment).integrity.compare(None, WHOLE, {}, {})
    assert (found, held(assignment).integrity.damages) == (True, (Damage(LOTS, Kind.SHORTENED),))


async def test_what_was_under_way_before_an_assignment_is_no_cut_log_after_it(
    consumer: Any,
) -> None:
    await consumer.fold(message(Batch(0, 250, ())))
    consumer._thread.fetched = {HERE: 300}
    await consumer.listen(now=100.0)
    await consumer.seek_to_committed()
    consumer._thread.fetched = {HERE: 0}
    await consumer.listen(now=106.0)
    assert [sought[HERE] for sought in consumer._thread.sought] == [250]


async def test_a_batch_that_came_in_time_is_not_gone_back_for(consumer: Any) -> None:
    consumer._thread.fetched = {HERE: 7}
    await consumer.listen(now=100.0)
    await consumer.fold(message(Batch(0, 4, ())))
    await consumer.listen(now=104.0)
    await consumer.listen(now=108.0)
    await consumer.fold(message(Batch(4, 7, ())))
    await consumer.listen(now=200.0)
    assert consumer._thread.sought == []


async def test_what_was_folded_before_is_not_folded_again(
    consumer: Any, assignment: Assignment
) -> None:
    await consumer.fold(message(Batch(0, 3, records(0, 1, 2))))
    await consumer.fold(message(Batch(1, 5, records(1, 2, 3, 4))))
    await consumer.fold(message(Batch(0, 3, records(0, 1, 2))))
    assert held(assignment).shard.offsets == [0, 1, 2, 3, 4]  # type: ignore[attr-defined]
    assert consumer._thread.sought == []


async def test_a_batch_of_a_partition_that_left_is_nobodys(
    consumer: Any, assignment: Assignment
) -> None:
    assignment.hold(())
    await consumer.fold(message(Batch(0, 1, records(0))))
    assert len(assignment) == 0


async def test_every_partition_is_read_on_from_where_its_shard_stands(consumer: Any) -> None:
    await consumer.fold(message(Batch(0, 5, ())))
    positions = await consumer.seek_to_committed()
    assert positions == {**{TP(topic, 0): 0 for topic in TOPICS}, HERE: 5}
    assert consumer._thread.sought == [positions]
    assert held(consumer.assigned).behind == {**dict.fromkeys(TOPICS, 9), LOTS: 4}


async def test_an_assignment_that_is_gone_when_its_bounds_come_moves_nothing_and_makes_no_shard(
    consumer: Any, assignment: Assignment
) -> None:
    assignment.hold(())
    consumer._thread.reassign = set()
    assert await consumer.seek_to_committed() == {}
    assert consumer._thread.sought == []
    assert len(assignment) == 0


async def test_a_shard_begins_anew_once_the_brokers_told_where_and_not_before(
    consumer: Any, assignment: Assignment
) -> None:
    before, answers = held(assignment), consumer._thread.bounds

    async def away(_: set[TP]) -> None:
        raise KafkaConnectionError("away")

    consumer._thread.bounds = away
    with pytest.raises(KafkaConnectionError):
        await consumer.begin_anew(before)
    assert held(assignment) is before
    consumer._thread.bounds = answers
    await consumer.begin_anew(before)
    assert held(assignment) is not before
    assert held(assignment).missing == ()


async def test_nothing_is_committed_while_the_group_rebalances(consumer: Any) -> None:
    await consumer.fold(message(Batch(0, 3, records(0, 1, 2))))
    consumer.app.flow_control.resume()
    consumer.app.rebalancing = True
    await consumer.commit_folded()
    assert consumer._thread.commits == []
    consumer.app.rebalancing = False
    consumer.app.flow_control.suspend()
    await consumer.commit_folded()
    assert consumer._thread.commits == []
    consumer.app.flow_control.resume()
    await consumer.commit_folded()
    await consumer.commit_folded()
    assert consumer._thread.commits == [{HERE: Memory(3, 7)}]


async def test_a_batch_goes_to_faust_under_the_generation_of_the_consumer(consumer: Any) -> None:
    consumer.app.consumer_generation_id = 17
    sent = consumer._to_message(HERE, Batch(3, 9, ()))
    assert (sent.generation_id, sent.offset, sent.value.begin) == (17, 8, 3)


async def test_faust_is_told_that_nothing_was_read_before(consumer: Any) -> None:
    consumer._read_offset[HERE] = 99
    assert consumer._read_offset[HERE] is None
    assert isinstance(consumer._read_offset, _Unread)


async def test_other_topics_are_not_asked_for_before_our_own_are_read(
    consumer: Any, assignment: Assignment
) -> None:
    asked = []

    async def getmany(active: set[TP], timeout: float) -> dict[TP, Batch]:
        asked.append(active)
        return {}

    consumer._thread.getmany = getmany
    every = {TP(topic, 0) for topic in TOPICS}
    held(assignment).assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 2))
    await consumer._getmany(every, 1.0)
    for topic in OWN:
        held(assignment).take(topic, 2, ())
    await consumer._getmany(every, 1.0)
    assert asked == [{TP(topic, 0) for topic in OWN}, every]


# --- contracts: what an upgrade of Faust or aiokafka must not change


def test_the_versions_are_the_ones_these_contracts_were_read_from() -> None:
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka").startswith("0.14.")


@pytest.mark.parametrize(
    ("ours", "theirs", "name"),
    [
        (ConsumerThread, driver.AIOKafkaConsumerThread, "_create_worker_consumer"),
        (ConsumerThread, driver.AIOKafkaConsumerThread, "_fetch_records"),
        (Consumer, driver.Consumer, "_new_consumer_thread"),
        (Consumer, driver.Consumer, "_getmany"),
        (Consumer, driver.Consumer, "_to_message"),
        (Consumer, driver.Consumer, "seek_to_committed"),
    ],
)
def test_what_we_override_is_still_there_and_takes_the_same(
    ours: type, theirs: type, name: str
) -> None:
    def taken(owner: type) -> list[str]:
        return list(inspect.signature(getattr(owner, name)).parameters)

    assert name in vars(ours)
    assert taken(ours) == taken(theirs)


def test_the_transport_makes_our_consumer() -> None:
    assert Transport.Consumer is Consumer
    assert "self.Consumer(" in inspect.getsource(Transport.create_consumer)


def test_faust_drops_a_message_of_another_generation() -> None:
    assert "generation_id" in inspect.signature(ConsumerMessage).parameters
    assert "generation_id" in inspect.getsource(faust_consumer.Consumer.getmany)


def test_faust_seeks_through_our_override_before_it_resumes() -> None:
    assert "seek_to_committed()" in inspect.getsource(faust_consumer.Consumer.perform_seek)
    from faust.tables.recovery import Recovery

    resume = inspect.getsource(Recovery._resume_streams)
    assert resume.index("consumer.perform_seek()") < resume.index("consumer.resume_flow()")


def test_faust_drops_what_it_has_read_before_by_the_offsets_we_replace() -> None:
    drain = inspect.getsource(faust_consumer.Consumer._drain_messages)
    assert "self._read_offset.__getitem__" in drain
    assert "r_offset is None or offset >= r_offset" in drain


def test_faust_fetches_nothing_without_an_active_partition() -> None:
    wait = inspect.getsource(faust_consumer.Consumer._wait_next_records)
    assert "if is_client_only or active_partitions:" in wait


def test_faust_makes_its_folders_in_the_method_we_leave_empty() -> None:
    assert "datadir.mkdir" in inspect.getsource(FaustApp._create_directories)


async def test_faust_copartitions_by_its_own_assignor(consumer: Any) -> None:
    assert consumer.app.conf.table_standby_replicas == 1
    source = inspect.getsource(driver.AIOKafkaConsumerThread._create_worker_consumer)
    assert "self.app.conf.table_standby_replicas > 0" in source


async def test_faust_acknowledges_none_of_our_topics(consumer: Any) -> None:
    channels = [agent.channel for agent in consumer.app.agents.values()]
    assert [channel.acks for channel in channels] == [False]
    assert set(channels[0].topics) == set(TOPICS)


async def test_the_consumer_reads_what_is_committed_and_asks_often_enough(consumer: Any) -> None:
    thread = consumer._new_consumer_thread()
    made = thread._create_worker_consumer(consumer.transport)
    assert isinstance(made, AIOKafkaConsumer)
    assert (made._isolation_level, made._fetch_max_wait_ms) == ("read_committed", 500)
    start = inspect.getsource(AIOKafkaConsumer.start)
    assert "isolation_level=self._isolation_level" in start
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in start
    await made.stop()
    thread.thread_loop.close()


def test_the_fetcher_takes_its_waiting_time_anew_for_each_request() -> None:
    assert "self._fetch_max_wait_ms" in inspect.getsource(Fetcher._get_actions_per_node)


def test_the_end_of_a_partition_is_its_last_stable_offset() -> None:
    assert "self._isolation_level" in inspect.getsource(Fetcher._proc_offset_request)


async def test_the_states_of_partitions_are_where_we_look_for_them() -> None:
    subscriptions = SubscriptionState()
    subscriptions.subscribe({LOTS})
    subscriptions.assign_from_subscribed([TopicPartition(*HERE)])
    assignment = subscriptions.subscription.assignment
    state = assignment.state_value(TopicPartition(*HERE))
    assert isinstance(state, TopicPartitionState)
    assert (state._position, state.timestamp, state.highwater) == (None, None, None)
    assert set(assignment.tps) == {HERE}
    assert Fetcher.__init__.__code__.co_varnames.count("subscriptions") == 1
    assert "self._subscriptions = subscriptions" in inspect.getsource(Fetcher.__init__)


def test_the_high_water_mark_is_set_before_its_instant() -> None:
    source = inspect.getsource(Fetcher._proc_fetch_request)
    assert source.index("tp_state.highwater =") < source.index("tp_state.timestamp =")


def test_a_commit_that_fails_is_left_to_the_next(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(_: Any) -> None:
        raise CommitFailedError("already rebalanced")

    thread = ConsumerThread.__new__(ConsumerThread)
    thread._consumer = SimpleNamespace(assignment=lambda: {HERE}, commit=fails)
    assert asyncio.run(thread._commit_folded({HERE: Memory(3, 7)})) is False
    assert "later ones will be" in caplog.text


def test_faust_is_told_of_every_credential() -> None:
    secured = Settings(security="SASL_PLAINTEXT", username="monitor", password="sesame")
    app = create_app(secured, Assignment(Folded), {})
    credentials = app.conf.broker_credentials
    assert isinstance(credentials, faust.SASLCredentials)
    assert (credentials.username, credentials.password) == ("monitor", "sesame")
    assert credentials.mechanism.value == "SCRAM-SHA-512"


async def test_others_have_their_turn_amid_a_slice_that_is_much_work(
    consumer: Any, assignment: Assignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one(self: Folded, topic: str, end: int, messages: Sequence[Message]) -> None:
        self.offsets.append(messages[0].offset)
        self.next[topic] = messages[0].offset + 1

    monkeypatch.setattr(Folded, "fold", one)
    folding = asyncio.create_task(consumer.fold(message(Batch(0, 3, records(0, 1, 2)))))
    turns = 0
    while not folding.done():
        await asyncio.sleep(0)
        turns += 1
    assert held(assignment).shard.offsets == [0, 1, 2]  # type: ignore[attr-defined]
    assert turns > 3


async def test_a_partition_that_comes_anew_amid_a_batch_is_gone_back_for(
    consumer: Any, assignment: Assignment
) -> None:
    folding = asyncio.create_task(consumer.fold(message(Batch(0, 600, records(*range(600))))))
    await asyncio.sleep(0)
    assignment.hold(set())
    assignment.hold({0})
    held(assignment).integrity.begun = 7
    await folding
    assert held(assignment).shard.offsets == []  # type: ignore[attr-defined]
    assert consumer._thread.sought == [{HERE: 0}]
