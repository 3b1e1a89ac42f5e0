"""Rolling windows: evidence by the hour, summed late, so that it can be taken out again."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Generic, Self, TypeVar

from alerts.calendar import DAY, HOUR
from alerts.errors import NoEvidence
from alerts.facts import Evidence
from alerts.sums import Summed, Sums, Total

HOURLY_DAYS: Final = 7
"""Windows of up to so many days move by the hour, longer ones by the UTC day."""

_NEVER: Final = 1 << 62


def first_hour(days: int, now: int) -> int:
    """The first hour, from the epoch, of the window of `days` that ends at `now`."""
    if days <= HOURLY_DAYS:
        return now // HOUR - days * 24 + 1
    return (now // DAY - days + 1) * 24


Place = tuple[int, int]
"""An hour, and the microsecond from which what belongs to it counts."""


class _Span:
    """What part of a window a sum was taken over, and until when it holds."""

    __slots__ = ("first", "now", "until")

    def __init__(self) -> None:
        self.first, self.now, self.until = _NEVER, 0, 0

    def covers(self, place: Place) -> bool:
        """Whether what belongs there is in the sum."""
        return place[0] >= self.first and place[1] <= self.now

    def shows(self, visible: int) -> None:
        """There is something new that becomes visible then: the sum holds until then at most."""
        if self.now < visible < self.until:
            self.until = visible

    def holds(self, first: int, now: int) -> bool:
        """Whether the sum is that of a window from `first` to `now`, too."""
        return self.first == first and self.now <= now < self.until

    def moves(self, first: int, now: int, places: Iterable[Place]) -> None:
        """Be the span from `first` to `now`; it holds until more becomes visible."""
        self.first, self.now = first, now
        self.until = min((seen for _, seen in places if seen > now), default=_NEVER)


_AtPlace = TypeVar("_AtPlace")


class _Held(Generic[_AtPlace]):
    """What a window and the values of one have in common: places, and what is past all windows."""

    __slots__ = ("_dropped", "_fork", "_held", "_merged", "_pieces", "_span")

    def __init__(self) -> None:
        self._held: dict[Place, _AtPlace] = {}
        self._span = _Span()
        self._merged = self._dropped = -_NEVER
        self._pieces = 0
        self._fork: Self | None = None

    def __bool__(self) -> bool:
        """Whether it holds any evidence, past every window or not."""
        return self._pieces > 0

    def _place(self, hour: int, visible: int) -> Place | None:
        """Where evidence is held; None for what is past every window."""
        if hour < self._dropped:
            return None
        if hour < self._merged:
            day = hour - hour % 24
            return day, day * HOUR
        return hour, visible

    def count(self, says: Evidence, sign: int) -> None:
        """Count a piece of evidence in, or out again where the sign is -1."""
        raise NotImplementedError

    def add(self, says: Evidence) -> None:
        """Count a piece of evidence in."""
        self.count(says, 1)

    def remove(self, says: Evidence) -> None:
        """Take a piece of evidence out again."""
        self.count(says, -1)

    def fork(self) -> Self:
        """Another one that holds the same, and counts with this one from now on; it has one."""
        made = self._fork = type(self)()
        made._merged, made._dropped, made._pieces = self._merged, self._dropped, self._pieces
        for place, each in self._held.items():
            made._merge(place, each)
        return made

    def join(self) -> None:
        """Have no other one count with it."""
        self._fork = None

    def newest(self, now: int) -> int:
        """When the newest evidence that counts became visible, 0 for none."""
        return max((seen for _, seen in self._held if seen <= now), default=0)

    def let_go(self, longest: int, now: int) -> None:
        """Merge by day what is older than seven days, and drop what `longest` days are past."""
        self._dropped, merged = first_hour(max(longest, HOURLY_DAYS + 1), now), _merging(now)
        if merged > self._merged:
            self._merged, held, self._held = merged, self._held, {}
            for place, each in held.items():
                if (now_at := self._place(*place)) is not None:
                    self._merge(now_at, each)
            self._begin_anew()
        if self._fork is not None:
            self._fork.let_go(longest, now)

    def _merge(self, place: Place, more: _AtPlace) -> None:
        """Hold what was held at another place at this one besides."""
        raise NotImplementedError

    def _begin_anew(self) -> None:
        """Have summed over nothing."""
        self._span = _Span()


class Window(_Held[Sums]):
    """The evidence of one KPI for one scope, by hour; what is not visible yet waits."""

    __slots__ = ("_summed",)

    def __init__(self) -> None:
        super().__init__()
        self._summed = Summed()

    def count(self, says: Evidence, sign: int) -> None:
        """Count a piece of evidence in, or out again where the sign is -1."""
        hour, visible, cluster = says.hour, says.visible, says.cluster
        sums = self._more(hour, visible, sign * says.numerator, sign * says.denominator, sign)
        if sums is not None and (cluster or says.unlike):
            unlike, span = sign if says.unlike else 0, self._span
            covered = hour >= span.first and visible <= span.now
            sums.unlike += unlike
            if covered:
                self._summed.add(0, 0, 0, unlike)
            if cluster:
                sums.count_cluster(cluster, sign)
                if covered:
                    self._summed.count_cluster(cluster, sign)
        if self._fork is not None:
            self._fork.count(says, sign)

    def tally(self, hours: Mapping[int, Sequence[int]]) -> None:
        """Count messages read in these hours: how many were taken, and how many there were."""
        for hour, (taken, n) in hours.items():
            self._more(hour, hour * HOUR, taken, n, n)

    def _more(
        self, hour: int, visible: int, numerator: int, denominator: int, pieces: int
    ) -> Sums | None:
        """Have so much more at a place, and give its sums; None for what is past every window."""
        self._pieces += pieces
        place = (hour, visible) if hour >= self._merged else self._place(hour, visible)
        if place is None:
            return None
        sums, span = self._held.get(place), self._span
        if sums is None:
            sums = self._held[place] = Sums(numerator, denominator, pieces)
            if visible < span.until:
                span.shows(visible)
        else:
            sums.numerator += numerator
            sums.denominator += denominator
            sums.pieces += pieces
            if not sums.pieces:
                del self._held[place]
        if hour >= span.first and visible <= span.now:
            self._summed.add(numerator, denominator, pieces, 0)
        return sums

    def total(self, days: int, now: int) -> Total:
        """The sums over the window of `days` ending at `now`, in microseconds from the epoch."""
        first = first_hour(days, now)
        if not self._span.holds(first, now):
            before, self._span = self._span, _Span()
            self._span.moves(first, now, self._held)
            for place, sums in self._held.items():
                if sign := self._span.covers(place) - before.covers(place):
                    self._summed.take(sums, sign)
        return self._summed.total

    def ahead(self, days: int, now: int) -> Iterator[Total]:
        """The sums on each of the days to come, as far as what there is now gives them."""
        self.total(days, now)
        summed = self._summed.copy()
        leaving = sorted(self._held)
        counted = {place for place in leaving if self._span.covers(place)}
        coming = deque(sorted((visible, hour) for hour, visible in leaving if visible > now))
        left = deque(leaving)
        for day in range(1, days + 1):
            at = now + day * DAY
            first = first_hour(days, at)
            while coming and coming[0][0] <= at:
                visible, hour = coming.popleft()
                if hour >= first:
                    counted.add((hour, visible))
                    summed.take(self._held[hour, visible], 1)
            while left and left[0][0] < first:
                place = left.popleft()
                if place in counted:
                    summed.take(self._held[place], -1)
            yield summed.total

    def _merge(self, place: Place, more: Sums) -> None:
        self._held.setdefault(place, Sums()).merge(more)

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._summed = Summed()


def _merging(now: int) -> int:
    """The hour before which evidence is held by the day."""
    return (now // DAY - HOURLY_DAYS - 1) * 24


class Values(_Held[dict[int, int]]):
    """The values of one KPI for one scope, by hour, for exact quantiles."""

    __slots__ = ("_within",)

    def __init__(self) -> None:
        super().__init__()
        self._within = Spread()

    def count(self, says: Evidence, sign: int) -> None:
        """Count a value in, or out again where the sign is -1."""
        self.tally(says.hour, says.visible, says.numerator, sign)
        if self._fork is not None:
            self._fork.count(says, sign)

    def tally(self, hour: int, visible: int, value: int, sign: int) -> None:
        """Count a value of an hour in, or out again where the sign is -1."""
        self._pieces += sign
        place = (hour, visible) if hour >= self._merged else self._place(hour, visible)
        if place is None:
            return
        held, span = self._held.get(place), self._span
        if held is None:
            held = self._held[place] = {}
            span.shows(visible)
        held[value] = often = held.get(value, 0) + sign
        if not often:
            del held[value]
            if not held:
                del self._held[place]
        if hour >= span.first and visible <= span.now:
            self._within.count(value, sign)

    def spread(self, days: int, now: int) -> "Spread":
        """The values in the window of `days` ending at `now`; to be read at once."""
        first = first_hour(days, now)
        if not self._span.holds(first, now):
            before, after = self._span, _Span()
            after.moves(first, now, self._held)
            for place, held in self._held.items():
                sign = after.covers(place) - before.covers(place)
                if sign:
                    for value, often in held.items():
                        self._within.count(value, sign * often)
            self._span = after
        return self._within

    def values(self, days: int, now: int) -> list[tuple[int, int]]:
        """The values in the window of `days` ending at `now`, with how often each, in order."""
        return self.spread(days, now).counted()

    def ahead(self, days: int, now: int) -> Iterator["Spread"]:
        """The values on each of the days to come, as far as what there is now gives them."""
        spread, places = self.spread(days, now).copy(), sorted(self._held.items())
        was = _Span()
        was.first, was.now = self._span.first, now
        for day in range(1, days + 1):
            later = _Span()
            later.now = now + day * DAY
            later.first = first_hour(days, later.now)
            for place, held in places:
                if sign := later.covers(place) - was.covers(place):
                    for value, often in held.items():
                        spread.count(value, sign * often)
            was = later
            yield spread

    def _merge(self, place: Place, more: dict[int, int]) -> None:
        whole = self._held.setdefault(place, {})
        for value, often in more.items():
            whole[value] = whole.get(value, 0) + often

    def _begin_anew(self) -> None:
        super()._begin_anew()
        self._within = Spread()


class Spread:
    """Values with how often each, so that one at any rank is found without sorting all.

    They lie in bins of at most a sixteenth of their size; bins are in order, values within are not.
    """

    __slots__ = ("_bins", "_sizes", "n")

    def __init__(self) -> None:
        self._bins: dict[int, dict[int, int]] = {}
        self._sizes: dict[int, int] = {}
        self.n = 0

    def count(self, value: int, often: int) -> None:
        """Count a value in so many times more, or less."""
        self.n += often
        bin_ = _bin(value)
        values = self._bins.setdefault(bin_, {})
        values[value] = left = values.get(value, 0) + often
        self._sizes[bin_] = self._sizes.get(bin_, 0) + often
        if not left:
            del values[value]
            if not values:
                del self._bins[bin_], self._sizes[bin_]

    def copy(self) -> "Spread":
        """Another one of the same values."""
        made = Spread()
        made.n, made._sizes = self.n, {**self._sizes}
        made._bins = {bin_: {**values} for bin_, values in self._bins.items()}
        return made

    def counted(self) -> list[tuple[int, int]]:
        """The values in order, with how often each."""
        return [pair for bin_ in sorted(self._bins) for pair in sorted(self._bins[bin_].items())]

    def quantile(self, hundredths: int) -> int:
        """The quantile, in hundredths, by nearest rank; raises `NoEvidence` for no values."""
        rank = max(1, -(-self.n * hundredths // 100))
        for bin_ in sorted(self._sizes):
            if rank <= self._sizes[bin_]:
                return _at_rank(sorted(self._bins[bin_].items()), rank)
            rank -= self._sizes[bin_]
        raise NoEvidence("a quantile of no values was asked")


def _bin(value: int) -> int:
    """The bin of a value: a number of its own up to 31, then sixteen to each power of two."""
    if value < 0:
        return -_bin(-value)
    bits = value.bit_length()
    return value if bits <= 5 else (bits << 4) + (value >> (bits - 5)) - 48


def _at_rank(counted: Iterable[tuple[int, int]], rank: int) -> int:
    for value, often in counted:
        rank -= often
        if rank <= 0:
            return value
    raise NoEvidence("a quantile of no values was asked")
