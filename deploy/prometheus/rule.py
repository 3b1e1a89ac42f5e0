"""One rule of Prometheus: an alert with its texts and links, or a series worked out beforehand."""

from collections.abc import Mapping
from typing import Final

from deploy.links import CMO, DOCS, GRAFANA, MONITOR

Rule = dict[str, str | Mapping[str, str]]

PAGE, TICKET, UNNOTIFIED = "critical", "warning", "info"
"""What an alert may do: wake somebody, wait for working hours, or only be shown."""

ESCALATED: Final = "CmowatchBreachEscalated"
"""The alert that repeats a breach, and climbs with it."""

CLEARED: Final = "CmowatchBreachCleared"
"""The notice that a breach is over: by the worker's word, for its alert ends for other reasons."""


def alert(
    name: str,
    expression: str,
    severity: str,
    *,
    summary: str,
    description: str,
    runbook: str,
    board: str = "",
    lasting: str = "",
    keep_firing_for: str = "",
    labels: Mapping[str, str] | None = None,
    **annotations: str,
) -> Rule:
    """An alert; it fires once its expression was true for `lasting`.

    `board` chooses what the board of a CMO shows; without it the link leads to the monitor's own.
    """
    waits = {"for": lasting, "keep_firing_for": keep_firing_for}
    return {
        "alert": name,
        "expr": expression,
        **{name: span for name, span in waits.items() if span},
        "labels": {"severity": severity, **(labels or {})},
        "annotations": {
            "summary": summary,
            "description": description,
            "runbook_url": f"{DOCS}/{runbook}",
            "dashboard_url": f"{GRAFANA}/d/{CMO}?{board}" if board else f"{GRAFANA}/d/{MONITOR}",
            **annotations,
        },
    }


def recorded(name: str, expression: str) -> Rule:
    """A series worked out beforehand, named level:metric:operations."""
    return {"record": name, "expr": expression}


def anchor(heading: str) -> str:
    """How a heading of a page in Markdown is linked to."""
    return heading.lower().replace(" ", "-")
