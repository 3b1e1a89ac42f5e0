"""The content type decides how an event is read, and what misleads is told by its name."""

import codecs
import json
from base64 import b64encode
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from events.compact import compact
from events.contract import schema
from events.data import LotCompleted
from events.event import EVENTS, Event
from events.outcomes import Reason
from events.reading import read_event
from tests.events.decoding import MISSING, binary, decoded, message, refused, said, taken

SAID = compact(LotCompleted(lot="L1"))
STRUCTURED = ("content-type", b"application/cloudevents+json")
OF_JSON = (
    "application/json",
    "Application/JSON",
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    'application/json ; charset="utf-8"',
    "application/json; charset=us-ascii; profile=x",
    "application/vnd.acme+json",
    "application/vnd.acme.lot-1+JSON;v=2",
    "text/json",
)
OF_SOMETHING_ELSE = (
    *("", "json", "application/", "text/xml", "application/jsonl", "application/json+xml"),
    *("application/x-ndjson", "application/json;", "application/json\n", "application/avro"),
    *("application/json; charset=utf-16", "application/json; charset=iso-8859-1"),
    f"application/{'x' * 300}+json",
)


def in_binary(content_type: str | None, data: bytes = b'{"lot": "L1"}') -> dict[str, Any]:
    given = binary(data)
    held = [] if content_type is None else [("content-type", content_type.encode())]
    return {**given, "headers": given["headers"] + held}


def in_base64(data: object, /, **envelope: Any) -> dict[str, Any]:
    held = data if isinstance(data, bytes) else json.dumps(data).encode()
    given = {"data_base64": b64encode(held).decode(), "data": MISSING, **envelope}
    return said(**given)


@pytest.mark.parametrize("media_type", OF_JSON)
def test_every_media_type_of_json_is_taken_in_both_modes(media_type: str) -> None:
    assert taken(said(datacontenttype=media_type)).data == SAID
    assert taken(**in_binary(media_type)).data == SAID


@pytest.mark.parametrize("media_type", OF_SOMETHING_ELSE)
def test_data_of_another_media_type_are_refused_with_what_is_wanted(media_type: str) -> None:
    for rejection in (
        refused(said(datacontenttype=media_type)),
        refused(**in_binary(media_type)),
        refused(in_base64({"lot": "L1"}, datacontenttype=media_type)),
    ):
        assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, "datacontenttype")
        assert rejection.value == media_type[:200] + "…" * (len(media_type) > 200)
        assert any(word in rejection.detail for word in ("+json", "charset=utf-8", "256"))


def test_what_is_not_json_in_binary_mode_is_named_by_its_media_type() -> None:
    rejection = refused(**in_binary("text/xml", b"<lot>L1</lot>"))
    assert (rejection.field, rejection.value) == ("datacontenttype", "text/xml")


def test_an_attribute_that_is_null_was_not_given() -> None:
    null = said(datacontenttype=None, subject=None, sequence=None)
    assert taken(null).data == SAID
    assert isinstance(read_event(message(null)), Event)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents+json",
        "application/cloudevents+json; charset=UTF-8",
        "Application/CloudEvents+JSON ;charset=utf-8",
    ],
)
def test_the_content_type_decides_that_the_mode_is_structured(content_type: str) -> None:
    beside = binary(b"", id="other", type="cmo.lot.polished.v1")["headers"]
    event = taken(said(), headers=[*beside, ("content-type", content_type.encode())])
    assert (event.id, event.data) == ("e1", SAID)


@pytest.mark.parametrize("content_type", [None, "application/json"])
def test_without_such_a_content_type_the_headers_decide(content_type: str | None) -> None:
    assert taken(**in_binary(content_type)).data == SAID
    held = [] if content_type is None else [("content-type", content_type.encode())]
    assert taken(said(), headers=held).data == SAID


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents-batch+json",
        "application/cloudevents-batch+json; charset=utf-8",
        "application/cloudevents+avro",
        "application/cloudevents+json+x",
        "application/cloudevents",
    ],
)
@pytest.mark.parametrize("value", [[said()], said()], ids=["array", "object"])
def test_a_batch_or_another_format_is_refused_with_what_is_wanted(
    content_type: str, value: object
) -> None:
    rejection = refused(value, headers=[("content-type", content_type.encode())])
    assert (rejection.reason, rejection.field, rejection.value, rejection.cmo) == (
        Reason.INVALID_VALUE,
        "content-type",
        content_type,
        "acme",
    )
    assert "one event a message is wanted, as application/cloudevents+json" in rejection.detail


# data_base64


def test_data_in_base64_say_what_they_say_as_json() -> None:
    data = {"lot": "L1", "note": "é", "shift": {"lead": 1}}
    packed, plain = taken(in_base64(data)), taken(said(data))
    assert (packed.data, packed.content) == (plain.data, plain.content)


def schema_of(event: dict[str, Any]) -> Draft202012Validator:
    data: Any = EVENTS[event["type"]].model_fields["data"].annotation
    return Draft202012Validator(schema(data))


LISTED = {"site": "s", "list": "1", "positions": []}
INVENTORY = {"type": "cmo.stock.listed.v1"}


