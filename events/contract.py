"""The contract as documents: a JSON Schema per event type, and one AsyncAPI of every topic."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from events.breaches import BreachEvent
from events.data import BREACHES, DATA, DEAD_LETTERS, INBOUND, Data
from events.event import EVENTS
from events.outcomes import Reason

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VERSION = "1.0.0"
"""The version of the contract as a whole; each type has its own at the end of its name."""

_BREACH = "cmowatch.breach.v1"
_ON_THE_WIRE = ("specversion", "type")  # a model fills them in, a sender writes them
_DATA, _IN_BASE64 = "data", "data_base64"
_CLOUDEVENTS = "application/cloudevents+json"
_KEY = {
    "type": "string",
    "pattern": "^[a-z0-9-]{1,128}$",
    "description": "The id of the CMO concerned, whoever speaks.",
}
_BINDING = "0.5.0"
_MEBIBYTE = 1 << 20

_WHERE = ("topic", "partition", "offset", "ordinal", "timestamp")
_WHY = ("reason", "detail", "field", "value", "bytes")
_NUMBER = {"type": "string", "pattern": "^[0-9]+$"}
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "topic": {"enum": list(INBOUND), "description": "The topic of the message."},
    "partition": {**_NUMBER, "description": "Its partition, which is the one here."},
    "offset": {**_NUMBER, "description": "Its offset."},
    "ordinal": {**_NUMBER, "description": "Which word about it this is: the greatest holds."},
    "timestamp": {"type": "string", "description": "When the log got it, in milliseconds."},
    "reason": {
        "enum": list(Reason),
        "description": "Why. What follows from the agreements is decided anew at every start: "
        f"{', '.join(each for each in Reason if not each.holds_for_good)}.",
    },
    "detail": {"type": "string", "description": "The same in words."},
    "field": {"type": "string", "description": "The field at fault."},
    "value": {"type": "string", "description": "Its value."},
    "bytes": {"type": "string", "description": "whole, or where the bytes were left."},
    "cmo": _KEY,
    "number": {
        **_NUMBER,
        "description": "More than any number used before: of breaches, their words and dead "
        "letters, those said from here on have a greater one.",
    },
    "topics": {
        "type": "string",
        "description": "JSON: of each topic its id, its first offset, and the offset up to which "
        "what was said before of its messages holds.",
    },
    "lost": {"type": "string", "description": "The topics that had lost anything, by spaces."},
    "why": {"type": "string", "description": "Why it was decided to go on."},
}
_ON_DEAD_LETTERS: Mapping[str, tuple[str, str, Sequence[str], Sequence[str]]] = {
    "dead-letter": (
        "refused",
        "A message that could not be taken: its bytes untouched, its own headers as sent-….",
        (*_WHERE, *_WHY),
        (*_WHERE, "reason", "bytes"),
    ),
    "dead-letter-withdrawn": (
        "withdrawn",
        "The dead letter of a message holds no more: it is taken as things are agreed now.",
        (*_WHERE, "detail"),
        _WHERE,
    ),
    "cmo-covered": (
        "covered",
        "Events of a CMO were taken, once for each CMO: without an agreement it would be missed.",
        ("cmo",),
        ("cmo",),
    ),
    "log-sealed": (
        "sealed",
        "A log begins, or goes on from damage by decision of an operator: what is read of each "
        "topic, and that what was said before of messages that are lost holds no more.",
        ("number", "topics", "lost", "why"),
        ("number", "topics"),
    ),
}
"""What stands on that topic: its kind, what it says, its headers, and those always there."""


def schema(data: type[Data]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a whole event that says `data`, as JSON or in base64."""
    made = EVENTS[data.TYPE].model_json_schema(by_alias=True)
    required = {*_ON_THE_WIRE, *made["required"]} - {_DATA}
    wanted = [name for name in made["properties"] if name in required]
    speakers = {"x-speakers": _speakers(data), "x-topic": data.TOPIC or "data.topic"}
    head = {"$schema": DIALECT, "$id": f"urn:cmowatch:{data.TYPE}", "title": data.TYPE}
    return {
        **head,
        **{k: v for k, v in made.items() if k != "title"},
        "properties": {**made["properties"], **_either_way(made["properties"][_DATA])},
        "required": wanted,
        "oneOf": [_given(_DATA), _given(_IN_BASE64)],
        **speakers,
    }


