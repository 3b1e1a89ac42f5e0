"""A decoder takes what the contract allows, and names what it refuses."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.compact import Amount, compact
from events.data import LotCompleted, Speaker
from events.event import Event
from events.outcomes import AcceptedEvent, Reason, Rejection
from events.partition import partition_of
from events.reading import read_event
from events.values import microseconds
from tests.events.decoding import (
    MISSING,
    PARTITIONS,
    RECORDED,
    binary,
    decoded,
    message,
    refused,
    said,
    taken,
)


def counted(value: str) -> bytes:
    """A stock count whose quantity is spelled as given, which json.dumps might not allow."""
    data = {"site": "s", "product": "p", "quantity": {"value": 1_234_321, "unit": "KGM"}}
    text = json.dumps(said(data, type="cmo.stock.counted.v1"))
    return text.replace("1234321", value).encode()


def test_an_event_is_taken_with_its_cmo_speaker_and_record_time() -> None:
    accepted = taken()
    assert (accepted.cmo, accepted.speaker, accepted.recorded) == (
        "acme",
        Speaker.CMO,
        microseconds(RECORDED),
    )
    assert (accepted.topic, accepted.message.offset, accepted.timely) == ("cmo.lots", 7, True)


@pytest.mark.parametrize(
    ("given", "reason", "field"),
    [
        ({"key": None}, Reason.NO_KEY, "key"),
        ({"key": b""}, Reason.BAD_KEY, "key"),
        ({"key": b"Acme"}, Reason.BAD_KEY, "key"),
        ({"key": b"a" * 129}, Reason.BAD_KEY, "key"),
        ({"key": b"acme\n"}, Reason.BAD_KEY, "key"),
        ({"key": b"\xff"}, Reason.BAD_KEY, "key"),
        ({"key": b"nobody"}, Reason.UNKNOWN_CMO, "key"),
        ({"key": b"acme", "partition": 7}, Reason.WRONG_PARTITION, "partition"),
        ({"value": None}, Reason.NO_VALUE, "value"),
        ({"topic": "cmo.releases"}, Reason.WRONG_TOPIC, "type"),
    ],
)
def test_a_message_in_the_wrong_place_is_refused(
    given: dict[str, Any], reason: Reason, field: str
) -> None:
    rejection = refused(**given)
    assert (rejection.reason, rejection.field) == (reason, field)


def test_a_wrong_partition_names_the_remedy_for_clients_of_librdkafka() -> None:
    right = partition_of(b"acme", PARTITIONS)
    rejection = refused(partition=(right + 1) % PARTITIONS)
    assert "partitioner=murmur2_random" in rejection.detail
    assert f"partition {right}" in rejection.detail
    assert rejection.cmo is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"lot L1 is done",
        b"\xff\xfe",
        b'{"id": "e1"',
        json.dumps(said()).encode() * 2,
        json.dumps(said()).encode() + b"\n" + json.dumps(said()).encode(),
        json.dumps(said(data={"lot": "L1", "x": 0})).replace("0}", "[" * 5_000).encode(),
        json.dumps(said(note=0)).replace('"note": 0', f'"note": {"1" * 5_000}').encode(),
    ],
    ids=["empty", "words", "no utf-8", "cut", "two", "two lines", "deep", "5,000 digits"],
)
def test_a_value_that_is_not_one_json_object_is_refused(value: bytes) -> None:
    assert refused(value).reason is Reason.NOT_JSON


@pytest.mark.parametrize("value", [[], "event", 1, None, [said()]])
def test_json_that_is_no_object_is_refused(value: object) -> None:
    assert refused(json.dumps(value).encode()).reason in (Reason.INVALID_VALUE, Reason.UNKNOWN_TYPE)


@pytest.mark.parametrize(
    ("type_", "reason"),
    [
        ("cmo.lot.polished.v1", Reason.UNKNOWN_TYPE),
        ("cmo.lot.completed", Reason.UNKNOWN_VERSION),
        ("cmo.lot.completed.v2", Reason.UNKNOWN_VERSION),
        ("cmo.lot.completed.v01", Reason.UNKNOWN_VERSION),
        ("", Reason.UNKNOWN_TYPE),
        (7, Reason.UNKNOWN_TYPE),
        (None, Reason.UNKNOWN_TYPE),
        (MISSING, Reason.UNKNOWN_TYPE),
    ],
)
def test_an_unknown_type_or_version_is_refused(type_: object, reason: Reason) -> None:
    rejection = refused(said(type=type_))
    assert (rejection.reason, rejection.field) == (reason, "type")


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (said({}), "data.lot"),
        (said({"lot": ""}), "data.lot"),
        (said({"lot": "  "}), "data.lot"),
        (said({"lot": "L" * 129}), "data.lot"),
        (said({"lot": 7}), "data.lot"),
        (said({"lot": None}), "data.lot"),
        (said(id=MISSING), "id"),
        (said(source=MISSING), "source"),
        (said(time=MISSING), "time"),
        (said(data=[]), "data"),
        (said(specversion="0.3"), "specversion"),
        (said(datacontenttype="text/xml"), "datacontenttype"),
        (said(sequence=-1), "sequence"),
        (said(sequence="one"), "sequence"),
        (said(sequence=2**53 + 1), "sequence"),
        (said(sequence=True), "sequence"),
        (said(time="2024-05-02T10:00:00"), "time"),
        (said(time="2024-05-02"), "time"),
        (said(time="1700000000"), "time"),
        (said(time=1_700_000_000), "time"),
        (said(time="1999-12-31T23:59:59Z"), "time"),
        (said(time="2101-01-01T00:00:00Z"), "time"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_missing_or_malformed_field_is_named(value: object, field: str) -> None:
    rejection = refused(value)
    assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, field)


@pytest.mark.parametrize(
    "value",
    [
        *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e13", "1000000000001", "-1"),
        *("1" * 400, "1" * 4_000, '"5"', "true", "null", "[]", "0.0000001"),
    ],
    ids=lambda value: value[:16],
)
def test_a_quantity_that_is_no_plain_number_is_refused(value: str) -> None:
    rejection = refused(counted(value), topic="cmo.inventory")
    assert rejection.reason is Reason.INVALID_VALUE
    assert rejection.field.startswith("data.quantity")
    assert len(rejection.value) < 250


@pytest.mark.parametrize("value", ["0", "5", "0.1", "5.0", "1000000000000", "1e2"])
def test_a_plain_number_is_taken_as_a_quantity(value: str) -> None:
    data: Any = taken(counted(value), topic="cmo.inventory").data
    assert isinstance(data.quantity, Amount)
    assert data.quantity.millionths == round(float(value) * 1_000_000)


@pytest.mark.parametrize("unit", ["EA", "H87"])
@pytest.mark.parametrize("escaped", [False, True], ids=["quick", "by the models"])
def test_a_part_of_a_piece_is_refused_and_a_whole_one_is_not(unit: str, escaped: bool) -> None:
    def piece(value: str) -> bytes:
        text = counted(value).replace(b"KGM", unit.encode())
        return text.replace(b'"s"', rb'"\u0073"') if escaped else text

    rejection = refused(piece("1.25"), topic="cmo.inventory")
    assert rejection.reason is Reason.INVALID_VALUE
    assert rejection.detail.endswith(
        f"1.25 {unit}: pieces are whole; what is measured has another unit"
    )
    assert rejection.field == "data.quantity"
    whole: Any = taken(piece("2.0"), topic="cmo.inventory").data
    assert whole.quantity.millionths == 2_000_000


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400"])
def test_a_number_without_end_in_an_unknown_field_is_refused(value: str) -> None:
    text = json.dumps(said({"lot": "L1", "shift": {"x": 1_234_321}})).replace("1234321", value)
    assert refused(text.encode()).reason is Reason.INVALID_VALUE


def test_a_partitionkey_that_is_not_the_key_is_refused() -> None:
    rejection = refused(said(partitionkey="borealis"))
    assert (rejection.reason, rejection.value) == (Reason.WRONG_KEY, "borealis")


def test_a_partitionkey_is_read_as_a_name() -> None:
    assert taken(said(partitionkey="ACME")).cmo == "acme"


@pytest.mark.parametrize("source", ["/nobody", "/cmo/borealis", "/cmo/acme/x", "/ended", "/LAB/a"])
def test_a_source_the_agreement_does_not_name_is_refused(source: str) -> None:
    rejection = refused(said(source=source))
    assert (rejection.reason, rejection.value) == (Reason.UNKNOWN_SOURCE, source)


@pytest.mark.parametrize(
    ("source", "type_", "data"),
    [
        ("/cmo/acme", "cmo.deviation.extended.v1", {"deviation": "D", "due": "2024-06-01"}),
        ("/sponsor", "cmo.lot.completed.v1", {"lot": "L1"}),
        ("/lab/one", "cmo.deviation.closed.v1", {"deviation": "D", "class": "minor"}),
    ],
)
def test_a_source_may_not_say_what_is_anothers_to_say(
    source: str, type_: str, data: dict[str, Any]
) -> None:
    rejection = refused(said(data, source=source, type=type_))
    assert (rejection.reason, rejection.field) == (Reason.NOT_ENTITLED, "source")


@pytest.mark.parametrize(
    "attributes",
    [{"recordedtime": "2024-05-02T00:00:00Z"}, {"timely": True}, {"onbehalfof": "cmo"}],
    ids=lambda value: next(iter(value)),
)
def test_only_an_import_sets_what_only_an_import_may(attributes: dict[str, Any]) -> None:
    rejection = refused(said(**attributes))
    assert (rejection.reason, rejection.field) == (Reason.NOT_ENTITLED, next(iter(attributes)))
    everything = {"onbehalfof": "cmo", **attributes}
    assert taken(said(source="/import", **everything)).speaker is Speaker.CMO


def test_an_import_gives_no_evidence_of_timeliness_unless_it_says_so() -> None:
    history = {"source": "/import", "onbehalfof": "cmo", "recordedtime": "2024-05-02T11:00:00Z"}
    assert not taken(said(**history)).timely
    assert taken(said(**history, timely=True)).timely
    assert taken(said(**history)).recorded == microseconds(datetime(2024, 5, 2, 11, tzinfo=UTC))


def test_an_import_tells_of_what_was_recorded_before_the_log_got_it() -> None:
    history = {"source": "/import", "onbehalfof": "cmo"}
    skewed, ahead = (RECORDED + timedelta(seconds=seconds) for seconds in (5, 5.001))
    event = taken(said(**history, recordedtime=skewed.isoformat()))
    assert (event.recorded, event.logged) == (microseconds(RECORDED), microseconds(RECORDED))
    rejection = refused(said(**history, recordedtime=ahead.isoformat()))
    assert (rejection.reason, rejection.field) == (Reason.INVALID_VALUE, "recordedtime")
    assert rejection.value == ahead.isoformat()
    assert f"after the log got it at {RECORDED.isoformat()}" in rejection.detail


def test_a_fact_more_than_a_day_ahead_of_its_record_is_refused() -> None:
    at, beyond = RECORDED + timedelta(hours=24), RECORDED + timedelta(hours=24, milliseconds=1)
    assert taken(said(time=at.isoformat()))
    assert refused(said(time=beyond.isoformat())).reason is Reason.FROM_THE_FUTURE


def test_a_plan_may_lie_ahead() -> None:
    plan = said(
        {"lot": "L1", "product": "p"}, type="cmo.lot.planned.v1", time="2030-01-01T00:00:00Z"
    )
    assert taken(plan)


def test_an_event_in_binary_mode_is_taken() -> None:
    event = taken(**binary(b'{"lot": "L1"}', sequence="4"))
    assert (event.id, event.sequence, event.data) == ("e1", 4, compact(LotCompleted(lot="L1")))


@pytest.mark.parametrize("data", [b"", b"{", b'{"lot": "L1"}, "id": "forged"', b'{"lot": NaN}'])
def test_data_in_binary_mode_that_is_not_json_is_refused(data: bytes) -> None:
    rejection = refused(**binary(data))
    assert (rejection.reason, rejection.field) == (Reason.NOT_JSON, "data")


def test_a_binary_header_that_is_not_utf_8_is_no_reason_to_stop() -> None:
    given = binary(b'{"lot": "L1"}')
    given["headers"].append(("ce_note", b"\xff"))
    assert taken(**given)


def test_of_duplicate_keys_the_last_wins() -> None:
    text = json.dumps(said()).replace('"lot": "L1"', '"lot": "L1", "lot": "L2"')
    assert taken(text.encode()).data == compact(LotCompleted(lot="L2"))


def test_unknown_fields_are_taken_and_kept_in_the_log_alone() -> None:
    found = taken(said({"lot": "L1", "shift": {"lead": "one"}}, tenant="x"))
    assert b'"shift"' in (found.message.value or b"")
    assert found.data == taken(said({"lot": "L1"})).data


def test_an_unknown_field_is_part_of_what_is_said_whatever_the_order() -> None:
    one, other = {"lot": "L1", "a": 1, "b": 2}, {"b": 2, "a": 1, "lot": "L1"}
    assert taken(said(one)).content == taken(said(other)).content
    assert taken(said(one)).content != taken(said({"lot": "L1", "a": 1, "b": 3})).content


def test_sequence_and_record_time_are_not_part_of_what_is_said() -> None:
    history = {"source": "/import", "onbehalfof": "cmo"}
    again = said(**history, sequence=9, recordedtime="2024-05-02T11:00:00Z")
    assert taken(said(**history)).content == taken(again).content


def test_a_large_value_is_read() -> None:
    assert taken(said({"lot": "L1", "note": "x" * 900_000}))


def test_a_rejection_tells_source_and_sequence_once_the_source_is_believed() -> None:
    rejection = refused(said({}, sequence=12))
    assert (rejection.cmo, rejection.source, rejection.sequence) == ("acme", "/cmo/acme", 12)
    stranger = refused(said({}, source="/nobody", sequence=12))
    assert (stranger.cmo, stranger.source, stranger.sequence) == ("acme", None, None)


@pytest.mark.parametrize("sequence", [-1, 2**53 + 1, "x", 1.5, True, "9" * 5_000])
def test_a_sequence_that_cannot_be_read_is_left_out_of_a_rejection(sequence: object) -> None:
    assert refused(said({}, sequence=sequence)).sequence is None


def test_the_shape_of_an_event_is_read_whoever_says_it() -> None:
    stranger = read_event(message(said(source="/nobody")))
    assert not isinstance(stranger, Rejection)
    shapeless = read_event(message(said({})))
    assert isinstance(shapeless, Rejection)
    assert shapeless.field == "data.lot"


@pytest.mark.parametrize(
    "text",
    [
        r'{"lot": "\ud800"}',
        r'{"lot": "L1", "x": "\ud800"}',
        r'{"lot": "L1", "\ud800": 1}',
        '{"lot": "L1", "x": %s}' % ("[" * 150 + "]" * 150),
        '{"lot": "L1", "x": %s}' % ("1" * 4_000),
        '{"lot": "L1", "": 1, "type": 2, "data": {}}',
        '{"lot": "L1", "__class__": 1, "model_config": 1, "lot\\u0000": 1}',
    ],
    ids=lambda text: text[:40],
)
def test_oddities_never_raise(text: str) -> None:
    value = json.dumps(said()).replace('{"lot": "L1"}', text).encode()
    outcome = decoded(value)
    if isinstance(outcome, AcceptedEvent):
        again = read_event(outcome.message)
        assert isinstance(again, Event)
        assert compact(again.data) == outcome.data


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
NAMES = st.sampled_from(["id", "source", "type", "time", "sequence", "recordedtime", "data"])


@given(value=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_bytes_never_raise(value: bytes) -> None:
    assert isinstance(decoded(value), Rejection)


@given(changes=st.dictionaries(NAMES | st.text(), JSON), data=st.dictionaries(st.text(), JSON))
def test_an_event_with_arbitrary_fields_never_raises(
    changes: dict[str, Any], data: dict[str, Any]
) -> None:
    decoded({**said({"lot": "L1", **data}), **changes})


HEADERS = st.lists(st.tuples(st.text().map("ce_".__add__) | st.just("ce_specversion"), st.binary()))


@given(key=st.none() | st.binary(), value=st.binary(), headers=HEADERS)
def test_arbitrary_messages_never_raise(
    key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    assert decoded(value, key=key, headers=headers)
