"""The boards: all of the catalogue, only series that there are, nothing from a plugin."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alerts.judge import Verdict
from alerts.kpi import Kpi
from alerts.kpis import KPIS
from alerts.records import KINDS
from deploy import render
from deploy.cli import main
from deploy.grafana.board import MADE, Layout
from deploy.grafana.boards import MADE_BY, boards, documents
from deploy.grafana.history import panel_id
from deploy.grafana.panels import Json
from deploy.grafana.states import NO_LIMIT, NOTHING_DUE, UNITS
from deploy.links import BOARDS, CMO, DELIVERIES, INVENTORY, LOTS, MONITOR, OVERVIEW

PROJECT = Path(__file__).resolve().parents[2]
Board = dict[str, Any]
MADE_NOW: dict[str, Board] = {
    str(board["uid"]): json.loads(json.dumps(board)) for board in boards()
}
TOPICAL = {"line": DELIVERIES, "stock": INVENTORY, "lot": LOTS, "feed": MONITOR}
BUILT_IN = {"row", "stat", "table", "timeseries", "barchart", "state-timeline"}
SERIES = re.compile(r"\bcmo(?:watch)?_\w+")

NEW = replace(KPIS[2], name="newly_thought_of", title="Newly thought of")

each_board = pytest.mark.parametrize("board", MADE_NOW.values(), ids=[*MADE_NOW])
each_kpi = pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name)


def expressions(*of: Board) -> list[str]:
    return [
        target["expr"]
        for board in of or MADE_NOW.values()
        for panel in board["panels"]
        for target in panel.get("targets", [])
    ]


def panel(uid: str, title: str) -> Any:
    (found,) = (each for each in MADE_NOW[uid]["panels"] if each["title"] == title)
    return found


def boards_about(kpi: Kpi) -> set[str]:
    """The board of what gives a KPI's evidence; a record kind need not have one."""
    return {TOPICAL[kpi.record]} if kpi.record in TOPICAL else set()


def own_panel(uid: str, kpi: Kpi) -> Any:
    (found,) = (each for each in MADE_NOW[uid]["panels"] if each["id"] == panel_id(kpi))
    return found


