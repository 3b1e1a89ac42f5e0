"""Sequences: which numbers of a source were seen on a topic, and which are missing."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]
"""The first and the last of numbers that follow each other."""


class Sequence:
    """Which numbers of one source's sequence are accounted for: seen, or declared never to come.

    Spans lie in order, without touching. Those seen are kept apart once anything was declared, so
    that a declaration may be taken back.
    """

    __slots__ = ("_declared", "_known", "_seen")

    def __init__(self) -> None:
        self._known: list[Span] | None = []
        self._seen: list[Span] | None = None
        self._declared: dict[Span, int] = {}

    def see(self, first: int, last: int) -> None:
        """Take the numbers from `first` to `last` as seen."""
        if self._known is not None:
            _join(self._known, first, last)
        if self._seen is not None:
            _join(self._seen, first, last)

    def declare(self, first: int, last: int, sign: int) -> None:
        """Take numbers as ones that never come, or not any more where the sign is -1."""
        if self._seen is None:
            self._seen = list(self._spans)
        span = first, last
        self._declared[span] = often = self._declared.get(span, 0) + sign
        if not often:
            del self._declared[span]
        if sign > 0 and self._known is not None:
            _join(self._known, first, last)
        elif sign < 0 and not often:
            self._known = None

    @property
    def _spans(self) -> list[Span]:
        """All that are accounted for; worked out anew only once a declaration was taken back."""
        if self._known is None:
            self._known = list(self._seen or ())
            for first, last in self._declared:
                _join(self._known, first, last)
        return self._known

    @property
    def missing(self) -> Iterator[Span]:
        """The spans of numbers not accounted for, counted from the lowest that is."""
        for (_, last), (first, _) in pairwise(self._spans):
            yield last + 1, first - 1

    @property
    def gaps(self) -> int:
        """How many spans of numbers are missing."""
        return max(0, len(self._spans) - 1)

    @property
    def gapped(self) -> bool:
        """Whether a number is missing."""
        return len(self._spans) > 1


def _join(spans: list[Span], first: int, last: int) -> None:
    if spans:
        begun, ended = spans[-1]
        if begun <= first <= ended + 1:
            if last > ended:
                spans[-1] = begun, last
            return
    begin = bisect_left(spans, first - 1, key=lambda span: span[1])
    end = bisect_right(spans, last + 1, key=lambda span: span[0])
    if touching := spans[begin:end]:
        first, last = min(first, touching[0][0]), max(last, touching[-1][1])
    spans[begin:end] = [(first, last)]
