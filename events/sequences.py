"""Sequence numbers, contiguous over restarts: synced to a file before any of them is used."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Annotated, Any, NamedTuple, Self

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from events.errors import InvalidState
from events.values import StrictModel

if sys.platform != "win32":
    import fcntl

BLOCK = 1_000
"""How many numbers one sync reserves."""

_RESTORE = "restore it from a copy; a new one would count from 0 again"


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
        _refuse_a_link(self._path)
        self._lock = _held(self._path.with_name(self._path.name + ".lock"))
        try:
            self._counters = _read(self._path, was_there=self._lock.tell() > 0)
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
            self._note_that_it_is_there()
        except OSError as error:
            raise InvalidState(
                f"{self._path}: {error}: nothing was sent; make it writable"
            ) from error

    def _note_that_it_is_there(self) -> None:
        """Says so in the file of the lock, which outlasts a state file that is lost."""
        if self._lock and self._lock.tell() == 0:
            self._lock.write(f"the numbers are in {self._path.name}\n".encode())
            self._lock.flush()


_Number = Annotated[int, Field(ge=0, le=2**53)]
_Name = Annotated[str, Field(min_length=1)]


class _Row(StrictModel, extra="forbid"):
    """A counter as the file has it: what is below `settled` was sent, or is known to be lost."""

    source: _Name
    topic: _Name
    key: _Name
    settled: _Number
    reserved: _Number
    lost: tuple[tuple[_Number, _Number], ...]

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.settled > self.reserved:
            raise ValueError(f"settled is {self.settled}, beyond reserved, {self.reserved}")
        for first, last in self.lost:
            if not first <= last < self.reserved:
                raise ValueError(f"lost are {first} to {last}, which was never reserved")
        return self


_ROWS = TypeAdapter(list[_Row])


def _row(stream: Stream, counter: _Counter) -> dict[str, Any]:
    return {
        **stream._asdict(),
        "settled": counter.settled(),
        "reserved": counter.reserved,
        "lost": counter.lost,
    }


def _read(path: Path, *, was_there: bool) -> dict[Stream, _Counter]:
    try:
        rows = _ROWS.validate_json(path.read_bytes())
    except FileNotFoundError:
        if was_there:
            raise InvalidState(
                f"{path}: it is lost, and the numbers with it: {_RESTORE}. Who wants that deletes "
                f"{path.name}.lock as well"
            ) from None
        return {}
    except OSError as error:
        raise InvalidState(f"{path}: it cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise InvalidState(f"{path}: not a file of sequence numbers: {_fault(error)}") from error
    found = {Stream(row.source, row.topic, row.key): _restarted(row) for row in rows}
    if len(found) < len(rows):
        raise InvalidState(f"{path}: one stream has two rows in it: {_RESTORE}")
    return found


def _fault(error: ValidationError) -> str:
    """Where the first fault is, what it is, and what to do."""
    first = error.errors(include_url=False)[0]
    where = "".join(f"{step}: " for step in first["loc"])
    return f"{where}{first['msg']}: {_RESTORE}"


def _restarted(row: _Row) -> _Counter:
    """A counter as it stands after a restart: what was reserved and not settled may be lost."""
    lost = [Span(first, last) for first, last in row.lost]
    if row.settled < row.reserved:
        lost.append(Span(row.settled, row.reserved - 1))
    return _Counter(row.reserved, _merged(lost))


def _merged(spans: list[Span]) -> list[Span]:
    """The same numbers in the fewest spans."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.first <= merged[-1].last + 1:
            merged[-1] = Span(merged[-1].first, max(span.last, merged[-1].last))
        else:
            merged.append(span)
    return merged


def _refuse_a_link(path: Path) -> None:
    """Writing would replace the link, and two links to one file are two locks."""
    if path.is_symlink():
        raise InvalidState(
            f"{path}: it is a symbolic link: name the file itself, {path.readlink()}"
        )


def _held(path: Path) -> IO[bytes]:
    """An open file this process alone has the lock of; where the system has none, it is shared."""
    try:
        file = path.open("ab")
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
