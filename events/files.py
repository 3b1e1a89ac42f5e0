"""Files of events: one structured CloudEvents JSON object a line, plain or gzip, or stdin."""

import codecs
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from events.data import INBOUND
from events.decode import Decoder
from events.errors import InvalidFile, InvalidIdentifier, Unaddressable
from events.event import EVENTS, Event
from events.modes import encoding_fault
from events.outcomes import AcceptedEvent, Message, Reason, Rejection
from events.partition import partition_of
from events.reading import read_event
from events.values import Instant, identifier, microseconds

LONGEST_LINE = 1 << 20
"""The most bytes of a line: what a broker takes as one message."""

Position = Callable[[int], None]
"""Hears now and then how many bytes of a file are read, packed ones where it is packed."""

_SELDOM = 1_000  # lines between two positions
_GZIP = b"\x1f\x8b"
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


class Address(NamedTuple):
    """Where an event belongs: its topic, and its key, the id of the CMO concerned."""

    topic: str
    key: bytes


def address(value: bytes) -> Address:
    """Where the event in these bytes belongs, by its type and `partitionkey` or source.

    Raises `Unaddressable` when they do not say.
    """
    return _address(_attributes(value))


def key_of(partitionkey: object, source: object) -> bytes:
    """The key of an event: its `partitionkey`, else the CMO of its source `/cmo/{id}`.

    Raises `Unaddressable` when neither names a CMO.
    """
    name = partitionkey
    if name is None and isinstance(source, str) and source.startswith("/cmo/"):
        name = source.split("/")[2]
    if not isinstance(name, str):
        raise Unaddressable("needs a partitionkey: the id of the CMO concerned")
    try:
        return identifier(name).encode()
    except InvalidIdentifier as error:
        raise Unaddressable(str(error)) from error


def _unheard(_: int) -> None:
    """The position for who does not ask."""


def messages(
    path: str, partitions: int = 1, position: Position = _unheard
) -> Iterator[Message | Rejection]:
    """Each line of a file as the message Kafka would have had, or why it belongs on no topic.

    The offset is the line's number, from 1. The timestamp is the event's `recordedtime`, else its
    time, else that of the line before. Raises `InvalidFile` when the file cannot be read.
    """
    timestamp = 0
    for number, line in _lines(path, position):
        message = _message(number, line, partitions, timestamp)
        timestamp = message.timestamp if isinstance(message, Message) else timestamp
        yield message


def replay(
    path: str, decoder: Decoder, partitions: int = 1, position: Position = _unheard
) -> Iterator[AcceptedEvent | Rejection]:
    """What a decoder takes or refuses of each line of a file; a rejection's offset is its line.

    Raises `InvalidFile` when the file cannot be read.
    """
    for message in messages(path, partitions, position):
        if isinstance(message, Rejection):
            yield message
        else:
            yield as_replayed(decoder.decode(message))


def as_replayed(outcome: AcceptedEvent | Rejection) -> AcceptedEvent | Rejection:
    """The outcome for a line of a file: without a `recordedtime` it tells nothing of delay."""
    if isinstance(outcome, AcceptedEvent) and not outcome.dated:
        return outcome.untimely()
    return outcome


def events_in(path: str) -> Iterator[Event | Rejection]:
    """Each line of a file as an event, by its shape alone, or why it has none or no CMO.

    Raises `InvalidFile` when the file cannot be read.
    """
    for number, line in _lines(path):
        bare = _unaddressed(number, line)
        event = _too_long(bare) or read_event(bare)
        yield event if isinstance(event, Rejection) else _with_a_key(event, bare)


def _with_a_key(event: Event, message: Message) -> Event | Rejection:
    try:
        key_of(event.partitionkey, event.source)
    except Unaddressable as error:
        return Rejection(Reason.NO_KEY, str(error), message, "partitionkey")
    return event


def _message(number: int, line: bytes, partitions: int, before: int) -> Message | Rejection:
    bare = _unaddressed(number, line)
    if refused := _too_long(bare):
        return refused
    try:
        attributes = _attributes(line)
        topic, key = _address(attributes)
    except Unaddressable as error:
        return _refused(bare, error)
    timestamp = _recorded(attributes) or before
    if not timestamp:
        return _refused(bare, Unaddressable("needs a time"))
    return Message(topic, partition_of(key, partitions), number, timestamp, key, line)


