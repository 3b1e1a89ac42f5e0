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
from deploy.prometheus.rule import (
    CLEARED,
    ESCALATED,
    PAGE,
    TICKET,
    UNNOTIFIED,
    Rule,
    alert,
    anchor,
    recorded,
)
from deploy.prometheus.runbook import RUNBOOK, runbook
from deploy.prometheus.slo import EVERY, objectives
from deploy.prometheus.wording import (
    SILENCE,
    acknowledge_url,
    alert_name,
    breach_id,
    cleared,
    description,
    escalated,
    scope,
    summary,
    why_cleared,
)
from events.dimensions import DIMENSIONS

RULES: Final = Path("deploy/prometheus/rules/cmowatch.yml")
CONFIG: Final = Path("deploy/prometheus/prometheus.yml")

STANDING: Final = "breach:cmo_breach_open:max"
CLIMBED: Final = "breach_role:cmo_breach_escalation_tier:max"
TAKEN: Final = "breach:cmo_breach_acknowledged_until_timestamp_seconds:max"
OVER: Final = "breach_role:cmo_breach_cleared_timestamp_seconds:max"
"""Series of what stands, has climbed, is taken on or over: whichever worker says so, kept while
none does."""

PAGING: Final = "breach:cmo_breach_paging:max"
"""What pages, taken on or not."""

KEEP_FIRING_FOR: Final = "10m"
"""How long what is unknown, or was refused, outlasts its series: longer than a worker's restart."""

_MADE = "Made from alerts/kpis and deploy/prometheus by `cmowatch render`; change it there."


def rule_groups(kpis: Iterable[Kpi] = KPIS) -> dict[str, object]:
    """Every rule, in groups.

    An alert of a breach needs not outlast its series: what stood is kept while no worker speaks.
    """
    every = tuple(kpis)
    # One group: what is held is worked out before the alerts that rest on it.
    of_breaches = [
        *_held(),
        *_each(every, _of_paging),
        *_each(every, _of_breaches),
        *_each(every, _of_escalation),
        *_each(every, _of_clearing),
    ]
    return {
        "groups": [
            {"name": "cmowatch-breaches", "rules": of_breaches},
            {"name": "cmowatch-unknown", "rules": [*unknown(every, KEEP_FIRING_FOR)]},
            {"name": "cmowatch-pipeline", "rules": [*pipeline(KEEP_FIRING_FOR)]},
            {"name": "cmowatch-objectives", "interval": f"{EVERY}s", "rules": [*objectives()]},
        ]
    }


def _held() -> Iterator[Rule]:
    """What stands, and what stood where nobody can tell: an outage of ours changes nothing."""
    scope = ["kpi", "cmo", *DIMENSIONS, "partition"]
    yield _kept(STANDING, "cmo_breach_open", "breach_id", *scope, "severity", "nth")
    yield _kept(CLIMBED, "cmo_breach_escalation_tier", "breach_id", *scope, "role")
    taken = "cmo_breach_acknowledged_until_timestamp_seconds"
    yield _kept(TAKEN, taken, "breach_id", "severity", "partition")
    over = "cmo_breach_cleared_timestamp_seconds"
    yield _kept(OVER, over, *scope, "severity", "nth", "role", "cleared_by")


def _kept(name: str, series: str, *by: str) -> Rule:
    said = f"max by ({', '.join(by)}) ({series})"
    return recorded(name, f"{said}\nor {name} unless on (partition) ({READY})\n")


def _each(kpis: Iterable[Kpi], rules: Callable[[Kpi], Iterator[Rule]]) -> Iterator[Rule]:
    return (rule for kpi in kpis for rule in rules(kpi))


def _of_breaches(kpi: Kpi) -> Iterator[Rule]:
    """A KPI that may page does so for a rule of its own; it inhibits the ticket beside it.

    What somebody has taken on is told to nobody, not even by an Alertmanager that forgot all it had
    said; but a page is, to whoever took on what was no more than a warning.
    """
    if kpi.urgency == "never":
        return
    standing = _of(kpi, STANDING, _not_taken())
    yield _breach(kpi, standing, TICKET if kpi.notifies else UNNOTIFIED)
    if _may_page(kpi):
        yield _breach(kpi, _of(kpi, PAGING, _not_taken(severity="critical")), PAGE)


def _of_paging(kpi: Kpi) -> Iterator[Rule]:
    if _may_page(kpi):
        yield recorded(PAGING, _paging(kpi))


def _may_page(kpi: Kpi) -> bool:
    return kpi.notifies and kpi.urgency == "page"


