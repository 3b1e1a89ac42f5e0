"""The Overview board: how every CMO stands on every KPI, and what to look at first."""

from collections.abc import Sequence
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from deploy.grafana import breaches
from deploy.grafana.board import TO_THIS_CMO, Layout, board, to_cmo
from deploy.grafana.history import panel_id
from deploy.grafana.panels import (
    PURPLE,
    RED,
    YELLOW,
    Json,
    arranged,
    instant,
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
from deploy.grafana.states import LEGEND, NEVER, SHORT_STATES, STATES, counted
from deploy.links import OVERVIEW
from deploy.prometheus.pipeline import STALE
from events.data import INBOUND

_NARROW: Final[Json] = {"minWidth": 60, "wrapHeaderText": True}
_CELL: Final[Json] = {"type": "color-background", "mode": "basic"}


def overview(kpis: Sequence[Kpi] = KPIS) -> Json:
    """The board, as the JSON Grafana reads."""
    layout = Layout()
    _attention(layout)
    _states(layout, kpis)
    _breaches(layout)
    _feeds(layout)
    _itself(layout)
    return board(
        OVERVIEW,
        "How every CMO stands on every KPI, and what to look at first.",
        layout.panels,
    )


def _attention(layout: Layout) -> None:
    layout.row("What needs attention now?")
    layout.side_by_side(
        4,
        (4, _count("Critical", "Breaches that are critical.", _critical(), RED)),
        (4, _count("Warnings", "Breaches that are a warning.", _warning(), YELLOW)),
        (4, _count("Not known", _UNKNOWN, unknown_cmos(), PURPLE)),
        (4, _count("Silent feeds", "Feeds silent beyond what was agreed.", silent_feeds(), YELLOW)),
        (4, _count("Feed gaps", "Spans of events that never came.", gaps(), YELLOW)),
        (4, _count("Not watched", _NOT_READY, shards_missing(), RED)),
    )


_UNKNOWN: Final = "CMOs with a KPI that cannot be known: a feed silent, gapped or never heard."
_NOT_READY: Final = "Partitions watched within the last hour, and not now: their CMOs are missing."


def _critical() -> str:
    return open_breaches("critical")


def _warning() -> str:
    return open_breaches("warning")


def _count(title: str, help_: str, expression: str, alarming: str) -> Json:
    return stat(title, help_, expression, defaults=counted(alarming=alarming))


def _states(layout: Layout, kpis: Sequence[Kpi]) -> None:
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
                    "mappings": SHORT_STATES,
                    "custom": {"cellOptions": _CELL, "align": "left", **_NARROW},
                },
                overrides=[
                    override(
                        "CMO",
                        custom__width=240,
                        custom__cellOptions={"type": "auto"},
                        links=[TO_THIS_CMO],
                    ),
                    *(override(kpi.title, links=[_drill(kpi)]) for kpi in kpis),
                ],
                empty="No CMO is watched yet",
                sorted_by=[("CMO", False)],
            ),
        ),
    )


def _drill(kpi: Kpi) -> Json:
    title = f"How {kpi.title} of this CMO went"
    return to_cmo(title, "${__data.fields[0]}", panel_id(kpi))


def _breaches(layout: Layout) -> None:
    layout.row("Which breaches stand?")
    layout.side_by_side(10, (24, breaches.standing()))
    layout.row("How long have they stood, and how far have they climbed?")
    layout.side_by_side(8, (12, breaches.by_age()), (12, breaches.by_tier()))
    layout.row("What changed today?")
    layout.side_by_side(8, (24, breaches.changed_today()))


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
        overrides=[
            override(
                "CMO", custom__cellOptions={"type": "auto"}, custom__width=240, links=[TO_THIS_CMO]
            )
        ],
        empty="No feed is watched yet",
        sorted_by=[("CMO", False)],
    )


def _itself(layout: Layout) -> None:
    layout.row("Does the monitor itself keep up?")
    layout.side_by_side(
        4,
        (
            8,
            stat(
                "Log last heard",
                "How long ago the shard that is furthest behind heard all its topics; beyond "
                f"{STALE} s it judges nothing.",
                behind(),
                defaults={**counted(alarming=RED, above=STALE), **NEVER},
            ),
        ),
        (8, _count("Not said yet", _DUE, due(), YELLOW)),
        (8, _count("Refused in an hour", _REFUSED, refused(), YELLOW)),
    )


_DUE: Final = "Breaches and dead letters that were sent and are not read back."
_REFUSED: Final = "Messages that could not be taken; each is on cmo.dead-letters with its reason."