def _unaddressed(number: int, line: bytes) -> Message:
    return Message("", 0, number, 0, None, line)


def _too_long(message: Message) -> Rejection | None:
    value = message.value or b""
    if len(value) <= LONGEST_LINE:
        return None
    detail = f"longer than {LONGEST_LINE:,} bytes, the most a broker takes"
    return Rejection(Reason.INVALID_VALUE, detail, message, "value")


def _refused(message: Message, error: Unaddressable) -> Rejection:
    """Why a line belongs on no topic: what its shape has wrong, else that it names no CMO."""
    refused = read_event(message)
    if isinstance(refused, Rejection):
        return refused
    return Rejection(Reason.NO_KEY, str(error), message, "partitionkey")


def _attributes(value: bytes) -> dict[str, Any]:
    try:
        read = from_json(value)
    except ValueError as error:
        raise Unaddressable(f"not JSON: {error}") from error
    if not isinstance(read, dict):
        raise Unaddressable("an event is a JSON object")
    return read


def _address(attributes: dict[str, Any]) -> Address:
    key = key_of(attributes.get("partitionkey"), attributes.get("source"))
    return Address(_topic(attributes.get("type"), attributes.get("data")), key)


def _topic(type_: object, data: object) -> str:
    known = EVENTS.get(type_) if isinstance(type_, str) else None
    if known is None:
        raise Unaddressable("no such event type")
    declared = known.model_fields["data"].annotation.TOPIC  # type: ignore[union-attr]
    topic = declared or (data.get("topic") if isinstance(data, dict) else None)
    if topic not in INBOUND:
        raise Unaddressable("data.topic names no inbound topic")
    return str(topic)


def _recorded(attributes: dict[str, Any]) -> int | None:
    """The milliseconds of the record time of an event, None when it cannot be read."""
    for name in ("recordedtime", "time"):
        if (given := attributes.get(name)) is not None:
            try:
                return microseconds(_INSTANT.validate_json(to_json(given))) // 1_000
            except ValueError:
                continue
    return None


def _lines(path: str, position: Position = _unheard) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers; of one that is too long, its beginning."""
    try:
        with _opened(path) as (file, read):
            number = said = 0
            while line := file.readline(LONGEST_LINE + 2):
                number += 1
                if number % _SELDOM == 0:
                    position(read())
                if cut := len(line) > LONGEST_LINE + 1:
                    _skip_to_the_end_of_the_line(line, file)
                line = line.removeprefix(codecs.BOM_UTF8)  # files put together have one each
                if line := line if cut else line.strip():
                    said += 1
                    if said == 1:
                        _refuse_other_forms(path, line)
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidFile(f"{path}: {error}: check that it is there, whole and readable") from error


def _refuse_other_forms(path: str, first: bytes) -> None:
    """Raises `InvalidFile` for a file whose first line shows that it is in another form."""
    if fault := encoding_fault(first):
        raise InvalidFile(f"{path}: {fault}: save it as that")
    what = "a JSON array" if first.startswith(b"[") else "JSON over several lines"
    if first.startswith(b"[") or first == b"{":
        raise InvalidFile(
            f"{path}: {what}; one JSON object a line is read here, as `jq -c '.[]'` (an array) or "
            "`jq -c .` (several lines) writes it"
        )


def _skip_to_the_end_of_the_line(line: bytes, file: BinaryIO) -> None:
    while line and not line.endswith(b"\n"):
        line = file.readline(LONGEST_LINE)


@contextmanager
def _opened(path: str) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """A file, or stdin for `-`, unpacked when it begins as gzip does, and how far it is read."""
    with ExitStack() as stack:
        raw = sys.stdin.buffer if path == "-" else stack.enter_context(Path(path).open("rb"))
        peeks = isinstance(raw, io.BufferedReader)
        buffered = cast(io.BufferedReader, raw if peeks else io.BufferedReader(cast(Any, raw)))
        packed = buffered.peek(2)[:2] == _GZIP
        unpacked = gzip.GzipFile(fileobj=buffered) if packed else buffered
        yield cast(BinaryIO, unpacked), buffered.tell if buffered.seekable() else lambda: 0
