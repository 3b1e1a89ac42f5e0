"""Dead letters: what could not be taken, kept as it came, under the coordinates it came from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from events.data import DEAD_LETTERS, INBOUND
from events.outcomes import Message, Reason, Rejection
from streams.seals import Seal, read_seal

WHOLE_PER_MINUTE = 100
"""Dead letters of one key in one minute that keep their bytes; the inbound log has the others."""

SEALED: Final = "sealed"
"""What names all that is said of which log is read."""

_REFUSED, _WITHDRAWN, _COVERED = "refused", "withdrawn", "covered"
_ELSEWHERE: Final = "left in the topic it came from"
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

    def id(self, partition: int) -> str:
        """What names all that is said of the message."""
        return f"{self.topic}/{partition}/{self.offset}"


class Word(NamedTuple):
    """What is said of a message, as the how manyth word: why it is refused, None for withdrawn."""

    where: Coordinates
    ordinal: int
    reason: Reason | None


class Covered(NamedTuple):
    """That events of a CMO were taken."""

    cmo: str


def dead_letter(rejection: Rejection, *, whole: bool, ordinal: int = 1) -> OutboxMessage:
    """The dead letter of a rejection: raw bytes untouched, coordinates and reason as headers."""
    message = rejection.message
    more = {
        "reason": rejection.reason.value,
        "detail": rejection.detail,
        "field": rejection.field,
        "value": rejection.value,
        "bytes": "whole" if whole else _ELSEWHERE,
    }
    letter = _said(_REFUSED, message, Coordinates(message.topic, message.offset), ordinal, more)
    return letter._replace(
        value=(message.value or b"") if whole else b"",
        headers=[*letter.headers, *_as_sent(message.headers)],
    )


def withdrawal(message: Message, ordinal: int) -> OutboxMessage:
    """That the dead letter of a message holds no more: it is taken as things are agreed now."""
    where = Coordinates(message.topic, message.offset)
    return _said(_WITHDRAWN, message, where, ordinal, {"detail": "it is taken as agreed now"})


def contradiction(read: Message, word: Word, reason: Reason | None) -> OutboxMessage:
    """What is said once more of a message of which another worker, by `read`, said otherwise."""
    detail = "so it is where it is folded now; another worker said otherwise"
    if reason is None:
        return _said(_WITHDRAWN, read, word.where, word.ordinal + 1, {"detail": detail})
    more = {"reason": reason.value, "detail": detail, "bytes": _ELSEWHERE}
    return _said(_REFUSED, read, word.where, word.ordinal + 1, more)


def covered(cmo: str, partition: int) -> OutboxMessage:
    """That events of a CMO were taken, so that it is missed where nothing is agreed with it."""
    headers = _encoded({"kind": _COVERED, "cmo": cmo})
    key = cmo.encode()
    return OutboxMessage(f"{_COVERED}/{cmo}", DEAD_LETTERS, partition, key, b"", headers)


def sealed(seal: Seal, partition: int) -> OutboxMessage:
    """That a log begins, or goes on from damage: what is read from here on, and how we number."""
    headers = _encoded({"kind": SEALED, **seal.headers()})
    return OutboxMessage(SEALED, DEAD_LETTERS, partition, None, b"", headers)


def _said(
    kind: str, about: Message, where: Coordinates, ordinal: int, more: Mapping[str, str]
) -> OutboxMessage:
    """A word under the key of `about`: the message itself, or what another worker said of it."""
    headers = {
        "kind": kind,
        "topic": where.topic,
        "partition": str(about.partition),
        "offset": str(where.offset),
        "ordinal": str(ordinal),
        "timestamp": str(about.timestamp),
        **more,
    }
    key = about.key if about.key is None else about.key[:_LONGEST]
    id_ = where.id(about.partition)
    return OutboxMessage(id_, DEAD_LETTERS, about.partition, key, b"", _encoded(headers))


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


def read_back(headers: Iterable[tuple[str, bytes]]) -> Word | Covered | Seal | None:
    """What was said of a message, a CMO or the log; None for a message that is none of ours."""
    fields = {name: (value or b"").decode("utf-8", "replace") for name, value in headers}
    try:
        if fields["kind"] == _COVERED:
            return Covered(fields["cmo"])
        if fields["kind"] == SEALED:
            return read_seal(fields)
        where = Coordinates(fields["topic"], int(fields["offset"]))
        reason = {_REFUSED: fields.get("reason"), _WITHDRAWN: None}[fields["kind"]]
        word = Word(where, int(fields["ordinal"]), None if reason is None else Reason(reason))
    except (KeyError, ValueError, TypeError):
        return None
    said = word.reason is not None or fields["kind"] == _WITHDRAWN
    return word if said and where.topic in INBOUND else None