def _breach(kpi: Kpi, expression: str, severity: str) -> Rule:
    return alert(
        alert_name(kpi),
        expression,
        severity,
        summary=summary(kpi),
        description=description(kpi),
        runbook=f"{RUNBOOK.name}#{anchor(alert_name(kpi))}",
        board=_chosen(kpi),
        breach_id=breach_id(kpi),
        acknowledge_url=acknowledge_url(kpi),
    )


def _chosen(kpi: Kpi) -> str:
    return "&".join(f"var-{name}={{{{ $labels.{name} }}}}" for name in scope(kpi))


def _of_escalation(kpi: Kpi) -> Iterator[Rule]:
    """A breach that nobody has taken on, to each role that it has climbed to, again and again.

    It is as loud as the alert of the breach itself. Its labels have the breach's id, so that a
    silence of it is the acknowledgement, and touches this alert alone.
    """
    if not kpi.notifies:
        return
    where = ", ".join(scope(kpi))
    by = ", ".join(["kpi", *scope(kpi), "breach_id", "role"])
    climbed = f'max by ({by}) ({CLIMBED}{{kpi="{kpi.name}"}}{_not_taken()})'
    if _may_page(kpi):
        paged = f'max by ({where}) ({PAGING}{{kpi="{kpi.name}"}})'
        yield _escalated(kpi, f"{climbed}\nand on ({where}) {paged}\n", PAGE)
        climbed = f"{climbed}\nunless on ({where}) {paged}\n"
    yield _escalated(kpi, climbed, TICKET)


def _escalated(kpi: Kpi, expression: str, severity: str) -> Rule:
    return alert(
        ESCALATED,
        expression,
        severity,
        labels={"kpi": kpi.name, "tier": "{{ $value }}"},
        summary=escalated(kpi),
        description=description(kpi),
        runbook=f"{RUNBOOK.name}#{anchor(ESCALATED)}",
        board=_chosen(kpi),
        acknowledge_url=SILENCE.format(id="{{ $labels.breach_id }}"),
    )


def _of_clearing(kpi: Kpi) -> Iterator[Rule]:
    """That a breach is over, to whoever was told of it; at any hour if it may have paged."""
    if not kpi.notifies:
        return
    if _may_page(kpi):
        yield _over(kpi, PAGE, severity="critical")
        yield _over(kpi, TICKET, severity="warning")
    else:
        yield _over(kpi, TICKET)


def _over(kpi: Kpi, loud: str, **equal: str) -> Rule:
    by = ", ".join(["kpi", *scope(kpi), "nth", "role", "cleared_by"])
    return alert(
        CLEARED,
        f"max by ({by}) ({OVER}{{{_matchers(kpi, **equal)}}})",
        loud,
        labels={"kpi": kpi.name},
        summary=cleared(kpi),
        description=why_cleared(kpi),
        runbook=f"{RUNBOOK.name}#{anchor(CLEARED)}",
        board=_chosen(kpi),
    )


def _of(kpi: Kpi, series: str, but: str, **equal: str) -> str:
    """Breaches of a KPI in a series; the next of its kind is another alert, and is told anew."""
    by = ", ".join(["kpi", *scope(kpi), "nth"])
    return f"max by ({by}) ({series}{{{_matchers(kpi, **equal)}}}{but})"


def _matchers(kpi: Kpi, **equal: str) -> str:
    return ",".join(f'{name}="{value}"' for name, value in {"kpi": kpi.name, **equal}.items())


def _not_taken(**equal: str) -> str:
    """Leaves out what somebody has taken on, by the worker's word, until that ends."""
    which = "".join(f'{{{name}="{value}"}}' for name, value in equal.items())
    return f" unless on (breach_id) ({TAKEN}{which} > time())"


def _paging(kpi: Kpi) -> str:
    """What has a value that is always critical pages at that, anything else by its breach.

    Once it pages it goes on while nobody can say how much there is, as its breach does.
    """
    standing = f"{STANDING}{{{_matchers(kpi, severity='critical')}}}"
    if kpi.always_critical is None:
        return standing
    there = f"{'<=' if kpi.higher_is_better else '>='} {kpi.always_critical:g}"
    shown = {name for names in kpi.dimensions for name in names} - {*kpi.dimensions[0]}
    judged = "".join(f',{name}=""' for name in sorted(shown))
    where = ", ".join(scope(kpi))
    left = f'max by ({where}) (cmo_kpi_reading{{kpi="{kpi.name}"{judged}}})'
    paging = f'max by ({where}) ({PAGING}{{kpi="{kpi.name}"}})'
    return f"{standing}\nand on ({where}) ({left} {there} or {paging} unless on ({where}) {left})\n"


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
        RUNBOOK: runbook(rule_groups()),
    }
