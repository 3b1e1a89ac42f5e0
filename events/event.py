"""An event: a CloudEvents 1.0 envelope around one of the declared data."""

from typing import Annotated, Any, Literal, Union

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema, create_model

from events.data import DATA, Data, Speaker
from events.values import Instant, JsonMediaType, Reference, Slug, StrictModel, Text


def sequence_number(given: Any) -> Any:
    """CloudEvents carries attributes of a header as text; the number is meant."""
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 17:
        return int(given)
    return given


_MOST = 2**53

SequenceNumber = Annotated[
    int,
    Field(ge=0, le=_MOST),
    BeforeValidator(sequence_number),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": _MOST},
                {"type": "string", "pattern": "^[0-9]{1,16}$"},
            ]
        }
    ),
]
"""A number of a sequence, as a number or as the text of its digits."""


LARGEST_EVENT = 1_000_000
"""The most bytes of an event: 1 MiB at the broker, less room for key, headers and batch."""


class Event(StrictModel):
    """The envelope (CloudEvents 1.0.2), with this contract's extensions from `sequence` on."""

    specversion: Literal["1.0"] = "1.0"
    id: Reference
    source: Annotated[str, Field(min_length=1, max_length=256)]
    type: str
    time: Instant
    datacontenttype: JsonMediaType | None = "application/json"
    subject: Text | None = None
    dataschema: Text | None = None
    sequence: SequenceNumber | None = None
    partitionkey: Slug | None = None
    recordedtime: Instant | None = None
    timely: bool | None = None
    onbehalfof: Speaker | None = None
    data: Data

    @property
    def topic(self) -> str:
        """The inbound topic this event belongs to."""
        return self.data.TOPIC or self.data.topic  # type: ignore[attr-defined]

    def json_line(self) -> bytes:
        """The event as one structured CloudEvents JSON object, without what was not given."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True, by_alias=True)


def _event_type(data: type[Data]) -> type[Event]:
    return create_model(
        data.__name__ + "Event",
        __base__=Event,
        __doc__=data.__doc__,
        type=(Literal[data.TYPE], data.TYPE),  # type: ignore[arg-type]
        data=(data, ...),
    )


EVENTS: dict[str, type[Event]] = {data.TYPE: _event_type(data) for data in DATA}
"""The event class of each type."""

if len(EVENTS) != len(DATA):
    raise TypeError("two data declarations share one event type")


ANY_EVENT: TypeAdapter[Event] = TypeAdapter(
    Annotated[Union[tuple(EVENTS.values())], Field(discriminator="type")]  # type: ignore[arg-type] # noqa: UP007
)
"""Reads one event of any declared type."""


def event(data: Data, **envelope: Any) -> Event:
    """An event that says `data`; `envelope` has at least id, source and time."""
    return EVENTS[data.TYPE](data=data, **envelope)
