"""The panels about breaches: which stand, for how long, and what changed today."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from alerts.kpi import BASE_UNITS, Kpi, Unit
from alerts.kpis import KPIS
from deploy.grafana.board import TO_THIS_CMO
from deploy.grafana.panels import (
    RED,
    YELLOW,
    Json,
    arranged,
    bars,
    fixed,
    instant,
    mapped,
    override,
    table,
    transformed,
)
from deploy.grafana.queries import (
    NO_END,
    acknowledged,
    breaches_aged,
    breaches_by_tier,
    breaches_in_full,
    cleared_today,
    clears_on,
    last_notified,
    next_notified,
    of_breaches,
    opened_today,
    turned_unknown_today,
)
from deploy.grafana.states import DECIMALS, KPI_TITLES, SEVERITIES, UNITS
from events.dimensions import DIMENSIONS

_AGES: Final[tuple[tuple[float, float | None, str], ...]] = (
    (0, 1, "under a day"),
    (1, 7, "1 to 7 days"),
    (7, 30, "7 to 30 days"),
    (30, None, "over 30 days"),
)
_TIERS: Final = 6
"""Levels that have a name, 0 among them; a higher one is shown by its number alone."""

_COLOURED: Final = {"type": "color-background", "mode": "basic"}
_NO_BREACH: Final = "No breach is shown; the top says whether anybody watches"


class _Figures(NamedTuple):
    """The two columns of the KPIs whose breaches are told in one base unit."""

    base: Unit
    ref: str
    called: str
    width: int

    @property
    def kpis(self) -> list[Kpi]:
        return [kpi for kpi in KPIS if BASE_UNITS[kpi.unit][0] == self.base]

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        return (self.ref, f"Is{self.called}"), (f"agreed_{self.ref}", f"Agreed{self.called}")

    def queries(self) -> Iterator[Json]:
        series = "cmo_kpi_reading", "cmo_kpi_limit"
        for (ref, _), asked in zip(self.columns, series, strict=True):
            yield instant(ref, " or ".join(self._in_base(asked)))

    def _in_base(self, series: str) -> Iterator[str]:
        for factor in sorted({kpi.in_base_units for kpi in self.kpis}):
            names = "|".join(kpi.name for kpi in self.kpis if kpi.in_base_units == factor)
            yield of_breaches(series, names, factor=factor)

    def overrides(self) -> Iterator[Json]:
        look: Json = {"noValue": "", "custom__width": self.width}
        for _, title in self.columns:
            yield override(title, unit=UNITS[self.base], decimals=DECIMALS[self.base], **look)


_FIGURES: Final = (
    _Figures("ratio", "ratio", "", 95),
    _Figures("seconds", "time", " (time)", 120),
    _Figures("count", "count", " (count)", 120),
)


def by_age() -> Json:
    """How many breaches stand, by how long they have, and by severity."""
    return bars(
        "Breaches by age and severity",
        "The breaches that stand, by the time since they opened, and by severity.",
        [instant("A", " or ".join(breaches_aged(*age) for age in _AGES))],
        [
            transformed(
                "groupingToMatrix", columnField="severity", rowField="age", valueField="Value"
            )
        ],
        by="age\\severity",
        overrides=[
            override("critical", displayName="✖ critical", color=fixed(RED)),
            override("warning", displayName="▲ warning", color=fixed(YELLOW)),
        ],
        empty=_NO_BREACH,
    )


def by_tier() -> Json:
    """How many breaches have climbed how far, by how long they have stood."""
    return table(
        "Breaches by age and escalation",
        "The breaches that stand, by the time since they opened, and by how far they have climbed: "
        "at tier 0 nobody was notified yet, at each further tier one role more was.",
        [instant("A", " or ".join(breaches_by_tier(*age) for age in _AGES))],
        [
            transformed("groupingToMatrix", columnField="tier", rowField="age", valueField="Value"),
            arranged({"age\\tier": "Open for", **{f"{n}": f"Tier {n}" for n in range(_TIERS)}}),
        ],
        defaults={"decimals": 0, "custom": {"align": "left", "minWidth": 60}},
        overrides=[],
        empty=_NO_BREACH,
    )


def standing(*, of_one: bool = False) -> Json:
    """Every breach that stands, the critical first; `of_one` CMO without its name."""
    figures = [each for each in _FIGURES if each.kpis]
    columns = {
        "severity": "Severity",
        "Value #age": "Open for",
        "cmo": "CMO",
        "kpi": "KPI",
        "where": "Where",
        **{f"Value #{ref}": title for each in figures for ref, title in each.columns},
        "Value #n": "n",
        "judged": "Judged",
    }
    hidden = ["cmo"] if of_one else []
    every = "|".join(kpi.name for kpi in KPIS)
    return table(
        "Standing breaches",
        "The critical and the oldest first. Agreed is the warning limit in force; judged is what a "
        "breach may do: page at any hour, be a ticket in working hours, or wait for a review.",
        [
            instant("age", breaches_in_full()),
            *(query for each in figures for query in each.queries()),
            instant("n", of_breaches("cmo_kpi_evidence", every)),
        ],
        [
            transformed("filterFieldsByName", exclude={"pattern": "^Time( \\d+)?$"}),
            transformed("joinByField", byField="breach_id", mode="outer"),
            arranged(columns, [*hidden, "breach_id", *DIMENSIONS]),
        ],
        defaults={"custom": {"minWidth": 60}},
        overrides=[
            override("Severity", mappings=SEVERITIES, custom__cellOptions=_COLOURED),
            override("Severity", custom__width=100),
            override("Open for", unit="s", decimals=0, custom__width=95),
            override("CMO", custom__width=235, links=[TO_THIS_CMO]),
            override("KPI", mappings=KPI_TITLES, custom__minWidth=175),
            override("Where", custom__minWidth=130),
            override("Judged", custom__width=80),
            *(looks for each in figures for looks in each.overrides()),
            override("n", decimals=0, custom__width=60),
        ],
        empty=_NO_BREACH,
        sorted_by=[("Severity", False), ("Open for", True)],
    )


def escalation() -> Json:
    """For every standing breach who was notified, who is next, who has it, and when it clears."""
    columns = {
        "severity": "Severity",
        "Value #age": "Open for",
        "kpi": "KPI",
        "where": "Where",
        "Value #notified": "Tier",
        "notified": "Last notified",
        "next": "Next",
        "Value #next": "Next notified",
        "by": "Taken on by",
        "Value #taken": "Until",
        "Value #clears": "Clears on",
    }
    return table(
        "Escalation",
        "The tier a breach has climbed to and the role notified last; who is next, and when, if "
        "nobody takes it on; who has; and the day it clears by itself, where that is known.",
        [
            instant("age", breaches_in_full()),
            instant("notified", last_notified()),
            instant("next", next_notified()),
            instant("taken", acknowledged()),
            instant("clears", clears_on()),
        ],
        [
            transformed("filterFieldsByName", exclude={"pattern": "^Time( \\d+)?$"}),
            transformed("joinByField", byField="breach_id", mode="outer"),
            arranged(columns, ["breach_id", "cmo", "judged", *DIMENSIONS]),
        ],
        defaults={"custom": {"minWidth": 60}},
        overrides=[
            override("Severity", mappings=SEVERITIES, custom__cellOptions=_COLOURED),
            override("Severity", custom__width=110),
            override("Open for", unit="s", decimals=0, custom__width=100),
            override("KPI", mappings=KPI_TITLES, custom__minWidth=190),
            override("Tier", decimals=0, custom__width=70),
            *(override(name, custom__width=165) for name in ("Last notified", "Next")),
            override("Next notified", unit="dateTimeFromNow", mappings=_NEVER, custom__width=120),
            override("Taken on by", custom__width=115),
            override("Until", unit="dateTimeAsIso", mappings=_NEVER, custom__width=165),
            override("Clears on", unit="time:YYYY-MM-DD", mappings=_NEVER, custom__width=105),
        ],
        empty=_NO_BREACH,
        sorted_by=[("Severity", False), ("Open for", True)],
    )


_NEVER: Final = mapped({"0": ("–", None), str(NO_END): ("without an end", None)})


def changed_today() -> Json:
    """What opened, cleared or turned unknown."""
    columns = {"change": "Change", "cmo": "CMO", "kpi": "KPI", "where": "Where", "Value": "Opened"}
    return table(
        "Opened, cleared, turned unknown",
        "Breaches that opened since midnight (UTC), breaches of the last 24 h that stand no more, "
        "and readings that turned unknown within 24 h.",
        [instant("A", " or ".join([opened_today(), cleared_today(), turned_unknown_today()]))],
        [arranged(columns, ["Time", *DIMENSIONS])],
        defaults={},
        overrides=[
            override("CMO", links=[TO_THIS_CMO]),
            override("KPI", mappings=KPI_TITLES),
            override("Change", custom__width=130),
            override(
                "Opened",
                unit="dateTimeFromNow",
                mappings=[{"type": "value", "options": {"0": {"text": "–", "index": 0}}}],
            ),
        ],
        empty="No change is shown; the top says whether anybody watches",
        sorted_by=[("Opened", True)],
    )
