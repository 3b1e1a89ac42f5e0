"""Words that people write, translated as a mapping says, and never taken for something else."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from events.adapters.guess import guess
from events.errors import InvalidMapping
from tests.events.adapters.tables import COLUMNS, Imported, counted

STATES = {"Released": "unrestricted", "Quarantine": "quality_inspection"}


def made(folder: Path, *states: str, **fields: Any) -> Imported:
    """What comes of one row for each status."""
    table = folder / "t.csv"
    rows = [f"N,P,V,L{n},5,2026-03-31,{state}" for n, state in enumerate(states)]
    table.write_text("\n".join([f"{','.join(COLUMNS)},Stock Status", *rows]))
    return Imported(folder, table, {"zone": "UTC", "events": [counted(**fields)]})


def status(**more: Any) -> dict[str, Any]:
    return {"data.status": {"column": "Stock Status", **more}}


def test_a_word_is_taken_for_what_the_mapping_says_it_means(tmp_path: Path) -> None:
    got = made(tmp_path, "Quarantine", "Released", **status(words=STATES))
    assert [each.status for each in got.data] == ["quality_inspection", "unrestricted"]


def test_a_word_that_is_none_of_them_is_refused_by_its_name(tmp_path: Path) -> None:
    got = made(tmp_path, "Released", "released", **status(words=STATES))
    assert len(got.events) == 1
    assert [each.value for each in got.errors] == ["released"]
    assert "none of its `words`, which are 'Quarantine', 'Released'" in got.reasons[3]


def test_an_empty_status_is_not_taken_for_unrestricted_until_told(tmp_path: Path) -> None:
    assert "would count as unrestricted" in made(tmp_path, "", **status(words=STATES)).reasons[2]
    (told,) = made(tmp_path, "", **status(words={**STATES, "": "unrestricted"})).data
    assert told.status == "unrestricted"


def test_a_meaning_that_the_contract_does_not_know_is_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping, match=r"data.status.words: 'quarantine': Input should be"):
        made(tmp_path, "Q", **status(words={"Q": "quarantine"}))
    with pytest.raises(InvalidMapping, match=r"data.status.words: still says '\?'"):
        made(tmp_path, "Q", **status(words={"Q": "?"}))
    with pytest.raises(InvalidMapping, match="words: for a column or a constant"):
        made(tmp_path, "Q", **{"data.lot": {"template": "{Lot}", "words": {"L1": "L2"}}})


def test_a_guess_maps_the_status_of_stock_with_the_words_it_found(tmp_path: Path) -> None:
    made(tmp_path, "QUARANTINE", "Released", "Blocked", "Sonstiges")
    text = guess(tmp_path / "t.csv")
    assert "where:" not in text
    (event,) = yaml.safe_load(text)["events"]
    assert event["fields"]["data.status"] == {
        "column": "Stock Status",
        "words": {
            "QUARANTINE": "quality_inspection",
            "Released": "unrestricted",
            "Blocked": "blocked",
            "Sonstiges": "?",
        },
    }
    made(tmp_path, "blocked", "unrestricted")
    assert 'data.status: {column: "Stock Status"}\n' in guess(tmp_path / "t.csv")


def test_a_column_that_looks_like_a_status_and_is_not_mapped_is_told(tmp_path: Path) -> None:
    unused, note = made(tmp_path, "Quarantine").counts.notes
    assert unused == "columns that no field uses: Stock Status"
    assert (
        "every row counts as unrestricted: no field sets data.status, and column 'Stock Status'"
        in note
    )
    assert made(tmp_path, "Quarantine", **status(words=STATES)).counts.notes == []


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        ("ST", "the code of a sheet in .*say `words: {ST: EA}` beside it, or `ST: ST` if"),
        ("KG", "the code of a keg in .*say `words: {KG: KGM}` beside it, or `KG: KG` if"),
        ("kg", "no code in .*say `words: {kg: KGM}` beside it$"),
        ("PCS", "no code in .*say `words: {PCS: EA}` beside it$"),
        ("Eimer", "no code in .*say with `words` which it is"),
    ],
)
def test_a_unit_that_is_surely_not_the_one_meant_is_refused(
    unit: str, why: str, tmp_path: Path
) -> None:
    by_column = {"data.quantity.unit": {"column": "Stock Status"}}
    assert re.search(why, made(tmp_path, unit, **by_column).reasons[2].strip())
    with pytest.raises(InvalidMapping, match=why.removesuffix("$")):
        made(tmp_path, "", **{"data.quantity.unit": {"constant": unit}})


@pytest.mark.parametrize("unit", ["ST", "KG", "KGM", "H87", "BX"])
def test_any_code_of_a_unit_is_taken_where_the_mapping_says_it(unit: str, tmp_path: Path) -> None:
    told = {"data.quantity.unit": {"column": "Stock Status", "words": {unit: unit}}}
    (data,) = made(tmp_path, unit, **told).data
    assert data.quantity.unit == unit
    told = {"data.quantity.unit": {"constant": unit, "words": {unit: unit}}}
    assert made(tmp_path, "x", **told).data == [data]
