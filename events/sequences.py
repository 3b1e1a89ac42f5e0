"""Sequence numbers, contiguous over restarts: synced to a file before any of them is used."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from events.errors import InvalidState

if sys.platform != "win32":
    import fcntl

BLOCK = 1_000
"""How many numbers one sync reserves."""


class Stream(NamedTuple):
    """What has one contiguous sequence: a source, on a topic, under a key."""

    source: str
    topic: str
    key: str


class Span(NamedTuple):
    """Sequence numbers from `first` to `last`, both included."""

    first: int
    last: int


class _Counter:
    """One stream's numbers: the next, how far they are reserved, those under way, those lost."""

    def __init__(self, next_: int = 0, lost: list[Span] | None = None) -> None:
        self.next = self.reserved = next_
        self.under_way: set[int] = set()
        self.lost = lost or []

    def settled(self) -> int:
        """All numbers below it have been sent, or are known to be lost."""
        return min(self.under_way, default=self.next)


class Sequences:
    """The numbers of each stream, from 0; a context that holds the file for itself.

    Numbers that were reserved when the process died may be lost: they are in `lost` from the next
    start on, until `declared`. Raises `InvalidState` when the file cannot be used.
    """

    def __init__(self, path: Path, sync: Callable[[int], None] = os.fsync) -> None:
        self._path, self._sync = path, sync
        self._counters: dict[Stream, _Counter] = {}
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._lock = _held(self._path.with_name(self._path.name + ".lock"))
        try:
            self._counters = _read(self._path)
        except InvalidState:
            self._lock.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            for counter in self._counters.values():
                counter.reserved = counter.next
            self._write()
        finally:
            if self._lock:
                self._lock.close()

    def take(self, stream: Stream) -> int:
        """The next number of a stream; it is on disk that it may be used."""
        counter = self._counters.setdefault(stream, _Counter())
        if counter.next == counter.reserved:
            counter.reserved += BLOCK
            self._write()
        number, counter.next = counter.next, counter.next + 1
        counter.under_way.add(number)
        return number

    def sent(self, stream: Stream, number: int) -> None:
        """A number has arrived."""
        self._counters[stream].under_way.discard(number)

    def lose(self, stream: Stream, number: int) -> None:
        """A number was used, and its event is not known to have arrived."""
        counter = self._counters[stream]
        counter.under_way.discard(number)
        counter.lost = _merged([*counter.lost, Span(number, number)])

    def lost(self) -> Iterator[tuple[Stream, Span]]:
        """The numbers that may never come, by stream."""
        for stream, counter in self._counters.items():
            for span in counter.lost:
                yield stream, span

    def declared(self, stream: Stream, span: Span) -> None:
        """It has been said that these numbers will not come."""
        self._counters[stream].lost = [kept for kept in self._counters[stream].lost if kept != span]

    def _write(self) -> None:
        """Replaces the file, so that a crash leaves the old one or the new one whole."""
        new = self._path.with_name(self._path.name + ".new")
        try:
            with new.open("w", encoding="utf-8") as file:
                json.dump([_row(*item) for item in self._counters.items()], file)
                file.flush()
                self._sync(file.fileno())
            new.replace(self._path)
            _sync_folder(self._path.parent, self._sync)
        except OSError as error:
            raise InvalidState(
                f"{self._path}: {error}: nothing was sent; make it writable"
            ) from error


def _row(stream: Stream, counter: _Counter) -> dict[str, Any]:
    return {
        **stream._asdict(),
        "settled": counter.settled(),
        "reserved": counter.reserved,
        "lost": counter.lost,
    }


def _read(path: Path) -> dict[Stream, _Counter]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {Stream(row["source"], row["topic"], row["key"]): _restarted(row) for row in rows}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidState(
            f"{path}: not a file of sequence numbers ({type(error).__name__}): restore it from a "
            "copy; a new one would count from 0 again"
        ) from error


def _restarted(row: dict[str, Any]) -> _Counter:
    """A counter as it stands after a restart: what was reserved and not settled may be lost."""
    settled, reserved = int(row["settled"]), int(row["reserved"])
    lost = [Span(int(first), int(last)) for first, last in row["lost"]]
    if settled < reserved:
        lost.append(Span(settled, reserved - 1))
    return _Counter(reserved, _merged(lost))


def _merged(spans: list[Span]) -> list[Span]:
    """The same numbers in the fewest spans."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.first <= merged[-1].last + 1:
            merged[-1] = Span(merged[-1].first, max(span.last, merged[-1].last))
        else:
            merged.append(span)
    return merged


def _held(path: Path) -> IO[bytes]:
    """An open file this process alone has the lock of; where the system has none, it is shared."""
    try:
        file = path.open("wb")
    except OSError as error:
        raise InvalidState(f"{path}: {error}: make the folder writable") from error
    if sys.platform != "win32":
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            raise InvalidState(
                f"{path}: another publisher has it: stop that one, or give this its own state file"
            ) from error
    return file


def _sync_folder(folder: Path, sync: Callable[[int], None]) -> None:
    """A new name lasts once its folder is synced, where a system can open folders."""
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            sync(handle)
        finally:
            os.close(handle)
