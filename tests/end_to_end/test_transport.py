"""The transport against a real broker: every committed event is folded once, whatever dies."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from deploy.lab.kafka import LocalKafka
from events.data import BREACHES, DEAD_LETTERS, INBOUND, INVENTORY, LOTS, OWN, TOPICS
from streams.kafka.repair import repair
from streams.kafka.topics import create_or_verify
from streams.settings import Settings
from tests.conftest import delete
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

Start = Callable[..., Worker]


def publish(settings: Settings, topic: str, values: Iterable[bytes], **options: Any) -> None:
    """Writes values round the partitions of a topic, and waits until they are acknowledged."""
    asyncio.run(_publish(settings, topic, list(values), **options))


async def _publish(
    settings: Settings,
    topic: str,
    values: list[bytes],
    *,
    partitions: tuple[int, ...] | None = None,
    abort: bool = False,
) -> None:
    into = partitions or tuple(range(settings.partitions))
    transactional = {"transactional_id": f"{settings.group}-aborted"} if abort else {}
    producer = AIOKafkaProducer(
        **settings.client(), **transactional, enable_idempotence=True, linger_ms=5
    )
    await producer.start()
    try:
        if abort:
            await producer.begin_transaction()
        under_way = [
            await producer.send(topic, value, partition=into[index % len(into)])
            for index, value in enumerate(values)
        ]
        await asyncio.gather(*under_way)
        if abort:
            await producer.abort_transaction()
    finally:
        await producer.stop()


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def counted(workers: Iterable[Worker]) -> tuple[int, int]:
    """How many inbound events all workers have folded, and the sum of their numbers."""
    return tuple(  # type: ignore[return-value]
        sum(
            int(sample.value)
            for worker in workers
            for sample in worker.samples(name)
            if sample.labels["topic"] in INBOUND
        )
        for name in ("toy_count", "toy_sum")
    )


def exactly(count: int) -> tuple[int, int]:
    return count, count * (count - 1) // 2


def all_counted(workers: list[Worker], count: int, deadline: float = 90.0) -> None:
    eventually(lambda: all(worker.ready() for worker in workers), "all ready", deadline)
    eventually(lambda: counted(workers)[0] >= count, f"{count} events folded", deadline)
    assert counted(workers) == exactly(count)


def test_a_worker_killed_amid_its_events_counts_each_once_when_it_returns(
    settings: Settings, start_worker: Start
) -> None:
    worker = start_worker()
    eventually(lambda: worker.ready(4), "ready")
    publish(settings, LOTS, numbers(50_000)[:25_000])
    eventually(lambda: counted([worker])[0] > 1_000, "in the midst of it")
    worker.kill()
    publish(settings, LOTS, numbers(50_000)[25_000:])
    worker.start()
    all_counted([worker], 50_000)


def test_a_partition_that_moves_between_workers_is_folded_whole(
    settings: Settings, start_worker: Start
) -> None:
    first, second = start_worker(), start_worker()
    eventually(lambda: first.ready(2) and second.ready(2), "two partitions each")
    publish(settings, LOTS, numbers(20_000)[:10_000])
    second.signal(signal.SIGTERM)
    assert second.ended() == 0
    publish(settings, LOTS, numbers(20_000)[10_000:])
    eventually(lambda: first.ready(4), "the first holds all")
    all_counted([first], 20_000)
    second.start()
    eventually(lambda: first.ready(2) and second.ready(2), "two partitions each again")
    all_counted([first, second], 20_000)


def test_three_workers_share_partition_numbers_whole(start_worker: Start) -> None:
    workers = [start_worker() for _ in range(3)]

    def held() -> list[str]:
        return sorted(p for worker in workers for p in worker.health()["partitions"])

    eventually(
        lambda: all(worker.ready() for worker in workers) and held() == ["0", "1", "2", "3"],
        "each partition number with all its topics in one place",
    )


def test_a_worker_paused_beyond_its_session_does_no_harm_when_it_goes_on(
    settings: Settings, start_worker: Start
) -> None:
    paused, killed = start_worker(), start_worker()
    eventually(lambda: paused.ready(2) and killed.ready(2), "two partitions each")
    publish(settings, LOTS, numbers(30_000)[:10_000])
    paused.signal(signal.SIGSTOP)
    publish(settings, LOTS, numbers(30_000)[10_000:20_000])
    eventually(lambda: killed.ready(4), "the other holds all")
    killed.kill()
    paused.signal(signal.SIGCONT)
    publish(settings, LOTS, numbers(30_000)[20_000:])
    killed.start()
    eventually(lambda: paused.ready(2) and killed.ready(2), "two partitions each again")
    all_counted([paused, killed], 30_000)


def test_a_batch_that_is_lost_on_the_way_is_gone_back_for(
    settings: Settings, start_worker: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_LOSES_EVERY", "7")
    publish(settings, LOTS, numbers(40_000))
    worker = start_worker()
    all_counted([worker], 40_000)
    publish(settings, LOTS, [b"0"] * 40)
    eventually(lambda: worker.total("toy_count", topic=LOTS) == 40_040, "the last ones too")


def test_the_events_of_an_aborted_transaction_are_never_seen(
    settings: Settings, start_worker: Start
) -> None:
    publish(settings, LOTS, [b"1000000"] * 1_200, abort=True)
    publish(settings, LOTS, numbers(100))
    publish(settings, INVENTORY, [b"1000000"] * 1_200, abort=True)
    worker = start_worker()
    eventually(lambda: worker.ready(4), "past the markers of both topics")
    assert counted([worker]) == exactly(100)


def test_a_worker_with_nothing_to_read_is_ready_and_hears_the_log(start_worker: Start) -> None:
    worker = start_worker()
    eventually(lambda: worker.ready(4), "ready")
    eventually(lambda: worker.total("toy_ticked"), "ticked")
    before = min(worker.values("toy_ticked"))
    eventually(lambda: min(worker.values("toy_ticked")) > before, "time goes on", 5)
    assert abs(time.time() - min(worker.values("toy_ticked"))) < 5


def test_an_open_transaction_stops_the_time_of_its_partition_alone(
    settings: Settings, start_worker: Start
) -> None:
    worker = start_worker()
    eventually(lambda: worker.ready(4) and min(worker.values("toy_ticked")) > 0, "ticked")

    async def left_open() -> None:
        producer = AIOKafkaProducer(**settings.client(), transactional_id=settings.group)
        await producer.start()
        try:
            await producer.begin_transaction()
            await producer.send_and_wait(LOTS, b"1", partition=1)
            opened = time.time()
            await asyncio.to_thread(_others_go_on, worker, opened)
            await producer.commit_transaction()
        finally:
            await producer.stop()

    asyncio.run(left_open())
    eventually(lambda: worker.total("toy_count", topic=LOTS) == 1, "committed, and seen")


def _others_go_on(worker: Worker, opened: float) -> None:
    def others() -> float:
        return min(worker.values("toy_ticked", partition=p)[0] for p in "023")

    eventually(lambda: others() > opened + 2, "the others hear the log")
    assert worker.values("toy_ticked", partition="1")[0] < opened + 1


def test_our_own_topics_are_read_to_their_end_before_any_other(
    settings: Settings, start_worker: Start
) -> None:
    publish(settings, LOTS, numbers(4_000))
    for own in OWN:
        publish(settings, own, numbers(8_000))
    asyncio.run(repair(settings, "it is as it should be"))
    worker = start_worker()
    eventually(lambda: worker.ready(4), "ready")
    assert worker.values("toy_own_before_others") == [4_000.0] * 4
    all_counted([worker], 4_000)


def test_what_a_shard_says_stands_on_its_own_partition_of_our_topic(
    settings: Settings, start_worker: Start
) -> None:
    worker = start_worker()
    eventually(lambda: worker.ready(4), "ready")
    publish(settings, LOTS, [b"say 7"] * 300, partitions=(2,))
    read_back = eventually(
        lambda: (
            worker.values("toy_count", topic=DEAD_LETTERS, partition="2") == [300.0]
            and worker.total("toy_count", topic=DEAD_LETTERS)
        ),
        "read back",
    )
    assert read_back == 300
    assert worker.total("toy_count", topic=BREACHES) == 0


def test_an_event_that_cannot_be_folded_ends_the_process_and_says_where(
    settings: Settings, start_worker: Start
) -> None:
    publish(settings, INVENTORY, [b"1", b"poison"], partitions=(3,))
    worker = start_worker()
    assert worker.ended() == 70
    said = worker.errors.read_text()
    assert "cmo.inventory[3] at offset 0 to 2" in said
    assert "a shard that cannot go on" in said


def test_a_topic_created_anew_is_read_no_further(settings: Settings, start_worker: Start) -> None:
    publish(settings, LOTS, numbers(1_000))
    worker = start_worker()
    all_counted([worker], 1_000)

    async def begun_anew() -> None:
        await delete(settings, LOTS)
        await create_or_verify(settings)

    asyncio.run(begun_anew())
    again = "cmo.lots was deleted and created anew"

    def are_damaged() -> bool:
        partitions = worker.health()["partitions"].values()
        return len(partitions) == 4 and all(again in each["damaged"] for each in partitions)

    publish(settings, LOTS, numbers(2_000))
    eventually(are_damaged, "damaged")
    assert not worker.ready()
    action = "Operator action: see CmowatchLogDamaged"
    eventually(lambda: action in worker.errors.read_text(), "it says what to do")


def test_a_worker_that_is_asked_to_end_ends_within_five_seconds(start_worker: Start) -> None:
    worker = start_worker()
    eventually(lambda: worker.ready(4), "ready")
    asked = time.monotonic()
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0
    assert time.monotonic() - asked < 5


def test_a_worker_outlives_its_broker(
    broker: LocalKafka, settings: Settings, start_worker: Start
) -> None:
    worker = start_worker()
    eventually(lambda: worker.ready(4), "ready")
    publish(settings, LOTS, numbers(20_000)[:10_000])
    broker.kill()
    try:
        eventually(lambda: worker.get("/health/live")[0] == 200, "alive without a broker")
    finally:
        broker.start()
    publish(settings, LOTS, numbers(20_000)[10_000:])
    all_counted([worker], 20_000)
    assert len(worker.errors.read_text().splitlines()) < 500


def test_a_worker_waits_for_a_broker_that_is_not_there_yet(
    broker: LocalKafka, settings: Settings, start_worker: Start
) -> None:
    asyncio.run(delete(settings, *TOPICS))
    broker.kill()
    try:
        worker = start_worker()
        eventually(lambda: "Next attempt" in worker.errors.read_text(), "waiting")
    finally:
        broker.start()
    eventually(lambda: worker.ready(4), "ready")


def test_a_worker_without_a_broker_gives_up_and_says_what_to_do(
    settings: Settings, start_worker: Start
) -> None:
    worker = start_worker(brokers="127.0.0.1:1", broker_wait=1)
    assert worker.ended() == 69
    assert "Operator action" in worker.errors.read_text()


def test_the_group_commits_how_far_it_has_folded(settings: Settings, start_worker: Start) -> None:
    publish(settings, LOTS, numbers(1_000))
    worker = start_worker()
    all_counted([worker], 1_000)
    eventually(lambda: _committed(settings) == 1_000, "committed", 15)


def _committed(settings: Settings) -> int:
    async def ask() -> int:
        admin = AIOKafkaAdminClient(**settings.client())
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(settings.group)
        finally:
            await admin.close()
        return sum(max(at.offset, 0) for tp, at in offsets.items() if tp.topic == LOTS)

    return asyncio.run(ask())
