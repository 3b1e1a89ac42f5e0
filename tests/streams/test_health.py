"""What a worker says of itself: how each partition stands, and how the log is being read."""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from events.data import LOTS, OWN, TOPICS
from events.outcomes import Message
from streams.health import CatchingUp, ClockWatch, health
from streams.kafka.assignment import Assignment, PartitionProgress
from streams.kafka.clocks import Stamp
from streams.seals import Seal

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NONE = dict.fromkeys(TOPICS, 0)


class Folded:
    """A shard that remembers how far it is folded."""

    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.next: dict[str, int] = {}
        self.lacking: dict[str, int] = {}
        self.seal: Seal | None = None
        self.names: set[str] = set()

    def remember(self, names: Collection[str]) -> None:
        self.names = {*self.names, *names}

    def propose(self, seal: Seal) -> None:
        self.seal = seal

    def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        self.next[topic] = end

    def tick(self, now: datetime, heard_again: datetime | None = None) -> Iterator[str]:
        yield "judged"

    def to_send(self) -> tuple[()]:
        return ()

    def start_over(self) -> None:
        pass


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def assignment(clock: Clock) -> Assignment:
    """Two partitions, of 1,000 lots each to read."""
    held = Assignment(Folded, clock)
    held.hold({0, 4})
    for progress in held:
        progress.assigned(NONE, {**NONE, LOTS: 1_000})
        progress.integrity.begun = 7
    return held


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "streams")
    return caplog


def test_a_worker_says_what_each_partition_waits_for(assignment: Assignment) -> None:
    said = health(assignment, 60)
    assert said["ready"] is False
    assert said["partitions"]["4"]["waits_for"] == "still to read: 1000 of cmo.lots"
    assert said["partitions"]["4"]["stale"] is True


def test_a_worker_says_how_fast_it_reads_each_partition_and_how_long_it_still_takes(
    assignment: Assignment, clock: Clock
) -> None:
    first, second = assignment
    clock.passes(2)
    first.take(LOTS, 250, ())
    second.take(LOTS, 1_000, ())
    partitions = health(assignment, 60)["partitions"]
    speeds = {
        number: (each["events_per_second"], each["seconds_left"])
        for number, each in partitions.items()
    }
    assert speeds == {"0": (125.0, 6.0), "4": (None, 0.0)}


def test_reading_the_log_is_told_every_few_seconds_and_once_when_it_is_read(
    assignment: Assignment, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    catching_up = CatchingUp(assignment, clock)
    first, second = assignment
    catching_up.say()
    for seconds in range(1, 10):
        clock.passes(1)
        first.take(LOTS, seconds * 100, ())
        catching_up.say()
    clock.passes(1)
    for each in (first, second):
        each.take(LOTS, 1_000, ())
    for _ in range(3):
        catching_up.say()
    assert log.messages == [
        "reading the log: 0 events of 2 partitions in 0.0 s, at once, 2,000 to go",
        "reading the log: 600 events of 2 partitions in 6.0 s, 100 events/s, 1,400 to go, "
        "14 s left",
        "caught up: 2,000 events of 2 partitions in 10.0 s, 200 events/s",
    ]


def test_a_worker_whose_agreements_lack_a_cmo_is_not_ready_and_says_what_to_do(
    assignment: Assignment, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    first, second = assignment
    for each in (first, second):
        each.take(LOTS, 1_000, ())
        measured(each, clock, ahead=0)
    assert health(assignment, 60)["ready"] is True
    cast(Folded, second.shard).lacking = {"beta": 1_500}
    said = health(assignment, 60)
    assert (said["ready"], said["without_agreement"]) == (False, {"beta": 1_500})
    for _ in range(2):
        CatchingUp(assignment, clock).say()
    errors = [each.getMessage() for each in log.records if each.levelno == logging.ERROR]
    assert len(errors) == 2
    assert "is refused: 1,500 messages of beta. Operator action: put their" in errors[0]


def measured(progress: PartitionProgress, clock: Clock, *, ahead: float) -> None:
    now, at = time.monotonic(), clock().timestamp() - ahead
    progress.clocks.measured(dict.fromkeys(OWN, Stamp(now, now, at, at)))


def test_a_worker_whose_clock_is_off_is_not_ready_and_says_by_how_much(
    assignment: Assignment, clock: Clock
) -> None:
    first, second = assignment
    for each in (first, second):
        each.take(LOTS, 1_000, ())
    measured(first, clock, ahead=0)
    measured(second, clock, ahead=-7_200)
    said = health(assignment, 60)
    assert said["ready"] is False
    partitions = [said["partitions"][number] for number in "04"]
    assert [each["clock_ahead_seconds"] for each in partitions] == [0, -7_200]
    assert partitions[0]["waits_for"] == ""
    assert partitions[1]["waits_for"] == "the clock, which is 7,200.0 s behind the broker's"
    measured(second, clock, ahead=0)
    assert health(assignment, 60)["ready"] is True


def test_a_clock_that_parts_from_a_brokers_is_told_once_and_so_is_that_it_is_right_again(
    assignment: Assignment, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    watch, (first, second) = ClockWatch(assignment), assignment
    watch.say()
    for ahead in (0, 4, 20, 30, 7_200, 7_300, -20, 1, 0):
        measured(first, clock, ahead=0)
        measured(second, clock, ahead=ahead)
        watch.say()
    assert [
        (each.levelname, each.getMessage().partition(" Operator")[0]) for each in log.records
    ] == [
        (
            "WARNING",
            "this worker's clock is 20.0 s ahead of the broker's; up to 60 s it judges all the "
            "same.",
        ),
        (
            "ERROR",
            "this worker's clock is 7,200.0 s ahead of the broker's, beyond 60 s: it judges "
            "nothing, opens and clears nothing.",
        ),
        (
            "WARNING",
            "this worker's clock is 20.0 s behind the broker's; up to 60 s it judges all the same.",
        ),
        ("INFO", "this worker's clock is the broker's again, to within 5 s"),
    ]
    assert "action: set the clock of this machine right" in log.messages[1]


def test_each_assignment_is_read_and_told_of_anew(
    assignment: Assignment, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    catching_up = CatchingUp(assignment, clock)
    for each in assignment:
        each.take(LOTS, 1_000, ())
    catching_up.say()
    clock.passes(60)
    assignment.hold({0})
    for each in assignment:
        each.assigned(NONE, {**NONE, LOTS: 1_000})
    catching_up.say()
    assert [line.partition(" in ")[0] for line in log.messages] == [
        "caught up: 2,000 events of 2 partitions",
        "caught up: 0 events of 1 partitions",
    ]


def test_who_holds_nothing_says_nothing(clock: Clock, log: pytest.LogCaptureFixture) -> None:
    CatchingUp(Assignment(Folded, clock), clock).say()
    assert log.messages == []
