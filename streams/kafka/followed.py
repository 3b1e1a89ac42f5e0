"""What is folded from the log and has something to say, as far as following it depends on that."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from events.outcomes import Message
from streams.seals import Seal


class OutboxMessage(Protocol):
    """A message that should stand on one of our own topics."""

    @property
    def topic(self) -> str:
        """The topic, one of our own."""

    @property
    def partition(self) -> int:
        """The shard's partition."""

    @property
    def key(self) -> bytes | None:
        """The id of the CMO concerned, where there is one."""

    @property
    def value(self) -> bytes:
        """The message."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """The headers, in order."""


class Shard(Protocol):
    """The state of one partition number, folded from the topics that share it."""

    partition: int
    next: dict[str, int]
    """Per topic, the offset up to which it is folded."""
    seal: Seal | None
    """The last seal that was read of the log."""

    def propose(self, seal: Seal) -> None:
        """A log begins, and is to be sealed so before anything else is said."""

    @property
    def lacking(self) -> Mapping[str, int]:
        """CMOs of which events were taken and with which nothing is agreed: how many they have."""

    def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        """Folds messages in order, none folded before, and sets `next[topic]` to `end`.

        Or to the first that is left where others should have their turn; one at least is folded.
        """

    def tick(self, now: datetime, heard_again: datetime | None = None) -> Iterable[object]:
        """Judges at `now`, up to which all topics were heard; others may run between the steps.

        `heard_again` is when they were heard again after a spell of hearing nothing, if ever.
        """

    def to_send(self) -> Sequence[OutboxMessage]:
        """What should stand on our own topics and neither does nor is under way."""

    def start_over(self) -> None:
        """Drops what was judged and not read back; nothing is under way any more."""

    @property
    def names(self) -> Collection[str]:
        """The CMOs that are known to belong here."""

    def remember(self, names: Collection[str]) -> None:
        """Knows of these CMOs that they belong here, whatever is left of the log."""


ShardFactory = Callable[[int], Shard]
