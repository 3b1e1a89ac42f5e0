"""Objectives of the pipeline itself, and how fast what they allow is used up.

Only of what comes often enough to have a rate: that the log is heard, and that messages can be
taken. A KPI of a few lots has limits and evidence instead.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from deploy.prometheus.pipeline import REFUSED, STALE, counted, own
from deploy.prometheus.rule import PAGE, TICKET, Rule, recorded

FRESH: Final = 0.995
"""Of the time of every partition, the share in which it is ready and has just heard the log."""

VALID: Final = 0.99
"""Of the messages of all CMOs, the share that can be taken."""

_LEAST: Final = 100
"""Messages in the longer window below which their validity says nothing."""

_WINDOWS: Final = {
    "5m": 300,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "6h": 21_600,
    "1d": 86_400,
    "3d": 259_200,
}
"""Windows by their seconds."""

EVERY: Final = 30
"""Seconds between two looks at how fresh all is."""

_STALE: Final = "partition:cmowatch_stale:bool"
_MESSAGES: Final = '{__name__=~"cmowatch_events_(accepted|duplicate|rejected)_total"}'
_READ: Final = "partition_topic:cmowatch_events_read:max"


class Burn(NamedTuple):
    """A speed, in multiples of what would use up the allowance in 30 days, over two windows."""

    factor: float
    long: str
    short: str
    severity: str


_SHARE: Final = "{{ $value | humanizePercentage }}"
_BURNS: Final = (
    Burn(14.4, "1h", "5m", PAGE),
    Burn(6, "6h", "30m", PAGE),
    Burn(3, "1d", "2h", TICKET),
    Burn(1, "3d", "6h", TICKET),
)


def objectives() -> Iterator[Rule]:
    """The shares in each window, and an alert for each speed."""
    yield recorded(_STALE, _stale())
    yield recorded(_READ, counted(_MESSAGES))
    for window in _WINDOWS:
        yield recorded(_stale_share(window), _stale_in(window))
        yield recorded(
            _refused_share(window), f"{_risen(REFUSED, window)} / {_risen(_READ, window)}"
        )
    for burn in _BURNS:
        yield _freshness(burn)
    for burn in _BURNS:
        yield _validity(burn)


def _stale() -> str:
    """1 while a partition that was there within the day is not ready, or has not heard the log."""
    heard = "max by (partition) (cmowatch_shard_heard_until_timestamp_seconds)"
    ready = "max by (partition) (cmowatch_shard_ready)"
    there = "max by (partition) (last_over_time(cmowatch_shard_ready[1d]))"
    return f"1 - (time() - {heard} <= bool {STALE}) * {ready}\nor 1 + 0 * {there}\n"


def _stale_in(window: str) -> str:
    """The share of a window; time that nobody looked at counts as fresh, or a start would burn."""
    return f"avg(sum_over_time({_STALE}[{window}])) * {EVERY} / {_WINDOWS[window]}"


def _stale_share(window: str) -> str:
    return f"cmowatch:stale:ratio_{window}"


def _refused_share(window: str) -> str:
    return f"cmowatch:events_refused:ratio_{window}"


def _risen(count: str, window: str) -> str:
    """How much a count rose; it is the same again after a restart, and absent until then."""
    return f"sum(max_over_time({count}[{window}]) - min_over_time({count}[{window}]))"


def _beyond(share: str, burn: Burn, objective: float) -> str:
    return f"{share} > {burn.factor:g} * {1 - objective:g}"


def _freshness(burn: Burn) -> Rule:
    long, short = (_beyond(_stale_share(window), burn, FRESH) for window in (burn.long, burn.short))
    return own(
        "CmowatchFreshnessBudgetBurn",
        f"{long} and {short}",
        burn.severity,
        labels={"window": burn.long},
        summary=f"In the last {burn.long} CMOs were not watched for {_SHARE} of the time",
        what=f"Partitions that are not ready, or whose log was not heard for {STALE} s, over all "
        f"partitions. At most {1 - FRESH:.1%} of a month is allowed for; this is more than "
        f"{burn.factor:g} times as fast.",
        action="Look at what other alerts about the monitor say; without one, at its own board.",
    )


def _validity(burn: Burn) -> Rule:
    long, short = (
        _beyond(_refused_share(window), burn, VALID) for window in (burn.long, burn.short)
    )
    enough = f"{_risen(_READ, burn.long)} > {_LEAST}"
    return own(
        "CmowatchValidityBudgetBurn",
        f"{long} and {short} and {enough}",
        TICKET,
        labels={"window": burn.long},
        summary=f"In the last {burn.long} {_SHARE} of all messages were refused",
        what="Messages of all CMOs that could not be taken, of those read. At most "
        f"{1 - VALID:.0%} is allowed for; this is more than {burn.factor:g} times as much.",
        action="See on the monitor's board which reason and topic it is, and who publishes so.",
    )
