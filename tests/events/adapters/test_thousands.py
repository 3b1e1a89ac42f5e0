"""A number a thousand times too small is refused where that is sure, and told where it may be."""

from pathlib import Path
from typing import Any

import pytest

from tests.events.adapters.tables import COLUMNS, Imported, counted

NOTE = "every number with '.' in Qty has three digits after it: read as 1.25, not 1250"


def imported(folder: Path, *numbers: str, unit: str, **signs: str) -> Imported:
    """A table of one number a row, of one unit."""
    rows = [f'N,P,V,L{at},"{text}",2026-03-31' for at, text in enumerate(numbers)]
    table = folder / "t.csv"
    table.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    fields: dict[str, Any] = {"data.quantity.unit": {"constant": unit}}
    mapping = {"zone": "UTC", "events": [counted(**fields)], **({"decimal": "."} | signs)}
    return Imported(folder, table, mapping)


def told(got: Imported) -> list[str]:
    return [each for each in got.counts.notes if "three digits" in each]


@pytest.mark.parametrize("unit", ["EA", "H87"])
def test_pieces_that_are_whole_only_by_the_other_signs_stop_the_table(
    unit: str, tmp_path: Path
) -> None:
    got = imported(tmp_path, "1.250", "12.500", "2.000", "980", unit=unit)
    assert got.events == []
    assert sorted(got.reasons) == [2, 3]
    assert (
        "1.25 is a fraction of pieces, which are whole; decimal ',' and group '.' would read "
        in (got.reasons[2])
    )
    assert got.counts.withheld == 2


def test_a_fraction_of_pieces_stops_its_own_row_where_the_column_shows_the_sign(
    tmp_path: Path,
) -> None:
    got = imported(tmp_path, "1.250", "12.5", "980", unit="EA")
    assert sorted(got.reasons) == [2, 3]
    assert "12.5 EA is a fraction of pieces" in got.reasons[3]
    assert [each.quantity.value for each in got.data] == [980]


def test_of_other_units_it_is_told_while_no_number_shows_the_sign(tmp_path: Path) -> None:
    got = imported(tmp_path, "1.250", "12.500", "980", unit="KGM")
    assert [each.quantity.value for each in got.data] == [1.25, 12.5, 980]
    assert told(got) == [NOTE]
    assert told(imported(tmp_path, "1.250", "980", unit="KGM", group=",")) == [NOTE]
    for shows in ("12.5", "0.250", "1250.000"):
        assert told(imported(tmp_path, "1.250", shows, unit="KGM")) == []
    assert told(imported(tmp_path, "1.250", unit="KGM", decimal=",", group=".")) == []
    assert told(imported(tmp_path, "980", unit="KGM")) == []


def test_pieces_that_are_whole_either_way_are_told(tmp_path: Path) -> None:
    got = imported(tmp_path, "5.000", "12.000", unit="EA")
    assert [each.quantity.value for each in got.data] == [5, 12]
    assert told(got) == [NOTE.replace("1.25,", "5,").replace("1250", "5000")]


def test_pieces_that_are_whole_are_taken(tmp_path: Path) -> None:
    got = imported(tmp_path, "1.250", "12,0", unit="EA", decimal=",", group=".")
    assert [each.quantity.value for each in got.data] == [1250, 12]
