"""A worker whose shards only count: what the transport hands out, and in which order."""

import itertools
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from events.data import DEAD_LETTERS, OWN, TOPICS
from events.outcomes import Message
from streams.dead_letters import OutboxMessage, read_back, sealed
from streams.kafka.assignment import Assignment
from streams.kafka.transport import Consumer
from streams.seals import Seal
from streams.settings import Settings
from streams.worker import run_worker


class Said(NamedTuple):
    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class CountingShard:
    def __init__(self, partition: int) -> None:
        self.partition = partition
        self.next: dict[str, int] = {}
        self.lacking: dict[str, int] = {}
        self.seal: Seal | None = None
        self.names: set[str] = set()
        self.count = dict.fromkeys(TOPICS, 0)
        self.sum = dict.fromkeys(TOPICS, 0)
        self.own_before_others = -1
        self.ticked = 0.0
        self._due: list[Said] = []
        self._proposed: OutboxMessage | None = None

    def remember(self, names: Collection[str]) -> None:
        self.names = {*self.names, *names}

    def propose(self, seal: Seal) -> None:
        if self._proposed is None:
            self._proposed = sealed(seal, self.partition)
            self._due.append(Said(*self._proposed[1:]))

    def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        if topic not in OWN and messages and self.own_before_others < 0:
            self.own_before_others = sum(self.count[own] for own in OWN)
        for message in messages:
            assert message.offset >= self.next.get(topic, 0), "folded before"
            self.next[topic] = message.offset + 1
            if isinstance(word := read_back(message.headers), Seal):
                self.seal = word
                continue
            self._count(topic, message.value or b"")
        self.next[topic] = end

    def _count(self, topic: str, value: bytes) -> None:
        if value == b"poison":
            raise RuntimeError("a shard that cannot go on")
        if value.startswith(b"say "):
            self._due.append(Said(DEAD_LETTERS, self.partition, b"key", value[4:], []))
        else:
            self.count[topic] += 1
            self.sum[topic] += int(value)

    def tick(self, now: datetime, heard_again: datetime | None = None) -> Iterable[object]:
        self.ticked = now.timestamp()
        return ()

    def to_send(self) -> list[Said]:
        due, self._due = self._due, []
        return due

    def start_over(self) -> None:
        if self._proposed is not None and self.seal is None:
            self._due = [Said(*self._proposed[1:])]


class Counts:
    def __init__(self, assignment: Assignment) -> None:
        self._followers = assignment

    def collect(self) -> Iterator[GaugeMetricFamily]:
        held = [(str(f.shard.partition), f) for f in self._followers]
        for name in ("count", "sum"):
            metric = GaugeMetricFamily(f"toy_{name}", name, labels=["topic", "partition"])
            for partition, progress in held:
                for topic, value in getattr(progress.shard, name).items():
                    metric.add_metric([topic, partition], value)
            yield metric
        for name in ("own_before_others", "ticked"):
            metric = GaugeMetricFamily(f"toy_{name}", name, labels=["partition"])
            for partition, progress in held:
                metric.add_metric([partition], getattr(progress.shard, name))
            yield metric


def lose_every(nth: int) -> None:
    """Makes the transport lose every nth batch between the fetch and the fold, as a race would."""
    whole, seen = Consumer.fold, itertools.count(1)

    async def fold(self: Consumer, message: Any) -> None:
        if next(seen) % nth:
            await whole(self, message)

    Consumer.fold = fold  # type: ignore[method-assign]


if __name__ == "__main__":
    if lost := os.environ.get("TOY_LOSES_EVERY"):
        lose_every(int(lost))
    assignment, registry = Assignment(CountingShard), CollectorRegistry()
    registry.register(Counts(assignment))

    async def metrics() -> tuple[bytes, str]:
        return generate_latest(registry), "text/plain"

    sys.exit(run_worker(Settings(), assignment, {"/metrics": metrics}))
