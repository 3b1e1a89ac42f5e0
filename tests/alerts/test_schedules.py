"""Schedules of order lines, worked by hand: each line of one is judged as an order line is."""

from itertools import permutations
from typing import Any

import pytest

from alerts.judge import Verdict
from alerts.records.order_line import ORDER_LINE, OrderLineView
from events.data import LotReceived, Window
from tests.builders import (
    Told,
    agreed,
    cancelled,
    changed,
    confirmed,
    delivered,
    due,
    expected,
    folded,
    on,
    pieces,
    promised,
    reading,
    received,
    retracted,
    told,
)

ON_TIME, IN_FULL, OTIF = "delivery_on_time", "delivery_in_full", "delivery_otif"
THREE = [(10, 100), (20, 100), (30, 100)]


def figures(events: list[Told], day: float = 60) -> tuple[tuple[Any, Any], ...]:
    """Numerators and denominators of on time, in full and both, as of noon of a day."""
    found = [reading(events, kpi, on(day), agreed()) for kpi in (ON_TIME, IN_FULL, OTIF)]
    return tuple((each.numerator, each.denominator) for each in found)


def placed(*schedule: tuple[Any, ...], **how: Any) -> Told:
    return promised("1", schedule=list(schedule or THREE), **how)


def view(*events: Told) -> OrderLineView:
    found: OrderLineView = folded(events).records(ORDER_LINE)["O", "1"].view
    return found


