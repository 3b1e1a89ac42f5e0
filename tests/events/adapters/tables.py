"""Tables as people have them, and what an import makes of them."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from events.adapters.base import RowError
from events.adapters.table import Counts, Table
from events.event import Event

ROOT = Path(__file__).resolve().parents[3]
_NAMED = os.environ.get("CMOWATCH_CASES")
CASES = Path(_NAMED) if _NAMED else ROOT.parent / "shared" / "cases"

COUNTED: dict[str, Any] = {
    "type": "cmo.stock.counted.v1",
    "fields": {
        "id": {"template": "{Lot}-{Day}-{n}-count"},
        "source": {"constant": "/import"},
        "onbehalfof": {"constant": "cmo"},
        "partitionkey": {"column": "Maker"},
        "time": {"column": "Day"},
        "data.site": {"column": "Site"},
        "data.product": {"column": "Product"},
        "data.lot": {"column": "Lot"},
        "data.quantity.value": {"column": "Qty"},
        "data.quantity.unit": {"constant": "KGM"},
    },
}
COLUMNS = ("Maker", "Site", "Product", "Lot", "Qty", "Day")
BERLIN = ZoneInfo("Europe/Berlin")


def counted(**fields: Any) -> dict[str, Any]:
    """A mapping of stock counts, with some of its fields otherwise."""
    return {**COUNTED, "fields": {**COUNTED["fields"], **fields}}


class Imported:
    """What came out of a table: events, errors and counts."""

    def __init__(self, folder: Path, table: Path, mapping: Mapping[str, Any], **given: Any) -> None:
        path = folder / "mapping.yaml"
        path.write_text(yaml.safe_dump(dict(mapping), allow_unicode=True), encoding="utf-8")
        read = Table(path, table, **given)
        self.items: list[Event | RowError] = list(read)
        self.counts: Counts = read.counts

    @property
    def events(self) -> list[Event]:
        return [each for each in self.items if isinstance(each, Event)]

    @property
    def data(self) -> list[Any]:
        return [each.data for each in self.events]

    @property
    def errors(self) -> list[RowError]:
        return [each for each in self.items if isinstance(each, RowError)]

    @property
    def reasons(self) -> dict[int, str]:
        """By row, everything that is told of it."""
        told: dict[int, str] = {}
        for each in self.errors:
            told[each.row] = f"{told.get(each.row, '')}{each.reason}\n"
        return told


def case(name: str) -> Path:
    """A file of the cases, which are not part of the project."""
    path = CASES / name
    if not path.exists():
        missing = f"{path} is missing; name the folder of the cases in CMOWATCH_CASES"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return path


def case_mapping(name: str, **more: Any) -> dict[str, Any]:
    """The mapping of a case, with settings of its own."""
    return {**yaml.safe_load(case(name).read_text(encoding="utf-8")), **more}


def with_field(mapping: dict[str, Any], name: str, value: dict[str, Any]) -> dict[str, Any]:
    """The mapping with one field of its one event otherwise."""
    (event,) = mapping["events"]
    return {**mapping, "events": [{**event, "fields": {**event["fields"], name: value}}]}
