"""A first mapping is what a person has to correct, and no more than the table shows."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from events.adapters.guess import guess
from events.adapters.table import Table
from events.errors import InvalidMapping, UnreadableTable
from events.event import Event
from tests.events.adapters.tables import case
from tests.events.adapters.workbooks import Cell, Day, xlsx


def made_with(folder: Path, table: Path, **more: Any) -> list[Any]:
    """What the guessed mapping makes once a person has said the zone, and what more it needs."""
    path = folder / "map.yaml"
    mapping = {"zone": "Europe/Berlin", **yaml.safe_load(guess(table)), **more}
    path.write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
    return list(Table(path, table))


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("decimal/bestand.csv", 4),
        ("names/stock.csv", 8),
        ("months/my.csv", 2),
        ("notcsv/preamble.csv", 1),
        ("notcsv/sep.csv", 1),
        ("notcsv/trailing.csv", 1),
        ("notcsv/u16.csv", 1),
    ],
)
def test_only_the_zone_has_to_be_said_where_the_table_shows_the_rest(
    name: str, rows: int, tmp_path: Path
) -> None:
    made = made_with(tmp_path, case(name))
    assert [each for each in made if not isinstance(each, Event)] == []
    assert len(made) == rows


def test_the_zone_is_not_guessed() -> None:
    text = guess(case("partials/parts.csv"))
    assert "\n# zone: Europe/Berlin\n#   EDIT: " in text
    assert "zone" not in yaml.safe_load(text)


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "t.csv"
    path.write_bytes(text.encode(encoding))
    return path


STOCK = "Maker,Site,Product,Lot,Qty,Day"


def test_a_sign_that_nothing_shows_is_asked_for(tmp_path: Path) -> None:
    text = guess(written(tmp_path, f"{STOCK}\nN,P,V,L1,1.250,2026-03-31\n"))
    assert "EDIT: which sign is the decimal one" in text
    assert "decimal" not in yaml.safe_load(text)
    shown = yaml.safe_load(guess(written(tmp_path, f"{STOCK}\nN,P,V,L1,12.5,2026-03-31\n")))
    assert (shown["decimal"], shown["group"]) == (".", ",")


def test_a_date_that_may_be_read_in_two_ways_is_asked_for(tmp_path: Path) -> None:
    text = guess(written(tmp_path, f"{STOCK}\nN,P,V,L1,1,03/04/2026\n"))
    assert 'EDIT: say `date: "%m/%d/%Y"` or `date: "%d/%m/%Y"`: nothing shows which' in text
    (event,) = yaml.safe_load(text)["events"]
    assert event["fields"]["time"] == {"column": "Day"}
    text = guess(written(tmp_path, f"{STOCK}\nN,P,V,L1,1,03/04/2026\nN,P,V,L2,1,03/31/2026\n"))
    assert 'date: "%m/%d/%Y"}' in text
    assert "nothing shows which" not in text
    assert "EDIT: no usual format" in guess(written(tmp_path, f"{STOCK}\nN,P,V,L1,1,soon\n"))


def test_what_no_column_looks_like_is_left_to_the_person(tmp_path: Path) -> None:
    text = guess(written(tmp_path, "Who,Lot,Qty,Day\nN,L1,1,2026-03-31\n"))
    assert 'partitionkey: {column: "?"}  # EDIT: no column looks like it' in text
    (tmp_path / "map.yaml").write_text(text)
    left = r"partitionkey, data\.site, data\.product still says '\?'"
    with pytest.raises(InvalidMapping, match=left):
        Table(tmp_path / "map.yaml", tmp_path / "t.csv")


def test_letters_that_are_not_utf_8_are_asked_about(tmp_path: Path) -> None:
    text = guess(written(tmp_path, f"{STOCK}\nÄrzte,P,V,L1,1,2026-03-31\n", "cp1252"))
    assert 'encoding: "cp1252"  # EDIT: it is not UTF-8' in text
    assert "as in 'Ärzte'" in text


def test_words_of_states_are_offered_as_a_filter(tmp_path: Path) -> None:
    text = guess(
        written(
            tmp_path,
            "Maker,PO,Line,Qty,Delivered,Status\n"
            + "N,PO1,1,5,2026-03-31,ok\n" * 2
            + "N,PO1,2,5,2026-03-31,bad",
        )
    )
    assert '    # where: {"Status": ["bad", "ok"]}' in text


def test_a_workbook_is_guessed_with_its_sheet_and_its_numbers_are_asked_about(
    tmp_path: Path,
) -> None:
    rows: list[list[Cell]] = [[*STOCK.split(",")], ["N", "P", "V", 417, 1250, Day(46112)]]
    text = guess(xlsx(tmp_path / "book.xlsx", {"Stock": rows, "Notes": []}))
    assert 'sheet: "Stock"  # there are Stock, Notes' in text
    assert "data.lot: {column: \"Lot\"}  # as in '417'; EDIT: `numeric: true` if" in text
    assert 'time: {column: "Day"}' in text
    (refused,) = made_with(tmp_path, tmp_path / "book.xlsx")
    assert "`numeric: true`" in refused.reason


def test_what_is_no_table_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTable, match="a web page"):
        guess(case("notcsv/html.csv"))
    with pytest.raises(UnreadableTable, match="empty"):
        guess(written(tmp_path, ""))


def id_of(text: str) -> str:
    """The template of the id in a guessed mapping."""
    (event,) = yaml.safe_load(text)["events"]
    return str(event["fields"]["id"]["template"])


def test_an_id_is_guessed_of_the_columns_that_tell_rows_apart_and_never_counts(
    tmp_path: Path,
) -> None:
    rows = "N,P,V,L1,1,2026-03-31\nN,P,V,,1,2026-03-31\n"
    text = guess(written(tmp_path, f"{STOCK}\n{rows}"))
    assert id_of(text) == "{Maker}-{Site}-{Product}-{Day}-counted"
    assert "EDIT: rows give the same id" in text
    text = guess(written(tmp_path, f"{STOCK}\n{rows.replace(',,', ',L2,')}"))
    assert id_of(text) == "{Maker}-{Site}-{Product}-{Lot}-{Day}-counted"
    assert "rows give the same id" not in text


def test_rows_that_repeat_are_asked_about_before_they_are_counted(tmp_path: Path) -> None:
    parts = case("partials/parts.csv")
    assert "EDIT: rows give the same id" in guess(parts)
    assert guess(parts).endswith('      # columns that no field uses: "Item", "Due"\n')
    made = made_with(tmp_path, parts)
    assert [each.row for each in made] == [5]
    assert "row 4 gives the same id" in made[0].reason


def test_orders_without_deliveries_are_guessed_as_placed_by_the_sponsor(tmp_path: Path) -> None:
    rows = "Maker,PO,Line,Item No,Qty,Due\nN,1,1,Vial,5,31.03.2026\n"
    (event,) = yaml.safe_load(guess(written(tmp_path, rows)))["events"]
    assert event["type"] == "cmo.order.placed.v1"
    assert event["fields"]["onbehalfof"] == {"constant": "sponsor"}
    assert event["fields"]["data.product"] == {"column": "Item No"}
    assert event["fields"]["data.schedule.date"] == {"column": "Due", "date": "%d.%m.%Y"}


def test_units_are_guessed_with_the_codes_they_mean(tmp_path: Path) -> None:
    rows = "N,P,V,L1,1,2026-03-31,ST\nN,P,V,L2,1,2026-03-31,KGM\nN,P,V,L3,1,2026-03-31,Eimer\n"
    (event,) = yaml.safe_load(guess(written(tmp_path, f"{STOCK},UoM\n{rows}")))["events"]
    words = {"ST": "EA", "KGM": "KGM", "Eimer": "?"}
    assert event["fields"]["data.quantity.unit"] == {"column": "UoM", "words": words}


def test_a_month_written_as_day_00_is_guessed_as_its_last_day(tmp_path: Path) -> None:
    (event,) = yaml.safe_load(guess(case("months/gs1.csv")))["events"]
    form = {"column": "Exp", "date": "%y%m%d", "end_of_month": True}
    assert event["fields"]["data.expiry"] == form
    made = made_with(tmp_path, case("months/gs1.csv"))
    assert [str(each.data.expiry) for each in made] == ["2028-02-29", "2028-02-29"]


@pytest.mark.parametrize(
    "rest", ["417.0,2.5,02.2028", "02.5,V 2,08.30", "L1,1.250.000,5", "L1,0.5,12.5"]
)
def test_signs_are_taken_from_numbers_and_from_nothing_that_looks_like_one(
    rest: str, tmp_path: Path
) -> None:
    header = "Maker,Site,Qty,Day,Lot,Product,Exp"
    text = guess(written(tmp_path, f"{header}\nN,P,1.250,2026-03-31,{rest}\n"))
    assert "decimal" not in yaml.safe_load(text)
    assert "EDIT: which sign is the decimal one" in text
    text = guess(written(tmp_path, f"{header}\nN,P,12.5,2026-03-31,{rest}\n"))
    assert 'decimal: "."  # as 12.5 shows' in text


def test_a_column_with_gaps_is_in_the_id_where_it_tells_rows_apart_else_that_is_said(
    tmp_path: Path,
) -> None:
    day, rows = "1,2026-03-31", "N,P,V,L1,{0}\nN,P,V,L2,{0}\nN,P,V,,{0}\n"
    text = guess(written(tmp_path, f"{STOCK}\n{rows.format(day)}"))
    assert id_of(text) == "{Maker}-{Site}-{Product}-{Lot}-{Day}-counted"
    assert "Lot is empty in 1 of 3 rows, which get no id and are refused" in text
    assert "rows give the same id" not in text
    text = guess(written(tmp_path, f"{STOCK}\nN,P,V,L1,{day}\nN,P,W,,{day}\n"))
    assert id_of(text) == "{Maker}-{Site}-{Product}-{Day}-counted"
    assert "EDIT: Lot is empty in 1 of 2 rows, so that it is left out of the id" in text
