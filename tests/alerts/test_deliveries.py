"""Order lines, worked by hand: on time, in full, both, and what a change or an arrival alters."""

from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.agreements import Agreements
from alerts.judge import Verdict
from alerts.terms import DeliveryWindow, QuantityTolerance
from events.data import Tolerance
from tests.builders import (
    Told,
    agreed,
    agreement,
    cancelled,
    changed,
    delivered,
    due,
    folded,
    hours,
    on,
    promised,
    read,
    reading,
    received,
    retracted,
)

ON_TIME, IN_FULL, OTIF = "delivery_on_time", "delivery_in_full", "delivery_otif"
NOW = on(30)
WHOLE = QuantityTolerance(under=0)


def figures(events: list[Told], kpi: str, day: float = 30, **terms: Any) -> tuple[int, int]:
    """Numerator and denominator as of noon of a day; nothing may be missing unless it is agreed."""
    found = reading(events, kpi, on(day), agreed(**{"tolerance": WHOLE, **terms}))
    return int(found.numerator or 0), int(found.denominator or 0)


def all_three(events: list[Told], day: float = 30, **terms: Any) -> tuple[tuple[int, int], ...]:
    return tuple(figures(events, kpi, day, **terms) for kpi in (ON_TIME, IN_FULL, OTIF))


def line(number: str, *arrivals: Told) -> list[Told]:
    return [promised(number), *arrivals]


FIXTURE: dict[str, tuple[list[Told], tuple[int, int, int] | None]] = {
    # 100 pieces are due on day 10; in full is 100 to 110. Expected: on time, in full, both.
    "early and whole": (line("a", delivered("a", 3)), (1, 1, 1)),
    "on the day": (line("b", delivered("b", 10)), (1, 1, 1)),
    "in two parts": (line("c", delivered("c", 5, 40), delivered("c", 9, 60)), (1, 1, 1)),
    "the second part late": (line("d", delivered("d", 5, 40), delivered("d", 12, 60)), (0, 1, 0)),
    "late": (line("e", delivered("e", 11)), (0, 1, 0)),
    "short": (line("f", delivered("f", 9, 99)), (0, 0, 0)),
    "a tenth over": (line("g", delivered("g", 9, 110)), (1, 1, 1)),
    "more than a tenth over": (line("h", delivered("h", 9, 111)), (1, 0, 0)),
    "over by a part that came late": (
        line("i", delivered("i", 9, 100), delivered("i", 12, 50)),
        (1, 0, 1),
    ),
    "never": (line("j"), (0, 0, 0)),
    "put off by the sponsor": (
        line("k", changed("k", "sponsor", by_day=15), delivered("k", 14)),
        (1, 1, 1),
    ),
    "put off by the CMO alone": (
        line("l", changed("l", "cmo", by_day=15), delivered("l", 14)),
        (0, 1, 0),
    ),
    "halved by the sponsor": (
        line("m", changed("m", "sponsor", quantity=50), delivered("m", 9, 50)),
        (1, 1, 1),
    ),
    "halved by the CMO alone": (
        line("n", changed("n", "cmo", quantity=50), delivered("n", 9, 50)),
        (0, 0, 0),
    ),
    "cancelled by the sponsor": (line("o", cancelled("o", "sponsor")), None),
    "cancelled by the CMO alone": (line("p", cancelled("p", "cmo")), (0, 0, 0)),
    "never promised": ([delivered("q")], None),
    "received late, said to be delivered early": (
        line("r", delivered("r", 8), received("r", 12)),
        (0, 1, 0),
    ),
    "received short, said to be delivered whole": (
        line("s", delivered("s", 8), received("s", 8, 90)),
        (0, 0, 0),
    ),
    "received, never said to be delivered": (line("t", received("t", 9)), (1, 1, 1)),
}


@pytest.mark.parametrize("case", FIXTURE)
def test_a_line_counts_as_worked_by_hand(case: str) -> None:
    events, expected = FIXTURE[case]
    found = all_three(events)
    assert found == (((0, 0),) * 3 if expected is None else tuple((n, 1) for n in expected))


