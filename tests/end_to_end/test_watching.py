"""The monitor against a real broker: what it says after faults is what one clean pass says."""

import asyncio
import json
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from alerts.agreements import Agreements
from alerts.breaches import Ledger, transitions
from alerts.calendar import moment
from alerts.readings import readings
from deploy.demo.load import put
from deploy.simulate.simulator import simulate
from events.breaches import BREACH_EVENT
from events.data import BREACHES, DEAD_LETTERS
from events.decode import Accepted, Message, Rejection
from events.partition import partition_of
from events.values import microseconds
from streams.agreements import read_agreements
from streams.history import outcomes
from streams.replay import Pass, as_dict
from streams.settings import Settings
from streams.shard import decoder_of
from tests.end_to_end.conftest import ROOT, Worker, eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

WATCHING = Path(__file__).with_name("watching_worker.py")
AGREEMENTS = ROOT / "deploy" / "agreements"


class Own(NamedTuple):
    """What stands on our own topics."""

    breaches: list[Message]
    dead_letters: list[Message]


@pytest.fixture
def watch(start_worker: Callable[..., Worker]) -> Callable[..., Worker]:
    def start(**changed: Any) -> Worker:
        return start_worker(WATCHING, agreements=AGREEMENTS, default_agreement=True, **changed)

    return start


def simulated(folder: Path, events: int) -> Path:
    file = folder / "events.ndjson"
    world = simulate(1, events, until=datetime.now(UTC))
    file.write_bytes(b"".join(line + b"\n" for line in world.events))
    return file


def agreed() -> Agreements:
    return read_agreements(AGREEMENTS, use_default=True)


def judged_by(*workers: Worker) -> list[dict[str, Any]]:
    return [reading for worker in workers for reading in json.loads(worker.get("/readings")[1])]


def read_at(*workers: Worker) -> int:
    """How many messages of the inbound topics the workers have folded."""
    return int(
        sum(
            worker.total("cmowatch_folded_offset", topic=topic)
            for worker in workers
            for topic in ("cmo.lots", "cmo.inventory", "cmo.releases", "cmo.actions")
        )
    )


def nothing_is_due(*workers: Worker) -> bool:
    due = [value for worker in workers for value in worker.values("cmowatch_outputs_due")]
    return bool(due) and not any(due)


def all_is_said(count: int, *workers: Worker) -> Callable[[], bool]:
    """Whether all is folded, judged afterwards and said."""
    folded_at: list[float] = []

    def settled() -> bool:
        if read_at(*workers) < count or not all(worker.ready() for worker in workers):
            return False
        folded_at[:] = folded_at or [datetime.now(UTC).timestamp()]
        heard = [
            value
            for worker in workers
            for value in worker.values("cmowatch_shard_heard_until_timestamp_seconds")
        ]
        as_of = [each["as_of"] for each in judged_by(*workers)]
        judged = [datetime.fromisoformat(each).timestamp() for each in as_of]
        return (
            bool(heard)
            and bool(judged)
            and min(heard) > folded_at[0]
            and min(judged) > folded_at[0]
            and nothing_is_due(*workers)
        )

    return settled


async def _outcomes(settings: Settings) -> list[Accepted | Rejection]:
    decoder = decoder_of(agreed(), settings.partitions)
    return [outcome async for outcome in outcomes(settings, decoder)]


async def _own(settings: Settings) -> Own:
    consumer = AIOKafkaConsumer(**settings.client(), isolation_level="read_committed")
    await consumer.start()
    try:
        found: dict[str, list[Message]] = {BREACHES: [], DEAD_LETTERS: []}
        places = [TopicPartition(t, p) for t in found for p in range(settings.partitions)]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        await consumer.seek_to_beginning()
        left = {place for place in places if ends[place]}
        while left:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                found[place.topic] += [
                    Message(
                        record.topic,
                        record.partition,
                        record.offset,
                        record.timestamp,
                        record.key,
                        record.value,
                        record.headers,
                    )
                    for record in records
                ]
            left = {place for place in left if await consumer.position(place) < ends[place]}
        return Own(found[BREACHES], found[DEAD_LETTERS])
    finally:
        await consumer.stop()


def check_against_a_clean_pass(settings: Settings, *workers: Worker) -> None:
    """Every reading, breach and dead letter is what one pass over the log makes of it."""
    said = judged_by(*workers)
    found = asyncio.run(_outcomes(settings))
    own = asyncio.run(_own(settings))
    by_moment: dict[str, list[dict[str, Any]]] = {}
    for reading in said:
        by_moment.setdefault(reading["as_of"], []).append(reading)
    ledger = check_breaches(own.breaches)
    cmos = {reading["cmo"] for reading in said}
    assert cmos >= set(agreed().cmos)
    for as_of, some in by_moment.items():
        names = {reading["cmo"] for reading in some}
        clean = Pass(agreed(), datetime.fromisoformat(as_of))
        clean.fold(outcome for outcome in found if outcome.cmo in names)
        expected = [as_dict(reading) for reading in clean.readings() if reading.cmo in names]
        assert sorted(some, key=str) == sorted(expected, key=str)
        now = microseconds(datetime.fromisoformat(as_of))
        for name in names:
            cmo = clean.cmos[name]
            due = list(transitions(cmo, readings(cmo, now), ledger, now))
            assert not due, f"still to say at {moment(now)}: {due}"
    refused = [outcome for outcome in found if isinstance(outcome, Rejection)]
    check_dead_letters(own.dead_letters, refused)


