"""Products: what cannot be is refused with its place, and a version has its day."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.errors import InvalidAgreement
from alerts.products import Cover, Product, Products, ProductVersions
from events.data import Speaker
from events.sources import Source

DAY = date(2024, 1, 1)


def products(effective: date = DAY, **each: Product) -> Products:
    declared = {name.replace("_", "-"): product for name, product in each.items()}
    return Products(version="1", effective=effective, products=declared or {"p": product()})


def product(**how: Any) -> Product:
    return Product(**{"unit": "EA", **how})


def test_the_least_of_a_product_is_its_unit() -> None:
    declared = product()
    assert (declared.packs, declared.markets, declared.aliases) == ({}, (), ())
    assert {source.source for source in products().sources} == {"/sponsor", "/import"}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"unit": "pieces"}, "unit"),
        ({"packs": {"BX": 0}}, "packs.BX"),
        ({"packs": {"BX": 2.5}}, "packs.BX: 2.5 is no whole number of pieces"),
        ({"packs": {"EA": 10}}, "packs.EA: EA is the unit itself"),
        ({"packs": {"box": 10}}, "packs.box"),
        ({"markets": ("eu", "EU")}, "markets: eu stands there twice"),
        ({"aliases": ("Pills", "PILLS ")}, "aliases: pills stands there twice"),
        ({"shelf_life": 0}, "shelf_life"),
        (
            {"shelf_life": 100, "minimum_at_receipt": 101},
            "minimum_at_receipt: 101 days are more than shelf_life, 100 days",
        ),
        (
            {"minimum_at_receipt": 50, "minimum_to_sell": 51},
            "minimum_to_sell: 51 days are more than minimum_at_receipt, 50 days",
        ),
        (
            {"shelf_life": 50, "minimum_to_sell": 51},
            "minimum_to_sell: 51 days are more than shelf_life, 50 days",
        ),
        ({"us_application": "NDA"}, "us_application"),
    ],
)
def test_what_cannot_be_is_refused(how: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        product(**how)


def test_kilograms_may_come_in_parts() -> None:
    assert product(unit="KGM", packs={"BG": 2.5}).packs == {"BG": 2.5}


@pytest.mark.parametrize(
    ("warning", "critical", "reason"),
    [(10, 20, "critical: 20 is more than warning 10"), (None, None, "says nothing")],
)
def test_cover_that_cannot_be_is_refused(
    warning: int | None, critical: int | None, reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        Cover(warning=warning, critical=critical)


@pytest.mark.parametrize(("warning", "critical"), [(20, 10), (10, 10), (20, None), (None, 0)])
def test_cover_may_warn_be_critical_or_both(warning: int | None, critical: int | None) -> None:
    assert Cover(warning=warning, critical=critical).critical == critical


def test_one_name_is_of_one_product() -> None:
    with pytest.raises(ValidationError, match=r"products\.drops\.aliases: a b is a name of pills"):
        products(pills=product(aliases=("A  b",)), drops=product(aliases=("a B",)))
    signs = ("Vial −20 °C",), ("Vial +20 °C",)
    assert products(cold=product(aliases=signs[0]), warm=product(aliases=signs[1]))


@pytest.mark.parametrize(
    ("source", "speaker", "reason"),
    [
        ("/cmo/{cmo}", Speaker.SPONSOR, "sources.0.source: what is needed is no CMO's"),
        ("/acme", Speaker.CMO, "sources.0.speaker: only the sponsor"),
    ],
)
def test_only_the_sponsor_says_what_is_needed(source: str, speaker: Speaker, reason: str) -> None:
    said = (Source(source=source, speaker=speaker),)
    with pytest.raises(ValidationError, match=reason):
        Products(version="1", effective=DAY, sources=said, products={"p": product()})


def test_a_version_holds_until_the_next_one() -> None:
    first, second = products(), products(date(2024, 3, 1))
    versions = ProductVersions([second, first])
    days = date(2023, 12, 31), DAY, date(2024, 2, 29), date(2024, 3, 1)
    assert [versions.of(day) for day in days] == [None, first, first, second]
    with pytest.raises(InvalidAgreement, match="two versions effective on 2024-01-01"):
        ProductVersions([first, first])
