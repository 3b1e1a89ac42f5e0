"""Small files as people really have them: right, or refused with what to do."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from events.errors import InvalidMapping, UnreadableTable
from tests.events.adapters.tables import BERLIN, Imported, case, case_mapping, with_field

Run = Callable[..., Imported]
NUMBERED = {"template": "{Lot}-{Day}-{n}-count"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def imported(table: str, mapping: dict[str, Any], **given: Any) -> Imported:
        read = Imported(tmp_path, case(table), {"zone": "Europe/Berlin", **mapping}, **given)
        assert read.counts.add_up
        return read

    return imported


# --- decimal


def test_numbers_of_a_german_export_are_read_as_its_settings_say(run: Run) -> None:
    signs = {"decimal": ",", "group": "."}
    got = run("decimal/bestand.csv", case_mapping("decimal/map.yaml", **signs))
    assert [each.quantity.value for each in got.data] == [1250, 12500, 1250.5, 98.75]
    assert got.errors == []


def test_without_settings_none_of_them_is_guessed_and_the_setting_is_named(run: Run) -> None:
    got = run("decimal/bestand.csv", case_mapping("decimal/map.yaml"))
    assert got.events == []
    assert {row: "`decimal" in why for row, why in got.reasons.items()} == dict.fromkeys(
        (2, 3, 4, 5), True
    )
    assert "1250 or 1.25?" in got.reasons[2]


# --- names


def test_names_of_many_scripts_stay_apart(run: Run) -> None:
    got = run("names/stock.csv", case_mapping("names/map.yaml"))
    assert [(e.partitionkey, e.data.product) for e in got.events] == [  # type: ignore[attr-defined]
        ("nordhafen", "interferon-alpha"),
        ("nordhafen", "interferon-beta"),
        ("lodzka-farmacja", "tabletki"),
        ("odzka-farmacja", "tabletki"),
        ("shanghaizhiyao-1chang", "pianji"),
        ("beijingzhiyao-1chang", "pianji-5mg"),
        ("rodovre-steril", "vial-minus-20-c"),
        ("rodovre-steril", "vial-plus-20-c"),
    ]


# --- partials


def test_an_id_that_rows_share_is_told_with_both_rows_and_nothing_is_made(run: Run) -> None:
    got = run("partials/parts.csv", case_mapping("partials/map.yaml"))
    assert got.events == []
    assert [(each.row, each.value) for each in got.errors] == [
        (3, "4800-10-delivered"),
        (5, "4801-10-delivered"),
    ]
    assert "row 2 gives the same id" in got.reasons[3]
    assert "{n}" in got.reasons[3]
    assert (got.counts.refused, got.counts.withheld) == (4, 2)


def test_an_ordinal_keeps_partial_deliveries_apart(run: Run) -> None:
    numbered = {"template": "{PO}-{Pos}-{n}-delivered"}
    got = run("partials/parts.csv", with_field(case_mapping("partials/map.yaml"), "id", numbered))
    assert [(each.id, each.data.quantity.value) for each in got.events] == [  # type: ignore[attr-defined]
        ("4800-10-1-delivered", 400),
        ("4800-10-2-delivered", 600),
        ("4801-10-1-delivered", 500),
        ("4801-10-2-delivered", 500),
    ]


# --- spreadsheet


def test_what_a_spreadsheet_leaves_is_taken_off_where_certain_and_refused_where_not(
    run: Run,
) -> None:
    mapping = with_field(case_mapping("spreadsheet/map.yaml"), "id", NUMBERED)
    got = run("spreadsheet/lots.csv", mapping)
    assert [each.lot for each in got.data] == [
        *("00417", "00417", "00418", "00419", "LOT 1", "LOT 1", "LOT-2", "LOT-2", "LOT-4")
    ]
    said = {
        6: "shortened",
        7: "shortened",
        12: "line break",
        14: "zeros before it",
        15: "empty: ['N/A']",
        16: "no value",
        17: "needs column 'Lot'",
    }
    assert {row: why in got.reasons[row] for row, why in said.items()} == dict.fromkeys(said, True)
    assert set(got.reasons) == set(said)


# --- not CSV


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("book.csv", r"begins as a workbook.*cannot be read as one.*save it again"),
        ("html.csv", r"a web page or XML: open it in a spreadsheet and save it"),
        ("preamble.csv", r"no column 'Lot'.*; row 4 has them: say `skip: 3`"),
    ],
)
def test_a_file_that_is_no_such_table_is_named_with_what_to_do(
    run: Run, file: str, why: str
) -> None:
    with pytest.raises(UnreadableTable, match=why):
        run(f"notcsv/{file}", case_mapping("notcsv/map.yaml"))


@pytest.mark.parametrize(
    ("file", "settings"),
    [("preamble.csv", {"skip": 3}), ("sep.csv", {}), ("u16.csv", {})],
)
def test_what_comes_before_the_rows_is_passed_over(
    run: Run, file: str, settings: dict[str, Any]
) -> None:
    got = run(f"notcsv/{file}", case_mapping("notcsv/map.yaml", **settings))
    assert [each.lot for each in got.data] == ["L1"]
    assert got.errors == []


def test_a_separator_that_the_file_names_otherwise_is_told(run: Run) -> None:
    with pytest.raises(UnreadableTable, match="',' divides its cells; the mapping says ';'"):
        run("notcsv/sep.csv", case_mapping("notcsv/map.yaml", delimiter=";"))


def test_a_row_of_totals_is_told_and_passed_over_once_it_is_said(run: Run) -> None:
    got = run("notcsv/total.csv", case_mapping("notcsv/map.yaml"))
    assert "`ignore: [{Maker: Total}]`" in got.reasons[3]
    got = run("notcsv/total.csv", case_mapping("notcsv/map.yaml", ignore=[{"Maker": "Total"}]))
    assert (got.errors, got.counts.used, got.counts.unmatched) == ([], 1, 1)


def test_a_comma_at_the_end_is_told_and_taken_off_once_it_is_said(run: Run) -> None:
    got = run("notcsv/trailing.csv", case_mapping("notcsv/map.yaml"))
    assert "`trailing_delimiter: true`" in got.reasons[2]
    got = run("notcsv/trailing.csv", case_mapping("notcsv/map.yaml", trailing_delimiter=True))
    assert ([each.lot for each in got.data], got.errors) == (["L1"], [])


def test_numbers_are_plain_or_refused(run: Run) -> None:
    got = run("notcsv/nums.csv", case_mapping("notcsv/map.yaml"))
    assert {each.lot: each.quantity.value for each in got.data} == {"L14": 100}
    told = {
        2: "accounting: true",
        3: "accounting: true",
        4: "`group`",
        5: "`group`",
        6: "`group`",
        7: "shortened",
        8: "the unit has a field",
        9: "not a plain number",
        10: "not a plain number",
        11: "negative",
        12: "not a plain",
        13: "not a plain",
        14: "not a plain number",
    }
    assert {row: why in got.reasons[row] for row, why in told.items()} == dict.fromkeys(told, True)


def test_numbers_of_accounts_are_read_as_the_settings_say(run: Run) -> None:
    adjusted = case_mapping("notcsv/map.yaml", accounting=True, group=",", empty=["-", "N/A"])
    fields = adjusted["events"][0]["fields"]
    for part in ("value", "unit"):
        fields[f"data.delta.{part}"] = fields.pop(f"data.quantity.{part}")
    fields["data.reason"] = {"constant": "counted"}
    adjusted["events"][0]["type"] = "cmo.stock.adjusted.v1"
    got = run("notcsv/nums.csv", adjusted)
    assert {each.lot: each.delta.value for each in got.data} == {
        "L1": -100,
        "L2": -100,
        "L3": 1250,
        "L10": -5,
        "L14": 100,
    }
    assert "empty, and needed" in got.reasons[9]


def test_days_are_read_only_as_declared_and_the_reading_is_offered(run: Run) -> None:
    mapping = with_field(case_mapping("notcsv/map.yaml"), "id", {"template": "{Lot}"})
    got = run("notcsv/dates.csv", mapping)
    assert [each.data.lot for each in got.events] == ["L6", "L7"]  # type: ignore[attr-defined]
    begin, noon = datetime(2026, 3, 30, 22, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC)
    assert [each.time for each in got.events] == [begin, noon]
    offered = {
        2: "'serial'` would",
        3: "'%d.%m.%Y'` would",
        4: "'%m/%d/%y'` would",
        5: "'%Y%m%d'` would",
        6: "'%G-W%V-%u'` would",
    }
    for row, form in offered.items():
        assert f"`date: {form} read it as 2026-03-31" in got.reasons[row]
    assert set(got.reasons) == {2, 3, 4, 5, 6, 9, 10, 11, 12, 13}


def test_a_column_may_have_several_formats_that_leave_one_reading(run: Run) -> None:
    forms = ["serial", "%d.%m.%Y", "%m/%d/%y", "%Y%m%d", "%G-W%V-%u", "%Y-%m-%d"]
    day = {"column": "Day", "date": forms}
    mapping = with_field(case_mapping("notcsv/map.yaml"), "id", {"template": "{Lot}"})
    for name in ("time", "recordedtime"):
        mapping = with_field(mapping, name, day)
    got = run("notcsv/dates.csv", mapping)
    assert {each.data.lot: each.time for each in got.events} == dict.fromkeys(  # type: ignore[attr-defined]
        ("L1", "L2", "L3", "L4", "L5", "L11"), datetime(2026, 3, 31, tzinfo=BERLIN)
    )


# --- filters


def test_rows_that_no_event_is_for_are_counted_by_what_they_hold(run: Run) -> None:
    got = run("filters/t.csv", case_mapping("filters/map.yaml"))
    assert (got.items, got.counts.read, got.counts.unmatched) == ([], 4, 4)
    assert got.counts.found["Status = 'DELIVERED'"] == 1


def test_several_words_may_choose_an_event(run: Run) -> None:
    mapping = case_mapping("filters/map.yaml")
    mapping["events"][0]["where"]["Status"] = ["Delivered", "DELIVERED"]
    assert [each.line for each in run("filters/t.csv", mapping).data] == ["1", "2"]


# --- months


def test_day_00_is_the_last_of_its_month_where_it_is_said(run: Run) -> None:
    got = run("months/gs1.csv", case_mapping("months/gs1.yaml"))
    assert "`end_of_month: true`" in got.reasons[2]
    said = {"column": "Exp", "date": "%y%m%d", "end_of_month": True}
    got = run("months/gs1.csv", with_field(case_mapping("months/gs1.yaml"), "data.expiry", said))
    assert [each.expiry for each in got.data] == [date(2028, 2, 29)] * 2


def test_a_month_is_its_last_day_and_a_word_for_nothing_is_declared(run: Run) -> None:
    with pytest.raises(InvalidMapping, match="names no day; say `end_of_month: true`"):
        run("months/my.csv", case_mapping("months/my.yaml"))
    said = {"column": "Exp", "date": "%m/%Y", "end_of_month": True}
    mapping = with_field(case_mapping("months/my.yaml"), "data.expiry", said)
    assert "not a date" in run("months/my.csv", mapping).reasons[3]
    got = run("months/my.csv", {**mapping, "empty": ["N/A"]})
    assert [each.expiry for each in got.data] == [date(2028, 2, 29), None]
