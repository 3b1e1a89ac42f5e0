"""Sequences: which numbers of a source were seen on a topic, and which are missing."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class Sequence:
    """Which numbers of one source's sequence were seen, as spans without a gap between."""

    __slots__ = ("_spans",)

    def __init__(self, spans: list[tuple[int, int]] | None = None) -> None:
        self._spans = spans or []

    def see(self, first: int, last: int) -> None:
        """Take the numbers from `first` to `last` as seen."""
        spans = self._spans
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
