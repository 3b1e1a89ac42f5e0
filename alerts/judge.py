"""Judging a reading against a limit: ok, warning, critical, insufficient, unknown."""

from enum import IntEnum
from math import sqrt
from typing import NamedTuple

Z_90 = 1.6448536269514722
Z_95 = 1.959963984540054
"""How many standard errors lie on either side of the middle of a 90 % and of a 95 % interval."""


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


def _clamped(threshold: float, best: float | None, *, higher_is_better: bool) -> float:
    if best is None:
        return threshold
    return min(threshold, best) if higher_is_better else max(threshold, best)


NO_BOUNDS = Bounds(None, None)
"""No limit in force."""


class Interval(NamedTuple):
    """Within what a rate lies, as far as its evidence tells."""

    low: float
    high: float

    def nearest(self, *, higher_is_better: bool) -> float:
        """Its better end."""
        return self.high if higher_is_better else self.low


def wilson(p: float, n: float, z: float = Z_95) -> Interval:
    """Wilson's interval of a share `p` of `n` > 0 independent pieces, 95 % unless `z` differs."""
    z2 = z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = max(0.0, middle - half) if p > 0 else 0.0
    high = min(1.0, middle + half) if p < 1 else 1.0
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
    n_eff: float | None,
    n: int,
    bounds: Bounds,
    *,
    higher_is_better: bool,
    inclusive: bool = False,
) -> Verdict:
    """The state of a value that is known, of `n` pieces.

    A rate weighs as `n_eff` independent pieces do: it is critical when its whole 95 % interval is
    beyond the critical limit, and warns when its whole 90 % interval is beyond the warning limit.
    Without `n_eff` the value itself has to be.
    """
    if n < bounds.minimum:
        return Verdict.INSUFFICIENT

    def is_beyond(limit: float | None, z: float) -> bool:
        nearest = value
        if n_eff is not None:
            nearest = wilson(value, n_eff, z).nearest(higher_is_better=higher_is_better)
        return beyond(nearest, limit, higher_is_better=higher_is_better, inclusive=inclusive)

    if is_beyond(bounds.critical, Z_95):
        return Verdict.CRITICAL
    return Verdict.WARNING if is_beyond(bounds.warning, Z_90) else Verdict.OK
