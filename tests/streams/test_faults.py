"""Every fault of a file is told at once, each with its line, and nothing that only follows."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.errors import InvalidAgreement
from streams.agreements import read_agreement, read_products

AGREEMENT = {
    "cmo: acme\n": {"cmo: 7\n": "cmo", "": "cmo"},
    'version: "1"\n': {"version: 1\n": "version", "": "version"},
    "effective: 2024-01-01\n": {"effective: 2024-02-30\n": "effective", "": "effective"},
    "end: 2024-12-31\n": {"end: 2020-12-31\n": "end", "end: never\n": "end"},
    "contingency: Call.\n": {'contingency: ""\n': "contingency", "": "contingency"},
    "zone: UTC\n": {"zone: Europe/Bern\n": "zone"},
    "colours: \n": {"colour: red\n": "colour"},
    "holidays: [2024-12-25]\n": {"holidays: [soon]\n": "holidays.0"},
    "cadence: {cmo.lots: 60}\n": {
        "cadence: {cmo.lost: 60}\n": "cadence.cmo.lost",
        "cadence: {cmo.lots: 0}\n": "cadence.cmo.lots",
        "cadence: {cmo.lots: often}\n": "cadence.cmo.lots",
    },
    "window: {early: 3, late: 1}\n": {"window: {early: -3, late: 1}\n": "window.early"},
    "sites: {dc: sponsor}\n": {
        "sites: {dc: them}\n": "sites.dc",
        "sites: {D C: cmo}\n": "sites.D C",
    },
    "release: {within: {cmo: 5}}\n": {
        "release: {parties: [cmo], within: {sponsor: 5}}\n": "release.within.sponsor",
        "release: {exceptions: [{market: us}]}\n": "release.exceptions.0",
    },
    "roles:\n  planner: {side: sponsor, contacts: [{email: a@x.example}]}\n": {
        "roles:\n  planner: {side: neither, contacts: [{email: a@x.example}]}\n": (
            "roles.planner.side"
        ),
        "roles:\n  planner: {side: sponsor, contacts: [{}]}\n": "roles.planner.contacts.0",
    },
    "  boss:\n    side: cmo\n    contacts: [{slack: '#boss'}]\n": {
        "  boss:\n    side: cmo\n    contacts: [{slack: boss}]\n": "roles.boss.contacts.0.slack",
        "  boss:\n    side: cmo\n": "roles.boss.contacts",
    },
    "limits:\n  delivery_otif: {warning: 0.9, critical: 0.8}\n": {
        "limits:\n  delivery_otf: {warning: 0.9}\n": "limits.delivery_otf",
        "limits:\n  delivery_otif: {warning: .nan}\n": "limits.delivery_otif.warning",
    },
    "  days_of_supply: {critical: 3}\n": {
        "  days_of_supply: {critical: -3}\n": "limits.days_of_supply",
        "  days_of_supply: {window_days: 3}\n": "limits.days_of_supply",
    },
    "ladder: [{role: planner, warning: 5}]\n": {
        "ladder: [{role: planner}]\n": "ladder.0",
        "ladder: [{role: nobody, critical: x}]\n": "ladder.0.critical",
    },
}
PRODUCTS = {
    'version: "1"\n': {"version: 1\n": "version", "": "version"},
    "effective: 2024-01-01\n": {"": "effective"},
    "sources: [{source: /s, speaker: sponsor}]\n": {
        "sources: [{source: /s, speaker: lab}]\n": "sources.0.speaker",
        "sources: [{source: '/{', speaker: sponsor}]\n": "sources.0.source",
    },
    "products:\n  pills:\n": {},
    "    unit: EA\n": {"    unit: pieces\n": "products.pills.unit", "": "products.pills.unit"},
    "    packs: {BX: 10}\n": {"    packs: {BX: 1.5}\n": "products.pills.packs.BX"},
    "    minimum_to_sell: 60\n": {"    minimum_to_sell: 901\n": "products.pills.minimum_to_sell"},
    "    shelf_life: 900\n    aliases: [Pill]\n": {},
    "  drops:\n    unit: EA\n": {
        "  drops:\n    unt: EA\n    unit: EA\n": "products.drops.unt",
    },
    "    cover: {warning: 9, critical: 3}\n": {
        "    cover: {warning: 1, critical: 3}\n": "products.drops.cover.critical",
        "    cover: {warning: -1}\n": "products.drops.cover.warning",
    },
    "  gel: {unit: EA}\n": {
        "  gel: {unit: EA, aliases: [pill]}\n": "products.gel.aliases",
        "  Gel: {unit: EA}\n": "products.Gel",
    },
}
RESTS_ON = {
    "end": {"effective"},
    "products.pills.packs.BX": {"products.pills.unit"},
}
"""What may be told only once something else is mended: whether it fits with that."""

Planted = list[tuple[str, str | None]]


def planted(parts: dict[str, dict[str, str]]) -> st.SearchStrategy[Planted]:
    """Lines of a file, some of them wrong; with each the place of what is wrong."""
    choices = [
        st.sampled_from([(good, None), *wrong.items()]) if wrong else st.just((good, None))
        for good, wrong in parts.items()
    ]
    return st.tuples(*choices).map(list)


def told_of(folder: Path, lines: Planted, name: str) -> list[tuple[int, str]]:
    path = folder / name
    path.write_text("".join(line for line, _ in lines if line != "colours: \n"), "utf-8")
    told = ""
    try:
        (read_products if name == "products.yaml" else read_agreement)(path)
    except InvalidAgreement as error:
        told = str(error)
    pattern = rf"{re.escape(str(path))}:(\d+): ([^:]+): \S.*"
    matches = [re.fullmatch(pattern, line) for line in told.splitlines()]
    assert all(matches), told
    return [(int(each[1]), each[2]) for each in matches if each]


def same(found: list[tuple[int, str]], lines: Planted) -> None:
    wrong = {place for _, place in lines if place}
    places = {place for _, place in found}
    apart = {place for place in wrong if RESTS_ON.get(place, set()) & wrong}
    assert wrong - apart <= places <= wrong
    assert len(found) == len(places)


@given(planted(AGREEMENT))
def test_every_fault_of_an_agreement_is_told_at_once(
    tmp_path_factory: pytest.TempPathFactory, lines: Planted
) -> None:
    same(told_of(tmp_path_factory.getbasetemp(), lines, "a.yaml"), lines)


@given(planted(PRODUCTS))
def test_every_fault_of_products_is_told_at_once(
    tmp_path_factory: pytest.TempPathFactory, lines: Planted
) -> None:
    same(told_of(tmp_path_factory.getbasetemp(), lines, "products.yaml"), lines)
