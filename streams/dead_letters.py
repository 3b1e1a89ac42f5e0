"""Dead letters: what could not be taken, kept as it came, under the coordinates it came from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from events.data import DEAD_LETTERS
from events.outcomes import Reason, Rejection

WHOLE_PER_MINUTE = 100
"""Dead letters of one key in one minute that keep their bytes; the inbound log has the others."""

_LONGEST = 1_000
_MOST_HEADERS = 64


class OutboxMessage(NamedTuple):
    """One message for one of our own topics; `id` names what it stands for."""

    id: str
    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]


class Coordinates(NamedTuple):
    """Where in an inbound topic a message lies, its partition being the shard's."""

    topic: str
    offset: int


def dead_letter(rejection: Rejection, *, whole: bool) -> OutboxMessage:
    """The dead letter of a rejection: raw bytes untouched, coordinates and reason as headers."""
    message = rejection.message
    headers = {
        "topic": message.topic,
        "partition": str(message.partition),
        "offset": str(message.offset),
        "timestamp": str(message.timestamp),
        "reason": rejection.reason.value,
        "detail": rejection.detail,
        "field": rejection.field,
        "value": rejection.value,
        "bytes": "whole" if whole else "left in the topic it came from",
    }
    return OutboxMessage(
        f"{message.topic}/{message.partition}/{message.offset}",
        DEAD_LETTERS,
        message.partition,
        message.key
        if message.key is None or len(message.key) <= _LONGEST
        else message.key[:_LONGEST],
        (message.value or b"") if whole else b"",
        [*_encoded(headers), *_as_sent(message.headers)],
    )


def _encoded(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    return [
        (name, text.encode("utf-8", "backslashreplace")[:_LONGEST])
        for name, text in headers.items()
        if text
    ]


def _as_sent(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The headers a message came with, which in binary mode hold half of the event."""
    return [
        (f"sent-{name[:_LONGEST]}", (value or b"")[:_LONGEST])
        for name, value in headers[:_MOST_HEADERS]
    ]


def read_back(headers: Iterable[tuple[str, bytes]]) -> tuple[Coordinates, Reason] | None:
    """The coordinates of what was refused, and why; None for a message that is none of ours."""
    fields = {name: (value or b"").decode("utf-8", "replace") for name, value in headers}
    try:
        where = Coordinates(fields["topic"], int(fields["offset"]))
        return where, Reason(fields["reason"])
    except (KeyError, ValueError):
        return None
