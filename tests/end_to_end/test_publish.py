"""The publisher against a real broker: right place, right order, nothing lost, nothing doubled."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kafka import KafkaConsumer, TopicPartition

from deploy.lab.kafka import LocalKafka
from events.compact import COMPACT
from events.data import LOTS, GapDeclared, LotCompleted, Speaker
from events.decode import Decoder
from events.errors import BrokersUnreachable, TopicMissing
from events.event import Event, event
from events.outcomes import AcceptedEvent, Message
from events.partition import partition_of
from events.publish import Delivery, Publisher
from events.sources import Source
from streams.cli import main
from streams.kafka.topics import create_or_verify
from streams.settings import Settings
from tests.conftest import delete

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    # kafka-python leaves the socket of a refused connection to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime.now(UTC)
SOURCES = (Source(source="/cmo/{cmo}", speaker=Speaker.CMO),)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Lets the refused connections go while their warning is still this test's own."""
    yield
    gc.collect()


def sources_of(_cmo: str, _recorded: datetime) -> Sequence[Source]:
    return SOURCES


def log(settings: Settings, topic: str = LOTS) -> list[Message]:
    """Every message of a topic, up to its ends as they are now."""
    consumer = KafkaConsumer(bootstrap_servers=settings.brokers, auto_offset_reset="earliest")
    try:
        parts = [TopicPartition(topic, number) for number in range(settings.partitions)]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        found: list[Message] = []
        while any(consumer.position(part) < ends[part] for part in parts):
            for records in consumer.poll(timeout_ms=1_000).values():
                found += [
                    Message(topic, r.partition, r.offset, r.timestamp, r.key, r.value)
                    for r in records
                ]
        return found
    finally:
        consumer.close()


def taken(settings: Settings) -> list[AcceptedEvent]:
    decoder = Decoder(sources_of, settings.partitions)
    outcomes = [decoder.decode(message) for message in log(settings)]
    assert not [outcome for outcome in outcomes if not isinstance(outcome, AcceptedEvent)]
    return [outcome for outcome in outcomes if isinstance(outcome, AcceptedEvent)]


def completed(cmo: str, number: int) -> Event:
    data = LotCompleted(lot=f"L{number}")
    return event(data, id=f"{cmo}-{number}", source=f"/cmo/{cmo}", time=NOW)


@pytest.mark.parametrize("compression", [None, "gzip", "lz4", "snappy", "zstd"])
def test_each_event_lands_where_the_monitor_looks_for_it(
    settings: Settings, compression: str | None
) -> None:
    reports: list[Delivery] = []
    cmos = [f"cmo-{number}" for number in range(20)]
    with Publisher(settings.brokers, report=reports.append, compression=compression) as p:  # type: ignore[arg-type]
        for cmo in cmos:
            p.publish(completed(cmo, 0))
    places = {(report.partition, report.offset) for report in reports}
    assert {(found.message.partition, found.message.offset) for found in taken(settings)} == places
    for report in reports:
        key = report.event.source.removeprefix("/cmo/").encode()
        assert report.partition == partition_of(key, settings.partitions)


def test_the_order_and_the_numbers_hold_over_a_restart(settings: Settings, tmp_path: Path) -> None:
    for first in (0, 1_500):
        with Publisher(
            settings.brokers, source="/cmo/acme", cmo="acme", state=tmp_path / "state.json"
        ) as p:
            for number in range(first, first + 1_500):
                p.send(LotCompleted(lot=f"L{number}"), id=str(number), time=NOW)
    events = taken(settings)
    assert [event.sequence for event in events] == list(range(3_000))
    assert [event.id for event in events] == [str(number) for number in range(3_000)]


def test_a_publisher_that_is_killed_leaves_no_gap_that_is_not_declared(
    settings: Settings, tmp_path: Path
) -> None:
    state = tmp_path / "state.json"
    about = f"{settings.brokers!r}, source='/cmo/acme', cmo='acme', state={str(state)!r}"
    code = (
        "import os; from datetime import datetime, UTC\n"
        "from events.data import LotCompleted; from events.publish import Publisher\n"
        f"p = Publisher({about}).__enter__()\n"
        "for n in range(1_700):\n"
        "    p.send(LotCompleted(lot=f'L{n}'), id=str(n), time=datetime.now(UTC))\n"
        "os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 9
    with Publisher(settings.brokers, source="/cmo/acme", cmo="acme", state=state) as p:
        p.send(LotCompleted(lot="after"), id="after", time=NOW)
    events = taken(settings)
    seen = [event.sequence for event in events if event.sequence is not None]
    gaps: list[Any] = [
        event.data for event in events if isinstance(event.data, COMPACT[GapDeclared])
    ]
    declared = {number for gap in gaps for number in range(gap.first, gap.last + 1)}
    assert len(seen) == len(set(seen))
    assert set(seen) | declared == set(range(max(seen) + 1))
    assert declared - set(seen)


def test_events_under_way_while_the_broker_dies_arrive_once(
    settings: Settings, broker: LocalKafka, tmp_path: Path
) -> None:
    reports: list[Delivery] = []
    with Publisher(settings.brokers, state=tmp_path / "state.json", report=reports.append) as p:
        for number in range(1_000):
            p.publish(completed("acme", number))
        broker.kill()
        for number in range(1_000, 2_000):
            p.publish(completed("acme", number))
        broker.start()
    assert [report.error for report in reports if report.error] == []
    assert [found.id for found in taken(settings)] == [f"acme-{n}" for n in range(2_000)]


def test_a_topic_that_is_missing_is_told_and_not_made(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.kafka_client.TO_FIND_A_TOPIC", 1.0)
    asyncio.run(delete(settings, LOTS))
    with pytest.raises(TopicMissing, match=r"cmo\.lots"):
        say(settings.brokers, LotCompleted(lot="L1"))
    assert [made.topic for made in asyncio.run(create_or_verify(settings))] == [LOTS]


def say(brokers: str, data: LotCompleted) -> None:
    with Publisher(brokers, source="/cmo/acme", cmo="acme") as p:
        p.send(data, id="e1", time=NOW)


def test_a_broker_that_is_not_there_is_told() -> None:
    with (
        pytest.raises(BrokersUnreachable),
        Publisher("127.0.0.1:1", timeout=timedelta(seconds=1)),
    ):
        raise AssertionError("not reached")


def test_a_file_is_sent_by_the_command_line(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    lines = [completed("acme", number).json_line() for number in range(50)]
    path.write_bytes(b"\n".join([*lines, b"not an event", lines[0]]))
    result = CliRunner().invoke(main, ["publish", str(path), "--brokers", settings.brokers])
    assert result.exit_code == 1
    assert "line 51: value = 'not an event': not_json" in result.stderr
    assert "sent 51, refused 1, undelivered 0" in result.stderr
    assert len(taken(settings)) == 51
