"""Several rows that are one event: all of them, or nothing."""

from pathlib import Path
from typing import Any

import pytest

from events.adapters import making
from events.adapters.mapping import EventMapping
from tests.events.adapters.tables import Imported, counted

FIELDS: dict[str, Any] = {
    "id": {"template": "{Report}-{Site}"},
    "source": {"constant": "/import"},
    "partitionkey": {"column": "Maker"},
    "time": {"column": "Day"},
    "data.site": {"column": "Site"},
    "data.list": {"column": "Report"},
    "data.positions.product": {"column": "Product"},
    "data.positions.lot": {"column": "Lot"},
    "data.positions.status": {"column": "Status"},
    "data.positions.quantity.value": {"column": "Qty"},
    "data.positions.quantity.unit": {"constant": "EA"},
}
BY = {"into": "data.positions", "by": ["Maker", "Site", "Report"]}
LISTED: dict[str, Any] = {"type": "cmo.stock.listed.v1", "gather": BY, "fields": FIELDS}
HEADER = "Maker,Site,Report,Product,Lot,Status,Qty,Day"


def row(lot: str = "L1", site: str = "P1", **given: Any) -> str:
    qty, status, day = given.get("qty", 5), given.get("status", "blocked"), given.get("day", 31)
    return f"Acme,{site},R1,Vial,{lot},{status},{qty},2026-03-{day}"


def imported(folder: Path, *rows: str, events: Any = (LISTED,)) -> Imported:
    path = folder / "table.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    found = Imported(folder, path, {"zone": "UTC", "events": list(events)})
    assert found.counts.add_up
    return found


def lots(found: Imported) -> dict[str, list[str | None]]:
    return {each.site: [position.lot for position in each.positions] for each in found.data}


def test_rows_of_one_list_are_one_event_wherever_they_stand(tmp_path: Path) -> None:
    found = imported(tmp_path, row("A"), row("B", "P2"), row("C"))
    assert lots(found) == {"p1": ["A", "C"], "p2": ["B"]}
    assert (found.counts.used, found.errors) == (3, [])


@pytest.mark.parametrize("bad", [row("C", qty="x"), row("C", status="lost"), row("C", day=30)])
def test_with_one_row_of_an_event_all_are_refused_and_no_other(tmp_path: Path, bad: str) -> None:
    found = imported(tmp_path, row("A"), row("B", "P2"), bad)
    assert lots(found) == {"p2": ["B"]}
    assert (found.counts.used, found.counts.refused) == (1, 2)
    assert 4 in found.reasons


def test_a_value_the_contract_refuses_is_told_at_its_row(tmp_path: Path) -> None:
    found = imported(tmp_path, row("A"), row("B"), row("C", qty=-1))
    assert found.data == []
    assert {each.row: each.column for each in found.errors} == {4: "Qty"}
    assert found.counts.refused == 3


@pytest.mark.parametrize("bad", ["Acme,P1,R1,Vial,L9", "Total,,,,,,10,", HEADER])
def test_a_row_that_cannot_be_read_may_be_one_of_any_event(tmp_path: Path, bad: str) -> None:
    found = imported(tmp_path, row("A"), row("B", "P2"), bad)
    assert found.data == []
    assert found.counts.refused == 3
    assert "row 4 is refused" in found.reasons[2]
    assert "row 4 is refused" in found.reasons[3]


def test_an_event_of_more_bytes_than_a_message_may_have_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "LARGEST_EVENT", 2_000)
    rows = [row(f"L{n}") for n in range(40)]
    found = imported(tmp_path, *rows, row("A", "P2"))
    assert lots(found) == {"p2": ["A"]}
    assert (found.counts.used, found.counts.refused) == (1, 40)
    assert "where 2,000 is the most: gather by more columns" in found.reasons[2]


def test_two_events_with_one_id_are_told_as_two_rows_are(tmp_path: Path) -> None:
    one_id = {**LISTED, "fields": {**FIELDS, "id": {"template": "{Report}"}}}
    found = imported(tmp_path, row("A"), row("B"), row("C", "P2"), events=[one_id])
    assert found.data == []
    assert list(found.reasons) == [4]
    assert "row 2 gives the same id" in found.reasons[4]
    assert "differ in Maker or Site or Report" in found.reasons[4]
    assert (found.counts.refused, found.counts.withheld) == (3, 2)


def test_a_row_may_be_an_event_of_its_own_besides(tmp_path: Path) -> None:
    own = counted(id={"template": "{Lot}"})
    found = imported(tmp_path, row("A"), row("B", qty="x"), row("C", "P2"), events=[LISTED, own])
    assert [each.type for each in found.events] == [
        *("cmo.stock.counted.v1", "cmo.stock.counted.v1", "cmo.stock.listed.v1")
    ]
    assert (found.counts.used, found.counts.refused) == (1, 2)


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ({"gather": {**BY, "into": "data.site"}}, "data.site is no list among the fields"),
        ({"gather": {**BY, "by": []}}, "at least 1 item"),
        ({"fields": {**FIELDS, "id": {"template": "{Site}-{n}"}}}, "gathered are one event"),
    ],
)
def test_what_cannot_be_gathered_is_told_by_the_mapping(mapping: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        EventMapping.model_validate({**LISTED, **mapping})
