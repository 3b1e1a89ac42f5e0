"""What is taken back around and after letting go: the same for who stood by and who reads anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from random import Random
from typing import Any

import pytest

from alerts.agreements import Agreements, Limit
from alerts.kind import Kind
from alerts.records.lot import LOT
from alerts.records.order_line import ORDER_LINE
from alerts.terms import QuantityTolerance
from events import data as said
from events.breaches import BREACH_EVENT
from events.data import BREACHES, INVENTORY, LOTS, RELEASES
from events.outcomes import Reason
from tests.alerts import laws
from tests.alerts.standing import (
    DONE,
    GONE,
    LATE,
    LINE_1,
    LOT_1,
    Standing,
    both_agree,
    logged,
    monthly,
)
from tests.builders import (
    ACME,
    Told,
    acknowledged,
    agreed,
    agreement,
    changed,
    completed,
    decided,
    delivered,
    deviation,
    folded,
    gap,
    on,
    promised,
    received,
    retracted,
    started,
    told,
)

SEEDS = range(4)
STOOD = [*monthly(1, LATE), GONE]
"""Days on which somebody looked until all was let go."""


@contextmanager
def taking(most: int, *kinds: Kind) -> Iterator[None]:
    """Kinds of which a record may have fewer facts meanwhile."""
    before = [kind.most_facts for kind in kinds]
    for kind in kinds:
        object.__setattr__(kind, "most_facts", most)
    try:
        yield
    finally:
        for kind, was in zip(kinds, before, strict=True):
            object.__setattr__(kind, "most_facts", was)


def recalled(day: float, **how: Any) -> Told:
    return told(said.LotRecalled(lot="L1"), on(day), "sponsor", **how)


def state(standing: Standing) -> str:
    found: str = standing.record(LOT, "L1").view.state
    return found


# --- when a retraction is too late


@pytest.mark.parametrize(("after", "was"), [(LATE, "completed"), (LATE + 0.001, "released")])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_decision_is_taken_back_within_800_days_and_no_later(
    after: float, was: str, seed: int
) -> None:
    withdrawal = retracted(LOT_1[-1], on(DONE + after), "sponsor")
    ticks = [1, 400, DONE + after - 0.5]
    looks = [GONE, GONE + 5, GONE + LATE + 5]
    standing = both_agree([*LOT_1, *LINE_1, withdrawal], ticks, looks, Random(seed))
    assert state(standing) == was


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_said_while_a_lot_was_held_stands_when_the_hold_is_taken_back(seed: int) -> None:
    hold = decided("L1", "on_hold", 20, "sponsor")
    rejection = decided("L1", "rejected", 900, "sponsor")
    withdrawal = retracted(hold, on(1_000), "sponsor")
    events = [*LOT_1, hold, rejection, withdrawal]
    standing = both_agree(events, monthly(1, 990), [1_001, 1_100, 1_900], Random(seed))
    assert state(standing) == "rejected"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_comes_after_a_retraction_that_was_too_late_is_too_late_as_well(seed: int) -> None:
    withdrawal = retracted(LOT_1[-1], on(GONE + 5), "sponsor")
    rejection = decided("L1", "rejected", GONE + 10, "sponsor")
    events = [*LOT_1, withdrawal, rejection]
    standing = both_agree(events, [1, 400, GONE], [GONE + 11, GONE + 90], Random(seed))
    assert state(standing) == "released"


@pytest.mark.parametrize("second", [DONE + 30, GONE + 30])
def test_of_two_retractions_the_first_the_log_got_decides(second: float) -> None:
    early = retracted(LINE_1[-1], on(DONE + 20), "cmo")
    late = retracted(LINE_1[-1], on(second), "sponsor")
    events = [*LINE_1, early, late]
    standing = both_agree(events, STOOD, [GONE + 31, GONE + 90], Random(1))
    assert standing.record(ORDER_LINE, "O", "1").view.is_open


def test_a_retraction_whose_own_time_comes_late_is_too_late() -> None:
    """It says that it happened a day after the log got it, and counts from then on."""
    withdrawal = retracted(LOT_1[-1], on(DONE + LATE + 0.5), "sponsor", recorded=on(DONE + LATE))
    looks = [GONE, GONE + 5]
    standing = both_agree([*LOT_1, withdrawal], [1, 400, GONE - 0.7], looks, Random(1))
    assert state(standing) == "released"


def test_all_of_a_record_may_be_taken_back_and_said_again() -> None:
    again = [each._replace(event=each.event.model_copy(update={"id": "2"})) for each in LOT_1[-1:]]
    withdrawals = [retracted(each, on(DONE + 5), "sponsor") for each in LOT_1]
    events = [*LOT_1, *withdrawals, *logged(DONE + 6, *again)]
    both_agree(events, STOOD, [GONE + 31, GONE + 90], Random(1))


# --- a recall counts however late, and so does taking it back


@pytest.mark.parametrize("after", [1, 900])
def test_a_late_recall_is_taken_back_however_late(after: int) -> None:
    recall = recalled(GONE + 100)
    withdrawal = retracted(recall, on(GONE + 100 + after), "sponsor")
    looks = [GONE + 101 + after, GONE + 200 + after]
    standing = both_agree([*LOT_1, recall, withdrawal], monthly(1, GONE + 99), looks, Random(1))
    assert state(standing) == "released"


def test_of_two_late_recalls_one_may_be_taken_back() -> None:
    recalls = [recalled(GONE + 100, id="one"), recalled(GONE + 110, id="other")]
    withdrawal = retracted(recalls[1], on(GONE + 120), "sponsor")
    events = [*LOT_1, *recalls, withdrawal]
    standing = both_agree(events, STOOD, [GONE + 115, GONE + 200], Random(1))
    assert standing.record(LOT, "L1").view.state_since == 1_000_000 * on(GONE + 100).timestamp()


# --- facts about several records


TWO_LOTS = [
    *(started(lot, 0) for lot in ("L1", "L2")),
    *(completed(lot, 5) for lot in ("L1", "L2")),
    decided("L1", "released", DONE, "sponsor"),
]


@pytest.mark.parametrize("lots", [("L1", "L2"), ("L2", "L1")])
def test_what_is_said_of_two_lots_is_taken_back_of_the_one_that_is_open(
    lots: tuple[str, str],
) -> None:
    both = deviation("D1", "major", *lots)
    withdrawal = retracted(both, on(GONE + 5), "sponsor")
    events = [*TWO_LOTS, both, withdrawal]
    standing = both_agree(events, STOOD, [GONE + 6, GONE + 90], Random(1))
    assert state(standing) == "released"
    assert standing.record(LOT, "L2").view.imperfect is None


def test_a_receipt_is_taken_back_of_a_line_that_is_open_when_its_lot_is_let_go() -> None:
    receipt = received("1", 9, 60)
    lot = decided("lot-1", "released", DONE, "sponsor")
    withdrawal = retracted(receipt, on(GONE + 5), "sponsor")
    rest = received("1", GONE + 6, 60)
    events = [promised("1", 10, at=on(0)), receipt, lot, withdrawal, rest]
    standing = both_agree(events, STOOD, [GONE + 7, GONE + 90], Random(1))
    assert standing.record(LOT, "lot-1").is_let_go
    assert standing.record(ORDER_LINE, "O", "1").view.is_open


# --- the delay of what is taken back


@pytest.mark.parametrize("after", [5, 790, 805])
def test_the_delay_of_a_fact_that_came_too_late_goes_with_it(after: int) -> None:
    (late,) = logged(GONE + 5, decided("L1", "rejected", GONE - 40, "sponsor", id="late"))
    own = delivered("1", GONE - 30, recorded=on(GONE + 5), id="own")
    taken = [retracted(each, on(GONE + 5 + after), "sponsor") for each in (late, own)]
    looks = [GONE + 6, GONE + 6 + after, GONE + 60 + after]
    both_agree([*LOT_1, *LINE_1, late, own, *taken], [1, 400, GONE], looks, Random(1))


# --- how many facts a record may have


@pytest.mark.parametrize("seed", SEEDS)
def test_facts_that_were_let_go_count_among_the_most_there_may_be(seed: int) -> None:
    more = [
        started("L1", GONE + day, id=f"more-{day}", recorded=on(GONE + day)) for day in range(4)
    ]
    with taking(5, LOT):
        standing = both_agree(
            [*LOT_1, *more],
            [1, 400, GONE - 0.1, GONE + 8],
            [GONE + 9, GONE + LATE + 9],
            Random(seed),
        )
    assert standing.shard.rejected == {(LOTS, Reason.UNFOLDABLE): 2}


@pytest.mark.parametrize("seed", SEEDS)
def test_facts_that_were_taken_back_count_among_them_too(seed: int) -> None:
    """Or who reads a topic to its end would refuse what was taken when another was read first."""
    plan = told(said.LotPlanned(lot="L1", product="pills"), on(0), "sponsor")
    withdrawal = retracted(plan, on(1), "sponsor")
    decisions = [decided("L1", "on_hold", 7 + n, "sponsor") for n in range(2)]
    with taking(4, LOT):
        standing = both_agree(
            [plan, withdrawal, *LOT_1[:2], *decisions], [2, 6, 8.5], [9, 30], Random(seed)
        )
    assert standing.shard.rejected == {(RELEASES, Reason.UNFOLDABLE): 1}


# --- what is in no record


BREACH = "delivery_on_time:acme:1"


def lines(day: int, comes: int, how_many: int) -> list[Told]:
    """Lines due on a day, each of an order of its own, and when they came."""
    names = [f"due-{day}-{n}/1" for n in range(how_many)]
    promises = [promised(name, day, at=on(day - 9)) for name in names]
    return [*promises, *(delivered(name, comes) for name in names)]


def breached(day: int) -> list[Told]:
    """Lines delivered late, of which a breach opens."""
    return lines(day, day + 9, 4)


@pytest.mark.parametrize(("after", "stands"), [(5, False), (LATE, False), (LATE + 0.1, True)])
def test_an_acknowledgement_is_taken_back_within_800_days_and_no_later(
    after: float, stands: bool
) -> None:
    word = acknowledged(BREACH, on(20), accepts=True)
    withdrawal = retracted(word, on(20 + after), "sponsor")
    events = [*breached(5), word, withdrawal]
    looks = [20 + after, 21 + after, 22 + after, 60 + after]
    standing = both_agree(events, [19, 21, *monthly(50, 15 + after)], looks, Random(1))
    assert (standing.shard.cmos[ACME].acceptance(BREACH) is not None) is stands


def test_the_word_before_one_that_is_taken_back_holds_again() -> None:
    words = [acknowledged(BREACH, on(day), accepts=day == 21) for day in (20, 21)]
    cmo = folded([*words, retracted(words[1], on(22), "sponsor")])
    held = cmo.acceptance(BREACH)
    assert held is not None
    assert (held.fact.id, held.accepts_until) == (words[0].id, 0)


def test_an_acknowledgement_that_is_taken_back_before_its_time_never_counts() -> None:
    word = acknowledged(BREACH, on(20.5), recorded=on(20))
    for at in (20.2, 21):
        standing = both_agree(
            [*breached(5), word, retracted(word, on(at), "sponsor")],
            [19, 20.7],
            [22, 30],
            Random(1),
        )
        assert standing.shard.cmos[ACME].acceptance(BREACH) is None


def test_taking_back_a_retraction_does_nothing_before_and_after_it_is_let_go() -> None:
    bad = promised("b1", 5, at=on(0))
    withdrawal = retracted(bad, on(20), "sponsor", id="same")
    same_id = delivered("b2", 20, id="same")
    again = [retracted(withdrawal, on(at), "sponsor") for at in (30, 20 + LATE + 30)]
    for each in again:
        standing = both_agree(
            [bad, withdrawal, same_id, each], monthly(1, LATE + 40), [LATE + 60], Random(1)
        )
        assert not list(standing.shard.cmos[ACME].withdrawn(("same",), 0))


def test_a_declared_gap_is_known_when_it_is_let_go_and_comes_again() -> None:
    declared = gap(INVENTORY, 1, 5, on(20))
    again = declared._replace(recorded=on(20 + LATE + 5))
    withdrawal = retracted(declared, on(20 + LATE + 6), "cmo")
    other = gap(INVENTORY, 1, 9, on(20), id=declared.id, recorded=on(20 + LATE + 7))
    events = [*LINE_1, declared, again, withdrawal, other]
    standing = both_agree(events, monthly(1, LATE + 24), [LATE + 40, LATE + 90], Random(1))
    assert standing.shard.duplicates[INVENTORY] == 1
    assert standing.shard.rejected == {(INVENTORY, Reason.OTHER_CONTENT): 1}


# --- what comes again


@pytest.mark.parametrize("at", [DONE + 20, GONE + 5])
def test_what_was_taken_back_is_a_duplicate_when_it_comes_again(at: float) -> None:
    again = LOT_1[-1]._replace(recorded=on(GONE + 9))
    other = decided("L1", "rejected", DONE, "sponsor", id=again.id, recorded=on(GONE + 10))
    events = [*LOT_1, *LINE_1, retracted(again, on(at), "sponsor"), again, other]
    standing = both_agree(events, STOOD, [GONE + 11, GONE + 90], Random(1))
    assert standing.shard.duplicates[RELEASES] == 1
    assert standing.shard.rejected == {(RELEASES, Reason.OTHER_CONTENT): 1}


# --- what a retraction heals


def test_a_record_is_kept_while_what_was_taken_back_of_it_may_still_be_asked_for() -> None:
    """The line was to come years later, in a quantity that never came: that would fail then."""
    moved = changed("1", "sponsor", by_day=GONE + 60, quantity=900, at=on(5))
    withdrawal = retracted(moved, on(40), "sponsor")
    late = changed("1", "sponsor", by_day=GONE + 20, at=on(4), recorded=on(GONE + 3), id="late")
    failing = [each for day in range(5, GONE + 50, 40) for each in breached(day)]
    good = lines(GONE + 75, GONE + 70, 200)
    events = [*LINE_1, moved, withdrawal, late, *failing, *good]
    ticks = sorted([*STOOD, 15, GONE + 5])
    looks = [GONE + 62, GONE + 80, GONE + 100, GONE + LATE + 10, GONE + LATE + 12]
    quarterly = {**laws.TERMS["limits"], "delivery_on_time": Limit(minimum=2, window_days=90)}
    agreements = agreed(**{**laws.TERMS, "limits": quarterly})
    standing = both_agree(events, ticks, looks, Random(1), agreements)
    turns = [BREACH_EVENT.validate_json(m.value or b"").data for m in standing.own[BREACHES]]
    cleared = [turn.cleared_by for turn in turns if turn.breach == BREACH and turn.cleared_by]
    assert cleared == ["corrected"]
    assert standing.record(ORDER_LINE, "O", "1").is_let_go


# --- a topic that lags


@pytest.mark.parametrize("topic", [RELEASES, INVENTORY])
def test_a_topic_may_lag_for_hours_when_the_day_comes(topic: str) -> None:
    """The clock of a broker is not ours: what it logged before a tick may be read after it."""
    in_time = [
        decided("L1", "on_hold", DONE + LATE - 0.01, "sponsor", id="on-hold"),
        retracted(LINE_1[-1], on(DONE + LATE - 0.01), "sponsor"),
    ]
    standing = Standing([*LOT_1, *LINE_1, *in_time])
    standing.ticks(1, 400)
    lagging = standing.held.pop(topic)
    standing.ticks(DONE + LATE + 0.5)
    standing.held[topic] = lagging
    standing.looks(DONE + LATE + 0.6)
    assert state(standing) == "on_hold"
    assert standing.record(ORDER_LINE, "O", "1").view.is_open


# --- terms


def test_a_late_fact_does_not_put_a_record_under_other_terms() -> None:
    """It happened when another version was in force, under which the line would not be complete."""
    versions = [
        agreement(version=str(n), effective=date(2020 + 3 * n, 1, 1), tolerance=within)
        for n, within in enumerate([QuantityTolerance(under=0.02), QuantityTolerance(under=0.5)])
    ]
    line = [promised("1", 10, at=on(0)), delivered("1", DONE, 60)]
    early = promised("1", 10, at=on(-700), recorded=on(GONE + 5), id="early")
    more = delivered("1", GONE + 7, 20, recorded=on(GONE + 7))
    looks = [GONE + 8, GONE + 90]
    standing = both_agree([*line, early, more], STOOD, looks, Random(1), Agreements(versions))
    assert standing.record(ORDER_LINE, "O", "1").is_let_go


@pytest.mark.parametrize("turn", [1, -1])
def test_the_name_of_what_is_taken_back_is_known_in_whichever_order(turn: int) -> None:
    named = promised("1", product="Pills, 10 mg")
    cmo = folded([named, retracted(named, on(2), "sponsor")][::turn])
    assert cmo.names == {"pills-10-mg": "Pills, 10 mg"}
