"""A panel for every KPI: how it went, against the limits in force."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from alerts.kpi import Kpi
from deploy.grafana.board import id_of
from deploy.grafana.panels import Json, lines, over_time, override_query
from deploy.grafana.queries import all_along, of_dimensions, of_judged
from deploy.grafana.states import BEYOND, DECIMALS, UNITS, N

_LIMITS = (("warning", "orange"), ("critical", "red"))
_EMPTY: Final = "No reading in the time chosen; the first panels say whether anybody watches"
_HIGHEST: Final = 5


def panel_id(kpi: Kpi) -> int:
    """The id of a KPI's own panel, the same on every board; links lead to it."""
    return id_of(f"kpi: {kpi.name}")


def histories(kpis: Iterable[Kpi], *, of_one: bool = False) -> Mapping[int, Json]:
    """A panel for each KPI, under its id; `of_one` CMO there is room for more."""
    return {panel_id(kpi): _history(kpi, of_one=of_one) for kpi in kpis}


def _history(kpi: Kpi, *, of_one: bool) -> Json:
    banded = of_one and kpi.interval and kpi.dimensions[0] == ()
    own = _of_one(kpi) if of_one else _of_many(kpi)
    return lines(
        kpi.title,
        _description(kpi, banded=banded),
        [*own, *(_interval(kpi) if banded else ()), *_agreed_limits(kpi)],
        defaults={"unit": UNITS[kpi.unit], "decimals": DECIMALS[kpi.unit]},
        overrides=[*_overrides(kpi), *(_as_band() if banded else ())],
        empty=_EMPTY,
        beside=not of_one,
    )


def _description(kpi: Kpi, *, banded: bool) -> str:
    window = f"over {kpi.window_days} days" if kpi.window_days else "as of now"
    better = "higher" if kpi.higher_is_better else "lower"
    cut = f" Drawn up to {_HIGHEST} times the critical limit." if kpi.agreed_time else ""
    band = f" The band is its 95 % interval; {N}." if banded else ""
    return (
        f"{kpi.help}{band}{cut}\n\nRead {window}; {better} is better; least n {kpi.minimum}. "
        f"{_agreed(kpi)} A breach of it: {kpi.urgency}.\n\nWhat to do first: {kpi.action}"
    )


def _agreed(kpi: Kpi) -> str:
    given = [f"{limit:g}" for limit in (kpi.warning, kpi.critical) if limit is not None]
    if not given:
        return "Judged only where an agreement sets a limit."
    time = f" × the {kpi.agreed_time.replace('_', ' ')}" if kpi.agreed_time else ""
    beyond = f" {BEYOND}" if kpi.interval else ""
    return f"Limits unless agreed otherwise: {' and '.join(given)}{time}.{beyond}"


def _of_one(kpi: Kpi) -> Iterator[Json]:
    yield over_time("A", _drawn(kpi), _legend(kpi))


def _drawn(kpi: Kpi) -> str:
    readings = _readings("cmo_kpi_reading", kpi, kpi.dimensions[0])
    if not kpi.agreed_time:
        return readings
    # Who was never heard has waited for years, and the limits would be lost at the bottom.
    limits = all_along("cmo_kpi_limit", "cmo", f'{of_judged(kpi)},severity="critical"')
    return f"clamp_max({readings}, scalar({_HIGHEST} * max({limits}) or vector(Inf)))"


def _of_many(kpi: Kpi) -> Iterator[Json]:
    legend = f"{{{{cmo}}}} {_legend(kpi)}" if _labels(kpi) else "{{cmo}}"
    yield over_time("A", _drawn(kpi), legend)
    if kpi.interval:
        # Only where each unit is one of one: quantities may have unlike units.
        yield over_time("all", _rolled_up(kpi), "all that are chosen, together")


def _interval(kpi: Kpi) -> Iterator[Json]:
    for ref, series in (
        ("low", "cmo_kpi_low"),
        ("high", "cmo_kpi_high"),
        ("n", "cmo_kpi_evidence"),
    ):
        yield over_time(ref, _readings(series, kpi, kpi.dimensions[0]), ref)


def _agreed_limits(kpi: Kpi) -> Iterator[Json]:
    for severity, _ in _LIMITS:
        yield over_time(severity, _strictest(kpi, severity), f"{severity} limit")


def _readings(series: str, kpi: Kpi, names: tuple[str, ...]) -> str:
    by = ", ".join(["cmo", *_labels(kpi)])
    return all_along(series, by, of_dimensions(kpi, names))


def _labels(kpi: Kpi) -> list[str]:
    return [*kpi.dimensions[0], *(["percentile"] if kpi.quantiles else [])]


def _legend(kpi: Kpi) -> str:
    return " ".join(f"{{{{{name}}}}}" for name in _labels(kpi)) or "is"


def _rolled_up(kpi: Kpi) -> str:
    """Sums first, the division last."""
    parts = (
        f"sum({all_along(f'cmo_kpi_{part}', 'cmo', of_judged(kpi))})"
        for part in ("numerator", "denominator")
    )
    return " / ".join(parts)


def _strictest(kpi: Kpi, severity: str) -> str:
    limits = all_along("cmo_kpi_limit", "cmo", f'{of_judged(kpi)},severity="{severity}"')
    return f"{'max' if kpi.higher_is_better else 'min'}({limits})"


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


def _as_band() -> Iterator[Json]:
    grey: Json = {"mode": "fixed", "fixedColor": "semi-dark-blue"}
    yield override_query("low", color=grey, custom__lineWidth=0)
    yield override_query(
        "high", color=grey, custom__lineWidth=0, custom__fillOpacity=20, custom__fillBelowTo="low"
    )
    # Told in the legend and at the pointer; a line of it would be of another scale.
    yield override_query(
        "n", unit="none", decimals=0, custom__lineWidth=0, custom__axisPlacement="hidden"
    )