def test_all_lines_together_are_the_sums_over_the_lines() -> None:
    events = [event for each, _ in FIXTURE.values() for event in each]
    # 18 lines count; on time a b c g h i k m t; in full all but f h i j n p s.
    assert all_three(events) == ((9, 18), (11, 18), (8, 18))


def test_a_line_is_judged_at_its_due_day_and_not_before() -> None:
    early = [promised("1"), delivered("1", 3)]
    assert figures(early, ON_TIME, 9) == (0, 0)
    assert figures(early, ON_TIME, 10) == (1, 1)


def test_an_undelivered_line_is_missed_on_the_day_after_its_due_day() -> None:
    assert figures([promised("1")], ON_TIME, 10) == (0, 0)
    assert figures([promised("1")], ON_TIME, 11) == (0, 1)


def test_days_of_tolerance_put_off_the_miss_and_keep_the_promise() -> None:
    window = DeliveryWindow(late=2)
    open_, late = [promised("1")], [promised("1"), delivered("1", 12)]
    assert figures(open_, ON_TIME, 12, window=window) == (0, 0)
    assert figures(open_, ON_TIME, 13, window=window) == (0, 1)
    assert all_three(late, window=window) == ((1, 1), (1, 1), (1, 1))
    too_late = [promised("1"), delivered("1", 13)]
    assert all_three(too_late, window=window) == ((0, 1), (1, 1), (0, 1))


def test_a_line_s_own_tolerance_outranks_the_agreed_one() -> None:
    own = Tolerance(under=0.05, over=0)
    short = [promised("1", tolerance=own), delivered("1", 9, 95)]
    assert all_three(short) == ((1, 1), (1, 1), (1, 1))
    assert all_three([promised("1", tolerance=own), delivered("1", 9, 94)]) == ((0, 1),) * 3
    assert figures([promised("1", tolerance=own), delivered("1", 9, 101)], IN_FULL) == (0, 1)


def test_a_tolerance_finer_than_a_millionth_is_no_fault() -> None:
    own = Tolerance(under=0.00000015, over=0.1)
    assert figures([promised("1", tolerance=own), delivered("1")], OTIF) == (1, 1)


def test_a_missed_line_met_late_moves_back_to_its_due_day_as_missed() -> None:
    open_ = [promised("1")]
    met = [*open_, delivered("1", 20)]
    last = 10 + 364  # the last day on which the window of 365 days still holds day 10
    assert figures(open_, ON_TIME, last + 1) == (0, 1)
    assert figures(met, ON_TIME, last) == (0, 1)
    assert figures(met, ON_TIME, last + 1) == (0, 0)


def test_a_day_is_the_civil_day_at_the_agreed_place() -> None:
    # 23:30 UTC of day 10 is 00:30 of day 11 in Berlin, and 18:30 of day 10 in New York.
    midnightly = [promised("1"), delivered("1", at=on(10) + hours(11.5))]
    assert figures(midnightly, ON_TIME, zone="UTC") == (1, 1)
    assert figures(midnightly, ON_TIME, zone="Europe/Berlin") == (0, 1)
    assert figures(midnightly, ON_TIME, zone="America/New_York") == (1, 1)


def test_a_line_is_visible_from_the_local_midnight_of_its_due_day() -> None:
    terms = agreed(zone="America/New_York")
    cmo = folded([promised("1"), delivered("1", 3)], terms)
    midnight = datetime(2024, 1, 11, 5, tzinfo=UTC)
    assert read(cmo, midnight - hours(0.01), ON_TIME).n == 0
    assert read(cmo, midnight, ON_TIME).n == 1


def test_unlike_units_make_the_reading_unknown_and_say_why() -> None:
    mixed = [promised("1"), delivered("1", 9, 100, unit="KGM"), promised("2"), delivered("2")]
    found = reading(mixed, OTIF, NOW)
    assert (found.state, found.value, found.n) == (Verdict.UNKNOWN, None, 1)
    assert found.why == "1 of 2 have quantities in unlike units"


