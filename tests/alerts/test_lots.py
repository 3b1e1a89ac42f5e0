"""Lots, worked by hand: acceptance, right first time, release, and the lots that wait."""

from typing import Any

import pytest

from alerts.derivation import Unfoldable
from alerts.judge import Verdict
from alerts.records.lot import LOT, MOVES, OPEN_STATES
from events import data as said
from events.data import Decision
from tests.builders import (
    Told,
    accepted,
    agreed,
    completed,
    days,
    decided,
    deviation,
    due,
    folded,
    on,
    pieces,
    read,
    reading,
    released,
    requested,
    started,
    told,
)

ACCEPTED, RIGHT, CYCLE, ON_TIME, AGE = (
    "lot_acceptance_dispositioned",
    "right_first_time",
    "release_cycle_time",
    "release_on_time",
    "open_lot_age",
)
NOW = on(40)
DAY = 86_400


def figures(kpi: str, *events: Told, day: float = 40) -> tuple[Any, Any]:
    found = reading(events, kpi, on(day))
    return found.numerator, found.denominator


@pytest.mark.parametrize("last", ["released", "rejected"])
@pytest.mark.parametrize("ids", [("10", "9"), ("9", "10")])
def test_of_two_decisions_of_one_instant_holds_what_was_said_later_whatever_their_numbers(
    last: Decision, ids: tuple[str, str]
) -> None:
    first: Decision = "rejected" if last == "released" else "released"
    said_first = decided("1", first, id=ids[0], recorded=on(8.1))
    said_last = decided("1", last, id=ids[1], recorded=on(8.2))
    for arrival in ((said_first, said_last), (said_last, said_first)):
        assert figures(ACCEPTED, completed("1"), *arrival) == (int(last == "released"), 1)


def test_of_two_decisions_of_one_instant_and_one_record_time_holds_the_one_that_lies_later() -> (
    None
):
    one, other = decided("1", "released", id="b"), decided("1", "rejected", id="a")
    assert figures(ACCEPTED, completed("1"), one, other) == (0, 1)
    assert figures(ACCEPTED, completed("1"), other, one) == (1, 1)


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([("released", 8, "cmo")], (1, 1)),
        ([("rejected", 8, "cmo")], (0, 1)),
        ([("conditionally_released", 8, "cmo")], (0, 0)),
        ([("on_hold", 8, "cmo"), ("rework", 9, "cmo")], (0, 0)),
        ([("conditionally_released", 8, "cmo"), ("released", 9, "cmo")], (1, 1)),
        ([("released", 8, "cmo"), ("rejected", 9, "cmo")], (0, 1)),
        ([("released", 8, "cmo"), ("on_hold", 9, "cmo")], (1, 1)),
        ([("rejected", 8, "cmo"), ("released", 9, "sponsor")], (1, 1)),
        ([("rejected", 8, "sponsor"), ("released", 9, "cmo")], (0, 1)),
        ([("released", 8, "sponsor"), ("rejected", 9, "sponsor")], (0, 1)),
    ],
)
def test_acceptance_rests_on_the_last_final_decision_the_sponsors_first(
    decisions: list[tuple[Decision, float, str]], expected: tuple[int, int]
) -> None:
    told_ = [decided("L1", decision, day, by) for decision, day, by in decisions]
    assert figures(ACCEPTED, started("L1"), completed("L1"), *told_) == expected


def test_a_lot_rejected_while_still_in_process_counts() -> None:
    assert figures(ACCEPTED, started("L1"), decided("L1", "rejected", 2)) == (0, 1)


def test_acceptance_counts_on_the_day_of_the_decision() -> None:
    lot = [started("L1"), completed("L1"), decided("L1", "released", 8)]
    assert figures(ACCEPTED, *lot, day=7) == (0, 0)
    assert figures(ACCEPTED, *lot, day=8 + 364) == (1, 1)
    assert figures(ACCEPTED, *lot, day=8 + 365) == (0, 0)


@pytest.mark.parametrize("purpose", ["ppq", "clinical", "engineering"])
@pytest.mark.parametrize("kpi", [ACCEPTED, RIGHT, CYCLE, ON_TIME])
def test_lots_that_are_not_commercial_do_not_count(purpose: str, kpi: str) -> None:
    lot = [started("L1", purpose=purpose), *released("L1")[1:]]
    assert reading(lot, kpi, NOW).n == 0


