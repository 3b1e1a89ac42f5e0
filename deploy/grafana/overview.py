"""The Overview board: how every CMO stands on every KPI, and what to look at first."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from alerts.catalogue import KPIS, Kpi
from deploy.grafana import breaches
from deploy.grafana.history import histories
from deploy.grafana.panels import (
    PURPLE,
    RED,
    YELLOW,
    Json,
    Layout,
    arranged,
    chosen,
    chosen_source,
    instant,
    mapped,
    override,
    stat,
    table,
    transformed,
)
from deploy.grafana.queries import (
    behind,
    due,
    gaps,
    open_breaches,
    refused,
    shards_missing,
    silent_feeds,
    since_heard,
    states_by_topic,
    unknown_cmos,
    worst_states,
)
from deploy.grafana.states import LEGEND, STATES, UNWATCHED, counted
from deploy.links import OVERVIEW
from deploy.prometheus.pipeline import STALE
from events.data import INBOUND

BOARDS: Final = Path("deploy/grafana/dashboards")
TITLE: Final = "cmowatch: Overview"
SCHEMA: Final = 39
"""The version of the board's schema: Grafana 11 and later read it."""

MADE: Final = "cmowatch-made"
"""The tag of every board made here; no other board is ever deleted."""

_NARROW: Final[Json] = {"minWidth": 60, "wrapHeaderText": True}
_CELL: Final[Json] = {"type": "color-background", "mode": "basic"}
_FIRST_HISTORY: Final = 100
"""The id of the first KPI's own panel; links lead to them."""

_VARIABLES: Final = (("cmo", "CMO"), ("site", "Site"), ("product", "Product"))


def overview(kpis: Sequence[Kpi] = KPIS) -> Json:
    """The board, as the JSON Grafana reads."""
    layout = Layout()
    ids = {kpi.name: _FIRST_HISTORY + index for index, kpi in enumerate(kpis)}
    _attention(layout)
    _states(layout, kpis, ids)
    _breaches(layout)
    _feeds(layout)
    _itself(layout)
    panels = dict(zip(ids.values(), histories(kpis), strict=True))
    layout.folded("How did each KPI go, against what was agreed?", 8, panels)
    return {
        "uid": OVERVIEW,
        "title": TITLE,
        "description": "Made from alerts/catalogue.py by cmowatch render; change it there.",
        "tags": [MADE],
        "schemaVersion": SCHEMA,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "utc",
        "templating": {
            "list": [chosen_source(), *(chosen(name, title) for name, title in _VARIABLES)]
        },
        "annotations": {"list": []},
        "links": [],
        "panels": layout.panels,
    }


def _attention(layout: Layout) -> None:
    layout.row("What needs attention now?")
    layout.side_by_side(
        4,
        (4, _count("Critical breaches", "Breaches that are critical.", _critical(), RED)),
        (4, _count("Warnings", "Breaches that are a warning.", _warning(), YELLOW)),
        (4, _count("CMOs not fully known", _UNKNOWN, unknown_cmos(), PURPLE)),
        (4, _count("Silent feeds", "Feeds silent beyond what was agreed.", silent_feeds(), YELLOW)),
        (4, _count("Gaps in sequences", "Spans of events that never came.", gaps(), YELLOW)),
        (4, _count("Partitions not watched", _NOT_READY, shards_missing(), RED)),
    )


_UNKNOWN: Final = "CMOs with a KPI that cannot be known: no evidence, a silent or a gapped feed."
_NOT_READY: Final = "Partitions watched within the last hour, and not now: their CMOs are missing."


def _critical() -> str:
    return open_breaches("critical")


def _warning() -> str:
    return open_breaches("warning")


def _count(title: str, help_: str, expression: str, alarming: str) -> Json:
    return stat(title, help_, expression, defaults=counted(alarming=alarming))


