"""The command `cmowatch import`: what it tells, and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from events.adapters.table import Table
from streams.cli import main
from tests.events.adapters.tables import COLUMNS, case, counted

ROW = "Acme,P,Vial,{lot},{qty},{day}"
AGREEMENT = 'cmo: acme\nversion: "{version}"\neffective: {day}\nzone: {zone}\ncontingency: Call.\n'


def table(*rows: str) -> str:
    return "\n".join([",".join(COLUMNS), *rows]) + "\n"


def row(lot: str = "L1", qty: str = "100", day: str = "2026-03-31") -> str:
    return ROW.format(lot=lot, qty=qty, day=day)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CMOWATCH_AGREEMENTS", raising=False)

    def invoked(content: str, *arguments: str, zone: str | None = "UTC") -> Result:
        Path("table.csv").write_text(content)
        mapping = {"zone": zone, "events": [counted()]}
        Path("map.yaml").write_text(yaml.safe_dump(mapping))
        where = arguments or ("--out", "events.ndjson")
        given = ["import", "table.csv", "--mapping", "map.yaml", *where]
        return CliRunner().invoke(main, given)

    return invoked


def test_an_import_closes_with_what_became_of_the_rows(run: Callable[..., Result]) -> None:
    result = run(table(row(), row("L2", "many"), "Total,,,,,"))
    assert result.exit_code == 1
    assert "rows read 3 = used 1 + matched by no event 0 + refused 2\n" in result.stderr
    assert len(Path("events.ndjson").read_text().splitlines()) == 1
    assert run(table(row())).exit_code == 0


def test_nothing_written_is_told_and_is_an_error(run: Callable[..., Result]) -> None:
    result = run(table())
    assert result.exit_code == 1
    assert result.stderr.endswith("nothing was written\n")
    assert not Path("events.ndjson").exists()


def test_a_table_that_conflicts_leaves_the_file_of_before_as_it_was(
    run: Callable[..., Result],
) -> None:
    Path("events.ndjson").write_text("before")
    mapping = counted(id={"template": "{Lot}"})
    Path("table.csv").write_text(table(row(), row()))
    Path("map.yaml").write_text(yaml.safe_dump({"zone": "UTC", "events": [mapping]}))
    given = ["import", "table.csv", "--mapping", "map.yaml", "--out", "events.ndjson"]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 1
    assert "row 2 gives the same id" in result.stderr
    assert Path("events.ndjson").read_text() == "before"
    assert "nothing was written: events.ndjson is the one of before\n" in result.stderr


def test_rows_that_do_not_add_up_are_an_error(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(self: Table, cells: object) -> None:
        """Counts nothing."""

    monkeypatch.setattr(Table, "_count_unmatched", forgetful)
    monkeypatch.setattr(Table, "_wanting", lambda self, cells: [])
    result = run(table(row()))
    assert result.exit_code == 1
    assert "the rows do not add up" in result.stderr


def test_a_check_shows_the_first_events_of_each_kind_and_writes_nothing(
    run: Callable[..., Result],
) -> None:
    result = run(table(*(row(f"L{n}") for n in range(5)), row("L9", "many")), "--check")
    shown = json.loads("[" + result.stdout.replace("}\n{", "},{") + "]")
    assert [each["data"]["lot"] for each in shown] == ["L0", "L1", "L4"]
    assert "row 7: Qty = 'many'" in result.stderr
    assert "would write 5 cmo.stock.counted.v1" in result.stderr
    assert result.exit_code == 1
    assert {path.name for path in Path().iterdir()} == {"table.csv", "map.yaml"}
    assert run(table(row()), "--check").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--check", "--out", "e"),
        ("--check", "--publish"),
        ("--guess", "--check"),
        ("--guess", "--out", "e"),
    ],
)
def test_an_import_does_one_thing(run: Callable[..., Result], arguments: tuple[str, ...]) -> None:
    assert run(table(row()), *arguments).exit_code == 2


def test_an_import_needs_a_mapping_and_says_how_to_get_one(run: Callable[..., Result]) -> None:
    Path("table.csv").write_text(table(row()))
    result = CliRunner().invoke(main, ["import", "table.csv", "--check"])
    assert result.exit_code == 2
    assert "--guess writes a first one" in result.stderr


def test_a_guess_is_written_to_stdout() -> None:
    result = CliRunner().invoke(main, ["import", "--guess", str(case("partials/parts.csv"))])
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout)["events"][0]["type"] == "cmo.order.delivered.v1"
    result = CliRunner().invoke(main, ["import", "--guess", str(case("notcsv/html.csv"))])
    assert (result.exit_code, result.stdout) == (1, "")


def agreed(*zones: str) -> None:
    Path("agreements").mkdir(exist_ok=True)
    for version, zone in enumerate(zones, start=1):
        text = AGREEMENT.format(version=version, day=f"202{version}-01-01", zone=zone)
        Path("agreements", f"acme-{version}.yaml").write_text(text)


def test_a_day_is_one_in_the_zone_agreed_with_its_cmo(run: Callable[..., Result]) -> None:
    agreed("America/Los_Angeles")
    folder = ("--agreements", "agreements", "--out", "events.ndjson")
    assert run(table(row()), *folder, zone=None).exit_code == 0
    assert json.loads(Path("events.ndjson").read_text())["time"] == "2026-03-31T07:00:00Z"
    run(table(row()), *folder, zone="Asia/Tokyo")
    assert json.loads(Path("events.ndjson").read_text())["time"] == "2026-03-30T15:00:00Z"


def test_without_an_agreed_zone_or_with_two_a_day_is_refused(run: Callable[..., Result]) -> None:
    assert "needs its zone" in run(table(row()), zone=None).stderr
    agreed("America/Los_Angeles", "Europe/Berlin")
    result = run(table(row()), "--agreements", "agreements", "--check", zone=None)
    assert "needs its zone" in result.stderr
    stranger = table(row()).replace("Acme", "Other")
    assert (
        "needs its zone" in run(stranger, "--agreements", "agreements", "--check", zone=None).stderr
    )


def test_how_much_of_the_file_is_done_is_heard_from_the_beginning_to_the_end(
    run: Callable[..., Result],
) -> None:
    run(table(*(row(f"L{n}") for n in range(2_000))))
    heard: list[float] = []
    list(Table(Path("map.yaml"), Path("table.csv"), share=heard.append))
    assert heard == sorted(heard)
    assert 0 < heard[0] < 0.5 < heard[-1] <= 1


def test_an_import_tells_from_which_day_to_which_its_events_are_at_their_place(
    run: Callable[..., Result],
) -> None:
    days = table(row("L1", day="2026-05-03"), row("L2", day="2026-03-05"), row("L3", day="soon"))
    told = "cmo.stock.counted.v1: time: Day from 2026-03-05 to 2026-05-03 (Asia/Tokyo)\n"
    assert told in run(days, zone="Asia/Tokyo").stderr
    agreed("America/Los_Angeles")
    there = ("--agreements", "agreements", "--check")
    checked = run(days, *there, zone=None)
    assert told.replace("Asia/Tokyo", "America/Los_Angeles") in checked.stderr
    assert '"time": "2026-05-03T00:00:00-07:00"' in checked.stdout
    assert "from" not in run(table()).stderr


def test_columns_that_no_field_uses_are_told_and_are_no_fault(run: Callable[..., Result]) -> None:
    more = table(row() + ",PO-1,x").replace("Day\n", "Day,Item,Due\n")
    for where in (("--check",), ("--out", "events.ndjson")):
        result = run(more, *where)
        assert result.stderr.count("note: columns that no field uses: Item, Due\n") == 1
        assert result.exit_code == 0


def test_rows_that_only_their_ordinal_tells_apart_are_told(run: Callable[..., Result]) -> None:
    result = run(table(row(), row(), row("L2"), row()))
    assert "note: 2 rows differ in id from another only by {n}: rows 3, 5;" in result.stderr
    assert "by {n}" not in run(table(row(), row("L2"))).stderr


def test_that_days_need_a_zone_is_said_once_and_the_other_rows_are_counted(
    run: Callable[..., Result],
) -> None:
    late = row("L3", day="2026-03-31 08:00:00")
    result = run(table(row(), row("L2"), late, row("L4", "many")), zone=None)
    assert result.stderr.count("needs its zone") == 1
    assert "note: rows that need the zone too, which is said once: 3\n" in result.stderr
    assert "Qty = 'many'" in result.stderr
    assert "refused 4\n" in result.stderr
    assert "too" not in run(table(row()), zone=None).stderr


def test_that_nothing_sets_a_status_is_told_once_an_event(run: Callable[..., Result]) -> None:
    told = "note: cmo.stock.counted.v1: every row counts as unrestricted: no field sets data.status"
    assert run(table(row())).stderr.count(told) == 1


def test_a_check_tells_whose_clocks_its_times_are(run: Callable[..., Result]) -> None:
    told = "those of the clocks at each place; --out and --publish write the same moments in UTC"
    assert told in run(table(row()), "--check").stderr
    assert told not in run(table(row())).stderr


def refused(mapping: str) -> str:
    """What is told of a mapping file that is none."""
    Path("map.yaml").write_text(mapping)
    return (
        CliRunner().invoke(main, ["import", "table.csv", "--mapping", "map.yaml", "--check"]).stderr
    )


def test_what_belongs_to_an_event_is_told_to_where_it_stands_outside(
    run: Callable[..., Result],
) -> None:
    run(table(row()))
    whole = Path("map.yaml").read_text()
    assert "fields: belongs beside an event's type" in refused(f"{whole}fields: {{}}\n")
    assert "where: belongs beside an event's type" in refused(f"{whole}where: {{Site: P}}\n")


def test_an_empty_mapping_is_told_to_come_of_a_guess_that_failed(
    run: Callable[..., Result],
) -> None:
    run(table(row()))
    assert "map.yaml: the file is empty: the guess that should have written it failed" in refused(
        ""
    )


def test_a_row_whose_time_says_that_there_is_none_is_to_be_ignored(
    run: Callable[..., Result],
) -> None:
    told = run(table(row(day="TBD"))).stderr
    assert "time: not a date; if it says that there is none, an event needs one here: give" in told
    assert "`empty" not in told
