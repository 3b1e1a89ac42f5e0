"""Rules about ourselves: whether anybody watches, all of it, up to now, and is heard."""

from collections.abc import Iterator
from typing import Final

from deploy.prometheus.rule import PAGE, TICKET, Rule, alert, anchor, recorded
from streams.settings import Settings

DEAD_MANS_SWITCH: Final = "CmowatchDeadMansSwitch"
WORKER_DOWN: Final = "CmowatchWorkerDown"
WATCHED: Final = (
    "CmowatchShardNotReady",
    "CmowatchShardStale",
    "CmowatchOutputsStuck",
)
"""What follows from no worker being there."""

STALE: Final = int(Settings.model_fields["stale_after"].default)
"""Seconds without hearing the log, after which a worker judges nothing."""

_READY = "max by (partition) (cmowatch_shard_ready) == 1"
_REFUSED: Final = "partition_topic:cmowatch_events_rejected:max"
_UNFOLDABLE: Final = "partition_topic:cmowatch_events_unfoldable:max"
_SEEN = "max by (partition) (last_over_time(cmowatch_shard_ready[1h]))"


def pipeline(held: str) -> Iterator[Rule]:
    """Every rule about ourselves; what is counted from the log outlasts its series by `held`."""
    yield from _nobody_watches()
    yield from _not_all_is_watched()
    yield from _not_all_is_said()
    yield from _dead_letters(held)
    yield _own(
        DEAD_MANS_SWITCH,
        "vector(1)",
        "none",
        summary="The way from Prometheus to you works",
        what="This alert always fires. When it stops arriving, no other alert arrives either.",
        action="When it is missing, look at Prometheus and Alertmanager, in this order.",
    )


def _nobody_watches() -> Iterator[Rule]:
    yield _own(
        WORKER_DOWN,
        'absent(up{job="cmowatch"} == 1)',
        PAGE,
        lasting="2m",
        summary="No worker answers: nothing is watched",
        what="Prometheus reaches no worker. Breaches that stood keep their alerts for a while; "
        "new ones are not seen. The log keeps every event until a worker reads it.",
        action="Start the workers, and read the last lines of what they said: exit code 69 is no "
        "broker, 70 a message they cannot go past.",
    )


def _not_all_is_watched() -> Iterator[Rule]:
    which = "Partition {{ $labels.partition }}"
    yield _own(
        "CmowatchShardNotReady",
        f"{_SEEN} unless on (partition) ({_READY})",
        PAGE,
        lasting="15m",
        summary=f"{which}: its CMOs are not watched",
        what="No worker has had this partition ready for 15 minutes. The CMOs on it have no "
        "readings and no new breaches. A worker that starts reads the log from its beginning.",
        action="Look at /health/ready of the workers: it says what is still to read, and why.",
    )
    yield _own(
        "CmowatchShardStale",
        "time() - max by (partition) (cmowatch_shard_heard_until_timestamp_seconds) > "
        f"{STALE} and on (partition) ({_READY})",
        PAGE,
        lasting="5m",
        summary=f"{which}: the log was last heard {{{{ $value | humanizeDuration }}}} ago",
        what="The worker judges only up to when it last heard all topics. What stood stands; "
        "nothing new is seen, and no CMO is called silent for it.",
        action="Look at the brokers, and whether an open transaction holds back their topics.",
    )


def _not_all_is_said() -> Iterator[Rule]:
    yield _own(
        "CmowatchOutputsStuck",
        "min by (partition) (min_over_time(cmowatch_outputs_due[10m])) > 0 "
        f"and on (partition) ({_READY})",
        PAGE,
        lasting="5m",
        summary="Partition {{ $labels.partition }}: {{ $value }} breaches and dead letters "
        "are not read back",
        what="What a worker has to say does not come to stand on cmo.breaches or "
        "cmo.dead-letters, so new breaches raise no alert.",
        action="Check that workers may write both topics, and what the worker's log says.",
    )


def _dead_letters(held: str) -> Iterator[Rule]:
    yield recorded(_REFUSED, _counted("cmowatch_events_rejected_total"))
    yield recorded(_UNFOLDABLE, _counted('cmowatch_events_rejected_total{reason="unfoldable"}'))
    yield _own(
        "CmowatchDeadLettersRising",
        _risen(_REFUSED),
        TICKET,
        keep_firing_for=held,
        summary="{{ $labels.topic }}: {{ $value | humanize }} messages refused in 15 minutes",
        what="Messages that could not be taken; each is on cmo.dead-letters as it came, with "
        "the field, the value and the reason.",
        action="Read the newest of them, and send the reason to whoever published them.",
    )
    yield _own(
        "CmowatchUnfoldable",
        _risen(_UNFOLDABLE),
        PAGE,
        keep_firing_for=held,
        summary="{{ $labels.topic }}: {{ $value | humanize }} events broke the fold",
        what="An event passed every check and failed where it was joined: a fault of ours. It "
        "was set aside, and the readings are without it.",
        action="Keep the dead letters with reason unfoldable, and report them as a defect.",
    )


def _counted(series: str) -> str:
    """A count per partition and topic, 0 where there is none, from shards that have read it all.

    A worker that starts counts the log from its beginning: what it counts until it is ready
    would look like thousands of new ones.
    """
    by = "(instance, partition, topic)"
    count = f"(sum by {by} ({series}) or sum by {by} (0 * cmowatch_events_accepted_total))"
    return f"max by (partition, topic) ({count})\nand on (partition) ({_READY})\n"


def _risen(count: str) -> str:
    return f"sum by (topic) ({count} - min_over_time({count}[15m])) > 0"


def _own(
    name: str,
    expression: str,
    severity: str,
    *,
    summary: str,
    what: str,
    action: str,
    lasting: str = "",
    keep_firing_for: str = "",
) -> Rule:
    return alert(
        name,
        expression,
        severity,
        lasting=lasting,
        keep_firing_for=keep_firing_for,
        summary=summary,
        description=f"What: {what}\nTo do first: {action}\n",
        runbook=f"runbook.md#{anchor(name)}",
    )
