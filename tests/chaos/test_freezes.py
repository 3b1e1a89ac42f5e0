"""Workers that hang for longer than their session, at the worst moments, and then go on."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from deploy.lab.demo import AGREEMENTS
from deploy.lab.kafka import LocalKafka
from streams.kafka.producer import PartitionProducer
from streams.settings import Settings
from tests.chaos.conftest import check, share, stands
from tests.chaos.freezing_worker import JUDGED, UNCOMMITTED, UNSTARTED, told
from tests.chaos.stock import ENOUGH, NONE, World
from tests.end_to_end.clean_pass import all_is_said, check_clearings
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.slow]

FREEZING = Path(__file__).with_name("freezing_worker.py")
ROUNDS = 5
BROKER_DIES = 2
"""The round in which the broker is killed while workers hang."""

Start = Callable[..., Worker]


@pytest.fixture
def start(start_worker: Start) -> Start:
    return lambda: start_worker(FREEZING, agreements=AGREEMENTS, default_agreement=True)


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
