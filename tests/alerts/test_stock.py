"""Stock, worked by hand: how long it lasts, and how much of it may not be used."""

import pytest

from alerts.agreements import Limit
from alerts.derivation import Unfoldable
from alerts.judge import Verdict
from alerts.records.demand import DEMAND
from alerts.records.stock import STOCK
from tests.builders import (
    Told,
    accepted,
    adjusted,
    agreed,
    consumed,
    counted,
    folded,
    forecast,
    on,
    read,
    reading,
    retracted,
)

COVER, BLOCKED = "days_of_supply", "stock_blocked_share"
NOW = on(5)
LIMIT = agreed(limits={COVER: Limit(warning=20, critical=10)})


def test_days_of_supply_is_stock_over_the_mean_daily_need_of_the_forecast_covering_now() -> None:
    # 200 pieces over ten days are 20 a day: 300 pieces last 15 days.
    found = reading([counted("pills", 300), forecast("pills", 200)], COVER, NOW, product="pills")
    assert (found.value, found.numerator, found.denominator) == (15, 300, 20)


def test_the_book_is_the_last_count_and_the_movements_since() -> None:
    events = [
        counted("pills", 1_000, day=-3),
        adjusted("pills", -900, day=-2),
        counted("pills", 300, day=0),
        adjusted("pills", 100, day=1),
        consumed("pills", 60, day=2),
        forecast("pills", 200),
    ]
    assert reading(events, COVER, NOW, product="pills").value == 17  # 340 at 20 a day


def test_only_unrestricted_stock_lasts() -> None:
    events = [counted("pills", 300), counted("pills", 700, "blocked"), forecast("pills", 200)]
    assert reading(events, COVER, NOW, product="pills").value == 15


def test_of_the_forecasts_covering_now_the_greatest_version_is_in_force() -> None:
    events = [
        counted("pills", 300),
        forecast("pills", 100, at=on(-1), version=2),
        forecast("pills", 200, at=on(-9), version=10),
        forecast("pills", 900, start=6, end=9, at=on(0), version=11),
    ]
    assert reading(events, COVER, NOW, product="pills").value == 15


def test_of_one_version_the_latest_forecast_covering_now_is_in_force() -> None:
    events = [
        counted("pills", 300),
        forecast("pills", 100, at=on(-9)),
        forecast("pills", 200, at=on(-1)),
    ]
    assert reading(events, COVER, NOW, product="pills").value == 15


def test_without_a_limit_a_stock_out_is_critical_and_anything_else_has_no_state() -> None:
    demand = forecast("pills", 200)
    some = reading([counted("pills", 1), demand], COVER, NOW, product="pills")
    none = reading([counted("pills", 0), demand], COVER, NOW, product="pills")
    assert some.state is None
    assert (none.value, none.state) == (0, Verdict.CRITICAL)


@pytest.mark.parametrize(
    ("quantity", "state"), [(400, Verdict.OK), (399, Verdict.WARNING), (199, Verdict.CRITICAL)]
)
def test_an_agreed_limit_judges_days_of_supply_by_the_reading(
    quantity: int, state: Verdict
) -> None:
    events = [counted("pills", quantity), forecast("pills", 200)]
    assert reading(events, COVER, NOW, LIMIT, product="pills").state is state


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([counted("pills", 300)], "no demand in force is known"),
        ([counted("pills", 300), forecast("pills", 0)], "no demand in force is known"),
        ([counted("pills", 300), forecast("pills", 9, 9, 8)], "no demand in force is known"),
        (
            [counted("pills", 300), forecast("pills", 200, unit="KGM")],
            "stock and demand are in unlike units",
        ),
        (
            [counted("pills", 3), counted("pills", 3, site="b", unit="KGM"), forecast("pills", 9)],
            "stock and demand are in unlike units",
        ),
    ],
)
def test_without_demand_or_with_unlike_units_the_cover_is_unknown_and_says_why(
    events: list[Told], why: str
) -> None:
    found = reading(events, COVER, NOW, LIMIT, product="pills")
    assert (found.value, found.state, found.why) == (None, Verdict.UNKNOWN, why)


def test_a_product_is_judged_over_all_its_sites() -> None:
    events = [
        counted("pills", 300, site="a"),
        counted("pills", 100, site="b"),
        forecast("pills", 200),
        forecast("pills", 50, market="US"),
    ]
    whole = read(folded(events, LIMIT), NOW, COVER, product="pills")
    assert (whole.value, whole.judged) == (20, True)


def test_without_a_forecast_of_the_whole_product_its_markets_needs_are_added() -> None:
    events = [
        counted("pills", 300),
        forecast("pills", 100, market="US"),
        forecast("pills", 100, market="EU"),
    ]
    assert reading(events, COVER, NOW, product="pills").value == 15


def test_a_market_is_one_however_its_name_is_written() -> None:
    events = [
        counted("pills", 300),
        forecast("pills", 100, market="US"),
        forecast("pills", 50, market=" us", version=2),
    ]
    assert reading(events, COVER, NOW, product="pills").value == 60


def test_the_blocked_share_is_what_may_not_be_used_of_all_stock() -> None:
    events = [
        counted("pills", 600),
        counted("pills", 100, "blocked"),
        counted("pills", 200, "quality_inspection"),
        counted("pills", 100, "in_transit"),
    ]
    found = reading(events, BLOCKED, NOW, product="pills")
    assert (found.value, found.numerator, found.denominator) == (0.3, 300, 1_000)


def test_a_blocked_share_of_nothing_or_of_unlike_units_is_unknown() -> None:
    terms = agreed(limits={BLOCKED: Limit(warning=0.1, critical=0.2)})
    nothing = reading([counted("pills", 0)], BLOCKED, NOW, terms, product="pills")
    assert (nothing.state, nothing.why) == (Verdict.UNKNOWN, "there is no stock")
    unlike = [counted("pills", 1), counted("pills", 1, "blocked", unit="KGM")]
    found = reading(unlike, BLOCKED, NOW, terms, product="pills")
    assert (found.state, found.why) == (Verdict.UNKNOWN, "its stock is in unlike units")


def test_a_position_whose_only_count_is_withdrawn_is_as_if_never_counted() -> None:
    count = counted("pills", 300)
    cmo = folded([count, retracted(count, on(2))])
    assert not any(record.facts for record in cmo.records(STOCK).values())
    assert not list(cmo.group(STOCK, "pills"))
    assert not cmo.records(DEMAND)


def test_a_cmo_has_no_more_products_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.apply.MOST_PRODUCTS", 2)
    cmo = folded([counted("p", 1), counted("q", 1), counted("q", 2, day=1)])
    with pytest.raises(Unfoldable, match="there are 2 products already"):
        cmo.take(accepted(counted("r", 1), 9))
    assert len(cmo.records(STOCK)) == 2


def test_a_book_below_zero_is_not_believed() -> None:
    found = reading(
        [counted("p", 10), consumed("p", 30), forecast("p", 10)], COVER, on(5), product="p"
    )
    assert (found.value, found.why) == (
        None,
        "the book of plant p unrestricted is below zero: a movement or a count is missing",
    )


def test_stock_that_only_moved_is_not_believed() -> None:
    found = reading([consumed("p", 30), forecast("p", 10)], COVER, on(5), product="p")
    assert (found.value, found.why) == (None, "plant p unrestricted moved and was never counted")


def test_lots_of_one_number_from_two_makers_are_two_positions() -> None:
    events = [
        counted("p", 300, lot="L1"),
        counted("p", 100, lot="L1", maker="borealis", day=1),
        forecast("p", 200),
    ]
    assert reading(events, COVER, NOW, product="p").value == 20
