"""Workers that hang for longer than their session, at the worst moments, and then go on."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from deploy.lab.demo import AGREEMENTS
from deploy.lab.kafka import LocalKafka
from events.data import INVENTORY, Data, DemandForecast, StockCounted
from events.event import event
from events.files import address
from events.partition import partition_of
from events.values import Quantity
from streams.kafka.producer import PartitionProducer
from streams.settings import Settings
from tests.chaos.conftest import check, share, stands
from tests.chaos.freezing_worker import JUDGED, UNCOMMITTED, UNSTARTED, told
from tests.end_to_end.clean_pass import all_is_said, check_clearings
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.slow]

FREEZING = Path(__file__).with_name("freezing_worker.py")
PRODUCT = "pills"
ENOUGH, NONE = 100, 0
ROUNDS = 5
BROKER_DIES = 2
"""The round in which the broker is killed while workers hang."""

Start = Callable[..., Worker]


@pytest.fixture
def start(start_worker: Start) -> Start:
    return lambda: start_worker(FREEZING, agreements=AGREEMENTS, default_agreement=True)


class World:
    """One CMO for each partition, whose stock runs out and comes back as it is told to."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        names = (f"works-{number}" for number in range(1_000))
        of = {partition_of(name.encode(), settings.partitions): name for name in names}
        self.cmos = [of[partition] for partition in range(settings.partitions)]
        self.stock = dict.fromkeys(self.cmos, ENOUGH)
        self._told = 0

    def begin(self) -> None:
        today = datetime.now(UTC).date()
        self._tell([*self._needs(today), *self._counts()])

    def count(self, stock: dict[str, int], *, refused: bool = False) -> None:
        """Counts what each CMO has; with a message that cannot be taken beside it, if asked."""
        self.stock.update(stock)
        self._tell(list(self._counts(stock)), list(stock) if refused else [])

    def _needs(self, today: date) -> Iterator[bytes]:
        need = DemandForecast(
            product=PRODUCT,
            quantity=Quantity(value=100, unit="EA"),
            start=today - timedelta(days=2),
            end=today + timedelta(days=97),
        )
        return (self._line(need, cmo, "/sponsor") for cmo in self.cmos)

    def _counts(self, stock: dict[str, int] | None = None) -> Iterator[bytes]:
        for cmo, pieces in (stock or self.stock).items():
            quantity = Quantity(value=pieces, unit="EA")
            counted = StockCounted(site="plant", product=PRODUCT, quantity=quantity)
            yield self._line(counted, cmo, f"/cmo/{cmo}")

    def _line(self, data: Data, cmo: str, source: str) -> bytes:
        """An event that happens in a moment, so that all who know of that moment know of it."""
        self._told += 1
        soon = datetime.now(UTC) + timedelta(seconds=1)
        id_ = f"{cmo}-{self._told}"
        return event(data, id=id_, source=source, time=soon, partitionkey=cmo).json_line()

    def _tell(self, lines: list[bytes], refused: list[str] | None = None) -> None:
        asyncio.run(self._publish(lines, refused or []))

    async def _publish(self, lines: list[bytes], refused: list[str]) -> None:
        messages = [(*address(line), line) for line in lines]
        messages += [(INVENTORY, cmo.encode(), b"no event") for cmo in refused]
        producer: Any = AIOKafkaProducer(**self._settings.client(), enable_idempotence=True)
        await producer.start()
        try:
            for topic, key, line in messages:
                partition = partition_of(key, self._settings.partitions)
                await producer.send_and_wait(topic, line, key=key, partition=partition)
        finally:
            await producer.stop()


def hangs(*workers: Worker) -> bool:
    return all(_state(worker) == "T" for worker in workers)


