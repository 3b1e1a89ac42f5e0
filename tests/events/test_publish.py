"""A publisher numbers, sends and reports each event, and forgets no number in a crash."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import errors as kafka_errors

from events import publish, sequences
from events.data import LOTS, LotCompleted, ReleaseRequested
from events.errors import (
    BrokersUnreachable,
    EventTooLarge,
    InvalidSetting,
    InvalidState,
    NotPermitted,
    PublishError,
    TopicMissing,
    Unaddressable,
    Undelivered,
)
from events.event import event
from events.kafka_client import ours
from events.publish import Delivery, Publisher
from events.sequences import BLOCK, Sequences, Span, Stream
from tests.events.publishing import NOW, FakeClient, completed, publisher, saved

ROOT = Path(__file__).resolve().parents[2]
STREAM = Stream("/cmo/acme", LOTS, "acme")


def send(client: FakeClient, *ids: str, **given: Any) -> None:
    with publisher(client, **given) as p:
        for id_ in ids:
            p.send(LotCompleted(lot="L1"), id=id_, time=NOW)


def test_an_event_is_sent_under_the_cmos_id(client: FakeClient) -> None:
    send(client, "e1")
    assert client.keys == [b"acme"]
    assert (client.sent[0].id, client.sent[0].partitionkey) == ("e1", "acme")


def test_the_client_is_asked_for_nothing_lost_and_nothing_doubled(client: FakeClient) -> None:
    send(client, "e1")
    assert client.settings["acks"] == "all"
    assert client.settings["enable_idempotence"] is True
    assert client.settings["allow_auto_create_topics"] is False
    assert client.settings["delivery_timeout_ms"] == 120_000
    assert client.closed


def test_a_delivery_is_reported_with_its_place(client: FakeClient) -> None:
    reports: list[Delivery] = []
    send(client, "e1", "e2", report=reports.append)
    assert [(d.event.id, d.topic, d.partition, d.offset, d.error) for d in reports] == [
        ("e1", LOTS, 3, 0, None),
        ("e2", LOTS, 3, 1, None),
    ]


def test_a_failure_is_reported_and_ends_nothing(client: FakeClient) -> None:
    client.error = kafka_errors.KafkaTimeoutError("late")
    reports: list[Delivery] = []
    send(client, "e1", "e2", report=reports.append)
    assert [type(d.error) for d in reports] == [Undelivered, Undelivered]


def test_without_a_report_a_failure_is_raised_at_the_end(client: FakeClient) -> None:
    client.error = kafka_errors.TopicAuthorizationFailedError()
    with pytest.raises(NotPermitted, match=r"event e1 \(and 1 more\)"):
        send(client, "e1", "e2")
    assert client.closed


def test_an_error_of_the_caller_is_not_hidden_by_one_of_ours(client: FakeClient) -> None:
    client.error = kafka_errors.KafkaTimeoutError()
    with pytest.raises(ZeroDivisionError):
        send_and_stumble(client)


def send_and_stumble(client: FakeClient) -> None:
    with publisher(client) as p:
        p.publish(completed())
        raise ZeroDivisionError


def test_an_event_without_a_cmo_is_refused_at_once(client: FakeClient) -> None:
    with publisher(client) as p, pytest.raises(Unaddressable):
        p.publish(completed(source="/sponsor"))


def test_an_event_larger_than_a_message_is_not_sent(client: FakeClient, state: Path) -> None:
    large = event(
        LotCompleted(lot="L1", note="x" * 1_000_000),
        id="e1",
        source="/cmo/acme",
        time=NOW,
    )
    with pytest.raises(EventTooLarge), publisher(client, state=state) as p:
        p.publish(large)
    assert client.sent == []
    assert saved(state) == []


def test_a_missing_topic_is_waited_for_once(client: FakeClient) -> None:
    client.on_send = kafka_errors.KafkaTimeoutError()
    reports: list[Delivery] = []
    with publisher(client, report=reports.append) as p:
        p.publish(completed("e1"))
        client.on_send = AssertionError("asked again")
        p.publish(completed("e2"))
    assert [type(report.error) for report in reports] == [TopicMissing, TopicMissing]


def test_what_is_under_way_is_bounded(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "UNACKNOWLEDGED", 10_000)
    reports: list[Delivery] = []
    waiting = timedelta(milliseconds=1)
    monkeypatch.setattr(publish, "_GRACE", 0.001)
    with publisher(client, report=reports.append, timeout=waiting) as p:
        for number in range(100):
            p.publish(completed(f"e{number}"))
            assert sum(len(u.event.json_line()) for u in p._under_way.values()) <= 10_000
    assert len(reports) == 100
    assert {type(report.error) for report in reports} == {Undelivered, type(None)}


def test_send_needs_to_know_who_speaks(client: FakeClient) -> None:
    with Publisher("b", client=client) as p, pytest.raises(InvalidSetting):
        p.send(LotCompleted(lot="L1"), id="e1", time=NOW)


# Sequence numbers


def test_numbers_go_on_after_a_restart(client: FakeClient, state: Path) -> None:
    send(client, "a", "b", state=state)
    send(client, "c", state=state)
    assert client.numbers == [0, 1, 2]


def test_each_source_topic_and_key_has_its_own_numbers(client: FakeClient, state: Path) -> None:
    with publisher(client, state=state) as p:
        p.send(LotCompleted(lot="L1"), id="a", time=NOW)
        p.send(ReleaseRequested(lot="L1"), id="b", time=NOW)
        p.publish(completed("c", partitionkey="borealis"))
        p.publish(completed("d", source="/cmo/acme/mes"))
        p.send(LotCompleted(lot="L2"), id="e", time=NOW)
    assert client.numbers == [0, 0, 0, 0, 1]


def test_an_event_keeps_the_number_it_brings(client: FakeClient, state: Path) -> None:
    with publisher(client, state=state) as p:
        p.publish(completed(sequence=41))
        p.publish(completed("e2"))
    assert client.numbers == [41, 0]


def test_without_a_state_file_nothing_is_numbered(client: FakeClient) -> None:
    send(client, "e1")
    assert client.numbers == [None]


def test_a_number_is_on_disk_before_it_is_used(client: FakeClient, state: Path) -> None:
    with publisher(client, state=state) as p:
        p.send(LotCompleted(lot="L1"), id="a", time=NOW)
        assert saved(state)[0]["reserved"] > client.sent[-1].sequence


def test_the_file_is_synced_before_its_number_is_given(state: Path) -> None:
    synced: list[int] = []
    with Sequences(state, sync=lambda handle: synced.append(os.fstat(handle).st_size)) as numbers:
        for expected in range(BLOCK + 1):
            assert numbers.take(STREAM) == expected
            assert len(synced) == (2 if expected < BLOCK else 4)


def test_numbers_a_crash_may_have_lost_are_declared_and_then_forgotten(
    client: FakeClient, state: Path
) -> None:
    crash(state, 5)
    send(client, "after", state=state)
    gap, after = client.sent
    assert gap.type == "cmo.feed.gap_declared.v1"
    assert gap.data.model_dump(exclude_none=True) == {"topic": LOTS, "first": 0, "last": BLOCK - 1}
    assert (gap.source, gap.partitionkey, gap.time) == ("/cmo/acme", "acme", NOW)
    assert (gap.sequence, after.sequence) == (BLOCK, BLOCK + 1)
    send(client, "later", state=state)
    assert client.numbers == [BLOCK, BLOCK + 1, BLOCK + 2]


def test_a_gap_that_could_not_be_declared_is_declared_at_the_next_start(
    client: FakeClient, state: Path
) -> None:
    crash(state, 1)
    client.error = kafka_errors.KafkaTimeoutError()
    with pytest.raises(Undelivered):
        send(client, state=state)
    client.error = None
    send(client, state=state)
    last = client.sent[-1].data.model_dump()
    assert (last["first"], last["last"]) == (0, BLOCK)


def test_a_number_whose_event_failed_is_declared_at_the_next_start(
    client: FakeClient, state: Path
) -> None:
    send(client, "a", state=state)
    client.error = kafka_errors.KafkaTimeoutError()
    with pytest.raises(Undelivered):
        send(client, "b", state=state)
    client.error = None
    send(client, state=state)
    assert client.sent[-1].data.model_dump(exclude_none=True) == {
        "topic": LOTS,
        "first": 1,
        "last": 1,
    }


def crash(state: Path, taken: int) -> None:
    """A process that takes numbers and dies without a word."""
    code = (
        "import os; from pathlib import Path; from events.sequences import Sequences, Stream\n"
        f"numbers = Sequences(Path({str(state)!r})).__enter__()\n"
        f"for _ in range({taken}): numbers.take(Stream(*{tuple(STREAM)!r}))\n"
        "os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT).returncode == 9


@given(runs=st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=8))
def test_no_number_is_used_twice_and_none_is_missing_unless_lost(
    tmp_path_factory: pytest.TempPathFactory, runs: list[tuple[int, bool]]
) -> None:
    state = tmp_path_factory.mktemp("runs") / "sequence.json"
    used: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequences, "BLOCK", 3)
        for count, crashes in runs:
            used += one_run(state, count, crashes)
        with Sequences(state) as numbers:
            lost = [n for _, span in numbers.lost() for n in range(span.first, span.last + 1)]
            last = numbers.take(STREAM)
    assert len(used) == len(set(used))
    assert set(range(last)) == set(used) | set(lost)


def one_run(state: Path, count: int, crashes: bool) -> list[int]:
    numbers = Sequences(state, sync=lambda _: None)
    numbers.__enter__()
    taken = [numbers.take(STREAM) for _ in range(count)]
    for number in taken:
        numbers.sent(STREAM, number)
    if crashes:
        assert numbers._lock
        numbers._lock.close()
    else:
        numbers.__exit__(None, None, None)
    return taken


def test_what_is_still_under_way_at_the_end_may_be_lost(state: Path) -> None:
    with Sequences(state) as numbers:
        for _ in range(3):
            numbers.take(STREAM)
        numbers.sent(STREAM, 0)
    with Sequences(state) as numbers:
        assert list(numbers.lost()) == [(STREAM, Span(1, 2))]


def test_two_publishers_cannot_have_one_state_file(client: FakeClient, state: Path) -> None:
    with (
        publisher(client, state=state),
        pytest.raises(InvalidState, match="another publisher"),
        publisher(client, state=state),
    ):
        raise AssertionError("not reached")


@pytest.mark.parametrize(
    "text", ["", "{", "[1]", '{"a": 1}', '[{"source": "s", "topic": "t", "key": "k"}]', "7"]
)
def test_a_damaged_state_file_is_refused_rather_than_counting_from_0(
    client: FakeClient, state: Path, text: str
) -> None:
    state.write_text(text)
    with pytest.raises(InvalidState, match="restore it"):
        send(client, "e1", state=state)
    assert client.sent == []
    assert state.read_text() == text


def test_a_state_file_that_cannot_be_written_stops_the_event(
    client: FakeClient, tmp_path: Path
) -> None:
    with pytest.raises(InvalidState):
        send(client, "e1", state=tmp_path / "nowhere" / "sequence.json")
    assert client.sent == []


# Errors and secrets


def kinds(root: type[Exception]) -> list[type[Exception]]:
    return [root, *(kind for child in root.__subclasses__() for kind in kinds(child))]


@pytest.mark.parametrize("kind", kinds(kafka_errors.KafkaError), ids=lambda kind: kind.__name__)
def test_every_error_of_the_client_becomes_one_of_ours(kind: type[Exception]) -> None:
    error = kind.__new__(kind)
    assert isinstance(ours(error), PublishError)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka_errors.TopicAuthorizationFailedError(), NotPermitted),
        (kafka_errors.SaslAuthenticationFailedError(), NotPermitted),
        (kafka_errors.UnknownTopicOrPartitionError(), TopicMissing),
        (kafka_errors.RecordListTooLargeError(), EventTooLarge),
        (kafka_errors.KafkaConnectionError(), BrokersUnreachable),
        (kafka_errors.KafkaTimeoutError(), Undelivered),
        (ValueError(), InvalidSetting),
    ],
)
def test_an_error_says_whose_turn_it_is(error: Exception, kind: type[PublishError]) -> None:
    assert type(ours(error)) is kind


SECRET = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "PLAIN",
    "sasl_plain_username": "acme",
    "sasl_plain_password": "hunter2",
}


def test_a_secret_is_passed_on_and_never_shown(client: FakeClient) -> None:
    p = publisher(client, security=SECRET)
    with p:
        assert client.settings["sasl_plain_password"] == "hunter2"
        assert "hunter2" not in repr(p)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("Unrecognized configs: {'sasl_plain_password': 'hunter2'}"),
        kafka_errors.SaslAuthenticationFailedError("hunter2 is wrong"),
        AssertionError("hunter2"),
    ],
)
def test_an_error_on_connecting_shows_no_secret(error: Exception) -> None:
    def refusing(**_settings: Any) -> None:
        raise error

    with pytest.raises(PublishError) as caught, Publisher("b", client=refusing, security=SECRET):
        raise AssertionError("not reached")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "security",
    [
        {"bootstrap_servers": "elsewhere"},
        {"acks": 0},
        {"security_protocol": "sasl_ssl"},
        {name: value for name, value in SECRET.items() if name != "security_protocol"},
    ],
)
def test_security_that_would_not_secure_is_refused(
    client: FakeClient, security: dict[str, Any]
) -> None:
    with pytest.raises(InvalidSetting), publisher(client, security=security):
        raise AssertionError("not reached")
    assert client.settings == {}


def test_no_broker_is_told_by_its_address() -> None:
    def unreachable(**_settings: Any) -> None:
        raise kafka_errors.KafkaTimeoutError

    with (
        pytest.raises(BrokersUnreachable, match="broker:1"),
        Publisher("broker:1", client=unreachable),
    ):
        raise AssertionError("not reached")
