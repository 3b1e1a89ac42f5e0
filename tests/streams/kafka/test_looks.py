"""What a worker does about a log that it looks at: what is told of, and what begins anew."""

from collections.abc import Collection
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError

from alerts.agreements import Agreements
from events.data import BREACHES, LOTS, TOPICS
from streams.errors import NoBroker
from streams.kafka.assignment import Assignment, PartitionProgress
from streams.kafka.looks import Looks, note_compaction
from streams.seals import Damage, Extent, Kind, next_seal
from streams.settings import Settings
from streams.shard import Shard
from tests.conftest import clean_up

EMPTY = {topic: Extent(topic, 0, 0) for topic in TOPICS}
ANEW = {**EMPTY, LOTS: Extent("another", 0, 0)}
SEAL = next_seal(None, EMPTY, (), 1_000)


class Brokers:
    """Brokers that tell of these partitions, or fail."""

    def __init__(self, **told: dict[str, Extent]) -> None:
        self.found = {int(number.removeprefix("p")): of for number, of in told.items()}
        self.error: KafkaError | None = None

    async def told(self, _: Collection[int]) -> dict[int, dict[str, Extent]]:
        if self.error is not None:
            raise self.error
        return self.found


class Following:
    """Who follows the log, and begins anew once it can."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self.error: KafkaError | None = None
        self.tried = 0

    async def begin_anew(self, progress: PartitionProgress) -> None:
        self.tried += 1
        if self.error is not None:
            raise self.error
        self._assignment.begin_anew(progress)


@pytest.fixture
def assignment() -> Assignment:
    made = Assignment(lambda number: Shard(number, 4, Agreements([])))
    made.hold({0, 1})
    for progress in made:
        progress.assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0))
        progress.shard.seal = SEAL
        progress.integrity.begun = SEAL.number
    return made


def looks(assignment: Assignment, brokers: Any, clock: list[float] | None = None) -> Looks:
    times = clock or [0.0]
    return Looks(Settings(broker_wait=60), assignment, brokers, lambda: times[0])


async def test_only_what_was_told_of_was_looked_at_and_the_rest_is_said_once(
    assignment: Assignment, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = assignment
    brokers, consumer = Brokers(p1=EMPTY), Following(assignment)
    looking = looks(assignment, brokers)
    for _ in range(3):
        assert await looking.look(consumer) == [second]
    brokers.found = {0: EMPTY, 1: EMPTY}
    assert await looking.look(consumer) == [first, second]
    assert [line for line in caplog.messages if "leaders do not tell" in line] == [
        "nothing is said of partitions [0]: their leaders do not tell whether the log is whole, or "
        "there are none"
    ]


async def test_where_no_broker_answers_nothing_was_looked_at(assignment: Assignment) -> None:
    brokers = Brokers(p0=EMPTY, p1=EMPTY)
    brokers.error = KafkaConnectionError("away")
    assert await looks(assignment, brokers).look(Following(assignment)) == []


async def test_a_right_that_is_missing_is_told(assignment: Assignment) -> None:
    brokers = Brokers()
    brokers.error = TopicAuthorizationFailedError(LOTS)
    with pytest.raises(TopicAuthorizationFailedError):
        await looks(assignment, brokers).look(Following(assignment))


async def test_a_shard_that_cannot_begin_anew_now_does_at_a_later_look(
    assignment: Assignment,
) -> None:
    first, _ = assignment
    consumer = Following(assignment)
    looking = looks(assignment, Brokers(p0=ANEW, p1=EMPTY))
    consumer.error = KafkaConnectionError("away")
    for _ in range(3):
        await looking.look(consumer)
        assert assignment.holds(first)
        assert (first.may_speak, "the log is damaged" in first.why_not_ready) == (False, True)
    consumer.error = None
    await looking.look(consumer)
    assert (consumer.tried, assignment.holds(first)) == (4, False)


async def test_a_shard_that_cannot_begin_anew_for_long_ends_the_worker_with_what_to_do(
    assignment: Assignment,
) -> None:
    consumer, clock = Following(assignment), [0.0]
    looking = looks(assignment, Brokers(p0=ANEW, p1=EMPTY), clock)
    consumer.error = KafkaConnectionError("away")
    for at in (0.0, 60.0):
        clock[0] = at
        await looking.look(consumer)
    clock[0] = 61.0
    with pytest.raises(NoBroker, match=r"partition 0 .* for 60 s no broker .* Operator action"):
        await looking.look(consumer)


@pytest.mark.broker
async def test_a_topic_that_is_compacted_for_a_while_is_damage_for_good(
    settings: Settings, assignment: Assignment
) -> None:
    await note_compaction(settings, assignment)
    await clean_up(settings, BREACHES, "compact,delete")
    await note_compaction(settings, assignment)
    await clean_up(settings, BREACHES, "delete")
    await note_compaction(settings, assignment)
    looking, consumer = looks(assignment, Brokers(p0=EMPTY, p1=EMPTY)), Following(assignment)
    for _ in range(2):
        await looking.look(consumer)
    found = (Damage(BREACHES, Kind.COMPACTED),)
    assert [each.integrity.damages for each in assignment] == [found, found]


async def test_where_no_broker_answers_nobody_knows_what_is_compacted(
    assignment: Assignment, caplog: pytest.LogCaptureFixture
) -> None:
    await note_compaction(Settings(brokers="127.0.0.1:1"), assignment)
    assert "not known now whether any topic is compacted" in caplog.text