def _state(worker: Worker) -> str:
    assert worker.process is not None
    status = Path(f"/proc/{worker.process.pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0]


def writable(*workers: Worker) -> bool:
    states = [each for worker in workers for each in worker.health()["partitions"].values()]
    return all(each["writable"] for each in states)


def one_each(*workers: Worker) -> bool:
    held = [len(worker.health()["partitions"]) for worker in workers]
    return sorted(held) == [0, 1, 1, 1, 1] and share(4, *workers)() and writable(*workers)


def hang(world: World, holders: list[Worker], moments: list[str], folder: Path) -> None:
    """Has each worker that holds a partition hang at a moment, with something to say for it."""
    for holder in holders:
        (folder / told(holder.port)).write_text(moments.pop())
    turned = {cmo: NONE if pieces else ENOUGH for cmo, pieces in world.stock.items()}
    world.count(turned, refused=True)
    eventually(lambda: hangs(*holders), "all of them hang", 30)


def test_twenty_workers_that_hang_at_the_worst_moments_say_nothing_when_they_go_on(
    settings: Settings, broker: LocalKafka, start: Start, tmp_path: Path
) -> None:
    rng, world = Random(20), World(settings)
    moments = [JUDGED, UNCOMMITTED] * (ROUNDS * settings.partitions // 2)
    rng.shuffle(moments)
    workers = [start() for _ in range(settings.partitions + 1)]
    eventually(lambda: one_each(*workers), "each holds one partition, but for one", 90)
    world.begin()
    for number in range(ROUNDS):
        eventually(all_is_said(stands(settings), *workers), "all is said", 60)
        [other] = [worker for worker in workers if not worker.health()["partitions"]]
        frozen = [worker for worker in workers if worker is not other]
        hang(world, frozen, moments, tmp_path)
        if number == BROKER_DIES:
            broker.kill()
            broker.start()
        world.count({cmo: rng.choice((NONE, ENOUGH)) for cmo in world.cmos})
        eventually(share(4, other), "the other holds all", 60)
        eventually(all_is_said(stands(settings), other), "and says what there is to say", 60)
        for each in frozen:
            each.signal(signal.SIGCONT)
        eventually(lambda: one_each(*workers), "each holds one again", 60)
    check(settings, *workers)
    check_clearings(settings)
    assert sum(worker.total("cmowatch_outputs_fenced_total") for worker in workers) > 0
    assert moments == []


def test_a_worker_that_becomes_a_writer_too_late_leaves_it_to_who_holds_the_partition(
    settings: Settings, start: Start, tmp_path: Path
) -> None:
    world, holder = World(settings), start()
    eventually(lambda: share(4, holder)() and writable(holder), "one holds all", 60)
    world.begin()
    late = start()
    (tmp_path / told(late.port)).write_text(UNSTARTED)
    eventually(lambda: hangs(late), "the other hangs before it is a writer", 30)
    eventually(lambda: share(4, holder)() and writable(holder), "the first holds all again", 60)
    eventually(all_is_said(stands(settings), holder), "all is said", 60)
    world.count(dict.fromkeys(world.cmos, NONE))
    late.signal(signal.SIGCONT)
    eventually(lambda: share(4, holder, late)() and writable(holder, late), "both hold some", 60)
    check(settings, holder, late)
    check_clearings(settings)


def test_an_owner_that_is_fenced_by_who_came_too_late_says_it_all_the_same(
    settings: Settings, start: Start
) -> None:
    world, owner = World(settings), start()
    eventually(lambda: share(4, owner)() and writable(owner), "one holds all", 60)
    world.begin()
    eventually(all_is_said(stands(settings), owner), "all is said", 60)
    held_since = owner.values("cmowatch_shard_held_since_timestamp_seconds")
    asyncio.run(come_too_late(settings))
    world.count(dict.fromkeys(world.cmos, NONE), refused=True)
    check(settings, owner)
    check_clearings(settings)
    assert owner.total("cmowatch_outputs_fenced_total") == settings.partitions
    assert owner.values("cmowatch_shard_held_since_timestamp_seconds") == held_since


async def come_too_late(settings: Settings) -> None:
    """Starts the producer of every partition, as a worker does that hung just before."""
    for partition in range(settings.partitions):
        await (await PartitionProducer.started(settings, partition)).close()