@pytest.mark.parametrize(
    "event",
    [
        said(),
        said(data_base64=None),
        in_base64({"lot": "L1"}),
        in_base64({"lot": "L1"}, data=None),
        said(LISTED, **INVENTORY),
        said({**LISTED, "part": 1, "parts": 2}, **INVENTORY),
        said({**LISTED, "part": None, "parts": None}, **INVENTORY),
        said({**LISTED, "part": None}, **INVENTORY),
    ],
)
def test_the_schema_lets_through_either_form_that_is_taken(event: dict[str, Any]) -> None:
    taken(event, topic="cmo.inventory" if "stock" in event["type"] else "cmo.lots")
    schema_of(event).validate(event)


@pytest.mark.parametrize(
    "event",
    [
        said(data=MISSING),
        in_base64({"lot": "L1"}, data={"lot": "L1"}),
        in_base64({"lot": "L1"}, data_base64="a b"),
        said(data=MISSING, data_base64=None),
        said(data=None),
        said(specversion=MISSING),
        said({**LISTED, "part": 1}, **INVENTORY),
        said({**LISTED, "part": 1, "parts": None}, **INVENTORY),
    ],
)
def test_the_schema_and_the_decoder_refuse_what_has_no_data_or_two(event: dict[str, Any]) -> None:
    refused(event, topic="cmo.inventory" if "stock" in event["type"] else "cmo.lots")
    with pytest.raises(ValidationError):
        schema_of(event).validate(event)


def test_the_key_of_data_in_base64_may_be_written_with_escapes() -> None:
    text = json.dumps(in_base64({"lot": "L1"})).replace("data_base64", "data\\u005fbase64")
    assert taken(text.encode()).data == SAID


def test_data_given_twice_are_refused() -> None:
    rejection = refused(in_base64({"lot": "L1"}, data={"lot": "L1"}))
    assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, "data_base64")
    assert "not both" in rejection.detail


def test_of_two_data_one_that_is_null_was_not_given() -> None:
    assert taken(said(data_base64=None)).data == SAID
    assert taken(in_base64({"lot": "L1"}, data=None)).data == SAID


@pytest.mark.parametrize("text", ["{}", "e30", "e3 0=", "é", 7, ["e30="], {"lot": "L1"}])
def test_what_is_not_base64_is_refused(text: object) -> None:
    rejection = refused(said(data=MISSING, data_base64=text))
    assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, "data_base64")
    assert "base64" in rejection.detail


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"lot": NaN}', b"<lot>L1</lot>"])
def test_base64_of_what_is_not_json_is_refused(data: bytes) -> None:
    rejection = refused(in_base64(data))
    assert (rejection.reason, rejection.field) == (Reason.NOT_JSON, "data_base64")


def test_a_fault_inside_of_base64_is_named_by_its_field() -> None:
    rejection = refused(in_base64({"lot": ""}, sequence=3))
    assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, "data.lot")
    assert (rejection.source, rejection.sequence) == ("/cmo/acme", 3)


# What misleads


def test_the_headers_of_http_are_named() -> None:
    headers = [(name.replace("ce_", "ce-"), held) for name, held in binary(b"")["headers"]]
    rejection = refused(b'{"lot": "L1"}', headers=headers)
    assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, "headers")
    assert "in Kafka their headers begin with ce_" in rejection.detail
    assert rejection.value.startswith("ce-specversion, ce-id")


def test_binary_mode_without_its_version_is_named() -> None:
    headers = [pair for pair in binary(b"")["headers"] if pair[0] != "ce_specversion"]
    rejection = refused(b'{"lot": "L1"}', headers=headers)
    assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, "headers")
    assert "needs the header ce_specversion" in rejection.detail


def test_headers_say_nothing_of_a_fault_in_what_is_structured() -> None:
    rejection = refused(said(type=MISSING), headers=[("ce-id", b"e1"), STRUCTURED])
    assert rejection.detail == "an event needs a type"


@pytest.mark.parametrize(
    ("encoding", "word"),
    [
        ("utf-8-sig", "byte order mark"),
        *((encoding, "UTF-16") for encoding in ("utf-16", "utf-16-le", "utf-16-be")),
        *((encoding, "UTF-32") for encoding in ("utf-32", "utf-32-le", "utf-32-be")),
    ],
)
def test_an_encoding_that_is_not_plain_utf_8_is_named(encoding: str, word: str) -> None:
    whole = refused(json.dumps(said()).encode(encoding))
    assert (whole.reason, whole.field) == (Reason.NOT_JSON, "value")
    data = '{"lot": "L1"}'.encode(encoding)
    for part in (refused(**binary(data)), refused(in_base64(data))):
        assert part.reason is Reason.NOT_JSON
        assert word in part.detail
    assert word in whole.detail


def test_a_byte_order_mark_inside_of_an_event_does_no_harm() -> None:
    note = codecs.BOM_UTF8.decode()
    assert decoded(said({"lot": "L1", "note": note})) == taken(said({"lot": "L1", "note": note}))


@pytest.mark.parametrize("value", [[said()], [], [[]]])
def test_a_json_array_is_named(value: object) -> None:
    rejection = refused(value)
    assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, "value")
    assert "a JSON array; one event is wanted" in rejection.detail


@pytest.mark.parametrize("stamp", [-1, -2, None])
def test_a_message_without_a_time_of_the_log_is_named_as_such(stamp: int | None) -> None:
    rejection = refused(timestamp=stamp)
    assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, "timestamp")
    assert "the log gave no time" in rejection.detail
    assert rejection.value == repr(stamp)
