"""Clusters: evidence that stands or falls together, and how much less it weighs for that."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Final

Place = tuple[int, int]
"""An hour, and the microsecond from which what belongs to it counts."""


@lru_cache(maxsize=65_536)
def cluster(*name: str | date) -> int:
    """The key of the cluster of a name: 8 bytes of a digest, so that every process has the same."""
    text = "\0".join(map(str, name)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest()) or 1


class Clusters:
    """How often each named cluster stands in a window, by place, and in the part summed over.

    In that part, `repeats` are the pieces that are not the first of their cluster, and `pairs` the
    ordered pairs of two pieces of one cluster: Σ(m - 1) and Σm(m - 1), m the size of a cluster.
    """

    __slots__ = ("_held", "_within", "pairs", "repeats")

    def __init__(self) -> None:
        self._held: dict[Place, dict[int, int]] = {}
        self._within: dict[int, int] = {}
        self.repeats = self.pairs = 0

    def hold(self, place: Place, key: int, more: int) -> None:
        """Have a cluster so many times more at a place, or less."""
        keys = self._held.setdefault(place, {})
        keys[key] = often = keys.get(key, 0) + more
        if not often:
            del keys[key]
            if not keys:
                del self._held[place]

    def count(self, key: int, more: int) -> None:
        """Have a cluster so many times more in the part summed over, or less."""
        was = self._within.get(key, 0)
        self._within[key] = often = was + more
        if not often:
            del self._within[key]
        self.repeats += max(often - 1, 0) - max(was - 1, 0)
        self.pairs += often * (often - 1) - was * (was - 1)

    def enter(self, place: Place, sign: int) -> None:
        """Take what is at a place into the part summed over, or out of it where the sign is -1."""
        for key, often in self._held.get(place, {}).items():
            self.count(key, sign * often)

    def move(self, before: Callable[[Place], bool], after: Callable[[Place], bool]) -> None:
        """Sum over another part: what it covers `after`, instead of what it did `before`."""
        for place in self._held:
            if sign := after(place) - before(place):
                self.enter(place, sign)

    def copy(self) -> "Clusters":
        """Another one over the same places, to be moved on its own."""
        made = Clusters()
        made._held, made._within = self._held, {**self._within}
        made.repeats, made.pairs = self.repeats, self.pairs
        return made

    def placed(self, place_of: Callable[[int, int], Place | None]) -> "Clusters":
        """The same at other places, summed over none of them."""
        made = Clusters()
        for place, keys in self._held.items():
            if (at := place_of(*place)) is not None:
                for key, often in keys.items():
                    made.hold(at, key, often)
        return made


NO_CLUSTERS: Final = Clusters()
"""What a window has that holds no named cluster: it is never changed."""