@pytest.mark.parametrize(
    ("trouble", "right"),
    [
        ([], 1),
        ([deviation("D1", "minor", "L1")], 1),
        ([deviation("D1", "major", "L1")], 0),
        ([deviation("D1", "critical", "L1", "L2")], 0),
        ([deviation("D1", "major", "L2")], 1),
        ([deviation("D1", "major", "L1"), deviation("D1", "minor", "L1", closed=True, day=4)], 1),
        ([deviation("D1", "minor", "L1"), deviation("D1", "major", "L1", closed=True, day=4)], 0),
        ([decided("L1", "rework", 8)], 0),
        ([decided("L1", "reprocessing", 8)], 0),
        ([decided("L1", "rejected", 8)], 1),
    ],
)
def test_right_first_time_is_without_serious_deviation_rework_or_reprocessing(
    trouble: list[Told], right: int
) -> None:
    assert figures(RIGHT, started("L1"), completed("L1"), *trouble) == (right, 1)


def made(*lots: int) -> list[Told]:
    return [each for n in lots for each in (started(f"L{n}"), completed(f"L{n}"))]


def test_lots_that_one_deviation_fails_are_one_piece_of_evidence() -> None:
    five = deviation("D1", "major", *(f"L{n}" for n in range(5)))
    found = reading([*made(*range(10)), five], RIGHT, NOW)
    assert (found.numerator, found.denominator, found.n) == (5, 10, 6)
    assert found.n_eff == pytest.approx(100 / 30)
    assert found.state is Verdict.WARNING  # 0.165 to 0.835 with 90 %, 0.134 to 0.866 with 95 %
    assert found.interval == pytest.approx((0.134, 0.866), abs=5e-4)


def test_a_lot_belongs_to_the_first_opened_of_the_deviations_that_fail_it() -> None:
    minor = deviation("D0", "minor", "L0", "L1", "L2", day=1)
    first, second = (
        deviation("D1", "major", "L0", "L1", day=2),
        deviation("D2", "critical", "L1", "L2", day=3),
    )
    told_ = [*made(0, 1, 2), second, first, minor]
    assert reading(told_, RIGHT, NOW).n == 2  # L0 and L1 of D1, L2 of D2
    downgraded = deviation("D1", "minor", "L0", "L1", closed=True, day=9)
    found = reading([*told_, downgraded], RIGHT, NOW)
    assert (found.numerator, found.denominator, found.n) == (1, 3, 2)  # L0; L1 and L2 of D2


def test_rework_without_a_serious_deviation_is_a_failure_of_its_own() -> None:
    again = [decided(f"L{n}", "rework", 8) for n in range(3)]
    assert reading([*made(0, 1, 2), *again], RIGHT, NOW).n == 3
    why = deviation("D1", "major", "L0", "L1")
    assert reading([*made(0, 1, 2), *again, why], RIGHT, NOW).n == 2


def test_right_first_time_waits_for_completion() -> None:
    assert figures(RIGHT, started("L1"), deviation("D1", "major", "L1")) == (0, 0)


def test_release_cycle_time_runs_from_completion_to_the_first_final_decision() -> None:
    lot = [
        started("L1"),
        completed("L1", 5),
        decided("L1", "on_hold", 6),
        decided("L1", "conditionally_released", 7),
        decided("L1", "released", 9),
    ]
    assert reading(lot, CYCLE, NOW).value == 4 * DAY
    later = decided("L1", "rejected", 30, "sponsor")
    assert reading([*lot, later], CYCLE, NOW).value == 4 * DAY


def test_release_cycle_times_of_ten_lots_give_their_median_and_ninth() -> None:
    lots = [
        event
        for n in range(1, 11)
        for event in (started(f"L{n}"), completed(f"L{n}", 5), decided(f"L{n}", "released", 5 + n))
    ]
    cmo = folded(lots)
    assert read(cmo, NOW, CYCLE, quantile="p50").value == 5 * DAY
    assert read(cmo, NOW, CYCLE, quantile="p90").value == 9 * DAY
    assert read(cmo, NOW, CYCLE).quantile == "p90"


