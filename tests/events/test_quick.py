"""The quick way decodes as the declared models do, and is taken wherever all is in order."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events import decode
from events.data import DATA, Data, Retracted, Speaker
from events.decode import Decoder
from events.forms import Doubtful
from events.outcomes import AcceptedEvent, Message, Rejection
from events.quick import UsualMediaType
from events.sources import Source
from events.values import Identifier
from tests.events.spellings import (
    MOMENT,
    MOMENTS,
    ODD,
    every_field,
    objects,
    plain,
    repeated,
    schema_of,
    spellings,
    text,
    written,
)

RECORDED = datetime(2024, 5, 2, 12, tzinfo=UTC)
SPEAKERS = {
    Speaker.CMO: "/cmo/acme",
    Speaker.SPONSOR: "/sponsor",
    Speaker.LAB: "/lab/one",
    Speaker.CARRIER: "/carrier",
}
SOURCES = (
    *(Source(source=source, speaker=speaker) for speaker, source in SPEAKERS.items()),
    Source.model_validate({"source": "/import", "speaker": Speaker.SPONSOR, "import": True}),
)
MEDIA_TYPES = (
    *("application/json; charset=utf-8", "application/json;charset=UTF-8", "Application/JSON"),
    *("application/vnd.acme+json", "application/json; charset=latin-1", "text/xml", ""),
)
_WORD = {"type": "string", "minLength": 1, "maxLength": 128}
_TEXT = {"type": "string", "maxLength": 4_000}
_AT = {"type": "string", "format": "date-time"}
_NO_OBJECT = {"enum": ["1.0", "0.3"]}
ENVELOPE: dict[str, Any] = {
    "specversion": _NO_OBJECT,
    "id": _WORD,
    "source": {"enum": [*SPEAKERS.values(), "/import", "/nobody"]},
    "time": _AT,
    "datacontenttype": {"enum": ["application/json", *MEDIA_TYPES]},
    "subject": _TEXT,
    "dataschema": _TEXT,
    "sequence": {"type": "integer", "minimum": 0, "maximum": 2**53},
    "partitionkey": {"enum": ["acme", "Acme", "borealis"]},
    "recordedtime": _AT,
    "timely": {"type": "boolean"},
    "onbehalfof": {"enum": [*map(str, Speaker), "nobody"]},
}
"""The attributes of an envelope besides its type, as a schema has its properties."""

BESIDES = {**ENVELOPE, "data_base64": {"enum": ["eyJsb3QiOiAiTDEifQ==", "e30=", "e30"]}}
"""What may stand in an envelope, plain or not."""

ATTRIBUTES = ("specversion", "id", "source", "time", "sequence", "partitionkey")
"""The attributes of a plain event besides its type."""

thorough = settings(
    derandomize=True,
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
every_type = pytest.mark.parametrize("data", DATA, ids=lambda data: data.TYPE)


def sources_of(cmo: str, _recorded: datetime) -> Sequence[Source] | None:
    return SOURCES if cmo == "acme" else None


def _header(name: str) -> str:
    return "content-type" if name == "datacontenttype" else f"ce_{name}"


def message(data: type[Data], value: str | bytes, headers: dict[str, str] | None = None) -> Message:
    given = [
        (_header(name), held.encode("utf-8", "surrogatepass"))
        for name, held in (headers or {}).items()
    ]
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
    stamp = round(RECORDED.timestamp() * 1_000)
    return Message(data.TOPIC or "cmo.lots", 0, 7, stamp, b"acme", raw, given)


def decoded(message: Message) -> AcceptedEvent | Rejection:
    return Decoder(sources_of, 1).decode(message)


def decoded_by_the_models(message: Message) -> AcceptedEvent | Rejection:
    def doubt(*_: object) -> Any:
        raise Doubtful

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "structured", doubt)
        patch.setattr(decode, "binary", doubt)
        return decoded(message)


def spelt_out(value: object) -> object:
    """A value with its types, and with the names kept beside ids, which `==` passes over."""
    if isinstance(value, msgspec.Struct):
        return type(value), [spelt_out(each) for each in msgspec.structs.astuple(value)]
    if isinstance(value, tuple):
        return type(value), [spelt_out(each) for each in value]
    if isinstance(value, Identifier):
        return str, str(value), value.name if value.name != value else None
    return (str, value, None) if type(value) is str else (type(value), repr(value))


def decoded_alike(message: Message) -> None:
    assert spelt_out(decoded(message)) == spelt_out(decoded_by_the_models(message))


# --- what is plain


def plain_data(data: type[Data], which: int = 0) -> str:
    schema = schema_of(data)
    pairs = dict(every_field(schema, schema.get("$defs", {}), which))
    if "topic" in pairs:
        pairs["topic"] = text("cmo.lots")
    return written(pairs.items())


def plain_attributes(data: type[Data]) -> dict[str, str]:
    source = text(SPEAKERS[min(data.SPEAKERS)])
    given = {name: plain(ENVELOPE[name], {}) for name in ATTRIBUTES}
    return {**given, "source": source, "type": text(data.TYPE)}


def in_headers(attributes: dict[str, str]) -> dict[str, str]:
    return {name: _as_text(value) for name, value in attributes.items()}


def _as_text(value: str) -> str:
    try:
        read = json.loads(value)
    except ValueError:
        return value
    return read if isinstance(read, str) else value


def taken_the_quick_way(message: Message, monkeypatch: pytest.MonkeyPatch) -> AcceptedEvent:
    """The event of a message, which the models are not asked about."""

    def never(asked: Message) -> None:
        raise AssertionError(f"doubted: {asked.value!r}")

    monkeypatch.setattr(decode, "read", never)
    outcome = decoded(message)
    assert isinstance(outcome, AcceptedEvent), outcome
    return outcome


@every_type
@pytest.mark.parametrize("which", [0, 1])
def test_a_plain_event_in_structured_mode_takes_the_quick_way(
    data: type[Data], which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = written([*plain_attributes(data).items(), ("data", plain_data(data, which))])
    event = taken_the_quick_way(message(data, value), monkeypatch)
    assert event.time % 1_000_000 == 250_000


@every_type
@pytest.mark.parametrize("which", [0, 1])
def test_a_plain_event_in_binary_mode_takes_the_quick_way(
    data: type[Data], which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = message(data, plain_data(data, which), in_headers(plain_attributes(data)))
    event = taken_the_quick_way(asked, monkeypatch)
    assert event.sequence == 5


@pytest.mark.parametrize("media_type", get_args(UsualMediaType))
def test_a_usual_media_type_takes_the_quick_way(
    media_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = {**plain_attributes(Retracted), "datacontenttype": text(media_type)}
    value = written([*attributes.items(), ("data", plain_data(Retracted))])
    asked = message(Retracted, plain_data(Retracted), in_headers(attributes))
    content_type = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
    for each in (message(Retracted, value).having(headers=content_type), asked):
        assert taken_the_quick_way(each, monkeypatch).sequence == 5


@every_type
def test_an_import_with_all_it_may_say_takes_the_quick_way(
    data: type[Data], monkeypatch: pytest.MonkeyPatch
) -> None:
    attributes = {name: plain(form, {}) for name, form in ENVELOPE.items()}
    attributes |= {"type": text(data.TYPE), "source": text("/import")}
    attributes |= {"onbehalfof": text(min(data.SPEAKERS))}
    value = written([*attributes.items(), ("data", plain_data(data))])
    event = taken_the_quick_way(message(data, value), monkeypatch)
    assert event.dated
    assert event.timely


@every_type
def test_fractions_are_read_alike_both_ways(data: type[Data]) -> None:
    value = written([*plain_attributes(data).items(), ("data", plain_data(data, 1))])
    decoded_alike(message(data, value))
    assert (": 0.75" in value) == ('"number"' in json.dumps(schema_of(data)))
    assert MOMENT in value


# --- what may be anything


@st.composite
def attributes_of(draw: st.DrawFn, data: type[Data]) -> list[tuple[str, str]]:
    """The attributes of an event, most of them plain."""
    pairs = plain_attributes(data)
    for name in draw(st.lists(st.sampled_from(sorted(BESIDES)), max_size=2, unique=True)):
        pairs[name] = draw(spelt(name))
    if draw(st.integers(0, 3)) == 0:
        pairs["source"] = text("/import")
        pairs["onbehalfof"] = draw(spelt("onbehalfof"))
        pairs["recordedtime"] = draw(spelt("recordedtime"))
    if draw(st.integers(0, 9)) == 0:
        pairs["type"] = draw(st.sampled_from([*ODD, text(data.TYPE + "x"), text("cmo.x")]))
    for name in draw(st.lists(st.sampled_from(sorted(pairs)), max_size=1)):
        del pairs[name]
    return draw(repeated(list(pairs.items()), {"properties": BESIDES}, {}))


def spelt(name: str) -> st.SearchStrategy[str]:
    return spellings(BESIDES[name], {})


def data_of(data: type[Data]) -> st.SearchStrategy[str]:
    schema = schema_of(data)
    return st.one_of(objects(schema, schema.get("$defs", {})), st.just(plain_data(data)))


@every_type
@thorough
@given(given=st.data())
def test_both_ways_of_decoding_structured_mode_are_equal(
    data: type[Data], given: st.DataObject
) -> None:
    pairs = [*given.draw(attributes_of(data)), ("data", given.draw(data_of(data)))]
    decoded_alike(message(data, written(pairs)))


@every_type
@thorough
@given(given=st.data())
def test_both_ways_of_decoding_binary_mode_are_equal(
    data: type[Data], given: st.DataObject
) -> None:
    headers = in_headers(dict(given.draw(attributes_of(data))))
    decoded_alike(message(data, given.draw(data_of(data)), headers))


@settings(thorough, max_examples=400)
@given(st.sampled_from(DATA), st.data())
def test_both_ways_are_equal_over_bytes_that_were_damaged(
    data: type[Data], given: st.DataObject
) -> None:
    pairs = [*plain_attributes(data).items(), ("data", plain_data(data))]
    value = bytearray(written(pairs).encode())
    for _ in range(given.draw(st.integers(1, 3))):
        at = given.draw(st.integers(0, len(value)))
        value[at : at + given.draw(st.integers(0, 2))] = given.draw(st.binary(max_size=3))
    decoded_alike(message(data, bytes(value)))


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", ["time", "recordedtime"])
def test_both_ways_read_a_moment_alike(name: str, moment: str) -> None:
    data = Retracted
    pairs = {**plain_attributes(data), "source": text("/import"), "timely": "true"}
    pairs[name] = text(moment)
    decoded_alike(message(data, written([*pairs.items(), ("data", plain_data(data))])))
    decoded_alike(message(data, plain_data(data), in_headers(pairs)))
