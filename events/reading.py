"""Events as the declared models read them: the contract, and the source of every error."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from events.compact import compact, content
from events.data import Data
from events.event import ANY_EVENT, EVENTS, Event
from events.modes import encoding_fault, headers, is_binary, of_another_binding
from events.outcomes import Message, Reason, Refused, Rejection, shown
from events.values import StrictModel, media_type_fault, microseconds

_IN_BASE64: Final = "data_base64"


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
    binary = is_binary(message)
    try:
        event = ANY_EVENT.validate_json(_structured(message, binary))
        if "specversion" not in event.model_fields_set:  # which the model fills in for a sender
            detail = 'an event of CloudEvents 1.0 says "specversion": "1.0"'
            raise Refused(Reason.INVALID_VALUE, detail, "specversion")
        return event
    except ValidationError as error:
        errors = error.errors(include_url=False)
        fault = errors[1 if errors[0]["loc"][-1:] == ("int",) else 0]
        misled = None if binary else of_another_binding(message)
        raise misled or _fault(fault, message.value) from error


def _structured(message: Message, binary: bool) -> bytes:
    """The event as one JSON object; in binary mode its attributes come from the headers."""
    value = message.value or b""
    if not binary:
        return _with_its_data(value)
    given = attributes(message)
    data = _data_of(given, value, "data")
    return to_json({**given, "data": data})


def _with_its_data(value: bytes) -> bytes:
    """An event with its data as JSON, where it brings them in base64; any other as it is."""
    if _IN_BASE64.encode() not in value and b"\\" not in value:
        return value
    try:
        given = from_json(value)
    except ValueError:
        return value  # of which the models say what is wrong
    if not isinstance(given, dict) or given.get(_IN_BASE64) is None:
        return value
    packed = given.pop(_IN_BASE64)
    if given.get("data") is not None:
        detail = "an event has data or data_base64, not both"
        raise Refused(Reason.INVALID_VALUE, detail, _IN_BASE64, shown(packed))
    try:
        held = b64decode(packed, validate=True)
    except (TypeError, ValueError) as error:
        detail = f"not base64 (RFC 4648): {error}"
        raise Refused(Reason.INVALID_VALUE, detail, _IN_BASE64, shown(packed)) from error
    data = _data_of(given, held, _IN_BASE64)
    return to_json({**given, "data": data}, inf_nan_mode="constants")


def _data_of(attributes: Mapping[str, Any], value: bytes, field: str) -> Any:
    """The data of an event that are bytes, which its media type must say are JSON."""
    given = attributes.get("datacontenttype")
    if isinstance(given, str) and (fault := media_type_fault(given)):
        raise Refused(Reason.INVALID_VALUE, fault, "datacontenttype", shown(given))
    try:
        return from_json(value, allow_inf_nan=False)
    except ValueError as error:
        detail = encoding_fault(value) or str(error)
        raise Refused(Reason.NOT_JSON, detail, field, shown(value)) from error


def attributes(message: Message) -> dict[str, Any]:
    """The attributes of an event as far as they can be read; none where they cannot."""
    try:
        binary = is_binary(message)
    except Refused:
        return {}
    if binary:
        given: dict[str, Any] = {
            name: value.decode("utf-8", "replace") for name, value in headers(message).items()
        }
        return {**given, "timely": given["timely"] == "true"} if "timely" in given else given
    try:
        read = from_json(message.value or b"")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def fields(message: Message) -> dict[str, Any]:
    """The attributes of an event with its `data`, as far as they can be read; none of no JSON."""
    try:
        read = from_json(_structured(message, is_binary(message)))
    except (Refused, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


_NUMBERS = ("int", "float")  # pydantic's names for the two ways to read an amount
_VERSION = re.compile(r"\.v\d+$")
_BASES = {_VERSION.sub("", name) for name in EVENTS}


def _fault(error: ErrorDetails, value: bytes) -> Refused:
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
        detail = encoding_fault(value) or error["msg"]
        return Refused(Reason.NOT_JSON, detail, "value", shown(given))
    if not error["loc"] and isinstance(given, list):
        detail = "a JSON array; one event is wanted, a JSON object: one a message, or one a line"
        return Refused(Reason.INVALID_VALUE, detail, "value", shown(value))
    steps = [str(step) for step in error["loc"] if step not in EVENTS and step not in _NUMBERS]
    told = "" if kind == "missing" else shown(given)
    return Refused(Reason.INVALID_VALUE, error["msg"], ".".join(steps), told)


def content_of(event: Event) -> int:
    """64 bits of what an event says: its type, time and data in one form, for this process.

    Two events under one identity that differ in them contradict each other.
    """
    return content(compact(event.data), microseconds(event.time), unknown_fields(event.data))


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
