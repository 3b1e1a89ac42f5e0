"""Feeds: what was heard of a CMO on one topic, and what of it is missing."""

from alerts.windows import Sequence


class Feed:
    """What was heard on one topic: the last word of the CMO, and each source's sequence."""

    __slots__ = ("heard", "heard_from", "sequences")

    def __init__(self) -> None:
        self.heard = 0
        self.heard_from = ""
        self.sequences: dict[str, Sequence] = {}

    def hear(self, recorded: int, event: str) -> None:
        """The CMO said something, or somebody on its behalf."""
        self.heard, self.heard_from = max((self.heard, self.heard_from), (recorded, event))

    def see(self, source: str, first: int, last: int) -> None:
        """Numbers of a source's sequence are accounted for."""
        self.sequences.setdefault(source, Sequence()).see(first, last)
