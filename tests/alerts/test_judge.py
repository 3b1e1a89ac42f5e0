"""Judging: a limit, an interval, a least number; and what a standing breach has to be back past."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.judge import Z_90, Z_95, Bounds, Interval, Verdict, beyond, judge, wilson

BOUNDS = Bounds(0.95, 0.90, 3)


def ratio(good: int, of: int, bounds: Bounds = BOUNDS, n: int | None = None) -> Verdict:
    """What so many of so many are worth, all of them independent."""
    n = of if n is None else n
    return judge(good / of, n, n, bounds, higher_is_better=True)


def rounded(interval: Interval) -> tuple[float, float]:
    return round(interval.low, 3), round(interval.high, 3)


@pytest.mark.parametrize(
    ("good", "n", "low", "high"),
    [
        (19, 20, 0.764, 0.991),
        (38, 40, 0.835, 0.986),
        (95, 100, 0.888, 0.978),
        (2, 6, 0.097, 0.700),
        (10, 12, 0.552, 0.953),
    ],
)
def test_wilson_is_as_worked_by_hand(good: int, n: int, low: float, high: float) -> None:
    assert rounded(wilson(good / n, n)) == (low, high)


@pytest.mark.parametrize(
    ("good", "n", "low", "high"), [(10, 12, 0.601, 0.943), (3, 4, 0.356, 0.942)]
)
def test_the_interval_of_90_percent_is_as_worked_by_hand(
    good: int, n: int, low: float, high: float
) -> None:
    assert rounded(wilson(good / n, n, Z_90)) == (low, high)


def test_ten_lots_of_which_five_are_of_one_cluster_weigh_as_three_and_a_third() -> None:
    assert rounded(wilson(0.5, 100 / 30, Z_90)) == (0.165, 0.835)
    assert rounded(wilson(0.5, 100 / 30, Z_95)) == (0.134, 0.866)
    assert judge(0.5, 100 / 30, 6, Bounds(0.90, 0.80, 3), higher_is_better=True) is Verdict.WARNING


@given(
    st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.01, 1),
)
def test_an_interval_holds_its_ratio_and_stays_within_0_and_1(
    held: tuple[int, int], weight: float
) -> None:
    good, n = held
    wide, narrow = wilson(good / n, n * weight), wilson(good / n, n * weight, Z_90)
    assert 0 <= wide.low <= narrow.low <= good / n + 1e-12
    assert good / n - 1e-12 <= narrow.high <= wide.high <= 1


def test_a_warning_is_the_whole_90_percent_interval_beyond_its_limit() -> None:
    assert ratio(10, 12) is Verdict.WARNING  # up to 0.943, and to 0.953 with 95 %
    assert ratio(3, 4) is Verdict.WARNING  # up to 0.942
    assert ratio(11, 12) is Verdict.OK  # 0.917, and up to 0.981
    assert ratio(94, 100) is Verdict.OK  # 0.94, and up to 0.969


def test_critical_is_the_whole_95_percent_interval_beyond_its_limit() -> None:
    assert ratio(2, 6) is Verdict.CRITICAL  # up to 0.700
    assert ratio(80, 100) is Verdict.CRITICAL  # up to 0.867
    assert ratio(84, 100) is Verdict.CRITICAL  # up to 0.899
    assert ratio(85, 100) is Verdict.WARNING  # up to 0.907 with 95 %, and to 0.899 with 90 %


def test_at_the_limit_is_not_beyond_it() -> None:
    at = wilson(10 / 12, 12, Z_90).high
    assert ratio(10, 12, Bounds(at, None)) is Verdict.OK
    assert ratio(10, 12, Bounds(at + 1e-9, None)) is Verdict.WARNING


def test_where_lower_is_better_the_lower_end_has_to_be_beyond() -> None:
    bounds = Bounds(0.05, 0.10, 3)
    found = [judge(bad / 12, 12, 12, bounds, higher_is_better=False) for bad in (1, 2, 4)]
    # from 0.019 with 90 %; from 0.057 with 90 % and 0.047 with 95 %; from 0.138 with 95 %
    assert found == [Verdict.OK, Verdict.WARNING, Verdict.CRITICAL]


def test_without_an_interval_both_are_by_the_reading() -> None:
    bounds = Bounds(10, 20, 1)
    found = [judge(v, None, 1, bounds, higher_is_better=False) for v in (10, 11, 20, 21)]
    assert found == [Verdict.OK, Verdict.WARNING, Verdict.WARNING, Verdict.CRITICAL]


def test_under_the_minimum_nothing_is_said() -> None:
    assert ratio(0, 2) is Verdict.INSUFFICIENT
    assert ratio(0, 3) is Verdict.CRITICAL
    assert ratio(0, 20, n=1) is Verdict.INSUFFICIENT


def test_a_lone_critical_limit_warns_of_nothing() -> None:
    alone = Bounds(None, 0.90, 1)
    found = [ratio(good, 100, alone) for good in (90, 85, 84)]
    assert found == [Verdict.OK, Verdict.OK, Verdict.CRITICAL]


def test_a_lone_warning_limit_is_never_critical() -> None:
    assert ratio(0, 100, Bounds(0.95, None)) is Verdict.WARNING


def test_a_breach_has_to_be_back_past_its_limit_by_a_tenth_of_the_distance() -> None:
    eased = Bounds(0.95, 0.90, 20).eased(higher_is_better=True, best=1.0)
    assert tuple(eased) == pytest.approx((0.955, 0.905, 20))
    eased = Bounds(10.0, 20.0).eased(higher_is_better=False, best=0.0)
    assert tuple(eased) == pytest.approx((9.0, 19.0, 1))


def test_fifteen_of_sixteen_are_back_past_the_eased_limit() -> None:
    eased = BOUNDS.eased(higher_is_better=True, best=1.0)
    assert ratio(15, 16, eased) is Verdict.OK
    assert round(wilson(15 / 16, 16, Z_90).high, 3) == 0.986
    assert ratio(15, 16, Bounds(0.99, 0.90)) is Verdict.WARNING


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