def _states(layout: Layout, kpis: Sequence[Kpi], ids: Mapping[str, int]) -> None:
    layout.row("How does each CMO stand?")
    columns = {"cmo\\kpi": "CMO", **{kpi.name: kpi.title for kpi in kpis}}
    layout.side_by_side(
        11,
        (
            24,
            table(
                "CMOs by KPI",
                f"The state that asks for most attention, over products, sites, states of lots and "
                f"topics. {LEGEND} A click on a state shows how that KPI of that CMO went.",
                [instant("A", worst_states())],
                [
                    transformed(
                        "groupingToMatrix", columnField="kpi", rowField="cmo", valueField="Value"
                    ),
                    arranged(columns),
                ],
                defaults={
                    "mappings": STATES,
                    "custom": {"cellOptions": _CELL, "align": "left", **_NARROW},
                },
                overrides=[
                    override("CMO", custom__width=240, custom__cellOptions={"type": "auto"}),
                    *(override(kpi.title, links=[_link(kpi, ids[kpi.name])]) for kpi in kpis),
                ],
                empty="No CMO is watched yet",
                sorted_by=[("CMO", False)],
            ),
        ),
    )


def _link(kpi: Kpi, panel: int) -> Json:
    return {
        "title": f"How {kpi.title} of this CMO went",
        "url": f"/d/{OVERVIEW}?${{datasource:queryparam}}&var-cmo=${{__data.fields[0]}}"
        f"&viewPanel=panel-{panel}&${{__url_time_range}}",
    }


def _breaches(layout: Layout) -> None:
    layout.row("Which breaches stand?")
    layout.side_by_side(10, (24, breaches.standing()))
    layout.row("How long have they stood, and what changed today?")
    layout.side_by_side(8, (8, breaches.by_age()), (16, breaches.changed_today()))


def _feeds(layout: Layout) -> None:
    layout.row("Is each feed heard?")
    layout.side_by_side(
        10,
        (
            12,
            _by_topic(
                "As agreed?",
                f"Silence in the CMO's working time against the agreed cadence. {LEGEND}",
                states_by_topic(),
                {"mappings": STATES, "custom": {"cellOptions": _CELL, "align": "left", **_NARROW}},
            ),
        ),
        (
            12,
            _by_topic(
                "Since the last word",
                "The time since the last event or heartbeat, days off included.",
                since_heard(),
                {"unit": "s", "decimals": 1, "custom": {"align": "left", **_NARROW}},
            ),
        ),
    )


def _by_topic(title: str, help_: str, expression: str, defaults: Json) -> Json:
    columns = {"cmo\\topic": "CMO", **{topic: topic for topic in INBOUND}}
    return table(
        title,
        help_,
        [instant("A", expression)],
        [
            transformed(
                "groupingToMatrix", columnField="topic", rowField="cmo", valueField="Value"
            ),
            arranged(columns),
        ],
        defaults=defaults,
        overrides=[override("CMO", custom__cellOptions={"type": "auto"}, custom__width=240)],
        empty="No feed is watched yet",
        sorted_by=[("CMO", False)],
    )


def _itself(layout: Layout) -> None:
    layout.row("Does the monitor itself keep up?")
    never: Json = {"unit": "s", "mappings": mapped({str(UNWATCHED): ("✖ never", RED)})}
    layout.side_by_side(
        4,
        (
            8,
            stat(
                "Log last heard",
                "How long ago the shard that is furthest behind heard all its topics; beyond "
                f"{STALE} s it judges nothing.",
                behind(),
                defaults={**counted(alarming=RED, above=STALE), **never},
            ),
        ),
        (8, _count("Not said yet", _DUE, due(), YELLOW)),
        (8, _count("Refused in the last hour", _REFUSED, refused(), YELLOW)),
    )


_DUE: Final = "Breaches and dead letters that were sent and are not read back."
_REFUSED: Final = "Messages that could not be taken; each is on cmo.dead-letters with its reason."


def documents() -> dict[Path, str]:
    """Every board, by its path in the project, as text."""
    return {BOARDS / "overview.json": text(overview())}


def text(board: Json) -> str:
    """A board as it is written."""
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"