def check_breaches(published: list[Message]) -> Ledger:
    """One content per id, one standing breach per scope, none missing in between."""
    ledger, contents = Ledger(), dict[str, bytes | None]()
    for message in published:
        event = BREACH_EVENT.validate_json(message.value or b"")
        assert contents.setdefault(event.id, message.value) == message.value, event.id
        standing = {each.said.breach for each in ledger.standing.values()}
        ledger.fold(event)
        now = {each.said.breach for each in ledger.standing.values()}
        assert (event.data.breach in now - standing) == (event.data.turn == "opened"), event.id
    return ledger


def check_dead_letters(letters: list[Message], refused: list[Rejection]) -> None:
    def where(headers: Any) -> tuple[str, str, str]:
        said = {name: value.decode() for name, value in headers}
        return said["topic"], said["partition"], said["offset"]

    expected = [
        (each.message.topic, str(each.message.partition), str(each.message.offset))
        for each in refused
    ]
    assert sorted(where(letter.headers) for letter in letters) == sorted(expected)


@pytest.fixture
def publishing(settings: Settings, tmp_path: Path) -> Iterator[Callable[[int], threading.Thread]]:
    """Publishes a simulation in the background; how much is published is of no account."""
    threads = []

    def start(events: int) -> threading.Thread:
        file = simulated(tmp_path, events)
        thread = threading.Thread(
            target=lambda: asyncio.run(put(settings, file, lambda _: None)), daemon=True
        )
        thread.start()
        threads.append(thread)
        return thread

    yield start
    for thread in threads:
        thread.join(60)


