"""What is claimed of every message and of every table, however they came about."""

import json
import time
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from jsonschema import Draft202012Validator

from events.adapters.table import Table
from events.contract import schema
from events.data import Speaker
from events.decode import Decoder
from events.errors import EventError
from events.event import EVENTS, Event
from events.outcomes import AcceptedEvent, Message
from events.partition import partition_of
from events.reading import attributes, read_event
from events.sources import Source

LONGEST: Final = 0.050
"""The most seconds of the processor one message may take: longer, and it holds all others."""

_ANYBODY: Final = (
    Source(source="/import", speaker=Speaker.SPONSOR, imports=True),
    *(Source(source=f"/{speaker}*", speaker=speaker) for speaker in Speaker),
)
_RECORDED: Final = 1_714_651_200_000
_TRIES: Final = 3
_OF_THE_BODY: Final = ("data", "data_base64", "datacontenttype")


class Broken(AssertionError):
    """An input for which a claim does not hold."""


def _anybody(_: str, __: datetime) -> Sequence[Source]:
    return _ANYBODY


def of_message(value: bytes) -> str | None:
    """The type of the event a message holds, in both modes; None where it holds none.

    Raises `Broken` where decoding raises or takes too long, or takes what the schema refuses.
    """
    taken = None
    for message in (_message(value), *_in_binary_mode(value)):
        outcome = _in_time(Decoder(_anybody, 1).decode, message)
        if isinstance(outcome, AcceptedEvent):
            _fits(_whole(message), outcome.data.TYPE)
            taken = outcome.data.TYPE
    return taken


def _message(value: bytes, headers: Sequence[tuple[str, bytes]] = ()) -> Message:
    topic = "cmo.lots"
    try:
        said = json.loads(value)
        if isinstance(said, dict) and said.get("type") in EVENTS:
            data = EVENTS[said["type"]].model_fields["data"].annotation
            topic = data.TOPIC or said["data"]["topic"]  # type: ignore[union-attr]
    except (ValueError, TypeError, KeyError, RecursionError):
        topic = "cmo.lots"
    return Message(topic, partition_of(b"acme", 1), 0, _RECORDED, b"acme", value, headers)


def _in_binary_mode(value: bytes) -> list[Message]:
    """The same event as attributes and data, where its bytes can be told apart so."""
    try:
        said = json.loads(value)
    except (ValueError, RecursionError):
        return []
    if not isinstance(said, dict) or not isinstance(said.get("data"), dict):
        return []
    topic = _message(value).topic
    headers = [
        (f"ce_{name}", given.encode("utf-8", "surrogatepass"))
        for name, given in said.items()
        if isinstance(given, str) and name not in _OF_THE_BODY
    ]
    body = json.dumps(said["data"]).encode()
    return [_message(body, headers).having(topic=topic)]


def _in_time(judge: Callable[[Message], Any], message: Message) -> Any:
    """What is made of a message, within the time it may take at the best of a few tries."""
    took = []
    for _ in range(_TRIES):
        begin = time.thread_time()
        try:
            outcome = judge(message)
        except Exception as error:
            raise Broken(f"decoding raised {type(error).__name__}: {error}") from error
        took.append(time.thread_time() - begin)
        if took[-1] <= LONGEST:
            return outcome
    raise Broken(f"one message took {min(took) * 1_000:.0f} ms at the best of {_TRIES} tries")


def _whole(message: Message) -> dict[str, Any]:
    """An event that was taken as one JSON object."""
    given = attributes(message)
    if message.headers:
        number = given.get("sequence")
        counted = {} if number is None else {"sequence": int(number)}
        return {**given, **counted, "data": json.loads(message.value or b"")}
    return given


def _fits(said: dict[str, Any], type_: str) -> None:
    packed = said.get("data_base64")
    forms = [said]
    if packed is not None:
        forms.append({**said, "data_base64": None, "data": json.loads(b64decode(packed))})
    for form in forms:
        if fault := next(_validator(type_).iter_errors(form), None):
            where = ".".join(map(str, fault.absolute_path))
            raise Broken(f"the decoder takes what the schema of {type_} refuses: {where}: {fault}")


@cache
def _validator(type_: str) -> Draft202012Validator:
    data: Any = EVENTS[type_].model_fields["data"].annotation
    return Draft202012Validator(schema(data))


def of_table(content: bytes, mapping: Path) -> int:
    """How many events a table makes; raises `Broken` where a claim does not hold."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "table")
        path.write_bytes(content)
        try:
            table = Table(mapping, path)
            items = list(table)
        except EventError:
            return 0  # it is told why the whole of it is no table
        except Exception as error:
            raise Broken(f"the import raised {type(error).__name__}: {error}") from error
    if not table.counts.add_up:
        raise Broken(f"the rows do not add up: {table.counts}")
    events = [each for each in items if isinstance(each, Event)]
    for event in events:
        line = event.json_line()
        _fits(json.loads(line), event.type)
        if not isinstance(read := read_event(_message(line)), Event):
            raise Broken(f"the import makes what the decoder refuses: {read}")
    return len(events)