def test_release_on_time_is_a_final_decision_by_the_due_day() -> None:
    assert figures(ON_TIME, *released("L1")) == (1, 1)
    assert figures(ON_TIME, *released("L1", late_by=days(3))) == (0, 1)


def test_release_on_time_takes_its_due_day_from_the_sponsor_only() -> None:
    lot = [started("L1"), completed("L1"), decided("L1", "released", 20)]
    assert figures(ON_TIME, *lot, requested("L1", 10, "cmo")) == (0, 0)
    assert figures(ON_TIME, *lot, requested("L1", 10, "sponsor")) == (0, 1)
    put_off = requested("L1", 25, "sponsor", at=on(6))
    assert figures(ON_TIME, *lot, requested("L1", 10), put_off) == (1, 1)


def test_a_release_not_decided_is_missed_on_the_day_after_and_met_late_moves_back() -> None:
    waits = [started("L1"), completed("L1"), requested("L1", 10)]
    assert figures(ON_TIME, *waits, day=10) == (0, 0)
    assert figures(ON_TIME, *waits, day=11) == (0, 1)
    assert figures(ON_TIME, *waits, day=375) == (0, 1)
    late = decided("L1", "released", 20)
    assert figures(ON_TIME, *waits, late, day=374) == (0, 1)
    assert figures(ON_TIME, *waits, late, day=375) == (0, 0)


def test_a_hold_or_a_conditional_release_does_not_keep_the_promise() -> None:
    waits = [started("L1"), completed("L1"), requested("L1", 10)]
    for decision in ("on_hold", "conditionally_released"):
        assert figures(ON_TIME, *waits, decided("L1", decision, 9)) == (0, 1)


@pytest.mark.parametrize(("by", "counts"), [("sponsor", 0), ("cmo", 1)])
def test_a_lot_the_sponsor_called_off_is_not_missed(by: str, counts: int) -> None:
    off = told(said.LotCancelled(lot="L1"), on(6), by)
    planned = told(said.LotPlanned(lot="L1", product="pills"), on(0))
    assert figures(ON_TIME, planned, requested("L1", 10), off) == (0, counts)


# --- the lots that wait


def state_of(*events: Told) -> tuple[str | None, int]:
    cmo = folded(events)
    lot = cmo.open_records(LOT).get(("L1",))
    return lot.state if lot else None, sum(cmo.unexpected_moves.values())


@pytest.mark.parametrize("kind", ["rework", "reprocessing"])
def test_agreed_rework_is_remembered_and_may_name_another_day(kind: Any) -> None:
    life = [started("L1"), completed("L1"), requested("L1", 10), decided("L1", "rejected", 8)]
    agreed_ = told(said.ReleaseReworkAgreed(lot="L1", kind=kind, due=due(20)), on(9), "sponsor")
    after = [*life, agreed_, decided("L1", "released", 15, "sponsor")]
    assert folded([*life, agreed_]).records(LOT)[("L1",)].view.state == kind
    assert figures(RIGHT, *after) == (0, 1)
    assert figures(ON_TIME, *after) == (1, 1)
    assert figures(ON_TIME, *life, decided("L1", "released", 15, "sponsor")) == (0, 1)


def destroyed(lot: str, **how: Any) -> Told:
    return told(said.LotDestroyed(lot=lot, **how), on(9))


def test_a_lot_is_destroyed_once_no_quantity_of_it_alone_is_named() -> None:
    life = [started("L1"), completed("L1"), decided("L1", "rejected", 8)]
    part = folded([*life, destroyed("L1", quantity=pieces(5))])
    assert part.records(LOT)[("L1",)].view.state == "rejected"
    whole = folded([*life, destroyed("L1")])
    assert whole.records(LOT)[("L1",)].view.state == "destroyed"


ELSEWHERE: dict[str, Any] = {"lot": "L1", "maker": "borealis"}


@pytest.mark.parametrize(
    "data",
    [said.LotShipped(**ELSEWHERE), said.LotReceived(**ELSEWHERE), said.LotDestroyed(**ELSEWHERE)],
    ids=lambda data: type(data).__name__,
)
def test_a_lot_of_another_maker_is_none_of_this_cmo(data: Any) -> None:
    cmo = folded([started("L1"), completed("L1"), told(data, on(9), "sponsor")])
    assert cmo.records(LOT)[("L1",)].view.state == "completed"
    own = data.model_copy(update={"maker": None})
    assert folded([completed("L1"), told(own, on(9), "sponsor")]).records(LOT)[
        ("L1",)
    ].view.state in ("shipped", "received", "destroyed")


