"""Rules about what cannot be known of a CMO: a gap in its events, a reading turned unknown."""

from collections.abc import Iterable, Iterator
from typing import Final

from alerts.kpi import Kpi
from deploy.prometheus.rule import TICKET, Rule, alert, anchor
from events.dimensions import DIMENSIONS

TURNED_UNKNOWN: Final = "CmowatchTurnedUnknown"
GAP: Final = "CmowatchSequenceGap"
IN_DOUBT: Final = "CmowatchInDoubt"

_SCOPE: Final = ", ".join(["kpi", "cmo", *DIMENSIONS])


_NEWEST: Final = (
    "The newest of them:{{ range printf `max by (topic, partition) "
    "(cmo_doubt_newest_offset{cmo=%q})` $labels.cmo | query }} {{ .Labels.topic }}"
    '[{{ .Labels.partition }}] offset {{ printf "%.0f" .Value }};{{ else }} gone.{{ end }}'
)


def unknown(kpis: Iterable[Kpi], keep_firing_for: str) -> Iterator[Rule]:
    """A rule for gaps, one for doubts, and one for every KPI that somebody would be told of."""
    yield _rule(
        GAP,
        "max by (cmo, topic) (cmo_feed_sequence_gaps) > 0",
        "15m",
        keep_firing_for,
        summary="{{ $labels.cmo }}: {{ $value }} spans of events missing on {{ $labels.topic }}",
        what="Numbers are missing in the sequence of what this CMO, or others about it, publish. "
        "What needs the topic is unknown until they come, or are declared as a gap.",
        action="Ask the CMO's data contact to publish what is missing, or to declare the gap.",
    )
    yield _rule(
        IN_DOUBT,
        "sum by (cmo) (max by (cmo, kind) (cmo_doubts)) > 0\n"
        "or max by (cmo) (cmo_doubted_as_a_whole) > 0\n",
        "5m",
        keep_firing_for,
        summary="{{ $labels.cmo }}: {{ $value }} of its things in doubt, for messages about them "
        "were refused",
        what="What was refused about a lot, an order line or stock is not known: its counts, ages "
        f"and supply are unknown until it is mended or settled. {_NEWEST}",
        action="Read the dead letters at these places, have the sender mend the events and publish "
        "them again under new ids; what will never be mended the sponsor settles.",
    )
    notified = "|".join(kpi.name for kpi in kpis if kpi.notifies and kpi.kinds)
    yield _rule(
        TURNED_UNKNOWN,
        _turned_unknown(f'kpi=~"{notified}"'),
        "5m",
        keep_firing_for,
        summary="{{ $labels.cmo }}: {{ $labels.kpi }} has turned unknown",
        what="What was known cannot be relied on now: its feed is silent or has a gap, what it is "
        "about is in doubt, or its units are unlike. A breach that stood stands on.",
        action="Look at the CMO's feeds on the board; ask its data contact for what is missing.",
    )


def _turned_unknown(which: str) -> str:
    """Unknown now, and known an hour ago or unknown in spite of evidence."""
    evidence = f"max by ({_SCOPE}) (cmo_kpi_evidence{{{which}}}) > 0"
    known = f"max by ({_SCOPE}) (cmo_kpi_state{{{which}}} offset 1h) > -2"
    return (
        f"max by ({_SCOPE}) (cmo_kpi_state{{{which}}}) == -2\n"
        f"and on ({_SCOPE}) ({evidence} or {known})\n"
    )


def _rule(
    name: str,
    expression: str,
    lasting: str,
    keep_firing_for: str,
    *,
    summary: str,
    what: str,
    action: str,
) -> Rule:
    return alert(
        name,
        expression,
        TICKET,
        lasting=lasting,
        keep_firing_for=keep_firing_for,
        summary=summary,
        description=f"What: {what}\nTo do first: {action}\n",
        runbook=f"runbook.md#{anchor(name)}",
        board="var-cmo={{ $labels.cmo }}",
    )
