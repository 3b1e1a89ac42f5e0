"""Prometheus' rules, from the catalogue: what was judged becomes an alert as loud as declared."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from deploy.as_yaml import as_yaml
from deploy.prometheus.data_quality import unknown
from deploy.prometheus.pipeline import READY, pipeline
from deploy.prometheus.promtool_tests import CLAIMS, claims
from deploy.prometheus.rule import PAGE, TICKET, UNNOTIFIED, Rule, alert, anchor, recorded
from deploy.prometheus.runbook import RUNBOOK, runbook
from deploy.prometheus.slo import EVERY, objectives
from deploy.prometheus.wording import (
    SILENCE,
    acknowledge_url,
    alert_name,
    breach_id,
    description,
    escalated,
    scope,
    summary,
)
from events.dimensions import DIMENSIONS

RULES: Final = Path("deploy/prometheus/rules/cmowatch.yml")
CONFIG: Final = Path("deploy/prometheus/prometheus.yml")

ESCALATED: Final = "CmowatchBreachEscalated"
"""The alert that repeats a breach, and climbs with it."""

STANDING: Final = "breach:cmo_breach_open:max"
CLIMBED: Final = "breach_role:cmo_breach_escalation_tier:max"
"""Series of what stands and has climbed, whichever worker says so, kept while none does."""

KEEP_FIRING_FOR = "10m"
"""How long a breach's alert outlasts its series: longer than a worker takes to be ready again."""

_MADE = "Made from alerts/kpis and deploy/prometheus by `cmowatch render`; change it there."


def rule_groups(
    kpis: Iterable[Kpi] = KPIS, *, keep_firing_for: str = KEEP_FIRING_FOR
) -> dict[str, object]:
    """Every rule, in groups; an alert of a breach outlasts its series by `keep_firing_for`."""
    every = tuple(kpis)
    # One group: what is held is worked out before the alerts that rest on it.
    of_breaches = [
        *_held(),
        *_each(every, _of_breaches, keep_firing_for),
        *_each(every, _of_escalation, keep_firing_for),
    ]
    return {
        "groups": [
            {"name": "cmowatch-breaches", "rules": of_breaches},
            {"name": "cmowatch-unknown", "rules": [*unknown(every, keep_firing_for)]},
            {"name": "cmowatch-pipeline", "rules": [*pipeline(keep_firing_for)]},
            {"name": "cmowatch-objectives", "interval": f"{EVERY}s", "rules": [*objectives()]},
        ]
    }


def _held() -> Iterator[Rule]:
    """What stands, and what stood where nobody can tell: an outage of ours resolves nothing."""
    scope = ", ".join(["breach_id", "kpi", "cmo", *DIMENSIONS, "partition"])
    taken = "max by (breach_id) (cmo_breach_acknowledged_until_timestamp_seconds) > time()"
    watched = f"unless on (partition) ({READY})"
    yield recorded(
        STANDING,
        f"max by ({scope}, severity, nth) (cmo_breach_open)\nor {STANDING} {watched}\n",
    )
    yield recorded(
        CLIMBED,
        f"max by ({scope}, role) (cmo_breach_escalation_tier) unless on (breach_id) ({taken})\n"
        f"or {CLIMBED} {watched}\n",
    )


def _each(
    kpis: Iterable[Kpi], rules: Callable[[Kpi, str], Iterator[Rule]], keep_firing_for: str
) -> Iterator[Rule]:
    return (rule for kpi in kpis for rule in rules(kpi, keep_firing_for))


def _of_breaches(kpi: Kpi, keep_firing_for: str) -> Iterator[Rule]:
    """A KPI that may page does so for a rule of its own; it inhibits the ticket beside it."""
    if kpi.urgency == "never":
        return
    yield _breach(kpi, _standing(kpi), TICKET if kpi.notifies else UNNOTIFIED, keep_firing_for)
    if kpi.notifies and kpi.urgency == "page":
        yield _breach(kpi, _paging(kpi), PAGE, keep_firing_for)


