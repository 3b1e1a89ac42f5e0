"""Rules about ourselves: whether anybody watches, all of it, up to now, and is heard."""

from collections.abc import Iterator, Mapping
from typing import Final

from deploy.prometheus.rule import PAGE, TICKET, Rule, alert, anchor, recorded
from streams.kafka.assignment import UNSEEN
from streams.kafka.clocks import LIMIT, TOLD
from streams.settings import Settings

DEAD_MANS_SWITCH: Final = "CmowatchDeadMansSwitch"
LOG_DAMAGED: Final = "CmowatchLogDamaged"
WORKER_DOWN: Final = "CmowatchWorkerDown"
BROKER_UNREACHABLE: Final = "CmowatchBrokerUnreachable"
UNHEARD: Final = (
    "CmowatchShardStale",
    "CmowatchLogUnseen",
    "CmowatchOutputsStuck",
    "CmowatchFreshnessBudgetBurn",
)
"""What follows from no broker answering."""

CLOCK_OFF: Final = "CmowatchClockOff"
NOT_READY: Final = "CmowatchShardNotReady"
WATCHED: Final = (NOT_READY, *UNHEARD)
"""What follows from no worker being there."""

STALE: Final = int(Settings.model_fields["stale_after"].default)
"""Seconds without hearing the log, after which a worker judges nothing."""

READY = "max by (partition) (cmowatch_shard_ready) == 1"
REFUSED: Final = "partition_topic:cmowatch_events_rejected:max"
_LONG_REPLAY: Final = 600
_FAR_BEHIND: Final = 1_000
_UNFOLDABLE: Final = "partition_topic:cmowatch_events_unfoldable:max"
_SEEN = "max by (partition) (last_over_time(cmowatch_shard_ready[1d]))"


def pipeline(keep_firing_for: str) -> Iterator[Rule]:
    """Every rule about ourselves; what is counted from the log outlasts its series by `held`."""
    yield from _nobody_watches()
    yield from _nobody_is_heard()
    yield from _clocks_differ()
    yield from _not_all_is_watched()
    yield from _the_log_is_damaged()
    yield from _not_as_fast_as_it_should()
    yield from _not_all_is_said()
    yield from _dead_letters(keep_firing_for)
    yield from _nothing_is_agreed()
    yield own(
        DEAD_MANS_SWITCH,
        "vector(1)",
        "none",
        summary="The way from Prometheus to you works",
        what="This alert always fires. When it stops arriving, no other alert arrives either.",
        action="When it is missing, look at Prometheus and Alertmanager, in this order.",
    )


def _nobody_watches() -> Iterator[Rule]:
    yield own(
        WORKER_DOWN,
        'absent(up{job="cmowatch"} == 1)',
        PAGE,
        lasting="2m",
        summary="No worker answers: nothing is watched",
        what="Prometheus reaches no worker. Breaches that stood keep their alerts; "
        "new ones are not seen. The log keeps every event until a worker reads it.",
        action="Start the workers, and read the last lines of what they said: exit code 69 is no "
        "broker, 70 a message they cannot go past, 77 a login or a right the brokers refuse.",
    )


def _nobody_is_heard() -> Iterator[Rule]:
    yield own(
        BROKER_UNREACHABLE,
        f"min(time() - cmowatch_broker_answered_timestamp_seconds) > {STALE}",
        PAGE,
        lasting="2m",
        summary="No broker has answered any worker for {{ $value | humanizeDuration }}",
        what="Workers run and ask, and no Kafka broker answers. What stood stands; nothing "
        "new is seen, and no CMO is called silent for it.",
        action="Look at the brokers and at the network between; the workers go on by themselves.",
    )


