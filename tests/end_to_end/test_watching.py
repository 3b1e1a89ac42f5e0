"""The monitor against a real broker: what it says after faults is what one clean pass says."""

import asyncio
import json
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from deploy.lab.demo import AGREEMENTS
from deploy.lab.demo.load import put
from events.partition import partition_of
from streams.settings import Settings
from tests.end_to_end.clean_pass import (
    all_is_said,
    check_against_a_clean_pass,
    own_topics,
    read_at,
    simulated,
)
from tests.end_to_end.conftest import Worker, eventually
from tests.end_to_end.poisons import lot_completed, poisons

pytestmark = [pytest.mark.broker, pytest.mark.slow]

WATCHING = Path(__file__).with_name("watching_worker.py")


@pytest.fixture
def watch(start_worker: Callable[..., Worker]) -> Callable[..., Worker]:
    def start(**changed: Any) -> Worker:
        return start_worker(WATCHING, agreements=AGREEMENTS, default_agreement=True, **changed)

    return start


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
    eventually(lambda: speeds(worker), "how fast it reads, and how long it takes, is said", 60)
    eventually(all_is_said(events, worker), "all is said", 180)
    check_against_a_clean_pass(settings, worker)
    log = worker.errors.read_text()
    assert re.search(r"reading the log: [\d,]+ events of 4 partitions .* events/s, .* s left", log)
    assert len(re.findall(r"caught up: [\d,]+ events of 4 partitions .* events/s", log)) == 1
    assert {each["seconds_left"] for each in partitions(worker)} == {0.0}


def speeds(worker: Worker) -> bool:
    return any(each["events_per_second"] and each["seconds_left"] for each in partitions(worker))


def partitions(worker: Worker) -> list[dict[str, Any]]:
    return list(worker.health()["partitions"].values())


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
    own = asyncio.run(own_topics(settings))
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
    before = asyncio.run(own_topics(settings))
    worker.signal(signal.SIGTERM)
    assert worker.ended(15) == 0
    worker.start()
    eventually(all_is_said(5_000, worker), "all is said again", 60)
    after = asyncio.run(own_topics(settings))
    assert len(before.breaches) > 0
    assert sorted(m.value or b"" for m in after.breaches) == sorted(
        m.value or b"" for m in before.breaches
    )
    assert len(after.dead_letters) == len(before.dead_letters)
    check_against_a_clean_pass(settings, worker)
