"""The board of one CMO: how it stands, what stands against it, what was agreed, how all went."""

from collections.abc import Sequence
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from deploy.grafana import breaches, readings
from deploy.grafana.board import Layout, board
from deploy.grafana.history import histories
from deploy.grafana.panels import Json, arranged, bands, instant, over_time, override, table
from deploy.grafana.queries import states_all_along
from deploy.grafana.states import LEGEND, STATES, titled
from deploy.links import CMO

_AGREEMENT: Final = (
    'max by (name, version, effective, contingency) (cmo_agreement_info{cmo=~"$cmo"})'
)


def cmo(kpis: Sequence[Kpi] = KPIS) -> Json:
    """The board, as the JSON Grafana reads."""
    layout = Layout()
    layout.row("How does it stand on every KPI?")
    for panel in readings.readings(kpis, of_one=True):
        layout.side_by_side(11, (24, panel))
    layout.row("Which breaches stand?")
    layout.side_by_side(8, (24, breaches.standing(of_one=True)))
    layout.row("Who was notified of them, who is next, and who has them?")
    layout.side_by_side(8, (24, breaches.escalation()))
    layout.row("What was agreed, and what is to be done when it is not kept?")
    layout.side_by_side(5, (24, _agreed()))
    layout.row("How did its states go?")
    layout.side_by_side(12, (24, _states(kpis)))
    layout.row("How did each KPI go, against what was agreed?")
    layout.in_columns(9, 2, histories(kpis, of_one=True))
    return board(
        CMO,
        "One CMO: all its states, its breaches, its agreement, and how every KPI went.",
        layout.panels,
        one_cmo=True,
    )


def _agreed() -> Json:
    columns = {
        "name": "Name",
        "version": "Version",
        "effective": "In force since",
        "contingency": "What to do",
    }
    wrapped: Json = {"type": "auto", "wrapText": True}
    return table(
        "Agreement",
        "The agreement in force, and what it wants done when something in it is not kept.",
        [instant("A", _AGREEMENT)],
        [arranged(columns, ["Time", "Value"])],
        defaults={},
        overrides=[
            override("Name", custom__width=240),
            override("Version", custom__width=80),
            override("In force since", custom__width=120),
            override("What to do", custom__cellOptions=wrapped),
        ],
        empty="No agreement is in force; the monitor's board says whether anybody watches",
    )


def _states(kpis: Sequence[Kpi]) -> Json:
    return bands(
        "States",
        "The state of each KPI that asks for most attention, over products, sites, states of lots "
        f"and topics. {LEGEND}",
        [over_time("A", states_all_along(), "{{kpi}}")],
        defaults={"mappings": STATES},
        overrides=[*titled(kpis)],
        empty="No state in the time chosen",
    )
