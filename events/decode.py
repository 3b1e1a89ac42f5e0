"""From a Kafka message to an event, or to the reason it cannot be taken."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Any, NamedTuple

from events.compact import NAMING_A_MAKER, Said, compact, content
from events.data import Speaker
from events.event import Event, sequence_number
from events.forms import Doubtful
from events.modes import headers, is_binary
from events.outcomes import AcceptedEvent, Message, Reason, Refused, Rejection, shown
from events.partition import partition_of
from events.quick import binary, structured
from events.reading import attributes, fields, read, unknown_fields
from events.sources import Source, Speakers, misplaced
from events.values import EPOCH, MILLION, microseconds

_AHEAD = 24 * 3_600 * MILLION
"""Microseconds by which a fact's event time may lie after its record time."""

_SKEW = 5 * MILLION
"""Microseconds by which the clocks of an import and of the log may differ."""

_DAY = 24 * 3_600 * MILLION
_LAST_STAMP = 253_402_300_799_999
"""Milliseconds from the epoch to the last moment a calendar has."""

_CMO_ID = re.compile(rb"[a-z0-9-]{1,128}")
_LONGEST_SOURCE = 256
_REMEMBERED = 16_384  # answers about keys by day


class Decoder:
    """Reads messages one by one, each value alone, whatever stands in the others.

    `sources_of(cmo, recorded)` gives the sources that may speak for a CMO, None for an unknown one.
    `partitions` is the number of partitions of each inbound topic.
    """

    def __init__(
        self,
        sources_of: Callable[[str, datetime], Sequence[Source] | None],
        partitions: int,
    ) -> None:
        self._sources_of = sources_of
        self._partitions = partitions
        self._speakers = lru_cache(maxsize=_REMEMBERED)(self._speakers_on)
        self._held: dict[str, Speakers] = {}

    def decode(self, message: Message) -> AcceptedEvent | Rejection:
        """The event of `message`, or why it cannot be taken; never raises for what it holds."""
        try:
            return self._plainly_right(message)
        except (Doubtful, Refused):
            return self._judged(message)

    def refused(self, message: Message, reason: Reason, detail: str) -> Rejection:
        """The rejection of a message for a reason that was found before, and holds for good."""
        try:
            cmo = self._cmo_of(message)
        except Refused:
            return Rejection(reason, detail, message)
        return Rejection(reason, detail, message, "", "", cmo, *self._believed(message, cmo))

    def _plainly_right(self, message: Message) -> AcceptedEvent:
        """The event of a message in which nothing is out of the ordinary.

        Raises `Doubtful` or `Refused` for any other, which is judged by the declared models.
        """
        logged, value = _logged(message), message.value
        if value is None:
            raise Doubtful
        quick = message.headers and is_binary(message)
        event = binary(headers(message), value) if quick else structured(value)
        return self._accepted(message, logged, event, event.data)

    def _judged(self, message: Message) -> AcceptedEvent | Rejection:
        cmo = None
        try:
            logged = _logged(message)
            cmo = self._cmo_of(message)
            event = read(message)
            recorded = None if event.recordedtime is None else microseconds(event.recordedtime)
            envelope = _Envelope(
                event.id,
                event.source,
                microseconds(event.time),
                recorded,
                event.timely,
                event.onbehalfof,
                event.sequence,
                event.partitionkey,
            )
            unknown = unknown_fields(event.data)
            return self._accepted(message, logged, envelope, compact(event.data), unknown)
        except Refused as refused:
            reason, detail, field, value = refused.fault
            said_by = self._believed(message, cmo)
            return Rejection(reason, detail, message, field, value, cmo, *said_by)

    def _accepted(
        self,
        message: Message,
        logged: int,
        event: "_Envelope",
        data: Said,
        unknown: bytes = b"",
    ) -> AcceptedEvent:
        topic, recordedtime = message.topic, event.recordedtime
        if data.TOPIC is None and data.topic_of != topic:
            raise misplaced(type(data), data.topic_of)
        day, given = logged // _DAY, event.onbehalfof
        speakers = self._speakers(message.key, message.partition, day)
        cmo, on = speakers.cmo, day if speakers.by_day else 0
        may = speakers.may(event.source, on, type(data), topic, given)
        if may is None:
            raise Refused(
                Reason.UNKNOWN_SOURCE,
                f"the agreement of {cmo} names no such source on {_day(logged)}",
                "source",
                event.source,
            )
        source, speaker, imports = may
        if event.partitionkey is not None and event.partitionkey != cmo:
            raise Refused(Reason.WRONG_KEY, f"the key is {cmo}", "partitionkey", event.partitionkey)
        recorded, timely = logged, True
        if not imports:
            if (recordedtime, event.timely, given) != _NOT_SAID:
                raise _only_an_import_sets(event)
        elif recordedtime is not None:
            recorded, timely = _recorded(recordedtime, logged), bool(event.timely)
        if event.time - recorded > _AHEAD and not data.PLAN:
            raise _from_the_future(event.time, recorded)
        says = content(data, event.time, unknown)
        if type(data) in NAMING_A_MAKER and data.maker == cmo:  # type: ignore[attr-defined]
            data.maker = None  # type: ignore[attr-defined]  # which says the same
        return AcceptedEvent(
            message,
            cmo,
            event.id,
            source,
            speaker,
            event.time,
            recorded,
            logged,
            data,
            says,
            event.sequence,
            timely,
            timely,
            recordedtime is not None,
        )

    def _cmo_of(self, message: Message) -> str:
        """The CMO a message is about; raises `Refused`."""
        return self._speakers(message.key, message.partition, _logged(message) // _DAY).cmo

    def _speakers_on(self, key: bytes | None, partition: int, day: int) -> Speakers:
        """Who may speak of the CMO of a key on a day; raises `Refused`."""
        if key is None:
            raise Refused(Reason.NO_KEY, "the key must be the id of the CMO concerned", "key")
        if not _CMO_ID.fullmatch(key):
            raise Refused(
                Reason.BAD_KEY, "the key must be a CMO's id of [a-z0-9-]{1,128}", "key", shown(key)
            )
        if partition != (right := partition_of(key, self._partitions)):
            raise Refused(
                Reason.WRONG_PARTITION,
                f"this key belongs on partition {right}; a client of librdkafka needs "
                "partitioner=murmur2_random",
                "partition",
                str(partition),
            )
        cmo = key.decode()
        sources, held = self._sources_of(cmo, _moment(day * _DAY)), self._held.get(cmo)
        if sources is None:
            raise Refused(
                Reason.UNKNOWN_CMO, "no agreement covers this CMO on that day", "key", cmo
            )
        if held is None or held.sources is not sources:
            held = self._held[cmo] = Speakers(intern(cmo), sources)
        return held

    def _believed(self, message: Message, cmo: str | None) -> "_SaidBy":
        """Who said a message that was refused, and its number, as far as they can be believed."""
        if cmo is None:
            return _NOBODY
        found = fields(message) or attributes(message)
        source, sequence = found.get("source"), sequence_number(found.get("sequence"))
        if not isinstance(source, str) or len(source) > _LONGEST_SOURCE:
            return _NOBODY
        day = _logged(message) // _DAY
        voice = self._speakers(message.key, message.partition, day).voice(source, day)
        if voice is None:
            return _NOBODY
        speaker, given = voice.speaker, found.get("onbehalfof")
        if voice.imports and given in _SPEAKERS:
            speaker = Speaker(given)
        readable = type(sequence) is int and 0 <= sequence <= 2**53
        return source, sequence if readable else None, speaker, found


_SaidBy = tuple[str | None, int | None, Speaker | None, dict[str, Any] | None]
"""The source of a refused message, its number, who speaks so, and what was read of it for that."""

_NOBODY: _SaidBy = (None, None, None, None)
_SPEAKERS = tuple(Speaker)


def judge_times(event: Event, now: int) -> None:
    """Raises `Refused` for times that a decoder would refuse, were the log to get it now."""
    claimed, time = event.recordedtime, microseconds(event.time)
    recorded = now if claimed is None else _recorded(microseconds(claimed), now)
    if time - recorded > _AHEAD and not event.data.PLAN:
        raise _from_the_future(time, recorded)


class _Envelope(NamedTuple):
    """What an envelope says, whichever way it was read; times in microseconds from the epoch."""

    id: str
    source: str
    time: int
    recordedtime: int | None
    timely: bool | None
    onbehalfof: Speaker | None
    sequence: int | None
    partitionkey: str | None


_NOT_SAID = (None, None, None)


def _logged(message: Message) -> int:
    """When the log got a message, in microseconds from the epoch."""
    stamp = message.timestamp
    if type(stamp) is not int or not 0 <= stamp <= _LAST_STAMP:
        detail = "the log gave no time: its topic must have message.timestamp.type=LogAppendTime"
        raise Refused(Reason.INVALID_VALUE, detail, "timestamp", shown(stamp))
    return stamp * 1_000


def _recorded(claimed: int, logged: int) -> int:
    """When an import's event was recorded: before the log got it, but for what clocks differ."""
    if claimed - logged > _SKEW:
        got, said = _moment(logged).isoformat(), _moment(claimed).isoformat()
        detail = f"after the log got it at {got}; an import tells of what was recorded before"
        raise Refused(Reason.INVALID_VALUE, detail, "recordedtime", said)
    return min(claimed, logged)


def _from_the_future(time: int, recorded: int) -> Refused:
    detail = f"more than 24 h after it was recorded at {_moment(recorded).isoformat()}"
    return Refused(Reason.FROM_THE_FUTURE, detail, "time", _moment(time).isoformat())


def _moment(at: int) -> datetime:
    return EPOCH + timedelta(microseconds=at)


def _day(at: int) -> str:
    return f"{_moment(at):%Y-%m-%d}"


def _only_an_import_sets(event: _Envelope) -> Refused:
    said = {
        "recordedtime": None if event.recordedtime is None else _moment(event.recordedtime),
        "timely": event.timely,
        "onbehalfof": event.onbehalfof,
    }
    name, given = next((name, given) for name, given in said.items() if given is not None)
    detail = "only a source marked as an import may set this"
    return Refused(Reason.NOT_ENTITLED, detail, name, str(given))
