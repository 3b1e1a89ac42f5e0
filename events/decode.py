"""From a Kafka message to an event, or to the reason it cannot be taken."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from events.data import Data, Speaker
from events.event import ANY_EVENT, EVENTS, Event, sequence_number
from events.partition import partition_of
from events.sources import Source, Voice, voice
from events.values import EPOCH, StrictModel

AHEAD = timedelta(hours=24)
"""How far a fact's event time may lie after its record time."""

_CMO_ID = re.compile(rb"[a-z0-9-]{1,128}")
_SHOWN = 200
_LONGEST_SOURCE = 256


class Message(NamedTuple):
    """One Kafka message as it was read; `timestamp` is the log's, in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


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


class Accepted(NamedTuple):
    """An event that was taken: whose it is, who said it, when it was recorded, and what it says."""

    event: Event
    cmo: str
    message: Message
    recorded: datetime
    speaker: Speaker
    timely: bool
    content: bytes
    heard: bool = True

    @property
    def topic(self) -> str:
        """The topic it stands on."""
        return self.message.topic

    def refused(self, reason: Reason, detail: str) -> "Rejection":
        """The rejection of an event that was read, for what it means."""
        source, sequence = self.event.source, self.event.sequence
        return Rejection(reason, detail, self.message, "", "", self.cmo, source, sequence)


class Rejection(NamedTuple):
    """A message that could not be taken: why, where the fault is, and what is known of its sender.

    `cmo` is None unless the message is on the right partition under the key of a known CMO;
    `source` and `sequence` are None unless the source may speak for that CMO.
    """

    reason: Reason
    detail: str
    message: Message
    field: str = ""
    value: str = ""
    cmo: str | None = None
    source: str | None = None
    sequence: int | None = None


class _Refused(Exception):
    def __init__(self, reason: Reason, detail: str, field: str = "", value: str = "") -> None:
        self.fault = (reason, detail, field, value)


class Decoder:
    """Reads messages one by one, each value alone, whatever stands in the others.

    `sources_of(cmo, recorded)` gives the sources that may speak for a CMO, None for an unknown one.
    `partitions` is the number of partitions of each inbound topic.
    """

    def __init__(
        self,
        sources_of: Callable[[str, datetime], Iterable[Source] | None],
        partitions: int,
    ) -> None:
        self._sources_of = sources_of
        self._partitions = partitions
        self._voice = lru_cache(maxsize=65_536)(self._voice_on)
        self._known = lru_cache(maxsize=65_536)(self._known_on)

    def decode(self, message: Message) -> Accepted | Rejection:
        """The event of `message`, or why it cannot be taken; never raises for what it holds."""
        cmo, recorded = None, EPOCH
        try:
            recorded = _recorded(message)
            cmo = self._cmo_of(message, recorded)
            return self._accept(message, cmo, recorded)
        except _Refused as refused:
            reason, detail, field, value = refused.fault
            source, sequence = self._sender(message, cmo, recorded)
            return Rejection(reason, detail, message, field, value, cmo, source, sequence)

    def refused(self, message: Message, reason: Reason, detail: str) -> Rejection:
        """The rejection of a message for a reason that stands outside of it."""
        if reason is Reason.UNKNOWN_CMO:  # nobody's fault but ours, even once it is known
            return Rejection(reason, detail, message)
        try:
            recorded = _recorded(message)
            cmo = self._cmo_of(message, recorded)
        except _Refused:
            return Rejection(reason, detail, message)
        source, sequence = self._sender(message, cmo, recorded)
        return Rejection(reason, detail, message, "", "", cmo, source, sequence)

    def _cmo_of(self, message: Message, recorded: datetime) -> str:
        key = message.key
        if key is None:
            raise _Refused(Reason.NO_KEY, "the key must be the id of the CMO concerned", "key")
        if not _CMO_ID.fullmatch(key):
            raise _Refused(
                Reason.BAD_KEY, "the key must be a CMO's id of [a-z0-9-]{1,128}", "key", _shown(key)
            )
        if message.partition != (right := partition_of(key, self._partitions)):
            raise _Refused(
                Reason.WRONG_PARTITION,
                f"this key belongs on partition {right}; a client of librdkafka needs "
                "partitioner=murmur2_random",
                "partition",
                str(message.partition),
            )
        cmo = key.decode()
        if not self._known(cmo, recorded.date()):
            raise _Refused(
                Reason.UNKNOWN_CMO, "no agreement covers this CMO on that day", "key", cmo
            )
        return cmo

    def _accept(self, message: Message, cmo: str, recorded: datetime) -> Accepted:
        event = _read(message)
        if event.topic != message.topic:
            raise _Refused(
                Reason.WRONG_TOPIC, f"this event belongs on {event.topic}", "type", event.type
            )
        if event.partitionkey is not None and event.partitionkey != cmo:
            raise _Refused(
                Reason.WRONG_KEY, f"the key is {cmo}", "partitionkey", event.partitionkey
            )
        speaker, said_recorded, timely = self._said_by(event, cmo, recorded)
        if not event.data.PLAN and event.time - said_recorded > AHEAD:
            raise _Refused(
                Reason.FROM_THE_FUTURE,
                f"more than 24 h after it was recorded at {said_recorded.isoformat()}",
                "time",
                event.time.isoformat(),
            )
        content = content_of(event)
        _forget_unknown_fields(event)
        return Accepted(
            event,
            cmo,
            message,
            said_recorded,
            speaker,
            timely,
            content,
            heard=timely,
        )

    def _said_by(
        self, event: Event, cmo: str, recorded: datetime
    ) -> tuple[Speaker, datetime, bool]:
        """Who says the event, when it counts as recorded, and whether that tells of timeliness."""
        known = self._voice(cmo, event.source, recorded.date())
        if known is None:
            raise _Refused(
                Reason.UNKNOWN_SOURCE,
                f"the agreement of {cmo} names no such source on {recorded:%Y-%m-%d}",
                "source",
                event.source,
            )
        speaker, timely = known.speaker, True
        if known.imports:
            speaker = event.onbehalfof or speaker
            timely = event.recordedtime is None or bool(event.timely)
            recorded = event.recordedtime or recorded
        else:
            _only_an_import_sets(event)
        if speaker not in event.data.SPEAKERS:
            may = ", ".join(sorted(event.data.SPEAKERS))
            raise _Refused(
                Reason.NOT_ENTITLED,
                f"said as {speaker}; only {may} may say {event.type}",
                "source",
                event.source,
            )
        return speaker, recorded, timely

    def _sender(
        self, message: Message, cmo: str | None, recorded: datetime
    ) -> tuple[str | None, int | None]:
        """Source and sequence of a message that was refused, when they can be read and believed."""
        if cmo is None:
            return None, None
        attributes = _attributes(message)
        source, sequence = attributes.get("source"), attributes.get("sequence")
        if not isinstance(source, str) or len(source) > _LONGEST_SOURCE:
            return None, None
        if self._voice(cmo, source, recorded.date()) is None:
            return None, None
        sequence = sequence_number(sequence)
        readable = type(sequence) is int and 0 <= sequence <= 2**53
        return source, sequence if readable else None

    def _voice_on(self, cmo: str, source: str, day: Any) -> Voice | None:
        at = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return voice(self._sources_of(cmo, at) or (), cmo, source, day)

    def _known_on(self, cmo: str, day: Any) -> bool:
        return self._sources_of(cmo, datetime(day.year, day.month, day.day, tzinfo=UTC)) is not None


def read_event(message: Message) -> Event | Rejection:
    """The event of a message by its shape alone, or why it has none; its speaker is not judged."""
    try:
        event = _read(message)
        content_of(event)
    except _Refused as refused:
        reason, detail, field, value = refused.fault
        return Rejection(reason, detail, message, field, value)
    return event


def _recorded(message: Message) -> datetime:
    """When the log got a message."""
    try:
        return datetime.fromtimestamp(message.timestamp / 1000, UTC)
    except (ValueError, TypeError, OverflowError, OSError) as error:
        detail = "the log gave no time: its topic must have message.timestamp.type=LogAppendTime"
        raise _Refused(
            Reason.INVALID_VALUE, detail, "timestamp", _shown(message.timestamp)
        ) from error


def _forget_unknown_fields(event: Event) -> None:
    """What nobody here reads stays in the log, and out of memory.

    That is unknown fields, and pydantic's note of which fields were given: a fifth of an event.
    """
    for model in (event, event.data, *_within(event.data)):
        object.__setattr__(model, "__pydantic_extra__", _NO_FIELDS)
        object.__setattr__(model, "__pydantic_fields_set__", _NONE_GIVEN)


_NO_FIELDS: dict[str, Any] = {}
_NONE_GIVEN: set[str] = set()


def _only_an_import_sets(event: Event) -> None:
    for name in ("recordedtime", "timely", "onbehalfof"):
        if (given := getattr(event, name)) is not None:
            detail = "only a source marked as an import may set this"
            raise _Refused(Reason.NOT_ENTITLED, detail, name, str(given))


def _read(message: Message) -> Event:
    if message.value is None:
        raise _Refused(Reason.NO_VALUE, "a message without a value says nothing", "value")
    try:
        return ANY_EVENT.validate_json(_structured(message))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise _fault(errors[1 if errors[0]["loc"][-1:] == ("int",) else 0]) from error


def _structured(message: Message) -> bytes:
    """The event as one JSON object; in binary mode its attributes come from the headers."""
    value = message.value or b""
    if not _is_binary(message):
        return value
    try:
        data = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise _Refused(Reason.NOT_JSON, str(error), "data", _shown(value)) from error
    return to_json({**_attributes(message), "data": data})


def _is_binary(message: Message) -> bool:
    return any(name == "ce_specversion" for name, _ in message.headers)


def _attributes(message: Message) -> dict[str, Any]:
    if _is_binary(message):
        given = {
            name[3:]: value.decode("utf-8", "replace")
            for name, value in message.headers
            if name.startswith("ce_") and value is not None
        }
        return {**given, "timely": given["timely"] == "true"} if "timely" in given else given
    try:
        read = from_json(message.value or b"")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


_NUMBERS = ("int", "float")  # pydantic's names for the two ways to read an amount
_VERSION = re.compile(r"\.v\d+$")
_BASES = {_VERSION.sub("", name) for name in EVENTS}


def _fault(error: ErrorDetails) -> _Refused:
    kind, given = error["type"], error.get("input")
    if kind == "union_tag_invalid":
        name = str(error["ctx"]["tag"])
        base = _VERSION.sub("", name)
        if base in _BASES:
            detail = f"{base} has no such version"
            return _Refused(Reason.UNKNOWN_VERSION, detail, "type", _shown(name))
        return _Refused(Reason.UNKNOWN_TYPE, "no such event type", "type", _shown(name))
    if kind == "union_tag_not_found":
        return _Refused(Reason.UNKNOWN_TYPE, "an event needs a type", "type")
    if kind == "json_invalid":
        return _Refused(Reason.NOT_JSON, error["msg"], "value", _shown(given))
    steps = [str(step) for step in error["loc"] if step not in EVENTS and step not in _NUMBERS]
    value = "" if kind == "missing" else _shown(given)
    return _Refused(Reason.INVALID_VALUE, error["msg"], ".".join(steps), value)


def _shown(value: object) -> str:
    """A value short enough, and safe enough, to print."""
    if isinstance(value, bytes):
        value = value[:_SHOWN].decode("utf-8", "backslashreplace")
    elif isinstance(value, int) and value.bit_length() > 600:
        return f"an integer of {value.bit_length()} bits"
    text = value[: _SHOWN + 1] if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def content_of(event: Event) -> bytes:
    """A digest of what an event says: its type, time and data in canonical form.

    Two events under one identity with different digests contradict each other.
    """
    data = event.data
    said = to_json(data, by_alias=True)
    if _keeps_unknown_fields(data):
        try:
            said = json.dumps(from_json(said), sort_keys=True).encode()
            json.dumps(_unknown_fields(data), allow_nan=False)
        except ValueError as error:
            raise _Refused(Reason.INVALID_VALUE, str(error), "data") from error
    text = b"%s|%s|%s" % (event.type.encode(), event.time.isoformat().encode(), said)
    return blake2b(text, digest_size=8).digest()


def _keeps_unknown_fields(data: Data) -> bool:
    return bool(data.__pydantic_extra__) or any(model.__pydantic_extra__ for model in _within(data))


def _unknown_fields(data: Data) -> list[Any]:
    return [data.__pydantic_extra__, *(model.__pydantic_extra__ for model in _within(data))]


def _within(data: Data) -> list[StrictModel]:
    """The models inside of an event's data."""
    found: list[StrictModel] = []
    for value in data.__dict__.values():
        if issubclass(type(value), StrictModel):  # asking for an instance is slow of a model
            found.append(value)
        elif type(value) is tuple:
            found.extend(each for each in value if isinstance(each, StrictModel))
    return found
