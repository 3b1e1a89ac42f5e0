"""The runbook page: each alert, and what to do about it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from deploy.prometheus.rule import PAGE, TICKET

RUNBOOK: Final = Path("docs/runbook.md")

_LOUDNESS = {PAGE: "pages", TICKET: "is a ticket"}

_INTRODUCTION = """\
# What to do when an alert comes

Made from `alerts/kpis` and `deploy/prometheus` by `cmowatch render`; change it there.

An alert on a breach carries what was agreed, what is, on how much evidence, since when, what to do
first, what the agreement says to do, who is notified next and when it clears by itself. It stays
for {kept} after the breach is cleared, so that a worker that restarts neither resolves nor repeats
it.

**To take a breach on**, open the link *Acknowledge* of the message and save the silence, with your
name, an end and why. (Until the breach has climbed, the form's preview says that no alert is
affected: save it all the same.) The ladder stops, nobody is told again, and everybody sees on the
boards who has it. When the silence ends or is expired and the breach still stands, it climbs on.
That a breach is resolved is told in any case: its first alert is not what is silenced. Who takes a
breach on has it until it clears, also when it gets worse meanwhile: choose an end that is near.

A ticket outside of its people's hours waits for them. That it resolved meanwhile is never told, for
Alertmanager forgets it; the boards show what was cleared. The next breach of its kind is told
anew; what is no breach is told again within a day.

Nothing of a breach resolves while nobody watches its CMO: what stood goes on until a worker says
otherwise, and other alerts say that none does.
"""


def runbook(groups: Mapping[str, Any], keep_firing_for: str) -> str:
    """The page, in Markdown; an alert of a breach outlasts it by `held`."""
    rules = [rule for group in groups["groups"] for rule in group["rules"] if "alert" in rule]
    by_name = {kpi.name: kpi for kpi in KPIS}
    sections = (line for alert in _by_name(rules) for line in _section(alert, by_name))
    return "\n".join([_INTRODUCTION.format(kept=keep_firing_for), *sections])


def _by_name(rules: Iterable[Any]) -> Iterable[list[Any]]:
    """The rules of each alert, the loudest first."""
    alerts: dict[str, list[Any]] = {}
    for rule in rules:
        alerts.setdefault(rule["alert"], []).append(rule)
    return alerts.values()


def _section(rules: list[Any], by_name: Mapping[str, Kpi]) -> Iterator[str]:
    rule = rules[0]
    yield f"## {rule['alert']}"
    yield ""
    yield f"It {_loudness(rules)}."
    kpi = next((kpi for kpi in by_name.values() if _is_on(rule, kpi)), None)
    yield from _of_kpi(kpi) if kpi else _of_texts(rule)
    yield ""


def _loudness(rules: list[Any]) -> str:
    severities = dict.fromkeys(rule["labels"]["severity"] for rule in rules)
    loudness = " or ".join(_LOUDNESS.get(severity, "tells nobody") for severity in severities)
    return f"{loudness} after {rules[0]['for']}" if "for" in rules[0] else loudness


def _is_on(rule: Any, kpi: Kpi) -> bool:
    return "breach_id" in rule["annotations"] and f'kpi="{kpi.name}"' in rule["expr"]


def _of_kpi(kpi: Kpi) -> Iterator[str]:
    yield ""
    yield f"**What:** {kpi.title}. {kpi.help} [How it is worked out](kpis.md#{kpi.name})."
    yield ""
    yield f"**To do first:** {kpi.action}"


def _of_texts(rule: Any) -> Iterator[str]:
    if "breach_id" in rule["expr"]:
        yield ""
        yield "**What:** A breach that nobody has taken on, to each role that it has climbed to; it"
        yield "repeats every few hours. The people, ages and hours are in the agreement."
        yield ""
        yield "**To do first:** Take it on, by the link in the message, and do what it says."
        return
    for line in rule["annotations"]["description"].splitlines():
        name, _, text = line.partition(": ")
        yield ""
        yield f"**{name}:** {text}"
    yield ""
    yield f"    {rule['expr']}".replace("\n", "\n    ").rstrip()
