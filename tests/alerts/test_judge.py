"""Judging: a limit, an interval, a least number; and what a standing breach has to be back past."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.judge import Bounds, Verdict, beyond, judge, wilson

BOUNDS = Bounds(0.95, 0.90, 20)


def ratio(good: int, n: int, bounds: Bounds = BOUNDS) -> Verdict:
    return judge(good / n, wilson(good, n), n, bounds, higher_is_better=True)


@pytest.mark.parametrize(
    ("good", "n", "low", "high"),
    [(19, 20, 0.764, 0.991), (38, 40, 0.835, 0.986), (95, 100, 0.888, 0.978)],
)
def test_wilson_is_as_worked_by_hand(good: int, n: int, low: float, high: float) -> None:
    assert tuple(round(end, 3) for end in wilson(good, n)) == (low, high)


@given(st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_ratio_and_stays_within_0_and_1(held: tuple[int, int]) -> None:
    good, n = held
    interval = wilson(good, n)
    assert 0 <= interval.low <= good / n + 1e-12
    assert good / n - 1e-12 <= interval.high <= 1


def test_at_the_limit_is_not_beyond_it() -> None:
    assert ratio(95, 100) is Verdict.OK
    assert ratio(94, 100) is Verdict.WARNING


def test_critical_is_the_whole_interval_beyond_the_limit() -> None:
    assert ratio(80, 100) is Verdict.CRITICAL  # 0.711 to 0.867
    assert ratio(89, 100) is Verdict.WARNING  # 0.814 to 0.937


def test_without_an_interval_critical_is_by_the_reading() -> None:
    bounds = Bounds(10, 20, 1)
    found = [judge(v, None, 1, bounds, higher_is_better=False) for v in (10, 11, 20, 21)]
    assert found == [Verdict.OK, Verdict.WARNING, Verdict.WARNING, Verdict.CRITICAL]


def test_under_the_minimum_nothing_is_said() -> None:
    assert ratio(0, 19) is Verdict.INSUFFICIENT
    assert ratio(0, 20) is Verdict.CRITICAL


def test_a_lone_critical_limit_warns_until_the_whole_interval_is_beyond_it() -> None:
    alone = Bounds(None, 0.90, 1)
    assert [ratio(good, 100, alone) for good in (90, 89, 70)] == [
        Verdict.OK,
        Verdict.WARNING,
        Verdict.CRITICAL,
    ]


def test_a_breach_has_to_be_back_past_its_limit_by_a_tenth_of_the_distance() -> None:
    eased = Bounds(0.95, 0.90, 20).eased(higher_is_better=True, best=1.0)
    assert tuple(eased) == pytest.approx((0.955, 0.905, 20))
    eased = Bounds(10.0, 20.0).eased(higher_is_better=False, best=0.0)
    assert tuple(eased) == pytest.approx((9.0, 19.0, 1))


def test_the_clearing_level_is_never_better_than_the_best() -> None:
    assert Bounds(1.0, 0.90).eased(higher_is_better=True, best=1.0).warning == 1.0
    assert Bounds(0.5, 20.0).eased(higher_is_better=False, best=0.0).warning == 0.0


def test_a_lone_limit_has_no_clearing_level_of_its_own() -> None:
    alone = Bounds(0.95, None)
    assert alone.eased(higher_is_better=True, best=1.0) == alone


@given(st.floats(0, 1), st.floats(0, 1))
def test_no_value_is_beyond_a_bound_on_both_sides(value: float, bound: float) -> None:
    sides = [beyond(value, bound, higher_is_better=side) for side in (True, False)]
    assert sum(sides) == (value != bound)
    assert not beyond(value, None, higher_is_better=True)
