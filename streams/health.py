"""What a worker says of itself: what each partition waits for, and how the log is being read."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from mode.utils.logging import get_logger

from streams.kafka.assignment import Assignment, PartitionProgress
from streams.kafka.clocks import LIMIT, TOLD, Clock, wall_clock
from streams.seals import Damage

log = get_logger(__name__)

_BETWEEN: Final = timedelta(seconds=6)


def health(assignment: Assignment, stale_after: float) -> dict[str, Any]:
    """What a person asks a worker: which partitions it holds, and what each still waits for."""
    stale, lacks = assignment.stale(stale_after), lacking(assignment)
    return {
        "ready": assignment.ready and not lacks,
        "without_agreement": lacks,
        "partitions": {
            str(progress.shard.partition): {
                "waits_for": progress.why_not_ready,
                "events_per_second": _rounded(progress.events_per_second),
                "seconds_left": _rounded(progress.seconds_left),
                "heard_until": (until := progress.watermark) and until.isoformat(),
                "clock_ahead_seconds": _rounded(progress.clocks.skew),
                "writable": progress.writable,
                "stale": progress.shard.partition in stale,
                "damaged": [str(each) for each in progress.integrity.damages],
                "next": dict(progress.shard.next),
            }
            for progress in assignment
        },
    }


def lacking(assignment: Assignment) -> dict[str, int]:
    """CMOs of which events were taken and with which nothing is agreed: how many they have."""
    return {cmo: n for progress in assignment for cmo, n in progress.shard.lacking.items()}


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 1)


class CatchingUp:
    """Logs every few seconds how far the log is read, and once when it is, for each assignment."""

    def __init__(self, assignment: Assignment, clock: Clock = wall_clock) -> None:
        self._assignment, self._clock = assignment, clock
        self._said_at: datetime | None = None
        self._finished: tuple[datetime, ...] = ()

    def say(self) -> None:
        """Says how it goes, unless that was said a moment ago."""
        partitions = list(self._assignment)
        assigned = tuple(each.assigned_at for each in partitions if each.assigned_at)
        if not partitions or len(assigned) < len(partitions) or assigned == self._finished:
            return
        now = self._clock()
        if all(each.caught_up for each in partitions):
            self._finished, self._said_at = assigned, None
            log.info("caught up: %s", _speed(partitions, now))
            self._say_who_is_lacking()
        elif self._said_at is None or now - self._said_at >= _BETWEEN:
            self._said_at = now
            log.info("reading the log: %s, %s", _speed(partitions, now), _left(partitions, now))

    def _say_who_is_lacking(self) -> None:
        if missed := sorted(lacking(self._assignment).items()):
            log.error(
                "nothing is agreed with CMOs of which events were taken before: they are not "
                "watched, and all that is on the log of them is refused: %s. Operator action: put "
                "their agreements back and restart; where the work with one is over, with an end.",
                ", ".join(f"{count:,} messages of {cmo}" for cmo, count in missed),
            )


class ClockWatch:
    """Logs once when our clock parts from a broker's, when that is too far, and when it is over."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._said = 0.0

    def say(self) -> None:
        """Says how the clock stands that is furthest off, unless that was said."""
        found = [each.clocks for each in self._assignment if each.clocks.skew is not None]
        if not found:
            return
        worst = max(found, key=lambda each: abs(each.skew or 0.0))
        passed = [limit for limit in (TOLD, LIMIT) if abs(worst.skew or 0.0) > limit]
        beyond, before = max(passed, default=0.0), self._said
        self._said = beyond
        if beyond and beyond != before:
            level, means = _MEANS[beyond]
            log.log(level, "this worker's clock is %s%s %s", worst.told, means, _SET_IT)
        elif before and not beyond:
            log.info("this worker's clock is the broker's again, to within %g s", TOLD)


_MEANS: Final = {
    TOLD: (logging.WARNING, f"; up to {LIMIT:g} s it judges all the same."),
    LIMIT: (logging.ERROR, f", beyond {LIMIT:g} s: it judges nothing, opens and clears nothing."),
}
_SET_IT: Final = (
    "Operator action: set the clock of this machine right, or the broker's where that is the wrong "
    "one; the worker goes on by itself."
)


class Damaged:
    """Logs once for each partition what is damaged of its log, and once that it no longer is."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._said: dict[int, tuple[Damage, ...]] = {}

    def say(self) -> None:
        """Says what has changed."""
        found = {each.shard.partition: each.integrity.damages for each in self._assignment}
        for partition, damages in found.items():
            if damages == self._said.get(partition, ()):
                continue
            if damages:
                log.error(
                    "partition %d: the log is damaged: %s. Its CMOs are unknown, nothing is judged "
                    "or said of them. Operator action: see CmowatchLogDamaged in docs/runbook.md.",
                    partition,
                    "; ".join(map(str, damages)),
                )
            else:
                log.info("partition %d: the log is followed from what it holds now", partition)
        self._said = found


def _since(partitions: Sequence[PartitionProgress], now: datetime) -> float:
    return (now - min(each.assigned_at or now for each in partitions)).total_seconds()


def _speed(partitions: Sequence[PartitionProgress], now: datetime) -> str:
    folded, seconds = sum(each.folded for each in partitions), _since(partitions, now)
    rate = f"{folded / seconds:,.0f} events/s" if seconds > 0 else "at once"
    return f"{folded:,} events of {len(partitions)} partitions in {seconds:.1f} s, {rate}"


def _left(partitions: Sequence[PartitionProgress], now: datetime) -> str:
    behind = sum(sum(each.behind.values()) for each in partitions)
    folded, seconds = sum(each.folded for each in partitions), _since(partitions, now)
    return f"{behind:,} to go" + (f", {behind * seconds / folded:,.0f} s left" if folded else "")
