"""Sums: what evidence of one hour adds up to, and what that of many hours does, by its clusters."""

from typing import NamedTuple

import msgspec


class Total(NamedTuple):
    """What a window holds: whole sums, how many pieces of evidence, how many of unlike units.

    Of m pieces of one cluster m - 1 are `repeats`, and m(m - 1) `pairs`.
    """

    numerator: int
    denominator: int
    pieces: int
    unlike: int
    repeats: int = 0
    pairs: int = 0

    @property
    def n(self) -> int:
        """How many pieces are independent of each other: the clusters."""
        return self.pieces - self.repeats

    @property
    def n_eff(self) -> float:
        """How many independent pieces would tell as much: (Σm)² / Σm², of at least one piece."""
        return self.pieces * self.pieces / (self.pieces + self.pairs)


NOTHING = Total(0, 0, 0, 0)


class Sums(msgspec.Struct, gc=False):
    """What the evidence at one place adds up to, and how often each named cluster stands in it."""

    numerator: int = 0
    denominator: int = 0
    pieces: int = 0
    unlike: int = 0
    clusters: dict[int, int] | None = None

    def count_cluster(self, key: int, more: int) -> None:
        """Have a cluster so many times more, or less."""
        if self.clusters is None:
            self.clusters = {}
        self.clusters[key] = often = self.clusters.get(key, 0) + more
        if not often:
            del self.clusters[key]

    def merge(self, other: "Sums") -> None:
        """Have all of other sums besides."""
        self.numerator += other.numerator
        self.denominator += other.denominator
        self.pieces += other.pieces
        self.unlike += other.unlike
        for key, often in (other.clusters or {}).items():
            self.count_cluster(key, often)


class Summed:
    """The sums over many places, into which more are taken, and out of which less."""

    __slots__ = ("_denominator", "_numerator", "_often", "_pairs", "_pieces", "_repeats", "_unlike")

    def __init__(self) -> None:
        self._numerator = self._denominator = self._pieces = self._unlike = 0
        self._repeats = self._pairs = 0
        self._often: dict[int, int] = {}

    @property
    def total(self) -> Total:
        """All of it."""
        sums = self._numerator, self._denominator, self._pieces, self._unlike
        return Total(*sums, self._repeats, self._pairs)

    def copy(self) -> "Summed":
        """Another one of the same."""
        made = Summed()
        made._numerator, made._denominator = self._numerator, self._denominator
        made._pieces, made._unlike = self._pieces, self._unlike
        made._repeats, made._pairs, made._often = self._repeats, self._pairs, {**self._often}
        return made

    def take(self, sums: Sums, sign: int) -> None:
        """Take the sums of a place in, or out where the sign is -1."""
        numerator, denominator = sign * sums.numerator, sign * sums.denominator
        self.add(numerator, denominator, sign * sums.pieces, sign * sums.unlike)
        for key, often in (sums.clusters or {}).items():
            self.count_cluster(key, sign * often)

    def add(self, numerator: int, denominator: int, pieces: int, unlike: int) -> None:
        """Have so much more, or less."""
        self._numerator += numerator
        self._denominator += denominator
        self._pieces += pieces
        self._unlike += unlike

    def count_cluster(self, key: int, more: int) -> None:
        """Have a cluster so many times more, or less."""
        was = self._often.get(key, 0)
        self._often[key] = often = was + more
        if not often:
            del self._often[key]
        self._repeats += max(often - 1, 0) - max(was - 1, 0)
        self._pairs += often * (often - 1) - was * (was - 1)
