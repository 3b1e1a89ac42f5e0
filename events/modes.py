"""The two modes of a CloudEvent on Kafka: the content type decides which, else the headers."""

import re
from typing import Final

from events.outcomes import Message, Reason, Refused, shown

STRUCTURED: Final = b"application/cloudevents+json"
_ANY_FORMAT: Final = b"application/cloudevents"
_JSON_FORMAT: Final = re.compile(rb"application/cloudevents\+json\s*(;.*)?", re.IGNORECASE)
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def is_binary(message: Message) -> bool:
    """Whether a message is an event in binary mode.

    Raises `Refused` for a content type of CloudEvents that is not one event in JSON.
    """
    held = dict(message.headers)
    content_type = held.get("content-type") or b""
    if not content_type.lower().startswith(_ANY_FORMAT):
        return "ce_specversion" in held
    if content_type == STRUCTURED or _JSON_FORMAT.fullmatch(content_type):
        return False
    detail = f"not read; one event a message is wanted, as {STRUCTURED.decode()} or in binary mode"
    raise Refused(Reason.INVALID_VALUE, detail, "content-type", shown(content_type))


def headers(message: Message) -> dict[str, bytes]:
    """The attributes of an event in binary mode, by their names."""
    given: dict[str, bytes] = {}
    content_type = None
    for name, value in message.headers:
        if name == "content-type":
            content_type = value
        elif name.startswith("ce_") and value is not None:
            given[_in_utf8(name[3:])] = value
    return given if content_type is None else {**given, "datacontenttype": content_type}


def _in_utf8(name: str) -> str:
    """A name as UTF-8 can hold it: halves of surrogate pairs are in no attribute we know."""
    return name if name.isascii() else name.encode("utf-8", "replace").decode()


def of_another_binding(message: Message) -> Refused | None:
    """Why headers that name attributes made no event in binary mode, None where none do."""
    held = dict(message.headers)
    if (held.get("content-type") or b"").lower().startswith(_ANY_FORMAT):
        return None
    if astray := [name for name in held if name.lower().startswith("ce-")]:
        detail = "ce- is how HTTP names attributes; in Kafka their headers begin with ce_"
        return Refused(Reason.INVALID_VALUE, detail, "headers", shown(", ".join(astray)))
    if named := [name for name in held if name.startswith("ce_")]:
        detail = "binary mode needs the header ce_specversion besides"
        return Refused(Reason.INVALID_VALUE, detail, "headers", shown(", ".join(named)))
    return None


def encoding_fault(value: bytes) -> str | None:
    """What is wrong with the encoding of a JSON text, None for what begins as UTF-8 does."""
    if value.startswith(_BYTE_ORDER_MARK):
        return "it begins with a byte order mark (EF BB BF); JSON is written in UTF-8 without one"
    if value.startswith(_MARKS) or b"\0" in value[:2]:
        return "it is in UTF-16 or UTF-32; JSON is written in UTF-8"
    return None
