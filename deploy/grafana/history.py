"""A panel for every KPI: how it went, against the limits in force."""

from collections.abc import Iterable, Iterator

from alerts.catalogue import Kpi
from deploy.grafana.panels import RED, YELLOW, Json, lines, over_time, override_query
from deploy.grafana.queries import judged_level, level
from deploy.grafana.states import UNITS

_LIMITS = (("warning", YELLOW), ("critical", RED))


def histories(kpis: Iterable[Kpi]) -> Iterator[Json]:
    """A panel for each KPI, in their order."""
    return (_history(kpi) for kpi in kpis)


def _history(kpi: Kpi) -> Json:
    return lines(
        kpi.title,
        _description(kpi),
        [*_targets(kpi)],
        defaults={"unit": UNITS[kpi.unit]},
        overrides=[*_overrides(kpi)],
    )


def _description(kpi: Kpi) -> str:
    window = f"over {kpi.window_days} days" if kpi.window_days else "as of now"
    better = "higher" if kpi.higher_is_better else "lower"
    return (
        f"{kpi.help}\n\nRead {window}; {better} is better; least n {kpi.minimum}. "
        f"{_agreed(kpi)} A breach of it: {kpi.judged}.\n\nWhat to do first: {kpi.action}"
    )


def _agreed(kpi: Kpi) -> str:
    if kpi.warning is None or kpi.critical is None:
        return "Judged only where an agreement sets a limit."
    if kpi.agreed_time:
        time = kpi.agreed_time.replace("_", " ")
        return f"Limits unless agreed otherwise: {kpi.warning:g} and {kpi.critical:g} × the {time}."
    return f"Limits unless agreed otherwise: {kpi.warning:g} and {kpi.critical:g}."


def _targets(kpi: Kpi) -> Iterator[Json]:
    yield over_time("A", _readings(kpi, kpi.levels[0]), _legend(kpi.levels[0], kpi))
    for index, below in enumerate(kpi.levels[1:]):
        yield over_time(f"B{index}", _readings(kpi, below), _legend(below, kpi))
    if kpi.interval:
        # Only where each unit is one of one: quantities may have unlike units.
        yield over_time("all", _rolled_up(kpi), "all that are chosen, together")
    for severity, _ in _LIMITS:
        yield over_time(severity, _strictest(kpi, severity), f"strictest {severity} limit")


def _readings(kpi: Kpi, names: tuple[str, ...]) -> str:
    by = ", ".join(["cmo", *names, *(["percentile"] if kpi.quantiles else [])])
    return f"max by ({by}) (cmo_kpi_reading{{{level(kpi, names)}}})"


def _legend(names: tuple[str, ...], kpi: Kpi) -> str:
    labels = ["cmo", *names, *(["percentile"] if kpi.quantiles else [])]
    return " ".join(f"{{{{{name}}}}}" for name in labels)


def _rolled_up(kpi: Kpi) -> str:
    """Sums first, the division last."""
    parts = (
        f"sum(max by (cmo) (cmo_kpi_{part}{{{judged_level(kpi)}}}))"
        for part in ("numerator", "denominator")
    )
    return " / ".join(parts)


def _strictest(kpi: Kpi, severity: str) -> str:
    limit = f'cmo_kpi_limit{{{judged_level(kpi)},severity="{severity}"}}'
    return f"{'max' if kpi.higher_is_better else 'min'}({limit})"


def _overrides(kpi: Kpi) -> Iterator[Json]:
    for severity, color in _LIMITS:
        yield override_query(
            severity,
            color={"mode": "fixed", "fixedColor": color},
            custom__lineStyle={"fill": "dash", "dash": [8, 8]},
            custom__lineWidth=1,
        )
    if kpi.interval:
        yield override_query(
            "all", color={"mode": "fixed", "fixedColor": "text"}, custom__lineWidth=3
        )
    for index, _ in enumerate(kpi.levels[1:]):
        yield override_query(f"B{index}", custom__lineWidth=1)
