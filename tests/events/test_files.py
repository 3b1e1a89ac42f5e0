"""A line of a file becomes what Kafka would have had, or a reason that names the line."""

import gzip
import io
import json
import sys
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from events.data import LotCompleted, Speaker
from events.decode import Decoder
from events.errors import InvalidFile, Unaddressable
from events.event import Event
from events.files import LONGEST_LINE, Address, address, events_in, messages, replay
from events.outcomes import AcceptedEvent, Message, Reason, Rejection
from events.partition import partition_of
from events.sources import Source

SOURCES = (
    Source(source="/cmo/{cmo}", speaker=Speaker.CMO),
    Source.model_validate({"source": "/import", "speaker": Speaker.SPONSOR, "import": True}),
)


def sources_of(_cmo: str, _recorded: datetime) -> Sequence[Source]:
    return SOURCES


def line(data: dict[str, Any] | None = None, /, **envelope: Any) -> bytes:
    said = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/cmo/acme",
        "type": "cmo.lot.completed.v1",
        "time": "2024-05-02T10:00:00Z",
        "data": data or {"lot": "L1"},
        **envelope,
    }
    return json.dumps({name: value for name, value in said.items() if value is not None}).encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


def holding(path: Path, *lines: bytes) -> str:
    path.write_bytes(b"\n".join(lines))
    return str(path)


def milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def only(items: Iterable[Any]) -> Any:
    (item,) = items
    return item


def test_an_event_belongs_on_the_topic_of_its_type_under_its_partitionkey() -> None:
    assert address(line(partitionkey="Acme Ltd")) == Address("cmo.lots", b"acme-ltd")


@pytest.mark.parametrize(("source", "key"), [("/cmo/acme", b"acme"), ("/cmo/acme/mes", b"acme")])
def test_without_a_partitionkey_the_source_names_the_cmo(source: str, key: bytes) -> None:
    assert address(line(source=source)).key == key


def test_a_partitionkey_outranks_the_source() -> None:
    assert address(line(source="/cmo/acme", partitionkey="borealis")).key == b"borealis"


def test_an_event_of_every_topic_names_its_own() -> None:
    beat = line({"topic": "cmo.releases"}, type="cmo.feed.heartbeat.v1")
    assert address(beat).topic == "cmo.releases"


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"[]", b"null", b"{", b"\xff"),
        line(type="cmo.lot.polished.v1"),
        line(type=7),
        line({"topic": "cmo.breaches"}, type="cmo.feed.heartbeat.v1"),
        line(source="/sponsor"),
        line(source="/cmo/"),
        line(source=7),
        line(partitionkey="--"),
        line(partitionkey=7),
    ],
)
def test_what_names_no_topic_or_cmo_has_no_address(value: bytes) -> None:
    with pytest.raises(Unaddressable):
        address(value)


def test_a_line_becomes_a_message_on_its_partition_at_its_line_number(path: Path) -> None:
    first, second = messages(holding(path, line(), b"", line(id="e2")), 8)
    assert isinstance(first, Message)
    assert first == Message(
        "cmo.lots",
        partition_of(b"acme", 8),
        1,
        milliseconds("2024-05-02T10:00:00Z"),
        b"acme",
        line(),
    )
    assert isinstance(second, Message)
    assert second.offset == 3


def test_the_record_time_of_a_line_is_its_recordedtime_else_its_time(path: Path) -> None:
    recorded = line(recordedtime="2024-05-03T00:00:00Z")
    stamps = [message.timestamp for message in messages(holding(path, recorded, line()))]  # type: ignore[union-attr]
    assert stamps == [milliseconds("2024-05-03T00:00:00Z"), milliseconds("2024-05-02T10:00:00Z")]


def test_a_line_without_a_readable_time_stands_at_the_line_before(path: Path) -> None:
    _, second = messages(holding(path, line(), line(time="1700000000")))
    assert isinstance(second, Message)
    assert second.timestamp == milliseconds("2024-05-02T10:00:00Z")


@pytest.mark.parametrize(
    ("bad", "reason", "field"),
    [
        (b"not json", Reason.NOT_JSON, "value"),
        (line() + line(), Reason.NOT_JSON, "value"),
        (line(type="cmo.lot.polished.v1"), Reason.UNKNOWN_TYPE, "type"),
        (line(type="cmo.lot.completed.v9"), Reason.UNKNOWN_VERSION, "type"),
        (line(source="/sponsor"), Reason.NO_KEY, "partitionkey"),
        (line(time="yesterday"), Reason.INVALID_VALUE, "time"),
        (line({"lot": "x" * LONGEST_LINE}), Reason.INVALID_VALUE, "value"),
        (line()[:-1] + b" " * LONGEST_LINE + b"}", Reason.INVALID_VALUE, "value"),
    ],
    ids=["words", "two", "type", "version", "no key", "time", "long", "long blank"],
)
def test_a_line_that_cannot_be_addressed_is_refused_by_number(
    path: Path, bad: bytes, reason: Reason, field: str
) -> None:
    refused, after = messages(holding(path, bad, line()))
    assert isinstance(refused, Rejection)
    assert (refused.reason, refused.field, refused.message.offset) == (reason, field, 1)
    assert isinstance(after, Message)
    assert after.offset == 2


