"""How far this worker's clock is from a broker's, which stamps the log: no Kafka in here."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from math import inf
from typing import Final, NamedTuple, Self

from events.data import OWN

Clock = Callable[[], datetime]

TOLD: Final = 5.0
"""Seconds between our clock and a broker's from which on it is told, and judging goes on."""

LIMIT: Final = 60.0
"""Seconds between them beyond which nothing is judged: what a log that is heard may be old."""

SOON: Final = 10.0
"""Seconds between measurements where a clock was set or is off."""

_TICK = 0.001  # seconds: a broker stamps in whole milliseconds, and cuts off the rest
_BETWEEN = 600.0  # seconds between measurements where nothing was seen
_MOVED = 1.0


def wall_clock() -> datetime:
    """What the clock of this machine says, which somebody may set."""
    return datetime.fromtimestamp(time.time(), UTC)


class Stamp(NamedTuple):
    """What was appended between two moments of our steady clock, and when by the broker's.

    `first` and `last` are the least and the greatest of the broker's times, in seconds since 1970.
    """

    before: float
    after: float
    first: float
    last: float


class Interval(NamedTuple):
    """What is known of a figure: it lies between these two, in seconds."""

    low: float
    high: float

    @property
    def least(self) -> float:
        """What is certain of it: the nearest to zero that it may be."""
        return min(max(self.low, 0.0), self.high)

    def narrowed(self, before: Self | None) -> "Interval":
        """What both know, where they agree; where they do not it has changed since `before`."""
        if before is None:
            return self
        low, high = max(self.low, before.low), min(self.high, before.high)
        return Interval(low, high) if low <= high else self


class LeaderClock:
    """Our clock beside that of the broker that leads one partition, by the stamps it gives.

    A broker's clock is known as what it is ahead of our steady clock, which nobody sets. So it is
    seen at once when ours is set; that theirs is, with the next stamp.
    """

    def __init__(
        self, wall: Clock = wall_clock, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._steady = wall, steady
        self._theirs: Interval | None = None
        self._ours_when_measured = 0.0
        self._measured_at = -inf

    def measured(self, stamp: Stamp) -> bool:
        """Takes in a stamp; whether it told anything.

        One that took longer to come than a clock may be off tells nothing, nor does one by which a
        clock was set between the first and the last of its times.
        """
        self._measured_at, self._ours_when_measured = stamp.after, self._ours
        found = Interval(stamp.last - stamp.after, stamp.first + _TICK - stamp.before)
        if not 0 <= found.high - found.low <= LIMIT:
            return False
        self._theirs = found.narrowed(self._theirs)
        return True

    @property
    def is_known(self) -> bool:
        """Whether any stamp has told anything."""
        return self._theirs is not None

    @property
    def _ours(self) -> float:
        return self._wall().timestamp() - self._steady()

    @property
    def skew(self) -> float | None:
        """For how many seconds our clock is ahead of theirs, at least; None while nobody knows.

        Negative where it is behind, and 0 where it may be right.
        """
        if self._theirs is None:
            return None
        ours = self._ours
        return Interval(ours - self._theirs.high, ours - self._theirs.low).least

    @property
    def off(self) -> bool:
        """Whether our clock is so far from theirs that nothing may be judged by it."""
        return abs(self.skew or 0.0) > LIMIT

    @property
    def believed(self) -> bool:
        """Whether our clock was measured, and may be judged by."""
        return self._theirs is not None and not self.off

    @property
    def due(self) -> bool:
        """Whether to measure anew: at times, and soon where our clock was set or is off."""
        was_set = abs(self._ours - self._ours_when_measured) > _MOVED
        fine = self._theirs is not None and abs(self.skew or 0.0) <= TOLD and not was_set
        return self._steady() - self._measured_at >= (_BETWEEN if fine else SOON)


class Clocks:
    """Our clock beside those of the brokers that lead our own topics in a partition number.

    They may be several brokers, so each topic's stamps are held against those before of that topic
    alone; what is furthest off counts.
    """

    def __init__(
        self, wall: Clock = wall_clock, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._of = {topic: LeaderClock(wall, steady) for topic in OWN}

    def of(self, topic: str) -> LeaderClock:
        """Our clock beside that of the broker that leads one of our own topics."""
        return self._of[topic]

    def measured(self, stamps: Mapping[str, Stamp]) -> bool:
        """Takes in all stamps of what was appended, by topic; whether each told anything."""
        told = {topic: self._of[topic].measured(stamp) for topic, stamp in stamps.items()}
        return all(told.values())

    @property
    def skew(self) -> float | None:
        """By how much our clock is ahead of the one that is furthest off; None before any is known.

        Negative where it is behind, and 0 where it may be right.
        """
        return max((each for each in self._skews()), key=abs, default=None)

    def _skews(self) -> Iterator[float]:
        return (skew for each in self._of.values() if (skew := each.skew) is not None)

    @property
    def told(self) -> str:
        """The skew in words."""
        skew = self.skew or 0.0
        return f"{abs(skew):,.1f} s {'behind' if skew < 0 else 'ahead of'} the broker's"

    @property
    def off(self) -> bool:
        """Whether our clock is so far from any of theirs that nothing may be judged by it."""
        return any(each.off for each in self._of.values())

    @property
    def unknown(self) -> Collection[str]:
        """The topics of which no stamp has told yet what time it is for the broker."""
        return [topic for topic, each in self._of.items() if not each.is_known]

    @property
    def believed(self) -> bool:
        """Whether our clock was measured beside each of theirs, and may be judged by."""
        return all(each.believed for each in self._of.values())