def _either_way(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the data are, whichever of the two members holds them; null is as if not given."""
    packed = {
        "type": ["string", "null"],
        "contentEncoding": "base64",
        "contentMediaType": "application/json",
        "contentSchema": data,
        "description": "The data as the base64 (RFC 4648) of JSON; give this or `data`.",
        "pattern": "^[A-Za-z0-9+/]*={0,2}$",
    }
    return {_DATA: {"anyOf": [data, {"type": "null"}]}, _IN_BASE64: packed}


def _given(name: str) -> dict[str, Any]:
    return {"required": [name], "properties": {name: {"not": {"type": "null"}}}}


def breach_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of what is said of a breach."""
    made = BreachEvent.model_json_schema(by_alias=True)
    return {"$schema": DIALECT, "$id": f"urn:cmowatch:{_BREACH}", **made}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the topics, as the monitor sees them."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "cmowatch",
            "version": VERSION,
            "description": (
                "What contract manufacturers of medicines, their sponsor, laboratories and "
                "carriers tell the monitor, and what it tells. CloudEvents 1.0, structured "
                f"({_CLOUDEVENTS}) or binary (ce_ headers). Every key is the id of the CMO "
                "concerned; a client built on librdkafka sets partitioner=murmur2_random."
            ),
        },
        "defaultContentType": _CLOUDEVENTS,
        "channels": {
            **{topic: _inbound(topic) for topic in INBOUND},
            BREACHES: _outbound(
                BREACHES,
                "breach",
                description="What stands beyond its limit, and what became of it.",
            ),
            DEAD_LETTERS: _outbound(
                DEAD_LETTERS,
                *_ON_DEAD_LETTERS,
                description="What could not be taken, and why. Of one message (topic, partition, "
                "offset) the highest ordinal holds, and of one ordinal the lowest offset here.",
            ),
        },
        "operations": {
            **{f"hear-{topic}": _operation("receive", topic) for topic in INBOUND},
            **{f"tell-{topic}": _operation("send", topic) for topic in (BREACHES, DEAD_LETTERS)},
        },
        "components": {
            "messages": {
                **{data.TYPE: _message(data) for data in DATA},
                "breach": _breach(),
                **{name: _on_dead_letters(name) for name in _ON_DEAD_LETTERS},
            }
        },
    }


def documents() -> dict[str, str]:
    """Every document of the contract: its path within the folder, and its text."""
    made = {f"schemas/{data.TYPE}.json": schema(data) for data in DATA}
    made[f"schemas/{_BREACH}.json"] = breach_schema()
    return {
        name: _text(document) for name, document in {**made, "asyncapi.json": asyncapi()}.items()
    }


def write(folder: Path) -> None:
    """Writes the documents, and takes away schemas of types that are no more."""
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (folder / name).write_text(text, encoding="utf-8")
    for path in _left_over(folder):
        path.unlink()


def differences(folder: Path) -> list[str]:
    """What of `folder` is not what `write` would leave there: a line for each document."""
    return [*_changed(folder), *(f"{path.name}: of no event type" for path in _left_over(folder))]


def _changed(folder: Path) -> Iterator[str]:
    for name, text in documents().items():
        path = folder / name
        if not path.exists():
            yield f"{name}: missing"
        elif path.read_text(encoding="utf-8") != text:
            yield f"{name}: differs from the models"


def _left_over(folder: Path) -> list[Path]:
    known = {f"{name}.json" for name in (_BREACH, *(data.TYPE for data in DATA))}
    return sorted(path for path in folder.glob("schemas/*") if path.name not in known)


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _speakers(data: type[Data]) -> list[str]:
    return sorted(data.SPEAKERS)


def _inbound(topic: str) -> dict[str, Any]:
    types = [data.TYPE for data in DATA if data.TOPIC in (topic, None)]
    return _channel(topic, types, _MEBIBYTE)


def _outbound(topic: str, *messages: str, description: str) -> dict[str, Any]:
    read = "Written in transactions: read it with isolation.level=read_committed."
    channel = _channel(topic, messages, 2 * _MEBIBYTE)
    return {**channel, "description": f"{description} {read}"}


def _channel(topic: str, messages: Iterable[str], longest: int) -> dict[str, Any]:
    settings = {"cleanup.policy": ["delete"], "retention.ms": -1, "max.message.bytes": longest}
    return {
        "address": topic,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
        "bindings": {
            "kafka": {
                "topic": topic,
                "topicConfiguration": settings,
                "bindingVersion": _BINDING,
            }
        },
    }


def _operation(action: str, topic: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{topic}"}}


def _message(data: type[Data]) -> dict[str, Any]:
    return {
        "name": data.TYPE,
        "title": data.__name__,
        "summary": data.__doc__,
        "description": f"Said by: {', '.join(_speakers(data))}.",
        "contentType": _CLOUDEVENTS,
        "payload": _payload(data.TYPE),
        "bindings": _keyed(),
        "x-speakers": _speakers(data),
    }


def _breach() -> dict[str, Any]:
    return {
        "name": "breach",
        "summary": "A breach, as of one of its transitions.",
        "contentType": _CLOUDEVENTS,
        "payload": _payload(_BREACH),
        "bindings": _keyed(),
    }


def _on_dead_letters(name: str) -> dict[str, Any]:
    kind, summary, headers, required = _ON_DEAD_LETTERS[name]
    properties = {"kind": {"const": kind}, **{each: _HEADERS[each] for each in headers}}
    return {
        "name": name,
        "summary": summary,
        "headers": {"type": "object", "properties": properties, "required": ["kind", *required]},
        "contentType": "application/octet-stream",
        "bindings": _keyed(),
    }


def _payload(name: str) -> dict[str, Any]:
    return {
        "schemaFormat": "application/schema+json;version=2020-12",
        "schema": {"$ref": f"schemas/{name}.json"},
    }


def _keyed() -> dict[str, Any]:
    return {"kafka": {"key": _KEY, "bindingVersion": _BINDING}}