CASES: dict[str, tuple[list[Told], tuple[int, int, int], int]] = {
    # 100 each on days 10, 20 and 30. Expected: on time, in full, both; of how many.
    "as scheduled": ([placed(), *(delivered("1", day) for day in (10, 20, 30))], (3, 3, 3), 3),
    "all at once, early": ([placed(), delivered("1", 9, 300)], (3, 3, 3), 3),
    "all at once, late for the first": ([placed(), delivered("1", 11, 300)], (2, 3, 2), 3),
    "the second late": ([placed(), delivered("1", 10), delivered("1", 21, 200)], (2, 3, 2), 3),
    "one and a half": ([placed(), delivered("1", 9, 150)], (1, 1, 1), 3),
    "what is over is the last one's": ([placed(), delivered("1", 9, 340)], (3, 2, 2), 3),
    "named, the last first": (
        [placed(), delivered("1", 9, number="3"), delivered("1", 15, number="1")],
        (1, 2, 1),
        3,
    ),
    "named, and the rest by date": (
        [placed(), delivered("1", 9, number="2"), delivered("1", 10, 200)],
        (3, 3, 3),
        3,
    ),
    "named by the number given": (
        [placed((10, 100, "A"), (20, 100, "B")), delivered("1", 9, number="B")],
        (1, 1, 1),
        2,
    ),
    "a number nobody gave": ([placed(), delivered("1", 9, 300, number="9")], (3, 3, 3), 3),
    "out of the order of their dates": (
        [placed((20, 100), (10, 100)), delivered("1", 10), delivered("1", 20)],
        (2, 2, 2),
        2,
    ),
    "two wanted on one day, none came": ([placed((10, 100), (10, 100))], (0, 0, 0), 2),
    "two wanted on one day, one came": (
        [placed((10, 100), (10, 100)), delivered("1", 10)],
        (1, 1, 1),
        2,
    ),
    "one of three cancelled": (
        [placed(), cancelled("1", "sponsor", number="2"), delivered("1", 10, 200)],
        (2, 2, 2),
        2,
    ),
    "one cancelled by the CMO alone": (
        [placed(), cancelled("1", "cmo", number="2"), delivered("1", 10, 200)],
        (2, 2, 2),
        3,
    ),
    "changed to one by the sponsor": (
        [placed(), changed("1", "sponsor", schedule=[(40, 300)]), delivered("1", 39, 300)],
        (1, 1, 1),
        1,
    ),
    "changed to one by the CMO alone": (
        [placed(), changed("1", "cmo", schedule=[(40, 300)]), delivered("1", 39, 300)],
        (0, 3, 0),
        3,
    ),
    "received short": (
        [placed(), delivered("1", 9, 300), received("1", 9, 200)],
        (2, 2, 2),
        3,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_line_of_a_schedule_counts_as_worked_by_hand(case: str) -> None:
    events, kept, of = CASES[case]
    assert figures(events) == tuple((each, of) for each in kept)


@pytest.mark.parametrize("case", CASES)
def test_it_counts_so_in_whatever_order_it_is_read(case: str) -> None:
    events, kept, of = CASES[case]
    for order in permutations(events):
        assert figures(list(order)) == tuple((each, of) for each in kept)


def test_each_line_is_evidence_of_its_own_day_and_those_of_one_day_are_one_piece() -> None:
    assert reading([placed()], ON_TIME, on(60)).n == 3
    assert reading([placed((10, 100), (10, 100), (20, 100))], ON_TIME, on(60)).n == 2
    assert reading([placed()], ON_TIME, on(25)).denominator == 2


def test_two_lines_that_say_the_same_go_and_come_one_by_one() -> None:
    schedule, one = placed((10, 100), (10, 100)), delivered("1", 10)
    assert figures([schedule, one, retracted(one, on(12))])[0] == (0, 2)
    assert figures([schedule, retracted(schedule, on(12), "sponsor")])[0] == (0, 0)
    fewer = changed("1", "sponsor", schedule=[(10, 100)])
    assert figures([schedule, fewer])[0] == (0, 1)
    assert figures([schedule, fewer, retracted(fewer, on(12), "sponsor")])[0] == (0, 2)


def test_unlike_units_within_a_schedule_make_all_its_lines_unknown() -> None:
    found = reading([placed(), delivered("1", 9, 100, unit="KGM")], OTIF, on(60))
    assert found.state is Verdict.UNKNOWN
    assert found.why == "3 of 3 have quantities in unlike units"


def test_a_line_waits_for_the_first_of_its_schedule_that_has_not_come() -> None:
    half = view(placed(), delivered("1", 9))
    assert half.is_open
    assert not half.is_settled
    assert half.awaited is not None
    assert half.awaited.promise.due == due(20)
    whole = view(placed(), delivered("1", 9, 300))
    assert (whole.is_open, whole.is_settled, whole.awaited) == (False, True, None)


def test_what_is_expected_holds_for_the_line_it_names_or_for_all() -> None:
    def days_expected(*events: Told) -> list[Any]:
        return [each.expected for each in view(placed(), *events).schedule]

    first, second = expected("1", 12), expected("1", 22, number="2", at=on(-4))
    assert days_expected(first, second) == [due(12), due(22), due(12)]
    assert days_expected(second, expected("1", 33, at=on(-3))) == [due(33)] * 3


def test_a_line_all_of_which_the_sponsor_cancels_is_called_off() -> None:
    both = [cancelled("1", "sponsor", number=number, id=f"no-{number}") for number in "12"]
    found = view(placed((10, 100), (20, 100)), *both)
    assert (found.is_open, found.is_settled, found.schedule) == (False, True, ())


@pytest.mark.parametrize("answer", ["accepted", "rejected", "changed"])
def test_an_answer_of_the_cmo_changes_no_baseline(answer: str) -> None:
    lines = [(40, 300)] if answer == "changed" else []
    events = [placed(), confirmed("1", answer, *lines), delivered("1", 10)]
    assert figures(events) == figures([placed(), delivered("1", 10)])


def test_days_late_that_were_placed_outrank_those_agreed_and_none_are_too_early() -> None:
    late = placed((10, 100), window=Window(late=2))
    assert figures([late, delivered("1", 12)]) == ((1, 1),) * 3
    assert figures([late, delivered("1", 13)])[0] == (0, 1)
    early = placed((10, 100), window=Window(early=3))
    assert figures([early, delivered("1", -20)]) == ((1, 1),) * 3


@pytest.mark.parametrize(("by", "kept"), [("sponsor", 1), ("cmo", 0), ("carrier", 0)])
def test_a_receipt_at_no_site_fills_a_line_once_the_sponsor_says_so(by: str, kept: int) -> None:
    receipt = LotReceived(lot="L1", order="O", line="1", quantity=pieces(100), note="N1")
    assert figures([placed((10, 100)), told(receipt, on(9), by)])[0] == (kept, 1)
