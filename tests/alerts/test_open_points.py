"""What an agreement leaves open: what a KPI that pages needs, and a release that is the CMO's."""

from datetime import date
from typing import Any

import pytest

from alerts.agreements import Limit
from alerts.ladder import Contact, Role, Rung
from alerts.open_points import PAGING, open_points
from alerts.products import Product, Products
from alerts.terms import Release, ReleaseException
from tests.builders import agreement

ROLES = {
    side: Role(side=side, contacts=(Contact(email=f"{side}@x.example"),))
    for side in ("sponsor", "cmo")
}
LADDER = tuple(Rung(role=side, warning=60) for side in ROLES)
COMPLETE: dict[str, Any] = {
    "zone": "Europe/Berlin",
    "roles": ROLES,
    "ladder": LADDER,
    "limits": {kpi.name: Limit(warning=20, critical=10) for kpi in PAGING},
}


def left_open(products: Products | None = None, **terms: Any) -> list[str]:
    return list(open_points(agreement(**{**COMPLETE, **terms}), products))


def declared(**markets: tuple[str, ...]) -> Products:
    each = {id: Product(unit="EA", markets=sold) for id, sold in markets.items()}
    return Products(version="1", effective=date(2024, 1, 1), products=each)


def test_a_complete_agreement_leaves_nothing_open() -> None:
    assert [kpi.name for kpi in PAGING] == ["days_of_supply"]
    assert left_open() == []


def test_where_no_zone_is_said_days_are_judged_in_utc_and_the_check_says_so() -> None:
    terms = {name: given for name, given in COMPLETE.items() if name != "zone"}
    [point] = open_points(agreement(**terms), None)
    assert point.startswith("zone is not said, so every day is judged as one in UTC")
    assert left_open(zone="UTC") == []


@pytest.mark.parametrize("said", ["none", "N/A", " TBD. ", "—"])
def test_a_contingency_that_says_nothing_is_missing(said: str) -> None:
    [point] = left_open(contingency=said)
    assert point.startswith("contingency says")


def test_without_a_ladder_nobody_is_called() -> None:
    [point] = left_open(ladder=())
    assert point.startswith("ladder names nobody, so days_of_supply pages the monitor's own people")


@pytest.mark.parametrize(("side", "lacks"), [("cmo", "the sponsor"), ("sponsor", "the CMO")])
def test_both_sides_have_to_hear(side: str, lacks: str) -> None:
    [point] = left_open(ladder=(Rung(role=side, warning=60),))
    assert point == f"ladder has nobody of {lacks}; both sides have to hear"


@pytest.mark.parametrize(
    ("limit", "lacks"),
    [
        (Limit(), "no warning and no critical"),
        (Limit(warning=20), "no critical"),
        (Limit(critical=10), "no warning"),
    ],
)
def test_a_limit_of_what_pages_is_missed(limit: Limit, lacks: str) -> None:
    [point] = left_open(limits={"days_of_supply": limit})
    assert point.startswith(f"limits.days_of_supply has {lacks}; only 0 is critical")


DELEGATED = Release(parties=("cmo",))


@pytest.mark.parametrize(
    ("products", "what"),
    [
        (None, "of whatever is made"),
        (declared(pills=()), "of pills"),
        (declared(pills=("eu", "us")), "of pills"),
        (declared(a=("us",), b=("us",), c=("us",), d=("us",)), "of a, b, c and 1 more"),
        (declared(pills=("eu",), drops=("us",)), "of drops"),
    ],
)
def test_a_release_for_the_us_by_the_cmo_alone_is_told(
    products: Products | None, what: str
) -> None:
    [point] = left_open(products, release=DELEGATED)
    assert point.startswith(f"release {what} for the US is the CMO's alone; by 21 CFR 211.22(a)")


def test_a_release_by_the_cmo_alone_for_other_markets_is_fine() -> None:
    us = ReleaseException(market="us", parties=("cmo", "sponsor"))
    assert left_open(release=Release(parties=("cmo",), exceptions=(us,))) == []
    assert left_open(declared(pills=("eu",)), release=DELEGATED) == []
    eu = ReleaseException(market="eu", parties=("cmo",))
    assert left_open(release=Release(exceptions=(eu,))) == []


def test_one_product_that_the_cmo_alone_releases_is_told() -> None:
    bulk = ReleaseException(product="bulk", parties=("cmo",))
    [point] = left_open(release=Release(exceptions=(bulk,)))
    assert point.startswith("release of bulk for the US")


def test_a_product_that_is_not_declared_is_told_where_products_are() -> None:
    terms: dict[str, Any] = {
        "release": Release(exceptions=(ReleaseException(product="pils", within={"cmo": 1}),)),
        "product_roles": {"drop": {"sponsor": "cmo"}},
    }
    assert left_open(**terms) == []
    found = left_open(declared(pills=()), **terms)
    assert [point.split(" is ")[0] for point in found] == ["drop", "pils"]
