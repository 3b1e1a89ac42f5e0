"""How far the log is followed: caught up, heard, held back, dropped and kept."""

import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.data import BREACHES, DEAD_LETTERS, LOTS, OWN, TOPICS
from events.outcomes import Message
from streams.kafka.assignment import Assignment, PartitionProgress, Place
from streams.kafka.clocks import Stamp
from streams.kafka.hearing import HighWatermark
from streams.seals import Damage, Extent, Kind, Memory, Seal, next_seal

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
SHORT = Damage(DEAD_LETTERS, Kind.SHORTENED)
WHOLE = {topic: Extent(topic, 0, 0) for topic in TOPICS}


class Remembering:
    """A shard that remembers the offsets it was given."""

    def __init__(self, partition: int = 0) -> None:
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


def seconds(count: float) -> datetime:
    return NOON + timedelta(seconds=count)


def progress(*, ends: dict[str, int] | None = None, begins: dict[str, int] | None = None) -> Any:
    followed = PartitionProgress(Remembering(), clock=lambda: LATER)
    every = dict.fromkeys(TOPICS, 0)
    followed.assigned({**every, **(begins or {})}, {**every, **(ends or {})})
    followed.integrity.begun = 7
    measure(followed, LATER)
    return followed


def measure(followed: PartitionProgress, at: datetime) -> None:
    """The brokers' clocks are found to show this now."""
    now = time.monotonic()
    stamp = Stamp(now, now, at.timestamp(), at.timestamp())
    followed.clocks.measured(dict.fromkeys(OWN, stamp))


def messages(*offsets: int) -> list[Message]:
    return [Message(LOTS, 0, offset, 0, b"k", b"v") for offset in offsets]


def test_empty_topics_are_caught_up_at_once() -> None:
    assert progress().caught_up


def test_a_shard_is_caught_up_once_it_reaches_the_end_as_it_was_at_assignment() -> None:
    followed = progress(ends={LOTS: 3})
    assert followed.why_not_ready == "still to read: 3 of cmo.lots"
    followed.take(LOTS, 2, messages(0, 1))
    assert not followed.caught_up
    followed.take(LOTS, 5, messages(2, 3, 4))
    assert followed.caught_up
    assert followed.why_not_ready == ""


def test_the_lag_is_what_the_broker_last_told_of_beyond_what_is_folded() -> None:
    followed = progress(ends={LOTS: 3})
    assert (followed.lag[LOTS], followed.answered) == (3, None)
    followed.take(LOTS, 2, messages(0, 1))
    followed.heard(LOTS, HighWatermark(seconds(1), 9))
    assert (followed.lag[LOTS], followed.lag[BREACHES]) == (7, 0)
    followed.heard(BREACHES, HighWatermark(seconds(2), 0))
    followed.take(LOTS, 9, messages(2, 3))
    assert (followed.lag[LOTS], followed.answered) == (0, seconds(2))


def test_a_shard_whose_topics_did_not_come_together_is_not_ready_and_says_which() -> None:
    followed = PartitionProgress(Remembering())
    some = dict.fromkeys(TOPICS[1:], 0)
    followed.assigned(some, some)
    assert not followed.caught_up
    assert followed.why_not_ready == f"assigned without {TOPICS[0]}"


def test_messages_that_were_folded_are_not_folded_again() -> None:
    followed = progress()
    followed.take(LOTS, 3, messages(0, 1, 2))
    followed.take(LOTS, 2, messages(0, 1))
    followed.take(LOTS, 5, messages(1, 2, 3, 4))
    assert followed.shard.offsets == [0, 1, 2, 3, 4]


def test_a_log_that_lost_its_beginning_is_followed_from_where_it_begins() -> None:
    followed = progress(begins={LOTS: 40}, ends={LOTS: 50})
    assert followed.next(LOTS) == 40


def test_nothing_is_heard_until_all_topics_were() -> None:
    followed = progress()
    for topic in TOPICS[1:]:
        followed.heard(topic, HighWatermark(NOON, 0))
    assert followed.watermark is None
    assert followed.stale(NOON, 60)
    followed.heard(TOPICS[0], HighWatermark(seconds(-1), 0))
    assert followed.watermark == seconds(-1)


def test_the_topic_heard_least_decides_and_time_never_goes_back() -> None:
    followed = progress()
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(NOON, 0))
    followed.heard(LOTS, HighWatermark(seconds(5), 0))
    assert followed.watermark == NOON
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(seconds(3), 0))
    assert followed.watermark == seconds(3)
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(seconds(1), 0))
    assert followed.watermark == seconds(3)


