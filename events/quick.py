"""The quick way from the bytes of a message to an event; what it doubts is for the models."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

import msgspec

from events.compact import COMPACT, SETTLE, Said
from events.data import Speaker
from events.exact import unclear
from events.forms import Doubtful, instant
from events.values import Moment

UsualMediaType = Literal[
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=utf-8",
    "application/json; charset=UTF-8",
    "application/json;charset=UTF-8",
]
"""How most write that their data are JSON; any other way is for the models."""


class Envelope(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A CloudEvents envelope as the quick way reads it.

    Its times are microseconds from the epoch once it is settled.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    time: Moment
    specversion: Literal["1.0"]
    datacontenttype: UsualMediaType | None = None
    subject: Annotated[str, msgspec.Meta(max_length=4_000)] | None = None
    dataschema: Annotated[str, msgspec.Meta(max_length=4_000)] | None = None
    sequence: Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None = None
    partitionkey: str | None = None
    recordedtime: Moment | None = None
    timely: bool | None = None
    onbehalfof: Speaker | None = None


def _event(said: type[Said]) -> Any:
    return msgspec.defstruct(
        said.__name__ + "Event",
        [("data", said)],
        bases=(Envelope,),
        kw_only=True,
        gc=False,
        forbid_unknown_fields=True,
        tag_field="type",
        tag=said.TYPE,
    )


_STRUCTURED = msgspec.json.Decoder(Union[tuple(map(_event, COMPACT.values()))]).decode  # noqa: UP007
_ESCAPE = ord("\\")
_BODY = {said.TYPE: msgspec.json.Decoder(said).decode for said in COMPACT.values()}


_UNREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading raises, the last for parts within parts without an end."""


def structured(value: bytes) -> Any:
    """The envelope of an event in structured mode, settled, with its data; raises `Doubtful`.

    Whatever is written with escapes is left to the models.
    """
    if _ESCAPE in value:
        raise Doubtful
    try:
        event = _STRUCTURED(value)
    except _UNREAD as error:
        raise Doubtful from error
    return _settled(event)


def binary(attributes: Mapping[str, bytes], value: bytes) -> Any:
    """The same of an event in binary mode, its attributes by their names without `ce_`."""
    try:
        given = {name: held.decode() for name, held in attributes.items()}
        said = _BODY[given.pop("type")](value)
        event = msgspec.convert(given, _BinaryEnvelope)
    except (KeyError, *_UNREAD) as error:
        raise Doubtful from error
    event.data = said
    return _settled(event)


def _settled(event: Any) -> Any:
    """An event with its envelope and its data each in its one form."""
    name, recorded = event.id, event.recordedtime
    if not name.isascii() or name.strip() is not name or unclear(name):
        raise Doubtful
    event.time = instant(event.time)
    if recorded is not None:
        event.recordedtime = instant(recorded)
    SETTLE[type(event.data)](event.data)
    return event


class _BinaryEnvelope(Envelope, kw_only=True, gc=False, forbid_unknown_fields=True):
    """An envelope from headers, where a number is text, and so is whether it is timely."""

    sequence: Any = None
    timely: Any = None
    data: Any = None

    def __post_init__(self) -> None:
        number = self.sequence
        if number is not None:
            if not (number.isascii() and number.isdecimal() and len(number) < 17):
                raise ValueError("no sequence number")
            self.sequence = int(number)
        if self.timely is not None:
            self.timely = self.timely == "true"
