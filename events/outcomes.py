"""A Kafka message, and what becomes of it: an event that is taken, or the reason it is refused."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

import msgspec
from msgspec.structs import replace

from events.compact import Said
from events.data import Speaker

_SHOWN: Final = 200  # characters


class Message(msgspec.Struct, frozen=True, gc=False):
    """One Kafka message as it was read; `timestamp` is the log's, in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()

    def having(self, **fields: Any) -> "Message":
        """The same with other fields."""
        return replace(self, **fields)


class Reason(StrEnum):
    """Why a message could not be taken."""

    NO_KEY = "no_key"
    NO_VALUE = "no_value"
    BAD_KEY = "bad_key"
    UNKNOWN_CMO = "unknown_cmo"
    WRONG_PARTITION = "wrong_partition"
    NOT_JSON = "not_json"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    INVALID_VALUE = "invalid_value"
    WRONG_TOPIC = "wrong_topic"
    WRONG_KEY = "wrong_key"
    FROM_THE_FUTURE = "from_the_future"
    UNKNOWN_SOURCE = "unknown_source"
    NOT_ENTITLED = "not_entitled"
    OTHER_CONTENT = "other_content"
    UNFOLDABLE = "unfoldable"

    @property
    def holds_for_good(self) -> bool:
        """Whether it stands in the message, or in what the fold is, whatever was agreed."""
        return self not in _DECIDED_ANEW


_DECIDED_ANEW: Final = frozenset(
    (Reason.UNKNOWN_CMO, Reason.UNKNOWN_SOURCE, Reason.NOT_ENTITLED, Reason.OTHER_CONTENT)
)
"""What follows from the agreements: who may speak, and so which of two contradictions is first."""


class Refused(Exception):
    """A message that cannot be taken: why, and where the fault is."""

    def __init__(self, reason: Reason, detail: str, field: str = "", value: str = "") -> None:
        self.fault = (reason, detail, field, value)


def shown(value: object) -> str:
    """A value short enough, and safe enough, to print."""
    if isinstance(value, bytes):
        value = value[:_SHOWN].decode("utf-8", "backslashreplace")
    elif isinstance(value, int) and value.bit_length() > 600:
        return f"an integer of {value.bit_length()} bits"
    text = value[: _SHOWN + 1] if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


class AcceptedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event that was taken: whose it is, who said it, when it was recorded, and what it says.

    Times are microseconds from the epoch: of the event, of its record, and of the log. `recorded`
    is the log's but for an import that is `dated` by itself. `content` are 64 bits of what it says:
    two events under one identity that differ in them contradict each other.
    """

    message: Message
    cmo: str
    id: str
    source: str
    speaker: Speaker
    time: int
    recorded: int
    logged: int
    data: Said
    content: int
    sequence: int | None = None
    timely: bool = True
    heard: bool = True
    dated: bool = False

    @property
    def topic(self) -> str:
        """The topic it stands on."""
        return self.message.topic

    def untimely(self, *, heard: bool = True) -> "AcceptedEvent":
        """The same, telling of no delay, and unless `heard` not that its source lives."""
        return replace(self, timely=False, heard=heard and self.heard)

    def refused(self, reason: Reason, detail: str) -> "Rejection":
        """The rejection of an event that was read, for what it means."""
        said_by = self.source, self.sequence, self.speaker
        return Rejection(reason, detail, self.message, "", "", self.cmo, *said_by)


class Rejection(NamedTuple):
    """A message that could not be taken: why, where the fault is, and what is known of its sender.

    `cmo` is None unless the message is on the right partition under the key of a known CMO;
    `source`, `sequence` and `speaker` are None unless the source may speak for that CMO. `given` is
    what was read of the event on the way, if anything was: its attributes and its `data`.
    """

    reason: Reason
    detail: str
    message: Message
    field: str = ""
    value: str = ""
    cmo: str | None = None
    source: str | None = None
    sequence: int | None = None
    speaker: Speaker | None = None
    given: Mapping[str, Any] | None = None