def _clocks_differ() -> Iterator[Rule]:
    skew = "abs(cmowatch_clock_skew_seconds)"
    which = (
        "See cmowatch_clock_skew_seconds by instance and partition: where it is all of one worker, "
        "its machine's clock is wrong; where it is some partitions on every worker, the clock of "
        "the broker that leads them. Set that clock by NTP; the workers go on by themselves."
    )
    yield own(
        "CmowatchClockSkewed",
        f"max({skew}) > {TOLD:g}",
        TICKET,
        lasting="1m",
        summary="A worker's clock and a broker's differ by {{ $value | humanizeDuration }}",
        what="The broker stamps what CMOs say, and the worker judges by its own clock: silences, "
        f"due days and ends of windows are early or late by that much. Up to {LIMIT:g} s it judges "
        "all the same.",
        action=which,
    )
    yield own(
        CLOCK_OFF,
        f"max by (partition) ({skew}) > {LIMIT:g}",
        PAGE,
        lasting="1m",
        summary="Partition {{ $labels.partition }}: nothing is judged, for a worker's clock and "
        "the broker's differ by {{ $value | humanizeDuration }}",
        what="By a clock that far off every CMO would be silent, or nothing late. So the worker "
        "shows no CMO of the partition, opens no breach and clears none; what stood stands, and no "
        "event is lost.",
        action=f"{which} Or stop that worker, and another takes its partitions over.",
    )


def _not_all_is_watched() -> Iterator[Rule]:
    which = "Partition {{ $labels.partition }}"
    heard = "max by (partition) (cmowatch_shard_heard_until_timestamp_seconds)"
    yield own(
        NOT_READY,
        f"{_SEEN} unless on (partition) ({READY})",
        PAGE,
        lasting="15m",
        summary=f"{which}: its CMOs are not watched",
        what="No worker has had this partition ready for 15 minutes. The CMOs on it have no "
        "readings and no new breaches. A worker that starts reads the log from its beginning.",
        action="Look at /health/ready of the workers: it says what is still to read, and why.",
    )
    yield own(
        "CmowatchShardStale",
        f"abs(time() - {heard}) > {STALE}\n"
        f"and on (partition) ({READY} or {heard} > time() + {STALE})\n",
        PAGE,
        lasting="5m",
        summary=f"{which}: the log was last heard {{{{ $value | humanizeDuration }}}} from now",
        what="The worker judges only up to when it last heard all topics. What stood stands; "
        "nothing new is seen, and no CMO is called silent for it.",
        action="Look at the brokers, and whether an open transaction holds back their topics. "
        "Where it was heard ahead of now, a clock that was ahead was put right: the worker goes on "
        "by itself once that moment is past, and sooner if it is restarted.",
    )
    yield own(
        "CmowatchLogUnseen",
        f"min by (partition) (cmowatch_log_unseen_seconds) > {UNSEEN:g}",
        PAGE,
        lasting="1m",
        summary=f"{which}: for {{{{ $value | humanizeDuration }}}} no broker has told whether its "
        "log is whole",
        what="Before anything is said of a partition, the brokers that lead it tell whether each "
        "of its topics is still what was read. Where one has no leader, or its leader does not "
        "answer, nothing is said of the partition, and the worker is not ready; the others go on.",
        action="Look for partitions without a leader (kafka-topics --describe "
        "--unavailable-partitions) and start their brokers; the workers go on by themselves.",
    )


def _the_log_is_damaged() -> Iterator[Rule]:
    yield own(
        LOG_DAMAGED,
        "max by (partition, topic, kind) (cmowatch_log_damaged) > 0",
        PAGE,
        summary="{{ $labels.topic }}[{{ $labels.partition }}] is {{ $labels.kind }}: the CMOs of "
        "partition {{ $labels.partition }} are unknown",
        what="The log is not what was read of it: records are gone, or it is another topic of that "
        "name. Nothing is judged or said of the CMOs there, and nothing ends; what stood stands. "
        "No restart changes that: a person decides.",
        action="Find out what deleted it and stop that; then see what to do for each kind.",
    )


def _not_as_fast_as_it_should() -> Iterator[Rule]:
    which = "Partition {{ $labels.partition }}"
    since = "max by (partition) (cmowatch_shard_held_since_timestamp_seconds)"
    yield own(
        "CmowatchReplayTooLong",
        f"time() - {since} > {_LONG_REPLAY} and on (partition) max by (partition) "
        "(cmowatch_shard_ready) == 0",
        TICKET,
        summary=f"{which}: the log is being read again for {{{{ $value | humanizeDuration }}}}",
        what="A worker reads a partition from its beginning before it shows anything of it, and "
        "this one takes long. No event is lost; its CMOs are not watched meanwhile.",
        action="Look at cmowatch_shard_caught_up_ratio: if it grows, wait; if not, read the "
        "worker's log. For shorter replays run more workers, or give them faster processors.",
    )
    behind = "max by (partition, topic) (min_over_time(cmowatch_lag_events[10m]))"
    yield own(
        "CmowatchLagging",
        f"sum by (partition) ({behind}) > {_FAR_BEHIND} and on (partition) ({READY})",
        TICKET,
        lasting="5m",
        summary=f"{which}: {{{{ $value | humanize }}}} events behind the log for ten minutes",
        what="More comes in than the worker folds: what it shows is late by that much.",
        action="See who publishes so much on the monitor's board. More workers than partitions "
        "change nothing, and a new worker reads the log again before it helps.",
    )


