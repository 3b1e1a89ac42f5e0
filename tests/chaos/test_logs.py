"""Logs that are not as they should be: transactions left open and undone, partitions added."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from alerts.records.lot import LOT
from events.data import DEAD_LETTERS, INVENTORY, LOTS
from events.partition import partition_of
from streams.settings import Settings
from tests.builders import deriving
from tests.chaos.conftest import Telling, all_told, check, share
from tests.chaos.unguarded_worker import cursed
from tests.end_to_end.clean_pass import judged_by, own_topics
from tests.end_to_end.conftest import Worker, eventually
from tests.end_to_end.poisons import lot_completed

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.slow]

Watch = Callable[..., Worker]
Tell = Callable[..., Telling]


@asynccontextmanager
async def producing(settings: Settings, **options: Any) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(**settings.client(), **options)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def transaction(settings: Settings, name: str) -> AsyncIterator[Any]:
    async with producing(settings, transactional_id=f"{settings.group}-{name}") as producer:
        await producer.begin_transaction()
        yield producer


async def say(settings: Settings, cmo: str, count: int) -> None:
    async with producing(settings) as producer:
        await say_by(producer, settings, cmo, count)


async def say_by(producer: Any, settings: Settings, cmo: str, count: int) -> None:
    key = cmo.encode()
    lots = (
        lot_completed(id=f"{cmo}-{n}", source=f"/cmo/{cmo}", data={"lot": f"{cmo}-{n}"})
        for n in range(count)
    )
    place = partition_of(key, settings.partitions)
    sent = [
        await producer.send(LOTS, json.dumps(lot).encode(), key=key, partition=place)
        for lot in lots
    ]
    await asyncio.gather(*sent)


def judged(workers: Iterable[Worker]) -> set[str]:
    return {reading["cmo"] for reading in judged_by(*workers)}


def test_what_a_transaction_has_not_committed_is_never_heard_even_by_a_worker_killed_meanwhile(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    workers = [watch(), watch()]
    eventually(share(4, *workers), "all is held", 90)
    telling = tell(history[:8_000])

    async def in_transactions() -> None:
        async with transaction(settings, "undone") as undone:
            await say_by(undone, settings, "undone-works", 1_200)
            async with transaction(settings, "open") as left_open:
                await say_by(left_open, settings, "late-works", 300)
                workers[0].kill()
                workers[0].start()
                await asyncio.to_thread(all_told, telling)
                await asyncio.to_thread(eventually, share(4, *workers), "all is held again", 50)
                assert judged(workers).isdisjoint({"undone-works", "late-works"})
                await left_open.commit_transaction()
            await undone.abort_transaction()

    asyncio.run(in_transactions())
    check(settings, *workers)
    assert judged(workers) & {"undone-works", "late-works"} == {"late-works"}


def test_what_was_refused_once_stays_refused_though_it_could_be_taken_now(
    settings: Settings, watch: Watch
) -> None:
    place, count = partition_of(b"acme", settings.partitions), 4_000
    asyncio.run(say(settings, "acme", count))
    asyncio.run(refuse(settings, place, count // 2))
    workers = [watch(), watch()]
    check(settings, *workers)
    accepted = [worker.total("cmowatch_events_accepted_total", topic=LOTS) for worker in workers]
    assert sum(accepted) == count - count // 2


async def refuse(settings: Settings, partition: int, count: int) -> None:
    """Writes the dead letters of the first so many messages, as another version would have."""
    async with producing(settings) as producer:
        for offset in range(count):
            at = {"topic": LOTS, "partition": str(partition), "offset": str(offset)}
            headers = {"kind": "refused", **at, "ordinal": "1", "reason": "not_json"}.items()
            await producer.send(
                DEAD_LETTERS,
                b"",
                key=b"acme",
                partition=partition,
                headers=[(name, value.encode()) for name, value in headers],
            )


@pytest.fixture
def curse() -> Iterator[None]:
    """Lots with a cursed event cannot be worked out here, either."""
    with deriving(LOT, cursed(LOT.derive)):
        yield


def test_an_event_no_formula_takes_is_one_dead_letter_and_stops_nobody(
    settings: Settings,
    watch: Watch,
    also_without: Callable[[str], None],
    curse: None,
) -> None:
    also_without("sound_formulas")
    asyncio.run(say(settings, "acme", 300))
    workers = [watch(), watch()]
    eventually(share(4, *workers), "all is held", 90)
    asyncio.run(say(settings, "cursed", 200))
    asyncio.run(say(settings, "beta", 300))
    workers[0].kill()
    workers[0].start()
    check(settings, *workers)
    letters = asyncio.run(own_topics(settings)).dead_letters
    reasons = [dict(letter.headers)["reason"] for letter in letters]
    assert reasons == [b"unfoldable"] * 200


def test_partitions_added_to_a_topic_end_every_worker_with_what_to_do(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    all_told(tell(history[:4_000]))
    workers = [watch(), watch()]
    eventually(share(4, *workers), "all is held", 90)

    async def add() -> None:
        admin = AIOKafkaAdminClient(**settings.client())
        await admin.start()
        try:
            await admin.create_partitions({LOTS: NewPartitions(5), INVENTORY: NewPartitions(5)})
        finally:
            await admin.close()

    asyncio.run(add())
    assert [worker.ended(90) for worker in workers] == [70, 70]
    for worker in workers:
        assert "more than the pinned 4 partitions" in worker.errors.read_text()
    again = watch()
    assert again.ended(60) == 1
    assert "cmo.lots has 5 partitions, and 4 are pinned" in again.errors.read_text()
    assert "Operator action" in again.errors.read_text()
