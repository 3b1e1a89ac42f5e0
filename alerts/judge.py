"""Judging a reading against a limit: ok, warning, critical, insufficient, unknown."""

from enum import IntEnum
from math import sqrt
from typing import NamedTuple

_Z = 1.959963984540054


class Verdict(IntEnum):
    """What a reading is worth; the numbers are those of `cmo_kpi_state`."""

    UNKNOWN = -2
    INSUFFICIENT = -1
    OK = 0
    WARNING = 1
    CRITICAL = 2

    def __str__(self) -> str:
        return self.name.lower()


class Bounds(NamedTuple):
    """A limit in force: beyond which value a warning, a critical; and the least n to judge by."""

    warning: float | None
    critical: float | None
    minimum: int = 1

    @property
    def in_force(self) -> bool:
        """Whether there is anything to judge by."""
        return self.warning is not None or self.critical is not None

    def eased(self, *, higher_is_better: bool, best: float | None) -> "Bounds":
        """The limits a standing breach has to be back past: a tenth of their distance better."""
        if self.warning is None or self.critical is None:
            return self
        step = abs(self.warning - self.critical) / 10 * (1 if higher_is_better else -1)
        return Bounds(
            _clamped(self.warning + step, best, higher_is_better=higher_is_better),
            _clamped(self.critical + step, best, higher_is_better=higher_is_better),
            self.minimum,
        )


def _clamped(level: float, best: float | None, *, higher_is_better: bool) -> float:
    if best is None:
        return level
    return min(level, best) if higher_is_better else max(level, best)


NO_BOUNDS = Bounds(None, None)
"""No limit in force."""


class Interval(NamedTuple):
    """A 95 % interval."""

    low: float
    high: float


def wilson(successes: int, n: int) -> Interval:
    """Wilson's 95 % interval of a ratio of `successes` in `n` > 0."""
    p, z2 = successes / n, _Z * _Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = max(0.0, middle - half) if successes else 0.0
    high = min(1.0, middle + half) if successes < n else 1.0
    return Interval(low, high)


def beyond(
    value: float, bound: float | None, *, higher_is_better: bool, inclusive: bool = False
) -> bool:
    """Whether a value is beyond a bound: on its worse side, or `inclusive`ly at it."""
    if bound is None:
        return False
    if inclusive and value == bound:
        return True
    return value < bound if higher_is_better else value > bound


def judge(
    value: float,
    interval: Interval | None,
    n: int,
    bounds: Bounds,
    *,
    higher_is_better: bool,
    inclusive: bool = False,
) -> Verdict:
    """The state of a value that is known: critical when the whole interval is beyond the limit."""
    if n < bounds.minimum:
        return Verdict.INSUFFICIENT
    nearest = value
    if interval is not None:
        nearest = interval.high if higher_is_better else interval.low
    side = {"higher_is_better": higher_is_better, "inclusive": inclusive}
    if beyond(nearest, bounds.critical, **side):
        return Verdict.CRITICAL
    limit = bounds.warning if bounds.warning is not None else bounds.critical
    return Verdict.WARNING if beyond(value, limit, **side) else Verdict.OK