def test_a_topic_is_heard_up_to_a_poll_once_all_below_its_high_water_mark_is_folded() -> None:
    followed = progress()
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(NOON, 0))
    for topic in set(TOPICS) - {LOTS}:
        followed.heard(topic, HighWatermark(seconds(9), 0))
    followed.heard(LOTS, HighWatermark(seconds(1), 3))
    followed.take(LOTS, 2, messages(0, 1))
    followed.heard(LOTS, HighWatermark(seconds(2), 4))
    assert followed.watermark == NOON
    followed.take(LOTS, 3, messages(2))
    followed.heard(LOTS, HighWatermark(seconds(3), 9))
    assert followed.watermark == seconds(1)


def test_a_log_not_heard_for_longer_than_a_minute_is_stale() -> None:
    followed = progress()
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(NOON, 0))
    assert not followed.stale(seconds(60), 60)
    assert followed.stale(seconds(60.001), 60)


def heard_up_to(moment: datetime, clock: list[datetime]) -> Any:
    """A partition that was heard up to a moment by a clock that was measured, at the first."""
    followed = PartitionProgress(Remembering(), clock=lambda: clock[0])
    followed.assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0))
    measure(followed, clock[0])
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(moment, 0))
    return followed


def test_a_log_heard_ahead_of_now_is_stale_until_then() -> None:
    followed = heard_up_to(seconds(40), clock=[seconds(40)])
    assert followed.stale(NOON, 60)
    assert followed.stale(seconds(39.9), 60)
    assert not followed.stale(seconds(40), 60)


def test_an_answer_from_ahead_of_now_is_of_a_clock_that_was_put_back_and_tells_nothing() -> None:
    followed = heard_up_to(NOON, clock=[seconds(1)])
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(seconds(2), 9))
    assert (followed.watermark, followed.lag[LOTS]) == (NOON, 0)


def test_what_was_heard_by_a_clock_that_is_off_is_forgotten_and_heard_anew() -> None:
    clock = [NOON]
    followed = heard_up_to(NOON, clock)
    followed.integrity.begun = 7
    list(followed.judge(NOON, 60))
    clock[0] = seconds(7_200)
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(clock[0], 0))
    assert not followed.trusts(clock[0])
    assert followed.why_not_ready.startswith("the clock, which is 7,200.0 s ahead of the broker's")
    clock[0] = seconds(2)
    assert followed.trusts(clock[0])
    assert followed.watermark == NOON
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(clock[0], 0))
    assert (followed.watermark, followed.why_not_ready) == (seconds(2), "")


def test_what_was_heard_far_ahead_by_a_clock_that_was_put_back_unseen_is_forgotten() -> None:
    clock = [seconds(7_200)]
    followed = heard_up_to(clock[0], clock)
    clock[0] = NOON
    measure(followed, NOON)
    assert not followed.trusts(NOON)
    assert followed.watermark is None
    assert followed.trusts(NOON)


def test_nothing_is_judged_earlier_than_it_was_before() -> None:
    clock = [seconds(50)]
    followed = heard_up_to(seconds(50), clock)
    list(followed.judge(seconds(50), 60))
    clock[0] = seconds(9_000)
    assert not followed.trusts(clock[0])
    clock[0] = seconds(10)
    for topic in TOPICS:
        followed.heard(topic, HighWatermark(seconds(10), 0))
    assert followed.watermark == seconds(50)
    assert followed.stale(seconds(10), 60)


def test_after_a_clock_was_off_the_log_counts_as_heard_again() -> None:
    clock = [NOON]
    followed = heard_up_to(NOON, clock)
    list(followed.judge(NOON, 60))
    assert followed.heard_again is None
    clock[0] = seconds(7_200)
    assert not followed.trusts(clock[0])
    list(followed.judge(seconds(5), 60))
    assert followed.heard_again == seconds(5)


def test_a_shard_that_was_judged_far_ahead_of_now_waits_for_then_and_says_so() -> None:
    clock = [seconds(10_800)]
    followed = heard_up_to(clock[0], clock)
    followed.integrity.begun = 7
    list(followed.judge(clock[0], 60))
    assert followed.why_not_ready == ""
    clock[0] = NOON
    measure(followed, NOON)
    assert not followed.trusts(NOON)
    assert followed.why_not_ready == (
        "2026-01-05T15:00:00+00:00, up to when it was judged by a wrong clock"
    )
    clock[0] = seconds(10_799)
    measure(followed, clock[0])
    assert followed.why_not_ready == ""


