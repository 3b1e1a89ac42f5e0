"""Rolling windows: evidence by the hour, summed late, so that it can be taken out again."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from alerts.calendar import DAY, HOUR
from alerts.errors import NoEvidence
from alerts.records import Evidence

HOURLY_DAYS = 7
"""Windows of up to so many days move by the hour, longer ones by the UTC day."""


class Total(NamedTuple):
    """What a window holds: whole sums, how many pieces of evidence, how many of unlike units."""

    numerator: int
    denominator: int
    n: int
    unlike: int


NOTHING = Total(0, 0, 0, 0)


def first_hour(days: int, now: int) -> int:
    """The first hour, from the epoch, of the window of `days` that ends at `now`."""
    if days <= HOURLY_DAYS:
        return now // HOUR - days * 24 + 1
    return (now // DAY - days + 1) * 24


class Window:
    """The evidence of one KPI for one scope, by hour; what is not visible yet waits."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], list[int]] = {}

    def add(self, said: Evidence) -> None:
        """Count a piece of evidence in."""
        self._count(said, 1)

    def remove(self, said: Evidence) -> None:
        """Take a piece of evidence out again."""
        self._count(said, -1)

    def __bool__(self) -> bool:
        return bool(self._held)

    def _count(self, said: Evidence, sign: int) -> None:
        hour, visible, numerator, denominator, _, unlike, _ = said
        at = hour, visible
        held = self._held.get(at)
        if held is None:
            held = self._held[at] = [0, 0, 0, 0]
        held[0] += sign * numerator
        held[1] += sign * denominator
        held[2] += sign
        held[3] += sign * unlike
        if not held[2]:
            del self._held[at]

    def total(self, days: int, now: int) -> Total:
        """The sums over the window of `days` ending at `now`, in microseconds from the epoch."""
        first = first_hour(days, now)
        held = [t for (hour, seen), t in self._held.items() if hour >= first and seen <= now]
        if not held:
            return NOTHING
        return Total(*map(sum, zip(*held, strict=True)))

    def newest(self, now: int) -> int:
        """When the newest evidence that counts became visible, 0 for none."""
        return max((seen for _, seen in self._held if seen <= now), default=0)


class Values:
    """The values of one KPI for one scope, by hour, for exact quantiles."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], dict[int, int]] = {}

    def add(self, said: Evidence) -> None:
        """Count a value in."""
        held = self._held.setdefault((said.hour, said.visible), {})
        held[said.numerator] = held.get(said.numerator, 0) + 1

    def remove(self, said: Evidence) -> None:
        """Take a value out again."""
        at = said.hour, said.visible
        held = self._held[at]
        held[said.numerator] -= 1
        if not held[said.numerator]:
            del held[said.numerator]
        if not held:
            del self._held[at]

    def __bool__(self) -> bool:
        return bool(self._held)

    def values(self, days: int, now: int) -> list[tuple[int, int]]:
        """The values in the window of `days` ending at `now`, with how often each, in order."""
        first = first_hour(days, now)
        return sorted(
            chain.from_iterable(
                held.items()
                for (hour, seen), held in self._held.items()
                if hour >= first and seen <= now
            )
        )

    def newest(self, now: int) -> int:
        """When the newest value that counts became visible, 0 for none."""
        return max((seen for _, seen in self._held if seen <= now), default=0)


def nearest_rank(counted: Iterable[tuple[int, int]], hundredths: int) -> int:
    """The quantile, in hundredths, of values in order with how often each; by nearest rank.

    Raises `NoEvidence` for none.
    """
    counts = list(counted)
    n = sum(often for _, often in counts)
    rank = max(1, -(-n * hundredths // 100))
    for value, often in counts:
        rank -= often
        if rank <= 0:
            return value
    raise NoEvidence("a quantile of no values was asked")


class Sequence:
    """Which numbers of one source's sequence were seen, as spans without a gap between."""

    __slots__ = ("_spans",)

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def see(self, first: int, last: int) -> None:
        """Take the numbers from `first` to `last` as seen."""
        spans = self._spans
        if spans and spans[-1][0] <= first <= spans[-1][1] + 1:
            spans[-1] = spans[-1][0], max(spans[-1][1], last)
            return
        begin = bisect_left(spans, first - 1, key=lambda span: span[1])
        end = bisect_right(spans, last + 1, key=lambda span: span[0])
        if touching := spans[begin:end]:
            first, last = min(first, touching[0][0]), max(last, touching[-1][1])
        spans[begin:end] = [(first, last)]

    @property
    def missing(self) -> Iterator[tuple[int, int]]:
        """The spans of numbers not seen, counted from the lowest seen."""
        for (_, last), (first, _) in zip(self._spans, self._spans[1:], strict=False):
            yield last + 1, first - 1

    @property
    def gaps(self) -> int:
        """How many spans of numbers are missing."""
        return max(0, len(self._spans) - 1)

    @property
    def gapped(self) -> bool:
        """Whether a number is missing."""
        return len(self._spans) > 1
