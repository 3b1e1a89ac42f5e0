"""For how long a shard holds the loop at the longest, while it folds, judges and is scraped."""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from time import process_time
from typing import NamedTuple, TypeVar

from deploy.lab.bench.maker import NOW, agreements
from deploy.lab.bench.readback import read_back
from deploy.lab.bench.variants import batches
from deploy.lab.bench.worlds import World
from events.outcomes import Message
from streams.metrics.exposition import Exposed, render
from streams.metrics.text_format import Page
from streams.shard import FOLDS_FOR, Shard

T = TypeVar("T")

AIM = 0.050
"""Seconds for which the loop may be held."""

_AT_ONCE = 250  # as the worker folds
_COLLECTED = 1_000  # as the worker's collector
_BEFORE, _AFTER = NOW + timedelta(minutes=10), NOW + timedelta(hours=1)
_LOOKS = 3
_ROUNDS = 20


class Holds(NamedTuple):
    """The seconds for which the loop was held at the longest, and what there was meanwhile.

    `said` are the ids of what was read back before the rest was folded, `due` of what is to be
    said after.
    """

    tick: float
    scrape: float
    fold: float
    collector: float
    events: int
    said: tuple[str, ...]
    due: tuple[str, ...]


class Longest:
    """The longest time between two steps.

    It is the processor's time: neighbours of this machine hold the loop as well, and are not ours.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def over(self, steps: Iterator[object]) -> None:
        """Takes all steps; what a step does last until the end counts, too."""
        done = object()
        while self.of(lambda: next(steps, done)) is not done:
            pass

    def of(self, step: Callable[[], T]) -> T:
        """Takes one step."""
        began = process_time()
        found = step()
        self.seconds = max(self.seconds, process_time() - began)
        return found


def holds(world: World) -> Holds:
    """Folds a world, judges and reads back until all is said, folds the rest, and looks again.

    The longest tick and scrape are of those looks after the first, and of folds all but the first
    slice: what is done once in a worker's life is left out.
    """
    with _as_the_worker_collects():
        return _Trial(Shard(0, 1, agreements(), folds_for=FOLDS_FOR)).run(world)


@contextmanager
def _as_the_worker_collects() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
        gc.collect()


class _Trial:
    """One world on one shard, and how long it held the loop."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._ends: dict[str, int] = {}
        self._since = self._events = 0
        self._said: list[str] = []
        self._fold, self._collector = Longest(), Longest()

    def run(self, world: World) -> Holds:
        self._fold_all(world.before)
        self._look(_BEFORE, Longest(), Longest())
        for _ in range(_ROUNDS):
            if not (said := read_back(self._shard, self._ends, _BEFORE)):
                break
            self._said += said
            self._look(_BEFORE, Longest(), Longest())
        self._fold_all(world.after)
        tick, scrape = Longest(), Longest()
        for number in range(_LOOKS):
            self._look(_AFTER + timedelta(seconds=number), tick, scrape)
        return Holds(
            tick.seconds,
            scrape.seconds,
            self._fold.seconds,
            self._collector.seconds,
            self._events,
            tuple(self._said),
            tuple(each.id for each in self._shard.to_send()),
        )

    def _fold_all(self, messages: Iterable[Message]) -> None:
        for topic, _, batch in batches(messages, ends=self._ends):
            for first in range(0, len(batch), _AT_ONCE):
                self._fold_slice(topic, batch[first : first + _AT_ONCE])
            if self._since >= _COLLECTED:
                self._since = 0
                self._collector.of(_collect)

    def _fold_slice(self, topic: str, messages: Sequence[Message]) -> None:
        timed, end = self._fold if self._events else Longest(), messages[-1].offset + 1
        while (at := self._shard.next[topic]) < end:
            left = [each for each in messages if each.offset >= at]
            timed.of(partial(self._shard.fold, topic, end, left))
        self._events += len(messages)
        self._since += len(messages)

    def _look(self, now: datetime, tick: Longest, scrape: Longest) -> None:
        tick.over(self._shard.tick(now))
        page = Page()
        scrape.over(render(page, [Exposed(self._shard, True, 1.0, now)]))
        scrape.of(lambda: page.text().encode())


def _collect() -> None:
    gc.collect(1)
    gc.freeze()