def test_before_the_clock_is_measured_beside_each_broker_a_shard_is_not_ready() -> None:
    followed = PartitionProgress(Remembering())
    followed.assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0))
    followed.integrity.begun = 7
    measured_by = "a measure of the clock, by"
    assert followed.why_not_ready == f"{measured_by} cmo.dead-letters and cmo.breaches"
    now, at = time.monotonic(), time.time()
    followed.clocks.measured({DEAD_LETTERS: Stamp(now, now, at, at)})
    assert followed.why_not_ready == f"{measured_by} cmo.breaches"


def test_a_shard_of_which_no_broker_tells_whether_its_log_is_whole_is_not_ready() -> None:
    steady = [0.0]
    followed = PartitionProgress(Remembering(), steady=lambda: steady[0])
    followed.assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0))
    followed.integrity.begun = 7
    followed.shard.seal = next_seal(None, WHOLE, (), 7)
    measure(followed, datetime.now(UTC))
    steady[0] = 60
    assert followed.why_not_ready == ""
    steady[0] = 61
    unseen = "the brokers, which have not told for 61 s whether the log is whole"
    assert (followed.why_not_ready, followed.why_not_shown) == (unseen, "")
    assert not followed.look(WHOLE, followed.so_far())
    assert followed.why_not_ready == ""


def unread(**ends: int) -> Any:
    """A partition of a sealed log of which nothing is read yet, by its topics' ends."""
    followed = PartitionProgress(Remembering())
    named = {"dead_letters": DEAD_LETTERS, "lots": LOTS}
    every = {**dict.fromkeys(TOPICS, 0), **{named[name]: end for name, end in ends.items()}}
    followed.assigned(dict.fromkeys(TOPICS, 0), every)
    return followed


def test_one_of_our_own_topics_that_loses_its_end_before_it_is_read_is_damaged() -> None:
    followed = unread(dead_letters=9)
    short = {**WHOLE, DEAD_LETTERS: Extent(DEAD_LETTERS, 0, 5)}
    assert not followed.look(short, followed.so_far())
    assert (followed.own_are_read, followed.integrity.damages) == (False, ())
    followed.take(DEAD_LETTERS, 5, ())
    followed.shard.seal = next_seal(None, WHOLE, (), 7)
    followed.look(short, followed.so_far())
    assert followed.why_not_ready == f"the log is damaged: {SHORT}"
    followed.shard.seal = next_seal(followed.shard.seal, short, (), 9)
    assert followed.look(short, followed.so_far())


def test_an_end_that_moved_on_while_the_brokers_were_asked_is_not_lost() -> None:
    followed, asked = unread(dead_letters=0), Extent(DEAD_LETTERS, 0, 5)
    so_far = followed.so_far()
    followed.opened({DEAD_LETTERS: 9})
    followed.look({**WHOLE, DEAD_LETTERS: asked}, so_far)
    followed.take(DEAD_LETTERS, 9, ())
    followed.look({**WHOLE, DEAD_LETTERS: Extent(DEAD_LETTERS, 0, 9)}, followed.so_far())
    assert followed.integrity.damages == ()


def test_a_topic_that_left_while_the_brokers_were_asked_is_waited_for_no_more() -> None:
    followed = unread(lots=9)
    so_far, some = followed.so_far(), dict.fromkeys(OWN, 0)
    followed.assigned(some, some)
    assert not followed.look(WHOLE, so_far)
    assert followed.why_not_ready.startswith("assigned without")


def test_a_topic_created_anew_before_it_is_read_is_that_and_not_short() -> None:
    followed = unread(lots=9)
    followed.shard.seal = next_seal(None, WHOLE, (), 7)
    again = {**WHOLE, LOTS: Extent("another", 0, 0)}
    followed.look(again, followed.so_far())
    assert followed.integrity.damages == (Damage(LOTS, Kind.RECREATED),)


@pytest.mark.parametrize("hours", [None, 3, -3])
def test_a_log_is_sealed_by_no_clock_that_is_not_known_to_be_right(hours: int | None) -> None:
    followed, there = unread(lots=3), {**WHOLE, LOTS: Extent(LOTS, 0, 3)}
    now = datetime.now(UTC)
    if hours is not None:
        measure(followed, now + timedelta(hours=hours))
    followed.look(there, followed.so_far())
    before = followed.shard.seal
    assert before is None
    assert "clock" in followed.why_not_ready or hours is None
    measure(followed, now)
    followed.look(there, followed.so_far())
    assert followed.shard.seal.number == pytest.approx(now.timestamp() * 1000, abs=5_000)


def test_who_begins_anew_still_knows_which_cmos_there_are(assignment: Assignment) -> None:
    assignment.hold({0})
    held(assignment, 0).shard.remember({"acme"})
    anew = assignment.begin_anew(held(assignment, 0))
    assert anew is held(assignment, 0)
    assert anew.shard.names == {"acme"}