def test_each_line_of_a_replay_is_judged_and_none_is_lost(path: Path) -> None:
    good, bad, foreign = line(), line({"lot": ""}), line(source="/cmo/acme/mes")
    outcomes = list(replay(holding(path, good, bad, b"?", foreign), Decoder(sources_of, 1)))
    assert [type(outcome) for outcome in outcomes] == [
        AcceptedEvent,
        Rejection,
        Rejection,
        Rejection,
    ]
    assert [o.message.offset for o in outcomes if isinstance(o, Rejection)] == [2, 3, 4]


def test_a_replay_without_record_times_tells_nothing_of_timeliness(path: Path) -> None:
    decoder = Decoder(sources_of, 1)
    history = {"source": "/import", "partitionkey": "acme", "onbehalfof": "cmo", "timely": True}
    plain, recorded = line(), line(**history, recordedtime="2024-05-02T10:30:00Z")
    unrecorded = line(**history)
    outcomes = replay(holding(path, plain, recorded, unrecorded), decoder)
    assert [outcome.timely for outcome in outcomes] == [False, True, False]  # type: ignore[union-attr]


def test_events_are_read_by_their_shape_alone(path: Path) -> None:
    foreign, shapeless, homeless = line(), line({"lot": ""}), line(source="/sponsor")
    event, *refused = events_in(holding(path, foreign, shapeless, homeless))
    assert isinstance(event, Event)
    assert [(r.reason, r.field, r.message.offset) for r in refused if isinstance(r, Rejection)] == [
        (Reason.INVALID_VALUE, "data.lot", 2),
        (Reason.NO_KEY, "partitionkey", 3),
    ]


def test_a_file_may_be_packed_whatever_its_name(path: Path) -> None:
    path.write_bytes(gzip.compress(line() + b"\n"))
    assert isinstance(only(messages(str(path))), Message)


def test_a_file_may_come_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(io.BytesIO(line())))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert isinstance(only(messages("-")), Message)


def test_a_byte_order_mark_and_other_line_ends_do_no_harm(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + line() + b"\r\n" + line() + b"\r\n")
    assert [type(message) for message in messages(str(path))] == [Message, Message]


def test_a_byte_order_mark_before_every_line_does_no_harm(path: Path) -> None:
    mark = "\ufeff".encode()
    assert len(list(events_in(holding(path, mark + line(id="e1"), mark + line(id="e2"))))) == 2
    assert all(isinstance(each, Event) for each in events_in(str(path)))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"[" + line() + b",\n" + line() + b"]", "a JSON array"),
        (b"\n[\n" + line() + b"\n]", "a JSON array"),
        (json.dumps(json.loads(line()), indent=2).encode(), "JSON over several lines"),
    ],
)
@pytest.mark.parametrize("reads", [events_in, messages])
def test_json_in_another_form_is_told_once_with_the_form_that_is_needed(
    path: Path, content: bytes, what: str, reads: Any
) -> None:
    with pytest.raises(InvalidFile, match=f"{what}; one JSON object a line is read here"):
        list(reads(holding(path, content)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_events_in_utf_16_are_told_to_be_that(path: Path, encoding: str) -> None:
    with pytest.raises(InvalidFile, match="UTF-16 or UTF-32; JSON is written in UTF-8: save it"):
        list(events_in(holding(path, line().decode().encode(encoding))))


def test_an_array_among_the_lines_is_refused_by_its_number(path: Path) -> None:
    _, refused = messages(holding(path, line(), b"[" + line() + b"]"))
    assert isinstance(refused, Rejection)
    assert (refused.reason, refused.message.offset) == (Reason.INVALID_VALUE, 2)
    assert "one a line" in refused.detail


def test_data_in_base64_and_other_media_types_are_read_from_a_file(path: Path) -> None:
    held = json.loads(line(datacontenttype="application/vnd.acme+json"))
    held["data_base64"] = b64encode(json.dumps(held.pop("data")).encode()).decode()
    event = only(events_in(holding(path, json.dumps(held).encode())))
    assert isinstance(event, Event)
    assert event.data == LotCompleted(lot="L1")
    assert isinstance(only(replay(str(path), Decoder(sources_of, 1))), AcceptedEvent)


def test_an_empty_file_says_nothing(path: Path) -> None:
    assert list(messages(holding(path))) == []


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"events\.ndjson"):
        list(messages(str(path)))


@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[:20] + b"\0" * 9 + b[29:]])
def test_a_damaged_packed_file_is_an_error_and_no_silence(path: Path, damage: Any) -> None:
    path.write_bytes(damage(gzip.compress(line(id="x" * 100) + b"\n" + line())))
    with pytest.raises(InvalidFile):
        list(messages(str(path)))


def test_a_record_time_is_read_in_its_zone(path: Path) -> None:
    message = only(messages(holding(path, line(time="2024-05-02T10:00:00+05:30"))))
    assert datetime.fromtimestamp(message.timestamp / 1000, UTC).hour == 4
