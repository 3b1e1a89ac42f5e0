"""Two rows never come to one thing unless the mapping says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from events.errors import InvalidMapping, UnreadableTable
from tests.events.adapters.tables import COLUMNS, Imported, counted

Run = Callable[..., Imported]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def imported(*rows: str, **settings: Any) -> Imported:
        path = tmp_path / "table.csv"
        path.write_text("\n".join([",".join(COLUMNS), *rows]), encoding="utf-8")
        got = Imported(tmp_path, path, {"zone": "UTC", "events": [counted()], **settings})
        assert got.counts.add_up
        return got

    return imported


def row(maker: str = "Acme", site: str = "P1", product: str = "Vial", lot: str = "L1") -> str:
    return f"{maker},{site},{product},{lot},1,2026-03-31"


BY_LOT = {"id": {"template": "{Lot}"}}


def test_an_id_belongs_to_its_cmo_source_and_topic(run: Run) -> None:
    apart = [counted(**BY_LOT)]
    assert len(run(row("Acme"), row("Borealis"), events=apart).events) == 2
    lots = {
        "type": "cmo.lot.completed.v1",
        "fields": {
            name: value
            for name, value in counted(**BY_LOT)["fields"].items()
            if not name.startswith("data") or name == "data.lot"
        },
    }
    assert len(run(row(), events=[*apart, lots]).events) == 2


def test_two_events_of_one_row_may_not_have_one_id(run: Run) -> None:
    got = run(row(), events=[counted(**BY_LOT), counted(**BY_LOT)])
    assert got.events == []
    assert "row 2 gives the same id" in got.reasons[2]


def test_an_ordinal_counts_rows_that_are_refused_for_something_else_too(run: Run) -> None:
    bad = row().replace(",1,", ",many,")
    got = run(row(), bad, row())
    assert [each.id for each in got.events] == [
        "L1-2026-03-31-1-count",
        "L1-2026-03-31-3-count",
    ]


def test_one_number_in_two_compositions_is_one(run: Run) -> None:
    got = run(row(lot="Caf\u00e9"), row(lot="Cafe\u0301"), events=[counted(**BY_LOT)])
    assert got.events == []
    assert "row 2 gives the same id" in got.reasons[3]


def test_an_ordinal_counts_rows_of_one_cmo_however_it_is_spelt(run: Run) -> None:
    got = run(row("Acme"), row("ACME"))
    assert [each.id[-7:] for each in got.events] == ["1-count", "2-count"]


def test_an_ordinal_is_for_ids_alone_and_no_column(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping, match=r"\{n\} counts rows of one id"):
        run(row(), events=[counted(subject={"template": "{Lot}-{n}"})])
    path = tmp_path / "n.csv"
    path.write_text(",".join([*COLUMNS, "n"]) + f"\n{row()},1\n")
    with pytest.raises(UnreadableTable, match="is an ordinal, and a column 'n' is there"):
        Imported(tmp_path, path, {"zone": "UTC", "events": [counted()]})


@pytest.mark.parametrize(
    ("one", "other", "named"),
    [
        ({"maker": "Ärzte"}, {"maker": "Arzte"}, "partitionkey"),
        ({"site": "Hala Ł"}, {"site": "Hala L"}, "data.site"),
        ({"product": "5 µg"}, {"product": "5 ug"}, "data.product"),
        ({"product": "a/+80"}, {"product": "a/-80"}, "data.product"),
    ],
)
def test_two_names_of_one_id_stop_the_table_and_both_are_named(
    run: Run, one: dict[str, str], other: dict[str, str], named: str
) -> None:
    got = run(row(**one, lot="L1"), row(**other, lot="L2"))
    assert got.events == []
    (first,), (second,) = one.values(), other.values()
    assert f"{named}: row 2 has {first!r}" in got.reasons[3]
    assert got.errors[0].value == second


def test_names_that_differ_in_case_spaces_and_punctuation_are_one(run: Run) -> None:
    assert len(run(row(product="Vial 5 ml"), row(product="VIAL-5 ml")).events) == 2


def test_names_of_two_cmos_and_of_a_site_and_a_product_are_apart(run: Run) -> None:
    assert len(run(row("Acme", product="5 µg"), row("Borealis", product="5 ug")).events) == 2
    assert len(run(row(site="5 µg", product="5 ug")).events) == 1


def test_the_mapping_says_that_names_are_one_or_gives_them_ids(run: Run) -> None:
    rows = row(product="5 µg", lot="L1"), row(product="5 ug", lot="L2")
    one = run(*rows, ids={"5 µg": "5-ug", "5 ug": "5-ug"})
    assert [each.product for each in one.data] == ["5-ug", "5-ug"]
    assert one.data[0].product.name == "5 µg"
    two = run(*rows, ids={"5 µg": "5-microgram"})
    assert [each.product for each in two.data] == ["5-microgram", "5-ug"]


def test_one_word_of_the_mapping_does_not_make_one_of_two(run: Run) -> None:
    rows = row(product="5 µg", lot="L1"), row(product="5 ug", lot="L2")
    got = run(*rows, ids={"5 µg": "5-ug"})
    assert got.events == []
    assert "row 2 has '5 µg'" in got.reasons[3]


def test_an_id_that_the_mapping_gives_is_one(run: Run) -> None:
    with pytest.raises(InvalidMapping, match=r"ids\.Vial: 'Vial 5' is no id; it would be vial-5"):
        run(row(), ids={"Vial": "Vial 5"})


def test_a_row_gives_a_list_of_parts_its_one_item(run: Run) -> None:
    started = {
        "type": "cmo.lot.started.v1",
        "fields": {
            **{name: counted()["fields"][name] for name in ("source", "partitionkey", "time")},
            "id": {"template": "{Lot}-started"},
            "data.lot": {"column": "Lot"},
            "data.product": {"column": "Product"},
            "data.inputs.maker": {"column": "Maker"},
            "data.inputs.lot": {"column": "Site"},
        },
    }
    (event,) = run(row(site="API-7"), events=[started]).data
    assert [(each.maker, each.lot) for each in event.inputs] == [("acme", "API-7")]
    (why,) = run(row(site=""), events=[started]).reasons.values()
    assert "data.inputs.lot: an input needs the lot, or the material, that it is" in why


def test_a_number_that_fits_the_other_decimal_sign_only_stops_the_whole_table(run: Run) -> None:
    rows = "Acme,P1,Vial,L1,1.250,2026-03-31", 'Acme,P1,Vial,L2,"1.250,5",2026-03-31'
    kilograms = [counted(**{"data.quantity.unit": {"constant": "KGM"}})]
    got = run(*rows, decimal=".", group=",", events=kilograms)
    assert got.events == []
    assert [(each.row, each.value) for each in got.errors] == [(3, "1.250,5")]
    assert (
        "does not fit decimal '.' and group ','; decimal ',' and group '.' would read 1250.5"
    ) in got.reasons[3]
    assert got.counts.withheld == 1
    got = run(*rows, decimal=",", group=".", events=kilograms)
    assert [each.quantity.value for each in got.data] == [1250, 1250.5]


def test_a_number_that_lacks_only_its_group_or_is_none_stops_its_own_row(run: Run) -> None:
    rows = 'Acme,P1,Vial,L1,"1,250",2026-03-31', "Acme,P1,Vial,L2,many,2026-03-31", row(lot="L3")
    got = run(*rows, decimal=".")
    assert [each.lot for each in got.data] == ["L3"]
    assert got.counts.withheld == 0
