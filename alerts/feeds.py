"""Feeds: what was heard of a CMO on one topic, and what of it is missing."""

from bisect import insort
from collections.abc import Iterable
from typing import Final

from alerts.sequences import Sequence

Word = tuple[int, str]
"""When an event of the CMO, or on its behalf, was recorded, and its id."""

NO_WORD: Word = (0, "")


Turn = tuple[int, int]
"""Where a message stands on its topic: when the log got it, in milliseconds, and its offset."""

IN_A_ROW: Final = 3
"""So many refused one after the other, and none accepted in between, say that a feed is broken."""


class Row:
    """Whether the last messages of a topic were refused: the last taken, and the last refused.

    It is told by where they stand on the topic, in whichever order they come.
    """

    __slots__ = ("refused", "taken")

    def __init__(self) -> None:
        self.taken: Turn = (-1, -1)
        self.refused: list[Turn] = []

    def take(self, turn: Turn) -> None:
        """A message was taken."""
        if turn > self.taken:
            self.taken = turn

    def refuse(self, turns: Iterable[Turn]) -> None:
        """Messages were refused; the last of them count."""
        self.refused = sorted((*self.refused, *turns))[-IN_A_ROW:]

    @property
    def length(self) -> int:
        """How many were refused since the last that was taken, counted up to `IN_A_ROW`."""
        return sum(turn > self.taken for turn in self.refused)


class Feed:
    """What was heard on one topic: the last word of the CMO, and each source's sequence.

    A word about a time still to come counts as heard; should it be refused then, it never was.
    """

    __slots__ = ("_ahead", "_word", "sequences")

    def __init__(self) -> None:
        self._word = NO_WORD
        self._ahead: list[Word] = []
        self.sequences: dict[str, Sequence] = {}

    @property
    def heard(self) -> int:
        """When the CMO was last heard, 0 for never."""
        return self._last[0]

    @property
    def heard_from(self) -> str:
        """The id of the event it was last heard by."""
        return self._last[1]

    @property
    def _last(self) -> Word:
        return max(self._word, self._ahead[-1]) if self._ahead else self._word

    def hear(self, word: Word) -> None:
        """The CMO said something, or somebody on its behalf."""
        self._word = max(self._word, word)

    def hear_ahead(self, word: Word) -> None:
        """The same about a time still to come."""
        insort(self._ahead, word)

    def forget_ahead(self, word: Word) -> None:
        """The time has come that a word was about."""
        self._ahead.remove(word)

    def see(self, source: str, first: int, last: int) -> None:
        """Numbers of a source's sequence were seen."""
        self._sequence(source).see(first, last)

    def declare(self, source: str, first: int, last: int, sign: int) -> None:
        """Numbers of a source's sequence never come, or that was taken back."""
        self._sequence(source).declare(first, last, sign)

    def _sequence(self, source: str) -> Sequence:
        sequence = self.sequences.get(source)
        if sequence is None:
            sequence = self.sequences[source] = Sequence()
        return sequence
