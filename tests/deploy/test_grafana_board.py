"""The Overview board: all of the catalogue, only series that there are, nothing from a plugin."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alerts.catalogue import KPIS, Kpi
from alerts.judge import State
from deploy import render
from deploy.cli import main
from deploy.grafana.overview import documents, overview
from deploy.grafana.states import NO_LIMIT
from events.data import BREACHES, DEAD_LETTERS
from events.decode import Message
from streams.exposition import Exposed, page
from streams.shard import Shard
from tests.builders import agreed, delivered, log, on, promised

PROJECT = Path(__file__).resolve().parents[2]
BOARD: dict[str, Any] = json.loads(json.dumps(overview()))
BUILT_IN = {"row", "stat", "table", "timeseries", "barchart"}
SERIES = re.compile(r"\bcmo(?:watch)?_\w+")
NOW = on(40)


def panels(inside: dict[str, Any] = BOARD) -> Iterator[dict[str, Any]]:
    for panel in inside.get("panels", []):
        yield panel
        yield from panels(panel)


def expressions() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel.get("targets", [])]


def panel(title: str) -> dict[str, Any]:
    return next(panel for panel in panels() if panel["title"] == title)


@pytest.fixture(scope="module")
def exposed() -> set[str]:
    """The series a worker exposes once it knows of late lines, a breach and what it refused."""
    shard = Shard(0, 1, agreed(cadence={"cmo.inventory": 86_400}), lambda: 0.0)
    late = [each for n in range(30) for each in (promised(f"{n}"), delivered(f"{n}", 20))]
    for topic, messages in log(late).items():
        broken = Message(topic, 0, len(messages), messages[-1].timestamp, b"acme", b"{")
        shard.fold(topic, len(messages) + 1, [*messages, broken])
    assert list(shard.tick(NOW))
    outputs = shard.outputs()
    for topic in (DEAD_LETTERS, BREACHES):
        said = [output for output in outputs if output.topic == topic]
        shard.fold(
            topic,
            len(said),
            [Message(topic, 0, n, 0, o.key, o.value, o.headers) for n, o in enumerate(said)],
        )
    text = page([Exposed(shard, True, 1.0, NOW)])
    return {re.split(r"[{ ]", line)[0] for line in text.splitlines() if line[0] != "#"}


def test_every_series_the_board_asks_for_is_one_a_worker_exposes(exposed: set[str]) -> None:
    asked = {name for expression in expressions() for name in SERIES.findall(expression)}
    assert asked - exposed == set()
    assert "cmo_breach_open" in asked


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name)
def test_every_kpi_has_a_column_that_leads_to_its_own_panel(kpi: Kpi) -> None:
    states, own = panel("CMOs by KPI"), panel(kpi.title)
    titles = states["transformations"][-1]["options"]["renameByName"]
    assert titles[kpi.name] == kpi.title
    (link,) = next(
        prop["value"]
        for override in states["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == kpi.title
        for prop in override["properties"]
        if prop["id"] == "links"
    )
    assert f"viewPanel=panel-{own['id']}&" in link["url"]
    assert any(f'kpi="{kpi.name}"' in target["expr"] for target in own["targets"])


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name)
def test_a_kpi_is_described_as_the_catalogue_has_it(kpi: Kpi) -> None:
    own = panel(kpi.title)
    assert kpi.help in own["description"]
    assert kpi.action in own["description"]
    unit = {"ratio": "percentunit", "seconds": "s", "days": "suffix: d"}[kpi.unit]
    assert own["fieldConfig"]["defaults"]["unit"] == unit


def test_a_kpi_declared_tomorrow_brings_its_column_and_panel() -> None:
    declared = Kpi(
        name="rework_rate",
        title="Reworked",
        help="Lots decided for rework.",
        unit="ratio",
        higher_is_better=False,
        judged="review",
        record="lot",
        family="quality",
        action="Ask why.",
    )
    text = json.dumps(overview([*KPIS, declared]))
    assert "Reworked" in text
    assert 'kpi=\\"rework_rate\\"' in text


def test_ratios_are_rolled_up_by_dividing_late() -> None:
    rolled = [target["expr"] for target in panel("Delivered on time")["targets"]]
    (together,) = [expression for expression in rolled if " / " in expression]
    assert re.match(r"sum\(.*numerator.*\) / sum\(.*denominator", together)
    assert not [expression for expression in expressions() if "avg" in expression]


def test_every_state_is_told_by_a_text_and_a_colour_of_its_own() -> None:
    (mapping,) = panel("CMOs by KPI")["fieldConfig"]["defaults"]["mappings"]
    shown = {int(value): look for value, look in mapping["options"].items()}
    assert set(shown) == {*map(int, State), NO_LIMIT}
    for part in ("text", "color"):
        assert max(Counter(look[part] for look in shown.values()).values()) == 1


def test_every_panel_has_an_id_of_its_own_a_place_and_a_description() -> None:
    every = list(panels())
    assert len({panel["id"] for panel in every}) == len(every)
    assert [p["title"] for p in every if p["gridPos"]["x"] + p["gridPos"]["w"] > 24] == []
    assert [p["title"] for p in every if p["type"] != "row" and not p.get("description")] == []


def test_no_two_panels_overlap() -> None:
    every = [p["gridPos"] for p in panels()]
    cells = Counter(
        (x, y)
        for at in every
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    )
    assert max(cells.values()) == 1


def test_each_row_asks_one_question() -> None:
    rows = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert len(rows) == len(set(rows))
    assert [title for title in rows if not title.endswith("?")] == []


def test_nothing_needs_a_plugin() -> None:
    assert {panel["type"] for panel in panels()} == BUILT_IN
    sources = {target["datasource"]["type"] for p in panels() for target in p.get("targets", [])}
    assert sources == {"prometheus"}


def test_the_uid_is_fixed_and_no_longer_than_grafana_allows() -> None:
    assert re.fullmatch(r"[a-z-]{1,40}", BOARD["uid"])
    assert BOARD["schemaVersion"] >= 39


def test_the_variables_are_those_of_the_series() -> None:
    names = [variable["name"] for variable in BOARD["templating"]["list"]]
    assert names == ["datasource", "cmo", "site", "product"]
    used = {name for expression in expressions() for name in re.findall(r"\$(\w+)", expression)}
    assert used == {"cmo", "site", "product"}


def test_what_is_committed_is_what_the_catalogue_gives() -> None:
    assert render.differences(PROJECT) == []


def test_a_file_that_differs_is_named(tmp_path: Path) -> None:
    render.write(tmp_path)
    (board,) = documents()
    (tmp_path / board).write_text("{}", encoding="utf-8")
    assert render.differences(tmp_path) == [f"{board}: differs from the declarations"]


def test_the_command_writes_what_it_then_finds_to_be_right(tmp_path: Path) -> None:
    check = ["render", "--check", "--folder", str(tmp_path)]
    before = CliRunner().invoke(main, check)
    assert before.exit_code == 1
    assert "run cmowatch render, and commit what it wrote" in before.output
    assert CliRunner().invoke(main, ["render", "--folder", str(tmp_path)]).exit_code == 0
    after = CliRunner().invoke(main, check)
    assert (after.exit_code, after.output) == (0, "")
