"""Letting go: who stood by for years and who reads the log at its end come to the same."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.records.lot import LOT
from alerts.records.order_line import ORDER_LINE
from events import data as said
from events.outcomes import Reason
from tests.alerts import laws
from tests.alerts.standing import (
    DONE,
    END,
    GONE,
    LATE,
    LINE_1,
    LOT_1,
    Standing,
    both_agree,
    kept,
    logged,
    monthly,
    views,
)
from tests.builders import (
    Told,
    acknowledged,
    cancelled,
    changed,
    completed,
    days,
    decided,
    delivered,
    deviation,
    on,
    promised,
    received,
    released,
    requested,
    retracted,
    started,
    told,
)

NEVER_CAME = frozenset({"feed_validity", "data_timeliness", "feed_silence"})
"""What is read of feeds, where a fact counts that changes no record."""


def facts_on(day: float) -> list[Told]:
    """Facts that change what is said of the lot or the line, logged on a day."""
    at = int(day) - 5
    return logged(
        day,
        decided("L1", "rejected", 9, "sponsor", id="rejected"),
        decided("L1", "on_hold", at, "sponsor", id="on-hold"),
        deviation("D1", "critical", "L1"),
        requested("L1", int(day) + 20, at=on(at), id="requested"),
        started("L1", 3, purpose="engineering", id="not-commercial"),
        changed("1", "sponsor", by_day=int(day) + 20, at=on(5), id="moved"),
        received("1", at, 1, id="received"),
        cancelled("1", "sponsor", id="cancelled"),
    )


NAMES = range(len(facts_on(0)))


def test_what_is_settled_is_let_go_after_800_days_and_no_sooner() -> None:
    standing = Standing([*LOT_1, *LINE_1])
    standing.ticks(1, DONE + LATE - 1)
    assert standing.record(LOT, "L1").facts
    assert standing.record(ORDER_LINE, "O", "1").facts
    standing.ticks(GONE)
    for record in (standing.record(LOT, "L1"), standing.record(ORDER_LINE, "O", "1")):
        assert record.is_let_go
        assert not record.facts
        assert record.view.is_settled


@pytest.mark.parametrize("which", NAMES, ids=lambda n: facts_on(0)[n].id)
def test_a_fact_more_than_800_days_after_a_settlement_changes_nothing(which: int) -> None:
    late, random = facts_on(GONE + 5)[which], Random(which)
    standing = both_agree([*LOT_1, *LINE_1, late], [1, 400, GONE], [GONE + 6, GONE + 90], random)
    without = Standing([*LOT_1, *LINE_1])
    without.ticks(1, 400, GONE)
    mine, other = standing.anew(GONE + 90, random), without.anew(GONE + 90, random)
    assert views(mine).items() >= views(other).items()
    assert sum(mine.accepted.values()) == sum(other.accepted.values()) + 1
    found, expected = laws.judged(mine, on(GONE + 90)), laws.judged(other, on(GONE + 90))
    for name in found.keys() | expected.keys():
        assert name[1] in NEVER_CAME or found.get(name) == expected.get(name), name


@pytest.mark.parametrize("which", NAMES, ids=lambda n: facts_on(0)[n].id)
def test_a_fact_within_800_days_of_a_settlement_counts(which: int) -> None:
    in_time, random = facts_on(DONE + LATE - 1)[which], Random(which)
    looks = [DONE + LATE, GONE + 40, GONE + LATE + 40]
    standing = both_agree([*LOT_1, *LINE_1, in_time], [1, 400], looks, random)
    without = Standing([*LOT_1, *LINE_1])
    assert views(standing.anew(DONE + LATE, random)) != views(without.anew(DONE + LATE, random))


def test_a_fact_exactly_800_days_after_a_settlement_counts() -> None:
    last = facts_on(DONE + LATE)[1]
    standing = both_agree([*LOT_1, last], [1, 400], [DONE + LATE, GONE + 40], Random(1))
    assert standing.record(LOT, "L1").view.state == "on_hold"


def test_800_days_are_counted_by_the_times_of_the_log() -> None:
    """An old event is late where the log got it late, and one logged in time is not."""
    delivered_again = logged(GONE, delivered("1", DONE, 50, id="old-and-late"))
    both_agree([*LOT_1, *LINE_1, *delivered_again], [400, GONE], [GONE + 1], Random(1))


def test_a_recall_counts_however_late() -> None:
    recalled = told(said.LotRecalled(lot="L1"), on(GONE + 100), "sponsor")
    standing = both_agree([*LOT_1, recalled], monthly(1, GONE), [GONE + 101, GONE + 200], Random(1))
    assert standing.record(LOT, "L1").view.state == "recalled"
    assert kept(standing.anew(GONE + 101, Random(1))) == kept(standing.shard)


def test_a_late_recall_is_the_last_word_whenever_it_happened() -> None:
    recalled = told(said.LotRecalled(lot="L1"), on(3), "sponsor", recorded=on(GONE + 100))
    standing = both_agree([*LOT_1, recalled], monthly(1, GONE), [GONE + 101, GONE + 200], Random(1))
    assert standing.record(LOT, "L1").view.state == "recalled"
    assert kept(standing.anew(GONE + 101, Random(1))) == kept(standing.shard)


def test_what_follows_a_late_recall_is_too_late_for_both() -> None:
    recalled = told(said.LotRecalled(lot="L1"), on(GONE + 100), "sponsor")
    held = decided("L1", "on_hold", GONE + 101, "sponsor")
    both_agree([*LOT_1, recalled, held], monthly(1, GONE), [GONE + 102, GONE + 200], Random(1))


def test_a_fact_whose_time_comes_after_all_was_let_go_is_too_late_for_both() -> None:
    to_come = changed("1", "sponsor", by_day=GONE + 20, at=on(GONE + 10), id="to-come")
    events = [*LINE_1, to_come._replace(recorded=on(DONE))]
    both_agree(events, monthly(1, GONE), [GONE + 11, GONE + 40], Random(1))


# --- what is taken back


@pytest.mark.parametrize("target", [*LOT_1, *LINE_1], ids=lambda each: each.id)
def test_a_retraction_of_what_was_let_go_is_counted_and_changes_nothing(target: Told) -> None:
    withdrawal = retracted(target, on(GONE + 5), "sponsor")
    both_agree([*LOT_1, *LINE_1, withdrawal], [1, 400, GONE], [GONE + 6, GONE + 90], Random(1))
    standing = Standing([*LOT_1, *LINE_1, withdrawal])
    standing.ticks(1, 400, GONE)
    before = views(standing.shard)
    standing.ticks(GONE + 6)
    assert views(standing.shard) == before
    assert sum(standing.shard.accepted.values()) == len([*LOT_1, *LINE_1]) + 1
    assert not standing.shard.rejected


@pytest.mark.parametrize("target", [*LOT_1, *LINE_1], ids=lambda each: each.id)
def test_a_retraction_within_800_days_counts(target: Told) -> None:
    withdrawal = retracted(target, on(DONE + LATE - 1), "sponsor")
    events = [*LOT_1, *LINE_1, withdrawal]
    standing = both_agree(events, monthly(1, LATE), [DONE + LATE, GONE + 90], Random(1))
    assert views(standing.shard) != views(Standing([*LOT_1, *LINE_1]).anew(GONE, Random(1)))


# --- identities


def test_what_was_let_go_is_still_a_duplicate_when_it_comes_again() -> None:
    again = [each._replace(recorded=on(GONE + 5)) for each in (*LOT_1, *LINE_1)]
    standing = both_agree(
        [*LOT_1, *LINE_1, *again], [1, 400, GONE], [GONE + 6, GONE + 90], Random(1)
    )
    assert sum(standing.shard.duplicates.values()) == len(again)
    assert not standing.shard.rejected


def test_what_contradicts_an_event_that_was_let_go_is_refused() -> None:
    other = decided("L1", "rejected", DONE, "sponsor", id=LOT_1[-1].id, recorded=on(GONE + 5))
    standing = both_agree([*LOT_1, other], [1, 400, GONE], [GONE + 6], Random(1))
    assert standing.shard.rejected == {("cmo.releases", Reason.OTHER_CONTENT): 1}


# --- as a law

_ANY_DAY = st.sampled_from([0, 1, 5, 30, 400, 799, 801, 810, 900, 1_500, 1_650, 1_660, 1_700])
_LOT = st.sampled_from(["L1", "L2"])
_LINE = st.sampled_from(["1", "2"])
_SIDE = st.sampled_from(["cmo", "sponsor"])
_BREACH = st.sampled_from(["delivery_on_time:acme:1", "lot_acceptance_dispositioned:acme:1"])
_DECISIONS = st.sampled_from(["released", "rejected", "on_hold", "rework"])


def _recalled(lot: str, day: float) -> Told:
    return told(said.LotRecalled(lot=lot), on(day), "sponsor")


_EVENTS = st.one_of(
    st.builds(started, _LOT, _ANY_DAY),
    st.builds(completed, _LOT, _ANY_DAY),
    st.builds(decided, _LOT, _DECISIONS, _ANY_DAY, _SIDE),
    st.builds(requested, _LOT, _ANY_DAY, _SIDE),
    st.builds(_recalled, _LOT, _ANY_DAY),
    st.builds(deviation, _LOT, st.sampled_from(["minor", "major"]), _LOT, day=_ANY_DAY),
    st.builds(promised, _LINE, _ANY_DAY, at=_ANY_DAY.map(on)),
    st.builds(delivered, _LINE, _ANY_DAY, st.sampled_from([60, 100])),
    st.builds(received, _LINE, _ANY_DAY, st.sampled_from([60, 100])),
    st.builds(changed, _LINE, _SIDE, by_day=_ANY_DAY, at=_ANY_DAY.map(on)),
    st.builds(acknowledged, _BREACH, _ANY_DAY.map(on), accepts=st.booleans()),
)


@st.composite
def years(draw: st.DrawFn) -> list[Told]:
    """What is said of a few lots and lines over years, some of it long after it happened."""
    random = Random(draw(st.integers(0, 2**32)))
    found = draw(st.lists(_EVENTS, min_size=6, max_size=25))
    whole = [*released("L1"), promised("1", 10, at=on(-5)), delivered("1", 9)]
    events = [_told_late(each, random) for each in (*whole, *found)]
    for _ in range(random.randint(0, 6)):
        events.append(_taken_back(random.choice(events), random))
    return list({each.id: each for each in events}.values())


def _told_late(each: Told, random: Random) -> Told:
    delay = random.choice([-0.5, 0, 0, 0, 1, 20, 790, 805, 900])
    return each._replace(recorded=each.recorded + days(delay))


def _taken_back(each: Told, random: Random) -> Told:
    """A retraction, of a retraction at times, soon or in a year or when all of it was let go."""
    delay = random.choice([-1, 0, 0.2, 1, 20, 400, 790, 800, 801, 805, 900, 1_650])
    return retracted(each, each.recorded + days(delay), random.choice(["cmo", "sponsor"]))


@settings(
    derandomize=True,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(years(), st.integers(0, 2**32).map(Random))
def test_ticking_for_years_gives_the_same_as_reading_all_at_the_end(
    events: list[Told], random: Random
) -> None:
    ticks = sorted(random.sample(monthly(0, END), 25))
    looks = [*random.sample(ticks, 4), END + 1, END + 60, END + LATE + 200]
    both_agree(events, ticks, looks, random)
