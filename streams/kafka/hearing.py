"""What was heard of the log of a partition number, and up to when: no Kafka in here."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from events.data import TOPICS


class HighWatermark(NamedTuple):
    """What one answer of the broker said of a partition: its high-water mark, and when."""

    at: datetime
    high_water: int


class Hearing:
    """The brokers' answers about the topics of a partition number."""

    def __init__(self) -> None:
        self._pending: dict[str, HighWatermark] = {}
        self._answers: dict[str, HighWatermark] = {}
        self._heard: dict[str, datetime] = {}
        self._until: datetime | None = None

    def begins(self) -> None:
        """Forgets the marks that are still to be reached: it is followed from elsewhere."""
        self._pending.clear()

    def note(self, topic: str, mark: HighWatermark, folded: int) -> None:
        """Takes in an answer: heard up to then, once all below its mark is folded."""
        self._answers[topic] = mark
        pending = self._pending.setdefault(topic, mark)
        if folded < pending.high_water:
            return
        del self._pending[topic]
        latest = mark if folded >= mark.high_water else pending
        self._heard[topic] = max(latest.at, self._heard.get(topic, latest.at))

    def forget(self, until: datetime | None) -> None:
        """Forgets up to when it was heard, but for what was judged `until` then."""
        self._pending.clear()
        self._heard.clear()
        self._until = until

    @property
    def until(self) -> datetime | None:
        """The instant up to which every topic was heard; never earlier than it was before."""
        if all(topic in self._heard for topic in TOPICS):
            least = min(self._heard[topic] for topic in TOPICS)
            self._until = max(least, self._until or least)
        return self._until

    @property
    def answered(self) -> datetime | None:
        """When a broker last answered about any topic; None for never."""
        return max((answer.at for answer in self._answers.values()), default=None)

    @property
    def high_waters(self) -> Mapping[str, int]:
        """Per topic, the high-water mark that the broker last told of."""
        return {topic: answer.high_water for topic, answer in self._answers.items()}