def test_a_spell_that_ended_ahead_of_now_has_ended_now() -> None:
    followed = PartitionProgress(Remembering(), heard_again=seconds(7_200))
    list(followed.judge(NOON, 60))
    assert followed.heard_again == NOON


def test_only_positions_ahead_of_the_committed_ones_are_due() -> None:
    followed = progress()
    followed.take(LOTS, 3, messages(0, 1, 2))
    assert followed.uncommitted() == {LOTS: Memory(3, 7)}
    followed.committed(LOTS, Memory(9, 7))
    assert followed.uncommitted() == {}
    followed.committed(LOTS, Memory(9, 6))
    assert followed.uncommitted() == {LOTS: Memory(3, 7)}


@pytest.fixture
def assignment() -> Assignment:
    return Assignment(Remembering)


def held(assignment: Assignment, partition: int) -> PartitionProgress:
    progress = assignment.get(partition)
    assert progress is not None
    return progress


def test_a_partition_that_stays_keeps_its_shard_and_one_that_leaves_loses_it(
    assignment: Assignment,
) -> None:
    assignment.hold({1, 2})
    stays, leaves = held(assignment, 1), held(assignment, 2)
    assignment.hold({1, 3})
    assert held(assignment, 1) is stays
    assert assignment.get(2) is None
    assignment.hold({1, 2})
    assert held(assignment, 2) is not leaves
    assert not assignment.holds(leaves)
    assert assignment.holds(stays)


def test_other_topics_are_held_back_until_both_of_our_own_are_read(assignment: Assignment) -> None:
    assignment.hold({0})
    assert assignment.held_back(Place(DEAD_LETTERS, 0))
    held(assignment, 0).assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 2))
    assert [topic for topic in TOPICS if not assignment.held_back(Place(topic, 0))] == list(OWN)
    held(assignment, 0).take(DEAD_LETTERS, 2, ())
    assert assignment.held_back(Place(LOTS, 0))
    held(assignment, 0).take(BREACHES, 2, ())
    assert assignment.held_back(Place(LOTS, 0))
    held(assignment, 0).integrity.begun = 7
    assert not assignment.held_back(Place(LOTS, 0))


def test_nothing_is_read_of_a_partition_we_do_not_hold(assignment: Assignment) -> None:
    assert assignment.held_back(Place(LOTS, 5))


def test_a_worker_is_ready_after_its_first_assignment_even_with_no_partition(
    assignment: Assignment,
) -> None:
    assert not assignment.ready
    assignment.hold(set())
    assert assignment.ready
    assignment.hold({0})
    assert not assignment.ready


def test_a_shard_that_comes_to_a_worker_knows_when_it_heard_the_log_again(
    assignment: Assignment,
) -> None:
    assignment.heard_nothing()
    assignment.hold({0})
    at_start = held(assignment, 0).heard_again
    assert at_start is not None
    list(held(assignment, 0).judge(NOON, 60))
    list(held(assignment, 0).judge(NOON + timedelta(days=9_000), 60))
    assignment.hold({1})
    assert held(assignment, 1).heard_again == NOON + timedelta(days=9_000)


def test_time_is_that_of_the_clock_which_is_given() -> None:
    clock = [NOON]
    assignment = Assignment(Remembering, lambda: clock[0])
    assignment.heard_nothing()
    assignment.hold({0})
    (held,) = assignment
    assert (held.held_since, held.heard_again) == (NOON, NOON)
    held.assigned(dict.fromkeys(TOPICS, 0), dict.fromkeys(TOPICS, 0))
    for topic in TOPICS:
        held.heard(topic, HighWatermark(NOON, 0))
    assert assignment.stale(60) == []
    clock[0] = seconds(61)
    assert assignment.stale(60) == [0]


def test_how_fast_it_catches_up_and_how_long_it_still_takes_are_known() -> None:
    clock = [NOON]
    followed = PartitionProgress(Remembering(), clock=lambda: clock[0])
    followed.shard.fold(LOTS, 100, ())
    followed.assigned(dict.fromkeys(TOPICS, 0), {**dict.fromkeys(TOPICS, 0), LOTS: 1_000})
    followed.integrity.begun = 7
    assert (followed.events_per_second, followed.seconds_left) == (None, None)
    clock[0] = seconds(3)
    followed.take(LOTS, 400, ())
    assert (followed.events_per_second, followed.seconds_left) == (100, 6)
    followed.take(LOTS, 1_000, ())
    assert followed.folded == 900
    assert (followed.events_per_second, followed.seconds_left) == (None, 0)
