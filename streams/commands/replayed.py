"""How far a replay is: a bar on a terminal, and one line at its end."""

import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Self, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

_Item = TypeVar("_Item")

_AT_ONCE: Final = 1_000


class Replayed:
    """Counts the events of a replay, and shows where it is, how fast and for how long still.

    Where there is no terminal nothing is shown.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            _Speed(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._reading = self._bar.add_task("reading", total=None)
        self._began = self._ended = 0.0
        self.events = 0

    def __enter__(self) -> Self:
        """Begins to count."""
        self._began = self._clock()
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the count, and takes the bar away."""
        self._ended = self._clock()
        self._bar.stop()

    def summary(self) -> str:
        """How many events were read, in how long, and how fast that was."""
        seconds = self._ended - self._began
        return f"read {self.events:,} events in {seconds:.1f} s, {self._rate(seconds)}"

    def slices(self, items: Iterable[_Item]) -> Iterator[list[_Item]]:
        """The same items, many at once, each slice counted once it is taken in."""
        remaining = iter(items)
        while part := list(islice(remaining, _AT_ONCE)):
            yield part
            self.count(len(part))

    async def slices_of(self, items: AsyncIterable[_Item]) -> AsyncIterator[list[_Item]]:
        """The same for items that come in their own time."""
        part: list[_Item] = []
        async for item in items:
            part.append(item)
            if len(part) == _AT_ONCE:
                yield part
                self.count(len(part))
                part = []
        if part:
            yield part
            self.count(len(part))

    def count(self, events: int) -> None:
        """Notes that so many more events are taken in."""
        self.events += events
        self._bar.update(self._reading, speed=self._rate(self._clock() - self._began))

    def at(self, done: int, there: int | None) -> None:
        """Notes how much is read of all there is, in whatever both are counted in."""
        self._bar.update(self._reading, completed=done, total=there)

    def of_file(self, path: str) -> Callable[[int], None]:
        """What hears how many bytes of a file are read."""
        size = 0 if path == "-" else Path(path).stat().st_size  # a pipe's is 0, and unknown
        return lambda done: self.at(done, size or None)

    def then(self, items: Iterable[_Item], count: int, what: str) -> Iterator[_Item]:
        """The same items of what is done once all is read, with a bar of their own."""
        self._bar.remove_task(self._reading)
        yield from self._bar.track(items, count, description=what)

    def _rate(self, seconds: float) -> str:
        return f"{self.events / seconds:,.0f} events/s" if seconds > 0 else "at once"


class _Speed(ProgressColumn):
    """Events a second, where events are counted."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("speed", "")))