def _breach(kpi: Kpi, expression: str, severity: str, keep_firing_for: str) -> Rule:
    return alert(
        alert_name(kpi),
        expression,
        severity,
        keep_firing_for=keep_firing_for,
        summary=summary(kpi),
        description=description(kpi),
        runbook=f"{RUNBOOK.name}#{anchor(alert_name(kpi))}",
        board=_chosen(kpi),
        breach_id=breach_id(kpi),
        acknowledge_url=acknowledge_url(kpi),
    )


def _chosen(kpi: Kpi) -> str:
    return "&".join(f"var-{name}={{{{ $labels.{name} }}}}" for name in scope(kpi))


def _of_escalation(kpi: Kpi, keep_firing_for: str) -> Iterator[Rule]:
    """A breach that nobody has taken on, to each role that it has climbed to, again and again.

    It is as loud as the alert of the breach itself. Its labels have the breach's id, so that a
    silence of it is the acknowledgement, and touches this alert alone.
    """
    if not kpi.notifies:
        return
    where = ", ".join(scope(kpi))
    paged = f"max by ({where}) ({_paged(kpi)})"
    by = ", ".join(["kpi", *scope(kpi), "breach_id", "role"])
    climbed = f'max by ({by}) ({CLIMBED}{{kpi="{kpi.name}"}})'
    if kpi.urgency == "page":
        yield _escalated(kpi, f"{climbed}\nand on ({where}) {paged}\n", PAGE, keep_firing_for)
        climbed = f"{climbed}\nunless on ({where}) {paged}\n"
    yield _escalated(kpi, climbed, TICKET, keep_firing_for)


def _escalated(kpi: Kpi, expression: str, severity: str, keep_firing_for: str) -> Rule:
    return alert(
        ESCALATED,
        expression,
        severity,
        keep_firing_for=keep_firing_for,
        labels={"kpi": kpi.name, "tier": "{{ $value }}"},
        summary=escalated(kpi),
        description=description(kpi),
        runbook=f"{RUNBOOK.name}#{anchor(ESCALATED)}",
        board=_chosen(kpi),
        acknowledge_url=SILENCE.format(id="{{ $labels.breach_id }}"),
    )


def _standing(kpi: Kpi, **equal: str) -> str:
    """Whether a breach stands; the next of its kind is another alert, and is told anew."""
    matchers = ",".join(f'{name}="{value}"' for name, value in {"kpi": kpi.name, **equal}.items())
    return f"max by ({', '.join(['kpi', *scope(kpi), 'nth'])}) ({STANDING}{{{matchers}}})"


def _paging(kpi: Kpi) -> str:
    """What has a value that is always critical pages at that, anything else by its breach.

    Once it pages it goes on while nobody can say how much there is, as its breach does.
    """
    if kpi.always_critical is None:
        return _standing(kpi)
    there = f"{'<=' if kpi.higher_is_better else '>='} {kpi.always_critical:g}"
    shown = {name for names in kpi.dimensions for name in names} - {*kpi.dimensions[0]}
    judged = "".join(f',{name}=""' for name in sorted(shown))
    where = ", ".join(scope(kpi))
    left = f'max by ({where}) (cmo_kpi_reading{{kpi="{kpi.name}"{judged}}})'
    paging = f"max by ({where}) ({_paged(kpi)})"
    return (
        f"{_standing(kpi, severity='critical')}\n"
        f"and on ({where}) ({left} {there} or {paging} unless on ({where}) {left})\n"
    )


def _paged(kpi: Kpi) -> str:
    """The alerts of a KPI's breaches that page now."""
    return f'ALERTS{{alertname="{alert_name(kpi)}",alertstate="firing",severity="{PAGE}"}}'


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
        CLAIMS: as_yaml(claims(RULES), _MADE),
        RUNBOOK: runbook(rule_groups(), KEEP_FIRING_FOR),
    }
