"""Workbooks are read as they are: numbers are numbers, days are days, errors are no empty cells."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from events.adapters import workbook
from events.errors import UnreadableTable
from tests.events.adapters.tables import COLUMNS, Imported, counted
from tests.events.adapters.workbooks import Cell, Day, Raw, ods, xlsx

MARCH_31 = Day(46112)
EXPIRY = {"data.expiry": {"column": "Exp"}}
Sheet = list[list[Cell]]
Read = Callable[..., Imported]


def sheet(*rows: list[Cell]) -> Sheet:
    return [[*COLUMNS], *rows]


def row(lot: Cell = "L1", qty: Cell = 100, day: Cell = MARCH_31) -> list[Cell]:
    return ["Nordhafen", "P1", "Vial", lot, qty, day]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def imported(*rows: list[Cell], merged: str = "", **settings: Any) -> Imported:
        file = xlsx(tmp_path / "book.csv", {"Notes": [], "Stock": sheet(*rows)}, merged)
        mapping = {"zone": "UTC", "sheet": "Stock", "events": [counted()], **settings}
        got = Imported(tmp_path, file, mapping)
        assert got.counts.add_up
        return got

    return imported


def test_a_sheet_is_read_by_its_name_whatever_the_file_is_called(read: Read) -> None:
    got = read(row("00417", 1250.5), row("L2", 980))
    assert [(each.lot, each.quantity.value) for each in got.data] == [
        ("00417", 1250.5),
        ("L2", 980),
    ]
    assert {each.time.date() for each in got.events} == {date(2026, 3, 31)}
    assert got.errors == []


def test_numbers_of_a_workbook_need_no_signs_and_mind_none(read: Read) -> None:
    got = read(row("L1", 1.25), row("L2", 1250), decimal=",", group=".")
    assert [each.quantity.value for each in got.data] == [1.25, 1250]


def test_a_sheet_that_is_not_named_or_not_there_is_told_with_those_there_are(
    read: Read, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableTable, match=r"this is a workbook.*`sheet`.*'Notes', 'Stock'"):
        read(row(), sheet=None)
    with pytest.raises(UnreadableTable, match="no sheet 'stock'; there are 'Notes', 'Stock'"):
        read(row(), sheet="stock")
    with pytest.raises(UnreadableTable, match="empty"):
        read(row(), sheet="Notes")


def test_a_mapping_of_a_sheet_refuses_a_file_of_text(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UnreadableTable, match="names the sheet 'Stock', and this is no workbook"):
        Imported(tmp_path, tmp_path / "table.csv", {"sheet": "Stock", "events": [counted()]})


def test_a_number_in_place_of_a_lot_number_is_refused_until_it_is_said_to_be_one(
    read: Read,
) -> None:
    got = read(row(417))
    assert "`numeric: true`" in got.reasons[2]
    numeric = [counted(**{"data.lot": {"column": "Lot", "numeric": True}})]
    assert [each.lot for each in read(row(417), events=numeric).data] == ["417"]
    for lot in (417.5, 4.17e15):
        assert "no whole number of at most 15 digits" in read(row(lot), events=numeric).reasons[2]


def test_a_day_in_place_of_a_lot_number_is_refused(read: Read) -> None:
    assert "a day in the workbook" in read(row(MARCH_31)).reasons[2]


@pytest.mark.parametrize(
    "cell",
    [
        Raw('<c r="{at}" t="e"><v>#N/A</v></c>'),
        Raw('<c r="{at}" t="e"><f>1/0</f><v>#DIV/0!</v></c>'),
        Raw('<c r="{at}"><f>A1</f></c>'),
        Raw('<c r="{at}"><f>A1</f><v></v></c>'),
    ],
)
def test_an_error_or_a_formula_without_its_value_is_no_empty_cell(read: Read, cell: Raw) -> None:
    got = read(row(cell), row("L2"))
    assert "no value" in got.reasons[2]
    assert [each.lot for each in got.data] == ["L2"]


def test_merged_cells_leave_open_what_a_row_says(read: Read) -> None:
    got = read(row("L1"), row(None), row("L3"), merged="D2:D3")
    assert {n: "unmerge them" in why for n, why in got.reasons.items()} == {2: True, 3: True}
    assert [each.lot for each in got.data] == ["L3"]


def test_a_title_above_the_columns_may_be_merged_and_is_passed_over(
    tmp_path: Path,
) -> None:
    rows: Sheet = [["Stock report"], *sheet(row())]
    file = xlsx(tmp_path / "book.xlsx", {"Stock": rows}, "A1:F1")
    mapping = {"zone": "UTC", "sheet": "Stock", "skip": 1, "events": [counted()]}
    got = Imported(tmp_path, file, mapping)
    assert ([each.lot for each in got.data], got.errors) == (["L1"], [])
    with pytest.raises(UnreadableTable, match="say `skip: 1`"):
        Imported(tmp_path, file, {**mapping, "skip": 0})


def test_an_ods_workbook_is_read_alike(tmp_path: Path) -> None:
    day = Raw('<table:table-cell office:value-type="date" office:date-value="2026-03-31"/>')
    error = Raw(
        '<table:table-cell office:value-type="string"><text:p>#N/A</text:p></table:table-cell>'
    )
    rows = sheet(row("00417", 1250.5, day), row(417, 1, day), row(error, 1, day))
    file = ods(tmp_path / "book.ods", {"Stock": rows})
    mapping = {"zone": "UTC", "sheet": "Stock", "events": [counted()]}
    got = Imported(tmp_path, file, mapping)
    assert [(each.lot, each.quantity.value) for each in got.data] == [("00417", 1250.5)]
    assert "`numeric: true`" in got.reasons[3]
    assert "no value" in got.reasons[4]
    assert got.counts.add_up


def test_errors_and_merged_cells_of_an_ods_workbook_are_no_empty_ones(tmp_path: Path) -> None:
    day = Raw('<table:table-cell office:value-type="date" office:date-value="2026-03-31"/>')
    error = Raw(
        '<table:table-cell table:formula="of:=1/0" office:value-type="string" '
        'office:string-value="" calcext:value-type="error"><text:p>#DIV/0!</text:p>'
        "</table:table-cell>"
    )
    unworked = Raw('<table:table-cell table:formula="of:=A1"/>')
    twice = Raw('<table:table-cell table:number-columns-repeated="2" office:value-type="string">')
    two_rows = Raw(
        '<table:table-cell table:number-rows-spanned="2" office:value-type="string">'
        "<text:p>M1</text:p></table:table-cell>"
    )
    covered = Raw("<table:covered-table-cell/>")
    same = Raw(f"{twice}<text:p>Vial</text:p></table:table-cell>")
    rows = sheet(
        row(error, 1, day),
        row(unworked, 1, day),
        ["Nordhafen", same, error, 1, day],
        row(two_rows, 1, day),
        row(covered, 1, day),
        row("L2", 1, day),
    )
    file = ods(tmp_path / "book.ods", {"Other": [[error]], "Stock": rows})
    mapping = {"zone": "UTC", "sheet": "Stock", "events": [counted()]}
    got = Imported(tmp_path, file, mapping)
    assert [each.lot for each in got.data] == ["L2"]
    assert {n: "no value" in why or "unmerge" in why for n, why in got.reasons.items()} == (
        dict.fromkeys((2, 3, 4, 5, 6), True)
    )
    assert {each.column for each in got.errors if each.row == 4} == {"Lot", "Lot, Day"}


def test_a_workbook_beyond_the_bound_or_broken_is_unreadable(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = xlsx(tmp_path / "book.xlsx", {"Stock": sheet(row())})
    broken.write_bytes(broken.read_bytes()[:-40])
    mapping = {"zone": "UTC", "sheet": "Stock", "events": [counted()]}
    with pytest.raises(UnreadableTable, match="cannot be read as one"):
        Imported(tmp_path, broken, mapping)
    monkeypatch.setattr(workbook, "LARGEST_WORKBOOK", 1_000)
    with pytest.raises(UnreadableTable, match="a workbook of more than"):
        read(row())


def test_a_workbook_is_loaded_once(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Path] = []
    load = workbook._content

    def content(path: Path) -> bytes:
        loaded.append(path)
        return load(path)

    monkeypatch.setattr(workbook, "_content", content)
    assert len(read(row("L1"), row("L2")).events) == 2
    assert len(loaded) == 1
