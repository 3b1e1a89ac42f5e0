"""What the demo tells, and what it makes of what was found."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from types import MappingProxyType

import pytest
from rich.console import Console

from alerts.judge import Verdict
from deploy.lab.demo.snapshot import About, Figure, OpenBreach, Snapshot
from deploy.lab.demo.story import days_to_shift, tell
from deploy.lab.demo.verdict import Finding, false_alarms, findings, verdict
from deploy.lab.simulate.truth import Trouble, Truth
from events.dimensions import Scope
from events.files import address
from tests.worlds import world

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = (
    "ID,PO / SO #,ASN/DN #,Manufacturing Site,Molecule/Test Type,Line Item Quantity,"
    "Scheduled Delivery Date,Delivered to Client Date,Delivery Recorded Date\n"
)
ROW = "{id},SO-1,DN-{id},Plant One,Zidovudine,100,{due},{delivered},{delivered}\n"


def deliveries(folder: Path, *delivered: str) -> Path:
    rows = [
        ROW.format(id=number, due="2015-06-01", delivered=day)
        for number, day in enumerate(delivered)
    ]
    table = folder / "deliveries.csv"
    table.write_text(HEADER + "".join(rows))
    return table


def told(said: list[str]) -> Callable[[str], None]:
    return said.append


def truth(*troubles: Trouble, healthy: tuple[str, ...] = ()) -> Truth:
    return replace(world().truth, troubles=troubles, healthy=healthy)


def stock_out(**scope: str) -> Trouble:
    since = "2026-02-28T00:00:00Z"
    return Trouble("stock_out", "a", "days_of_supply", "critical", since, MappingProxyType(scope))


def cover(state: Verdict | None, product: str = "x") -> Figure:
    return Figure(About("days_of_supply", "a", Scope(product=product)), "", state, 0.0, 1)


def found(trouble: Trouble, *figures: Figure) -> Finding:
    (finding,) = findings(truth(trouble), Snapshot(at=NOW, figures=figures))
    return finding


def test_the_last_delivery_falls_on_today(tmp_path: Path) -> None:
    table = deliveries(tmp_path, "2015-09-14", "2015-01-01")
    assert days_to_shift(table, NOW) == (NOW.date() - datetime(2015, 9, 14).date()).days


def test_the_story_is_the_simulation_and_the_deliveries(tmp_path: Path) -> None:
    said: list[str] = []
    story = tell(tmp_path, NOW, deliveries(tmp_path, "2015-09-14"), told(said))
    lines = story.file.read_bytes().splitlines()
    assert len(lines) == story.events == story.truth.events + 2
    assert {address(line).key for line in lines[-2:]} == {b"plant-one"}
    assert any("no fault of the named firms" in text for text in said)


def test_a_trouble_is_found_where_the_state_is_the_expected_one() -> None:
    assert found(stock_out(product="x"), cover(Verdict.CRITICAL)).found
    assert not found(stock_out(product="x"), cover(Verdict.WARNING)).found


def test_a_trouble_without_a_figure_is_not_found() -> None:
    assert not found(stock_out(product="x"), cover(Verdict.CRITICAL, "y")).found


def test_a_trouble_that_names_no_product_must_show_in_every_judged_one() -> None:
    shown = cover(None, "never judged")
    assert found(stock_out(), cover(Verdict.CRITICAL), shown).found
    assert not found(stock_out(), cover(Verdict.CRITICAL), cover(Verdict.OK, "y")).found


def test_a_breach_of_a_healthy_cmo_is_a_false_alarm() -> None:
    breaches = (
        OpenBreach("of-a", About("delivery_otif", "a"), "warning"),
        OpenBreach("of-b", About("delivery_otif", "b"), "warning"),
    )
    snapshot = Snapshot(at=NOW, breaches=breaches)
    assert false_alarms(truth(healthy=("b",)), snapshot) == ["of-b"]


@pytest.mark.parametrize(
    ("state", "mark"), [(Verdict.CRITICAL, "✔ critical"), (Verdict.OK, "✘ ok")]
)
def test_truth_stands_beside_finding(state: Verdict, mark: str) -> None:
    known, snapshot = truth(stock_out(product="x")), Snapshot(at=NOW, figures=(cover(state),))
    console = Console(file=StringIO(), width=120, _environ={})
    console.print(verdict(findings(known, snapshot), known, snapshot))
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert "stock out" in printed
    assert mark in printed