def test_late_lines_of_one_order_due_on_one_day_are_one_piece_of_evidence() -> None:
    late = [promised(f"A/{n}") for n in range(20)]
    for kpi in (ON_TIME, IN_FULL, OTIF):
        found = reading(late, kpi, NOW)
        assert (found.numerator, found.denominator, found.n, found.n_eff) == (0, 20, 1, 1)
    assert reading(late, ON_TIME, NOW).state is Verdict.INSUFFICIENT


def test_a_line_is_of_another_cluster_once_its_due_day_is_moved() -> None:
    told = [promised(f"A/{n}") for n in range(4)]
    moved = changed("A/0", "sponsor", by_day=12)
    assert reading([*told, moved], ON_TIME, NOW).n == 2
    assert reading([*told, moved, promised("B/1")], ON_TIME, NOW).n == 3
    back = changed("A/0", "sponsor", by_day=10, at=on(-19))
    assert reading([*told, moved, back], ON_TIME, NOW).n == 1
    assert reading([*told, moved, retracted(moved, on(9), "sponsor")], ON_TIME, NOW).n == 1


def test_lines_met_and_missed_of_one_order_due_on_one_day_are_one_cluster() -> None:
    # The missed ones count on the day after; their cluster is that of the due day all the same.
    told = [promised("A/1"), delivered("A/1"), promised("A/2"), promised("B/1"), promised("C/1")]
    found = reading(told, ON_TIME, NOW)
    assert (found.numerator, found.denominator, found.n) == (1, 4, 3)
    assert found.n_eff == pytest.approx(16 / 6)


@pytest.mark.parametrize(
    ("good", "of", "state"), [(10, 12, Verdict.WARNING), (3, 4, Verdict.WARNING), (2, 6, 2)]
)
def test_a_few_orders_that_fail_too_often_are_seen(good: int, of: int, state: int) -> None:
    told = [promised(f"{n}/1") for n in range(of)] + [delivered(f"{n}/1") for n in range(good)]
    assert reading(told, ON_TIME, NOW).state == state


def test_otif_is_shown_for_each_product_and_judged_for_the_cmo() -> None:
    cmo = folded([promised("1", product="pills"), delivered("1"), promised("2", product="drops")])
    assert read(cmo, NOW, OTIF).judged
    # Shown, with what it rests on; only the first level has a state.
    pills, drops = (read(cmo, NOW, OTIF, product=p) for p in ("pills", "drops"))
    assert (pills.numerator, pills.denominator, pills.state) == (1, 1, None)
    assert (drops.numerator, drops.denominator, drops.state) == (0, 1, None)


def test_a_second_promise_does_not_replace_the_first_agreed() -> None:
    again = promised("1", 20, at=on(-5))
    assert figures([promised("1"), again, delivered("1", 15)], ON_TIME) == (0, 1)


@pytest.mark.parametrize("turn", [1, -1])
def test_a_line_counts_for_the_product_first_promised_in_whatever_order_it_was_told(
    turn: int,
) -> None:
    promises = [promised("1", product="pills", at=on(-9)), promised("1", product="drops")]
    cmo = folded([delivered("1"), *promises[::turn]])
    assert read(cmo, NOW, OTIF, product="drops").n == 1
    assert {scope.product for scope in cmo.windows(OTIF)} == {None, "drops"}


def test_a_retracted_delivery_leaves_the_line_missed() -> None:
    arrival = delivered("1")
    found = reading([promised("1"), arrival, retracted(arrival, on(12))], ON_TIME, NOW)
    assert (found.numerator, found.denominator) == (0, 1)


def test_terms_are_those_of_the_day_of_the_first_fact() -> None:
    strict = agreement(version="1")
    lax = agreement(version="2", effective=due(0), window=DeliveryWindow(late=9))
    terms = Agreements([strict, lax])
    before, after = promised("1", at=on(-30)), promised("2", at=on(1))
    cmo = folded([before, after, delivered("1", 15), delivered("2", 15)], terms)
    found = read(cmo, NOW, ON_TIME)
    assert (found.numerator, found.denominator) == (1, 2)