def links(uid: str, title: str, column: str) -> list[dict[str, Any]]:
    return [
        link
        for override in panel(uid, title)["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == column
        for prop in override["properties"]
        if prop["id"] == "links"
        for link in prop["value"]
    ]


def test_every_series_a_board_asks_for_is_one_a_worker_exposes() -> None:
    declared = {
        name
        for module in (PROJECT / "streams").rglob("*.py")
        for name in re.findall(r'"(cmo(?:watch)?_\w+)"', module.read_text(encoding="utf-8"))
    }
    counted = {f"cmowatch_events_{what}_total" for what in ("accepted", "duplicate", "unreadable")}
    asked = {name for expression in expressions() for name in SERIES.findall(expression)}
    assert asked - declared - counted == set()
    assert "cmo_breach_open" in asked


@each_kpi
def test_every_kpi_has_a_column_that_leads_to_its_own_panel_of_that_cmo(kpi: Kpi) -> None:
    titles = panel(OVERVIEW, "CMOs by KPI")["transformations"][-1]["options"]["renameByName"]
    assert titles[kpi.name] == kpi.title
    (link,) = links(OVERVIEW, "CMOs by KPI", kpi.title)
    own = own_panel(CMO, kpi)
    assert link["url"].startswith(f"/d/{CMO}?")
    assert f"viewPanel=panel-{own['id']}&" in link["url"]
    assert own["title"] == kpi.title
    assert any(f'kpi="{kpi.name}"' in target["expr"] for target in own["targets"])


@each_kpi
def test_a_kpi_lies_on_the_board_of_what_gives_its_evidence(kpi: Kpi) -> None:
    there = {
        uid
        for uid in TOPICAL.values()
        for each in MADE_NOW[uid]["panels"]
        if each["id"] == panel_id(kpi)
    }
    assert there == boards_about(kpi)
    assert all(own_panel(uid, kpi)["title"] == kpi.title for uid in there)


@each_kpi
def test_a_kpi_is_described_as_the_catalogue_has_it(kpi: Kpi) -> None:
    for uid in (CMO, *boards_about(kpi)):
        own = own_panel(uid, kpi)
        assert kpi.help in own["description"]
        assert kpi.action in own["description"]
        assert own["fieldConfig"]["defaults"]["unit"] == UNITS[kpi.unit]


@each_kpi
def test_a_kpi_with_an_interval_shows_it_as_a_band_with_its_evidence(kpi: Kpi) -> None:
    refs = {target["refId"] for target in own_panel(CMO, kpi)["targets"]}
    assert ({"low", "high", "n"} <= refs) == kpi.interval


@each_kpi
def test_every_figure_of_a_kpi_over_time_is_also_that_of_the_past(kpi: Kpi) -> None:
    for uid in (CMO, *boards_about(kpi)):
        for target in own_panel(uid, kpi)["targets"]:
            series = SERIES.findall(re.sub(r"\{[^}]*\}", "", target["expr"]))
            live = target["expr"].count(f"({series[0]}{{")
            assert live
            assert target["expr"].count('job="cmowatch-backfill"}[1d])') == len(series) / 2


@pytest.mark.parametrize("record", TOPICAL)
def test_a_kpi_declared_tomorrow_brings_its_column_and_panels(record: Any) -> None:
    declared = Kpi(
        name="rework_rate",
        title="Reworked",
        help="Lots decided for rework.",
        unit="ratio",
        higher_is_better=False,
        urgency="review",
        kinds=tuple(kind for kind in KINDS if kind.name == record),
        measure=lambda *_: (),
        example=KPIS[0].example,
        family="quality",
        action="Ask why.",
    )
    texts = {str(board["uid"]): json.dumps(board) for board in boards([*KPIS, declared])}
    for uid in (OVERVIEW, CMO, TOPICAL[record]):
        assert "Reworked" in texts[uid]
    for uid in (CMO, TOPICAL[record]):
        assert 'kpi=\\"rework_rate\\"' in texts[uid]


def test_ratios_are_rolled_up_by_dividing_late() -> None:
    rolled = [target["expr"] for target in panel(DELIVERIES, "Delivered on time")["targets"]]
    (together,) = [expression for expression in rolled if " / " in expression]
    assert re.match(r"sum\(.*numerator.*\) / sum\(.*denominator", together)
    assert not [expression for expression in expressions() if "avg" in expression]


def test_every_state_is_told_by_a_text_and_a_colour_of_its_own() -> None:
    (mapping,) = panel(OVERVIEW, "CMOs by KPI")["fieldConfig"]["defaults"]["mappings"]
    shown = {int(value): look for value, look in mapping["options"].items()}
    assert set(shown) == {*map(int, Verdict), NO_LIMIT, NOTHING_DUE}
    for part in ("text", "color"):
        assert max(Counter(look[part] for look in shown.values()).values()) == 1


@each_board
def test_every_panel_has_an_id_of_its_own_a_place_and_a_description(board: Board) -> None:
    every = board["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    assert [p["title"] for p in every if p["gridPos"]["x"] + p["gridPos"]["w"] > 24] == []
    assert [p["title"] for p in every if p["type"] != "row" and not p.get("description")] == []


@each_board
def test_the_id_of_a_panel_is_one_that_grafana_and_browsers_hold(board: Board) -> None:
    assert all(0 < panel["id"] < 1 << 31 for panel in board["panels"])


@pytest.mark.parametrize("made", MADE_BY, ids=lambda made: made.__name__)
def test_a_kpi_in_the_middle_moves_no_bookmark(made: Callable[[Sequence[Kpi]], Json]) -> None:
    before, after = ids(made(KPIS)), ids(made([KPIS[0], NEW, *KPIS[1:]]))
    assert {name: after[name] for name in before} == before


def test_a_kpi_in_the_middle_moves_no_link_to_the_others() -> None:
    assert panel_id(KPIS[1]) == panel_id(replace(KPIS[1], title="Otherwise called"))
    assert panel_id(NEW) not in {panel_id(kpi) for kpi in KPIS}


def test_a_panel_before_the_others_leaves_their_ids_as_they_were() -> None:
    def laid_out(*titles: str) -> list[object]:
        layout = Layout()
        stats: list[Json] = [{"type": "stat", "title": title} for title in titles]
        layout.side_by_side(4, *((6, stat) for stat in stats))
        return [panel["id"] for panel in layout.panels]

    assert laid_out("New", "Open lots", "Open orders")[1:] == laid_out("Open lots", "Open orders")
    with pytest.raises(ValueError, match="Open lots: another panel of the board has its id"):
        laid_out("Open lots", "Open lots")


def ids(board: Json) -> dict[tuple[str, str], int]:
    shown: Board = json.loads(json.dumps(board))
    return {(panel["type"], panel["title"]): panel["id"] for panel in shown["panels"]}


@each_board
def test_a_panel_that_has_nothing_to_show_says_what_that_means(board: Board) -> None:
    silent = [
        panel["title"]
        for panel in board["panels"]
        if panel["type"] not in ("row", "stat")
        and not panel["fieldConfig"]["defaults"].get("noValue")
    ]
    assert silent == []


@each_board
def test_no_two_panels_overlap(board: Board) -> None:
    cells = Counter(
        (x, y)
        for at in (panel["gridPos"] for panel in board["panels"])
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    )
    assert max(cells.values()) == 1


@each_board
def test_each_row_asks_one_question(board: Board) -> None:
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert len(rows) == len(set(rows))
    assert [title for title in rows if not title.endswith("?")] == []


@each_board
def test_nothing_needs_a_plugin(board: Board) -> None:
    assert {panel["type"] for panel in board["panels"]} <= BUILT_IN
    targets = [target for panel in board["panels"] for target in panel.get("targets", [])]
    assert {target["datasource"]["type"] for target in targets} == {"prometheus"}


def test_uids_are_fixed_and_no_longer_than_grafana_allows() -> None:
    assert [*MADE_NOW] == [*BOARDS]
    assert all(re.fullmatch(r"cmowatch-[a-z-]{1,31}", uid) for uid in MADE_NOW)
    assert len({board["title"] for board in MADE_NOW.values()}) == len(MADE_NOW)


@each_board
def test_the_variables_are_those_of_the_series(board: Board) -> None:
    names = [variable["name"] for variable in board["templating"]["list"]]
    assert names == ["datasource", "cmo", "site", "product"]
    used = {name for each in expressions(board) for name in re.findall(r"\$([a-z]\w*)", each)}
    assert used <= {"cmo", "site", "product"}


@each_board
def test_every_board_leads_to_every_other_with_time_and_variables(board: Board) -> None:
    to = {link["url"].partition("?")[0]: link for link in board["links"]}
    assert set(to) == {f"/d/{uid}" for uid in MADE_NOW if uid != board["uid"]}
    for link in to.values():
        names = ("datasource", "site", "product")
        assert link["keepTime"]
        assert link["includeVars"] or all(f"${{{name}:" in link["url"] for name in names)


@each_board
def test_a_link_in_a_cell_keeps_data_source_time_and_variables(board: Board) -> None:
    found = re.findall(r'"url": "(/d/[^"]+\?[^"]+)"', json.dumps(board["panels"]))
    kept = ("datasource", "site", "product")
    for url in found:
        assert all(f"${{{name}:queryparam}}" in url for name in kept)
        assert url.endswith("${__url_time_range}")
    assert found or board["uid"] in (CMO, MONITOR)


@each_board
def test_a_board_opens_with_thirteen_months(board: Board) -> None:
    days = int(board["time"]["from"].removeprefix("now-").removesuffix("d"))
    assert days >= 394
    assert board["tags"] == [MADE]


def test_what_is_committed_is_what_the_catalogue_gives() -> None:
    assert render.differences(PROJECT) == []


def test_a_file_that_differs_is_named(tmp_path: Path) -> None:
    render.write(tmp_path)
    board, *_ = documents()
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
