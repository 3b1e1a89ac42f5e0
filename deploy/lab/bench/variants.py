"""The same events as messages of one partition, written in the ways that publishers write."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final
from zlib import crc32

from events.files import address
from events.outcomes import Message

_AT_ONCE = 1_000
_TIMES = "time", "recordedtime"

Batch = tuple[str, int, list[Message]]
"""A topic, the offset up to which it is read, and the messages there are up to it."""

Variant = Callable[[bytes], Message]
"""Writes an event, given as a line, as a message that has no offset yet."""


def structured(line: bytes) -> Message:
    """The event as it is, recorded when it says."""
    topic, key = address(line)
    event = json.loads(line)
    at = datetime.fromisoformat(event.get("recordedtime") or event["time"])
    return Message(topic, 0, 0, round(at.timestamp() * 1_000), key, line)


def fractional(line: bytes) -> Message:
    """The event with microseconds in its times, and its quantities in kilograms with decimals."""
    event = json.loads(line)
    for name in _TIMES:
        if name in event:
            event[name] = event[name].replace("Z", f".{_fraction(event['id']):06}Z")
    return structured(_dumped({**event, "data": _in_kilograms(event["data"])}))


def _fraction(event: str) -> int:
    """Microseconds that differ from event to event, and are the same every time."""
    return crc32(event.encode()) % 1_000_000


def _in_kilograms(said: Any) -> Any:
    """Every quantity by the same factor, so that what was alike and what adds up still does."""
    if isinstance(said, list):
        return [_in_kilograms(each) for each in said]
    if not isinstance(said, dict):
        return said
    if said.keys() == {"value", "unit"} and isinstance(said["value"], int):
        return {"value": round(said["value"] * 1.001, 3), "unit": "KGM"}
    return {name: _in_kilograms(each) for name, each in said.items()}


def binary(line: bytes) -> Message:
    """The event in CloudEvents' binary mode: its attributes as headers, its data as the value."""
    event = json.loads(line)
    data = _dumped(event.pop("data"))
    headers = [(f"ce_{name}", _header(given)) for name, given in event.items()]
    kind = ("content-type", b"application/json")
    return structured(line).having(value=data, headers=[kind, *headers])


def _header(given: Any) -> bytes:
    return (given if isinstance(given, str) else json.dumps(given)).encode()


def _dumped(said: Any) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


VARIANTS: Final[dict[str, Variant]] = {
    "as simulated": structured,
    "fractions": fractional,
    "binary mode": binary,
}
"""Each way of writing, by its title."""


def batches(
    messages: Iterable[Message], at_once: int = _AT_ONCE, ends: dict[str, int] | None = None
) -> Iterator[Batch]:
    """Messages in their order, so many at a time and of these a topic at a time, with offsets.

    `ends` says up to where each topic is read before, and afterwards.
    """
    ends, waiting = {} if ends is None else ends, iter(messages)
    while taken := list(islice(waiting, at_once)):
        for topic in dict.fromkeys(message.topic for message in taken):
            own = [message for message in taken if message.topic == topic]
            first = ends.get(topic, 0)
            ends[topic] = first + len(own)
            yield topic, ends[topic], [m.having(offset=first + n) for n, m in enumerate(own)]
