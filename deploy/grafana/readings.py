"""Tables of readings: for each its state, value, interval, evidence and the limits in force."""

from collections.abc import Iterable, Iterator
from typing import Final

from alerts.kpi import Kpi, Unit
from deploy.grafana.board import TO_THIS_CMO
from deploy.grafana.panels import (
    Json,
    arranged,
    instant,
    override,
    table,
    transformed,
)
from deploy.grafana.queries import READING, judged, where, without_state
from deploy.grafana.states import BEYOND, DECIMALS, KPI_TITLES, LEGEND, STATES, UNITS, N

_FIGURES: Final = ("Is", "Low", "High", "Warning", "Critical")
_TITLES: Final[dict[Unit, str]] = {
    "ratio": "Shares",
    "seconds": "Times",
    "days": "Days",
    "count": "Counts",
}
_COLOURED: Final[Json] = {"type": "color-background", "mode": "basic"}
_ABOUT: Final = (
    f"The worst first. Low and high are the ends of the 95 % interval, {N}, "
    f"warning and critical are the limits in force. {BEYOND} {LEGEND}"
)


def readings(kpis: Iterable[Kpi], *, of_one: bool = False) -> Iterator[Json]:
    """A table of the KPIs of each unit; `of_one` CMO without its name."""
    every = tuple(kpis)
    for unit in dict.fromkeys(kpi.unit for kpi in every):
        of_unit = [kpi for kpi in every if kpi.unit == unit]
        yield _readings(unit, of_unit, of_one=of_one)


def _readings(unit: Unit, kpis: list[Kpi], *, of_one: bool) -> Json:
    has_interval = any(kpi.interval for kpi in kpis)
    has_place = any(kpi.dimensions[0] or kpi.quantiles for kpi in kpis)
    hidden = [*(["cmo"] if of_one else []), *([] if has_place else ["where"])]
    columns = {
        "Value #state": "State",
        "cmo": "CMO",
        "kpi": "KPI",
        "where": "Where",
        "Value #is": "Is",
        **({"Value #low": "Low", "Value #high": "High"} if has_interval else {}),
        "Value #n": "n",
        "Value #warning": "Warning",
        "Value #critical": "Critical",
    }
    interval = ("low", "high") if has_interval else ()
    return table(
        _TITLES[unit],
        _ABOUT,
        [
            instant("n", _named(where(judged("cmo_kpi_evidence", kpis), "percentile"))),
            instant("state", _only(_states(kpis))),
            instant("is", _only(judged("cmo_kpi_reading", kpis))),
            *(instant(end, _only(judged(f"cmo_kpi_{end}", kpis))) for end in interval),
            *(
                instant(limit, _only(judged("cmo_kpi_limit", kpis, f',severity="{limit}"')))
                for limit in ("warning", "critical")
            ),
        ],
        [
            transformed("filterFieldsByName", exclude={"pattern": "^Time( \\d+)?$"}),
            transformed("joinByField", byField="reading", mode="outer"),
            arranged(columns, [*hidden, "reading", *READING.split(", ")[2:]]),
        ],
        defaults={"custom": {"minWidth": 60}},
        overrides=[
            override("State", mappings=STATES, custom__cellOptions=_COLOURED, custom__width=105),
            override("State", custom__align="left"),
            override("CMO", custom__width=235, links=[TO_THIS_CMO]),
            override("KPI", mappings=KPI_TITLES, custom__minWidth=190),
            *(
                override(
                    name,
                    unit=UNITS[unit],
                    decimals=DECIMALS[unit],
                    noValue="",
                    custom__width=85,
                )
                for name in _FIGURES
            ),
            override("n", decimals=0, custom__width=70),
        ],
        empty="No reading is shown; the monitor's board says whether anybody watches",
        sorted_by=[("State", True), ("CMO", False)],
    )


def _states(kpis: list[Kpi]) -> str:
    unjudged = without_state(judged("cmo_kpi_evidence", kpis))
    return f"({judged('cmo_kpi_state', kpis)}) or {unjudged}"


def _named(expression: str) -> str:
    """With all that tells a reading from others as one label."""
    labels = ", ".join(f'"{name}"' for name in READING.split(", "))
    return f'label_join({expression}, "reading", "|", {labels})'


def _only(expression: str) -> str:
    """With nothing but that label: the others are in the first query."""
    return f"max by (reading) ({_named(expression)})"
