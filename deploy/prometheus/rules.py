"""Prometheus' rules, from the catalogue: what was judged becomes an alert as loud as declared."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from alerts.catalogue import KPIS, Kpi
from deploy.as_yaml import as_yaml
from deploy.prometheus.pipeline import pipeline
from deploy.prometheus.rule import PAGE, TICKET, UNNOTIFIED, Rule, alert, anchor
from deploy.prometheus.runbook import RUNBOOK, runbook
from deploy.prometheus.wording import breach_id, description, scope, summary

RULES: Final = Path("deploy/prometheus/rules/cmowatch.yml")
CONFIG: Final = Path("deploy/prometheus/prometheus.yml")

HELD = "10m"
"""How long a breach's alert outlasts its series: longer than a worker takes to be ready again."""

_MADE = "Made from alerts/catalogue.py and deploy/prometheus by `cmowatch render`; change it there."


def rule_groups(kpis: Iterable[Kpi] = KPIS, *, held: str = HELD) -> dict[str, object]:
    """Every rule, in groups; an alert of a breach outlasts its series by `held`."""
    breaches = [rule for kpi in kpis for rule in _of_breaches(kpi, held)]
    return {
        "groups": [
            {"name": "cmowatch-breaches", "rules": breaches},
            {"name": "cmowatch-pipeline", "rules": list(pipeline(held))},
        ]
    }


def alert_name(kpi: Kpi) -> str:
    """The name of the alert on a KPI's breaches."""
    return f"Cmowatch{kpi.name.title().replace('_', '')}Breach"


def is_told(kpi: Kpi) -> bool:
    """Whether somebody is told of a breach of this KPI: of a family, only of the one that leads."""
    return kpi.leads and kpi.judged in ("page", "ticket")


def _of_breaches(kpi: Kpi, held: str) -> Iterator[Rule]:
    """A KPI that may page does so for a rule of its own; it inhibits the ticket beside it."""
    if kpi.judged == "never":
        return
    yield _breach(kpi, _standing(kpi), TICKET if is_told(kpi) else UNNOTIFIED, held)
    if is_told(kpi) and kpi.judged == "page":
        yield _breach(kpi, _paging(kpi), PAGE, held)


def _breach(kpi: Kpi, expression: str, severity: str, held: str) -> Rule:
    return alert(
        alert_name(kpi),
        expression,
        severity,
        keep_firing_for=held,
        summary=summary(kpi),
        description=description(kpi),
        runbook=f"kpis.md#{anchor(kpi.name)}",
        board="&".join(f"var-{name}={{{{ $labels.{name} }}}}" for name in scope(kpi)),
        breach_id=breach_id(kpi),
    )


def _standing(kpi: Kpi, **equal: str) -> str:
    """Whether a breach stands, whichever worker says so and whatever its id is."""
    matchers = ",".join(f'{name}="{value}"' for name, value in {"kpi": kpi.name, **equal}.items())
    return f"max by ({', '.join(['kpi', *scope(kpi)])}) (cmo_breach_open{{{matchers}}})"


def _paging(kpi: Kpi) -> str:
    """A supply pages when it is out of stock, anything else by its breach.

    Once it pages it goes on while nobody can say how much there is, as its breach does.
    """
    if kpi.unit != "days":
        return _standing(kpi)
    shown = {name for level in kpi.levels for name in level} - {*kpi.levels[0]}
    judged = "".join(f',{name}=""' for name in sorted(shown))
    where = ", ".join(scope(kpi))
    left = f'max by ({where}) (cmo_kpi_reading{{kpi="{kpi.name}"{judged}}})'
    paged = f'ALERTS{{alertname="{alert_name(kpi)}",alertstate="firing",severity="{PAGE}"}}'
    paging = f"max by ({where}) ({paged})"
    return (
        f"{_standing(kpi, severity='critical')}\n"
        f"and on ({where}) ({left} <= 0 or {paging} unless on ({where}) {left})\n"
    )


def configuration(
    targets: Iterable[str] = ("localhost:6066",),
    alertmanagers: Iterable[str] = ("localhost:9093",),
    *,
    scraped_every: str = "10s",
    evaluated_every: str = "5s",
    rules: str = "rules/*.yml",
) -> Mapping[str, object]:
    """Prometheus' own configuration: whom it scrapes, how often, and whom it tells."""
    return {
        "global": {"scrape_interval": scraped_every, "evaluation_interval": evaluated_every},
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
        "scrape_configs": [
            {"job_name": "cmowatch", "static_configs": [{"targets": list(targets)}]},
        ],
    }


def documents() -> dict[Path, str]:
    """Every file of Prometheus' that is generated, by its path in the project."""
    return {
        RULES: as_yaml(rule_groups(), _MADE),
        CONFIG: as_yaml(
            configuration(), _MADE, "Name your workers as targets, and your Alertmanagers."
        ),
        RUNBOOK: runbook(HELD),
    }