@pytest.mark.parametrize(
    ("by", "site", "state"),
    [
        ("sponsor", "depot", "received"),
        ("sponsor", None, "received"),
        ("carrier", "depot", "received"),
        ("carrier", None, "shipped"),
        ("cmo", "plant", "shipped"),
        ("cmo", None, "shipped"),
    ],
)
def test_a_lot_is_received_once_who_receives_it_says_so(
    by: str, site: str | None, state: str
) -> None:
    shipped, came = said.LotShipped(lot="L1"), said.LotReceived(lot="L1", site=site)
    cmo = folded([told(shipped, on(9)), told(came, on(12), by)], agreed(sites={"depot": "carrier"}))
    assert cmo.records(LOT)[("L1",)].view.state == state


def test_a_lot_waits_in_the_state_it_was_left_in() -> None:
    lot = [started("L1"), completed("L1", 5)]
    assert state_of(*lot[:1]) == ("in_process", 0)
    assert state_of(*lot) == ("completed", 0)
    for decision in ("on_hold", "rework", "reprocessing", "conditionally_released"):
        assert state_of(*lot, decided("L1", decision)) == (decision, 0)
    assert state_of(*lot, decided("L1", "released")) == (None, 0)


def test_a_move_nobody_foresaw_is_taken_and_counted() -> None:
    assert state_of(started("L1"), decided("L1", "released", 1)) == (None, 1)
    lot = [started("L1"), completed("L1"), decided("L1", "rejected", 8)]
    assert state_of(*lot, decided("L1", "released", 9, "sponsor")) == (None, 1)
    assert state_of(*lot, decided("L1", "rework", 9)) == ("rework", 0)


def test_the_sponsors_decision_about_a_state_outranks_a_later_one_of_the_cmo() -> None:
    lot = [started("L1"), completed("L1"), decided("L1", "on_hold", 8, "sponsor")]
    assert state_of(*lot, decided("L1", "released", 9)) == ("on_hold", 0)


def test_every_open_state_may_be_left_and_every_move_leads_somewhere_known() -> None:
    assert all(MOVES[state] for state in OPEN_STATES)
    ends = {"cancelled", "aborted", "destroyed"}
    assert {to for moves in MOVES.values() for to in moves} <= set(MOVES) | ends


def test_the_age_of_a_state_is_that_of_its_oldest_lot_since_any_fact_about_it() -> None:
    lots = [
        started("L1", 0),
        started("L2", 4),
        told(said.LotProgressed(lot="L1", step="mixing"), on(6)),
        started("L3", 1),
        completed("L3", 7),
    ]
    cmo = folded(lots, agreed(time_in_state={"in_process": 10 * DAY}))
    in_process = read(cmo, on(10), AGE, lot_state="in_process")
    assert (in_process.value, in_process.n) == (6 * DAY, 2)  # L2 since day 4, not L1 since 6
    assert (in_process.bounds.warning, in_process.bounds.critical) == (15 * DAY, 30 * DAY)
    assert in_process.state is Verdict.OK
    assert in_process.events == (lots[1].id,)
    done = read(cmo, on(10), AGE, lot_state="completed")
    assert (done.value, done.state) == (3 * DAY, None)


@pytest.mark.parametrize(
    ("day", "state"), [(15, Verdict.OK), (16, Verdict.WARNING), (30, Verdict.WARNING), (31, 2)]
)
def test_a_lot_is_too_old_at_one_and_a_half_and_at_three_times_the_agreed_time(
    day: int, state: int
) -> None:
    terms = agreed(time_in_state={"in_process": 10 * DAY})
    found = reading([started("L1", 0)], AGE, on(day), terms, lot_state="in_process")
    assert found.state == state


def test_a_lot_takes_no_more_facts_than_any_real_one_has() -> None:
    most = LOT.most_facts or 0
    cmo = folded([decided("L1", "on_hold", day / 100) for day in range(most)])
    with pytest.raises(Unfoldable, match=f"lot L1 has {most} facts already"):
        cmo.take(accepted(decided("L1", "released", 14), 999))
    assert len(cmo.records(LOT)["L1",].facts) == most