def _not_all_is_said() -> Iterator[Rule]:
    yield own(
        "CmowatchOutputsStuck",
        "min by (partition) (min_over_time(cmowatch_outputs_due[10m])) > 0 "
        f"and on (partition) ({READY})",
        PAGE,
        lasting="5m",
        summary="Partition {{ $labels.partition }}: {{ $value }} breaches and dead letters "
        "are not read back",
        what="What a worker has to say does not come to stand on cmo.breaches or "
        "cmo.dead-letters, so new breaches raise no alert.",
        action="Check that workers may write both topics and their transactional ids, and what the "
        "worker's log says.",
    )


def _dead_letters(keep_firing_for: str) -> Iterator[Rule]:
    yield recorded(REFUSED, counted("cmowatch_events_rejected_total"))
    unfoldable = 'cmowatch_events_rejected_total{reason="unfoldable"}'
    yield recorded(_UNFOLDABLE, counted(unfoldable))
    yield own(
        "CmowatchDeadLettersRising",
        _risen(REFUSED),
        TICKET,
        keep_firing_for=keep_firing_for,
        summary="{{ $labels.topic }}: {{ $value | humanize }} messages refused in 15 minutes",
        what="Messages that could not be taken; each is on cmo.dead-letters as it came, with "
        "the field, the value and the reason.",
        action="Read the newest of them, and send the reason to whoever published them.",
    )
    yield own(
        "CmowatchUnfoldable",
        _risen(_UNFOLDABLE),
        PAGE,
        keep_firing_for=keep_firing_for,
        summary="{{ $labels.topic }}: {{ $value | humanize }} events broke the fold",
        what="An event passed every check and failed where it was joined: a fault of ours. It "
        "was set aside, and the readings are without it.",
        action="Keep the dead letters with reason unfoldable, and report them as a defect.",
    )


def _nothing_is_agreed() -> Iterator[Rule]:
    yield own(
        "CmowatchAgreementMissing",
        "max by (cmo) (cmowatch_cmo_without_agreement_messages) > 0",
        PAGE,
        summary="{{ $labels.cmo }}: nothing is agreed with it, {{ $value | humanize }} messages of "
        "it are refused",
        what="Events of this CMO were taken before, and the worker that reads its partition has no "
        "agreement with it: it is not watched, what stood of it stands, and the worker is not "
        "ready. Nothing is lost: with its agreement back, all of it is taken again.",
        action="Put its agreement back and restart the workers; where the work with it is over, "
        "with an end instead of without the file.",
    )


def counted(series: str) -> str:
    """A count per partition and topic, 0 where there is none, from shards that have read it all.

    A worker that starts counts the log from its beginning: what it counts until it is ready
    would look like thousands of new ones.
    """
    by = "(instance, partition, topic)"
    count = f"(sum by {by} ({series}) or sum by {by} (0 * cmowatch_events_accepted_total))"
    return f"max by (partition, topic) ({count})\nand on (partition) ({READY})\n"


def _risen(count: str) -> str:
    return f"sum by (topic) ({count} - min_over_time({count}[15m])) > 0"


def own(
    name: str,
    expression: str,
    severity: str,
    *,
    summary: str,
    what: str,
    action: str,
    lasting: str = "",
    keep_firing_for: str = "",
    labels: Mapping[str, str] | None = None,
) -> Rule:
    """An alert about ourselves, with what it means and what to do first."""
    return alert(
        name,
        expression,
        severity,
        lasting=lasting,
        keep_firing_for=keep_firing_for,
        labels=labels,
        summary=summary,
        description=f"What: {what}\nTo do first: {action}\n",
        runbook=f"runbook.md#{anchor(name)}",
    )
