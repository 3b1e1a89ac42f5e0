"""How states, severities and KPIs are shown: by sign and word first, by colour besides."""

from collections.abc import Iterable, Iterator
from typing import Final

from alerts.judge import Verdict
from alerts.kpi import Kpi, Unit
from alerts.kpis import KPIS
from deploy.grafana.panels import (
    BLUE,
    FAINT,
    GREEN,
    NONE,
    PURPLE,
    RED,
    YELLOW,
    Json,
    mapped,
    override,
)

UNWATCHED: Final = -1
"""Stands for a count that nobody can tell, because no shard is ready."""

NO_LIMIT: Final = -3
"""Stands for a reading that no limit judges, where a board shows states."""

NOTHING_DUE: Final = NO_LIMIT - 1
"""Stands for one that rests on nothing, for nothing was due."""

_SIGNS: Final = {
    Verdict.CRITICAL: ("✖ critical", RED),
    Verdict.WARNING: ("▲ warning", YELLOW),
    Verdict.OK: ("● ok", GREEN),
    Verdict.INSUFFICIENT: ("◌ too few", BLUE),
    Verdict.UNKNOWN: ("? unknown", PURPLE),
}

STATES: Final = mapped(
    {
        **{str(int(state)): look for state, look in _SIGNS.items()},
        str(NO_LIMIT): ("– no limit", "transparent"),
        str(NOTHING_DUE): ("– none due", FAINT),
    }
)
"""The value mappings of `cmo_kpi_state`."""

SHORT_STATES: Final = mapped(
    {
        str(int(Verdict.CRITICAL)): ("✖ crit.", RED),
        str(int(Verdict.WARNING)): ("▲ warn.", YELLOW),
        str(int(Verdict.OK)): ("● ok", GREEN),
        str(int(Verdict.INSUFFICIENT)): ("◌ few", BLUE),
        str(int(Verdict.UNKNOWN)): ("? unkn.", PURPLE),
        str(NO_LIMIT): ("–", "transparent"),
        str(NOTHING_DUE): ("– none", FAINT),
    }
)
"""The same where a column is narrow."""

SEVERITIES: Final = mapped(
    {str(state): _SIGNS[state] for state in (Verdict.CRITICAL, Verdict.WARNING)}
)


def titled(kpis: Iterable[Kpi]) -> Iterator[Json]:
    """A KPI's title in place of its name, where a series is called by that."""
    return (override(kpi.name, displayName=kpi.title) for kpi in kpis)


KPI_TITLES: Final = mapped({kpi.name: (kpi.title, None) for kpi in KPIS})

UNITS: Final[dict[Unit, str]] = {
    "ratio": "percentunit",
    "seconds": "s",
    "days": "suffix: d",
    "count": NONE,
}
"""Grafana's name of each unit; its own `d` would show days as weeks."""

DECIMALS: Final[dict[Unit, int]] = {"ratio": 1, "seconds": 1, "days": 1, "count": 0}
"""How many decimals of each unit are shown."""

LEGEND: Final = (
    "✖ critical, ▲ warning, ● ok, ◌ too little evidence, ? unknown, – no limit, or nothing due."
)

N: Final = "n counts independent pieces of evidence"
BEYOND: Final = "The whole 90 % interval has to be beyond for a warning, that of 95 % for critical."


def counted(*, alarming: str | None, above: float = 1) -> Json:
    """How a number is shown that should be 0, or below a bound; without `alarming` it need not."""
    return {
        "decimals": 0,
        "thresholds": {
            "mode": "absolute",
            "steps": [
                {"value": None, "color": GREEN if alarming else BLUE},
                *([{"value": above, "color": alarming}] if alarming else []),
            ],
        },
        "mappings": mapped({"0": ("● none", None), str(UNWATCHED): _SIGNS[Verdict.UNKNOWN]}),
        "unit": NONE,
    }


NEVER: Final[Json] = {"unit": "s", "mappings": mapped({str(UNWATCHED): ("✖ never", RED)})}
"""How a time since something is shown that may never have been."""