def test_a_worker_killed_amid_200_000_events_says_on_return_what_one_clean_pass_says(
    settings: Settings, watch: Callable[..., Worker], tmp_path: Path
) -> None:
    events = 200_000
    asyncio.run(put(settings, simulated(tmp_path, events), lambda _: None))
    worker = watch()
    eventually(lambda: read_at(worker) > events // 3, "a third is read", 120)
    worker.kill()
    worker.start()
    eventually(all_is_said(events, worker), "all is said", 180)
    check_against_a_clean_pass(settings, worker)


def test_two_workers_of_which_one_is_killed_and_rejoins_say_what_one_clean_pass_says(
    settings: Settings,
    watch: Callable[..., Worker],
    publishing: Callable[[int], threading.Thread],
) -> None:
    events = 60_000
    one, two = watch(), watch()
    eventually(lambda: one.ready(2) and two.ready(2), "both hold their half", 90)
    thread = publishing(events)
    eventually(lambda: read_at(one, two) > events // 4, "a quarter is read", 90)
    one.kill()
    thread.join(60)
    one.start()
    eventually(lambda: one.ready(2) and two.ready(2), "both hold their half again", 120)
    eventually(all_is_said(events, one, two), "all is said", 120)
    check_against_a_clean_pass(settings, one, two)


def poisons(good: dict[str, Any]) -> dict[str, tuple[bytes | None, bytes | None, str]]:
    """Every kind of message that cannot be taken: its key, its value, the reason it is given."""

    def of(**changed: Any) -> bytes:
        return json.dumps(
            {**good, "id": f"bad-{len(changed)}-{sorted(changed)}", **changed}
        ).encode()

    data, key = good["data"], b"acme"
    text = json.dumps({**good, "id": "bad"}).encode()
    deep = text.replace(b"99", b"[" * 9_000 + b"]" * 9_000)
    absurd = {**data, "actual": {"value": 1e300, "unit": "EA"}}
    return {
        "no JSON": (key, b"{", "not_json"),
        "no text": (key, b"\xff\xfe\x00", "not_json"),
        "several values": (key, text + text, "not_json"),
        "unknown type": (key, of(type="cmo.lot.eaten.v1"), "unknown_type"),
        "unknown version": (key, of(type="cmo.lot.completed.v9"), "unknown_version"),
        "a value is missing": (key, of(data={}), "invalid_value"),
        "an absurd value": (
            key,
            of(data=absurd),
            "invalid_value",
        ),
        "a naive time": (key, of(time="2026-01-01T00:00:00"), "invalid_value"),
        "not a number": (key, text.replace(b"99", b"NaN"), "invalid_value"),
        "a huge integer": (key, text.replace(b"99", b"9" * 4_000), "invalid_value"),
        "too deep": (
            key,
            deep,
            "not_json",
        ),
        "no value": (key, None, "no_value"),
        "no key": (None, text, "no_key"),
        "a key that is no CMO": (b"No CMO!", text, "bad_key"),
        "another's key": (key, of(partitionkey="other"), "wrong_key"),
        "a source that may not say it": (key, of(source="/lab/one"), "not_entitled"),
        "a source nobody knows": (key, of(source="/cmo/other"), "unknown_source"),
        "other content": (
            key,
            json.dumps({**good, "data": {"lot": "other"}}).encode(),
            "other_content",
        ),
        "from the future": (key, of(time="2099-01-01T00:00:00Z"), "from_the_future"),
    }


def lot_completed(**changed: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "good",
        "source": "/cmo/acme",
        "type": "cmo.lot.completed.v1",
        "time": "2026-01-01T00:00:00Z",
        "data": {"lot": "L-1", "actual": {"value": 99, "unit": "EA"}},
        **changed,
    }


async def _send(settings: Settings, messages: list[tuple[bytes | None, bytes | None, int]]) -> None:
    producer = AIOKafkaProducer(**settings.client(), max_request_size=2 << 20)
    await producer.start()
    try:
        for key, value, partition in messages:
            await producer.send_and_wait("cmo.lots", value, key=key, partition=partition)
    finally:
        await producer.stop()


def test_each_kind_of_poison_is_one_dead_letter_and_the_good_ones_go_on(
    settings: Settings, watch: Callable[..., Worker]
) -> None:
    place = partition_of(b"acme", settings.partitions)
    bad = poisons(lot_completed())
    good = [lot_completed(id=f"good-{n}", data={"lot": f"L-{n}"}) for n in range(len(bad))]
    large = lot_completed(id="large", data={"lot": "L-L", "note": "x" * 900_000})
    first = (b"acme", json.dumps(lot_completed()).encode(), place)
    mixed: list[tuple[bytes | None, bytes | None, int]] = [
        first,
        (b"acme", json.dumps(large).encode(), place),
    ]
    for (key, value, _), fine in zip(bad.values(), good, strict=True):
        mixed += [(key, value, place), (b"acme", json.dumps(fine).encode(), place)]
    elsewhere = (b"acme", first[1], (place + 1) % settings.partitions)
    asyncio.run(_send(settings, [*mixed, elsewhere]))
    worker = watch()
    eventually(all_is_said(len(mixed) + 1, worker), "all is said", 60)
    own = asyncio.run(_own(settings))
    said = [{name: value.decode() for name, value in each.headers} for each in own.dead_letters]
    reasons = {each["offset"]: each["reason"] for each in said if each["partition"] == str(place)}
    expected = {str(2 + 2 * at): reason for at, (_, _, reason) in enumerate(bad.values())}
    assert reasons == expected
    [stray] = [each for each in said if each["partition"] != str(place)]
    assert (stray["reason"], "murmur2_random" in stray["detail"]) == ("wrong_partition", True)
    assert worker.total("cmowatch_events_accepted_total", topic="cmo.lots") == len(good) + 2
    assert worker.total("cmowatch_events_rejected_total") == len(bad) + 1
    for letter, told in zip(own.dead_letters, said, strict=True):
        raw = first[1] if told["reason"] == "wrong_partition" else None
        sent = raw or mixed[int(told["offset"])][1] or b""
        assert letter.value == sent


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
def test_every_compression_is_read(
    compression: str, settings: Settings, watch: Callable[..., Worker]
) -> None:
    asyncio.run(_compressed(settings, compression))
    worker = watch()
    eventually(lambda: worker.total("cmowatch_events_accepted_total") == 50, "50 are taken", 60)


async def _compressed(settings: Settings, compression: str) -> None:
    producer = AIOKafkaProducer(**settings.client(), compression_type=compression, linger_ms=50)
    await producer.start()
    try:
        events = [lot_completed(id=f"e-{n}", data={"lot": f"L-{n}"}) for n in range(50)]
        sent = [
            await producer.send("cmo.lots", json.dumps(e).encode(), key=b"acme") for e in events
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def test_the_metrics_are_as_prometheus_wants_them(
    settings: Settings, watch: Callable[..., Worker], tmp_path: Path
) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "promtool is not here; install Debian's prometheus"
    asyncio.run(put(settings, simulated(tmp_path, 2_000), lambda _: None))
    worker = watch()
    eventually(all_is_said(2_000, worker), "all is said", 60)
    _, metrics = worker.get("/metrics")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=metrics, text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    assert "cmo_delivery_otif_ratio{" in metrics
    assert "cmo_breach_open{" in metrics


def test_a_worker_that_is_restarted_says_nothing_twice(
    settings: Settings, watch: Callable[..., Worker], tmp_path: Path
) -> None:
    asyncio.run(put(settings, simulated(tmp_path, 5_000), lambda _: None))
    worker = watch()
    eventually(all_is_said(5_000, worker), "all is said", 60)
    before = asyncio.run(_own(settings))
    worker.signal(signal.SIGTERM)
    assert worker.ended(15) == 0
    worker.start()
    eventually(all_is_said(5_000, worker), "all is said again", 60)
    after = asyncio.run(_own(settings))
    assert len(before.breaches) > 0
    assert sorted(m.value or b"" for m in after.breaches) == sorted(
        m.value or b"" for m in before.breaches
    )
    assert len(after.dead_letters) == len(before.dead_letters)
    check_against_a_clean_pass(settings, worker)
