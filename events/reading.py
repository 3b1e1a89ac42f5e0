"""Events as the declared models read them: the contract, and the source of every error."""

import json
import re
from hashlib import blake2b
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from events.compact import canonical, compact
from events.data import Data
from events.event import ANY_EVENT, EVENTS, Event
from events.outcomes import Message, Reason, Rejection
from events.values import StrictModel, microseconds

_SHOWN = 200


class Refused(Exception):
    """A message that cannot be taken: why, and where the fault is."""

    def __init__(self, reason: Reason, detail: str, field: str = "", value: str = "") -> None:
        self.fault = (reason, detail, field, value)


def read_event(message: Message) -> Event | Rejection:
    """The event of a message by its shape alone, or why it has none; its speaker is not judged."""
    try:
        event = read(message)
        content_of(event)
    except Refused as refused:
        reason, detail, field, value = refused.fault
        return Rejection(reason, detail, message, field, value)
    return event


def read(message: Message) -> Event:
    """The event of a message; raises `Refused`."""
    if message.value is None:
        raise Refused(Reason.NO_VALUE, "a message without a value says nothing", "value")
    try:
        return ANY_EVENT.validate_json(_structured(message))
    except ValidationError as error:
        errors = error.errors(include_url=False)
        raise _fault(errors[1 if errors[0]["loc"][-1:] == ("int",) else 0]) from error


def _structured(message: Message) -> bytes:
    """The event as one JSON object; in binary mode its attributes come from the headers."""
    value = message.value or b""
    if not is_binary(message):
        return value
    try:
        data = from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise Refused(Reason.NOT_JSON, str(error), "data", shown(value)) from error
    return to_json({**attributes(message), "data": data})


def is_binary(message: Message) -> bool:
    """Whether a message is an event in binary mode."""
    return bool(message.headers) and any(name == "ce_specversion" for name, _ in message.headers)


def headers(message: Message) -> dict[str, bytes]:
    """The attributes of an event in binary mode, by their names."""
    return {
        name[3:]: value
        for name, value in message.headers
        if name.startswith("ce_") and value is not None
    }


def attributes(message: Message) -> dict[str, Any]:
    """The attributes of an event as far as they can be read; none where they cannot."""
    if is_binary(message):
        given: dict[str, Any] = {
            name: value.decode("utf-8", "replace") for name, value in headers(message).items()
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


def _fault(error: ErrorDetails) -> Refused:
    kind, given = error["type"], error.get("input")
    if kind == "union_tag_invalid":
        name = str(error["ctx"]["tag"])
        base = _VERSION.sub("", name)
        if base in _BASES:
            detail = f"{base} has no such version"
            return Refused(Reason.UNKNOWN_VERSION, detail, "type", shown(name))
        return Refused(Reason.UNKNOWN_TYPE, "no such event type", "type", shown(name))
    if kind == "union_tag_not_found":
        return Refused(Reason.UNKNOWN_TYPE, "an event needs a type", "type")
    if kind == "json_invalid":
        return Refused(Reason.NOT_JSON, error["msg"], "value", shown(given))
    steps = [str(step) for step in error["loc"] if step not in EVENTS and step not in _NUMBERS]
    value = "" if kind == "missing" else shown(given)
    return Refused(Reason.INVALID_VALUE, error["msg"], ".".join(steps), value)


def shown(value: object) -> str:
    """A value short enough, and safe enough, to print."""
    if isinstance(value, bytes):
        value = value[:_SHOWN].decode("utf-8", "backslashreplace")
    elif isinstance(value, int) and value.bit_length() > 600:
        return f"an integer of {value.bit_length()} bits"
    text = value[: _SHOWN + 1] if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def content_of(event: Event) -> bytes:
    """A digest of what an event says: its type, time and data in one form.

    Two events under one identity with different digests contradict each other.
    """
    text = canonical(compact(event.data), microseconds(event.time)) + unknown_fields(event.data)
    return blake2b(text, digest_size=8).digest()


def unknown_fields(data: Data) -> bytes:
    """What a sender said besides the declared fields, in one form; nothing for most."""
    models = [data, *_within(data)]
    if not any(model.__pydantic_extra__ for model in models):
        return b""
    try:
        json.dumps(from_json(to_json(data, by_alias=True)))
        extra = [model.__pydantic_extra__ for model in models]
        return json.dumps(extra, sort_keys=True, allow_nan=False).encode()
    except ValueError as error:
        raise Refused(Reason.INVALID_VALUE, str(error), "data") from error


def _within(model: StrictModel) -> list[StrictModel]:
    """The models inside of a model, and inside of those."""
    found: list[StrictModel] = []
    for value in model.__dict__.values():
        for each in value if type(value) is tuple else (value,):
            if issubclass(type(each), StrictModel):  # asking for an instance is slow of a model
                found += (each, *_within(each))
    return found
