"""How states, severities and KPIs are shown: by sign and word first, by colour besides."""

from typing import Final

from alerts.catalogue import KPIS, Unit
from alerts.judge import State
from deploy.grafana.panels import BLUE, GREEN, NONE, PURPLE, RED, YELLOW, Json, mapped

UNWATCHED: Final = -1
"""Stands for a count that nobody can tell, because no shard is ready."""

NO_LIMIT: Final = -3
"""Stands for a reading that no limit judges, where a board shows states."""

_SIGNS: Final = {
    State.CRITICAL: ("✖ critical", RED),
    State.WARNING: ("▲ warning", YELLOW),
    State.OK: ("● ok", GREEN),
    State.INSUFFICIENT: ("◌ too few", BLUE),
    State.UNKNOWN: ("? unknown", PURPLE),
}

STATES: Final = mapped(
    {
        **{str(int(state)): look for state, look in _SIGNS.items()},
        str(NO_LIMIT): ("– no limit", "transparent"),
    }
)
"""The value mappings of `cmo_kpi_state`."""

SEVERITIES: Final = mapped({str(state): _SIGNS[state] for state in (State.CRITICAL, State.WARNING)})

KPI_TITLES: Final = mapped({kpi.name: (kpi.title, None) for kpi in KPIS})

UNITS: Final[dict[Unit, str]] = {"ratio": "percentunit", "seconds": "s", "days": "suffix: d"}
"""Grafana's name of each unit; its own `d` would show days as weeks."""

LEGEND: Final = "✖ critical, ▲ warning, ● ok, ◌ too little evidence, ? unknown, – no limit."


def counted(*, alarming: str, above: float = 1) -> Json:
    """How a number is shown that should be 0, or below a bound."""
    return {
        "decimals": 0,
        "thresholds": {
            "mode": "absolute",
            "steps": [{"value": None, "color": GREEN}, {"value": above, "color": alarming}],
        },
        "mappings": mapped({"0": ("● none", None), str(UNWATCHED): _SIGNS[State.UNKNOWN]}),
        "unit": NONE,
    }
