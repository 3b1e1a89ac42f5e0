"""Workers as they are shipped, on a real broker, and publishers that do not give up."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.lab.demo import AGREEMENTS
from deploy.lab.demo.errors import NotLoaded
from deploy.lab.demo.load import put
from events.data import INBOUND
from streams.settings import Settings
from tests.end_to_end.clean_pass import all_is_said, check_against_a_clean_pass
from tests.end_to_end.conftest import ROOT, Worker, eventually, start_worker
from tests.worlds import world_until_now

__all__ = ["start_worker"]

SHIPPED = ROOT / "tests" / "end_to_end" / "watching_worker.py"
UNGUARDED = Path(__file__).with_name("unguarded_worker.py")
EVENTS = 24_000
"""How much is told in a test where nothing else is said."""

_PIECE = 1_000
_PATIENCE = 150.0
_DESCRIPTORS = 60
_BASE, _PER_EVENT = 160 << 20, 8_000


class Footprint(NamedTuple):
    """What a process holds of its machine: resident bytes and open descriptors."""

    memory: int
    descriptors: int


def footprint(worker: Worker) -> Footprint:
    assert worker.process is not None
    of = Path(f"/proc/{worker.process.pid}")
    [line] = [line for line in (of / "status").read_text().splitlines() if "VmRSS" in line]
    return Footprint(int(line.split()[1]) * 1024, len(list((of / "fd").iterdir())))


class Telling(threading.Thread):
    """Publishes lines piece by piece, and a piece again that the broker did not take whole."""

    def __init__(self, settings: Settings, lines: list[bytes], folder: Path, pace: float) -> None:
        super().__init__(daemon=True)
        self._settings, self._lines, self._pace = settings, lines, pace
        self._file = folder / f"told-{id(self)}.ndjson"
        self._over = threading.Event()
        self.told = 0

    def run(self) -> None:
        for first in range(0, len(self._lines), _PIECE):
            piece = self._lines[first : first + _PIECE]
            self._file.write_bytes(b"".join(line + b"\n" for line in piece))
            while not self._over.is_set() and not self._taken():
                self._over.wait(0.2)
            self.told += len(piece)
            self._over.wait(self._pace)

    def _taken(self) -> bool:
        try:
            asyncio.run(put(self._settings, self._file, lambda _: None))
        except NotLoaded:
            return False
        return True

    def end(self) -> None:
        self._over.set()
        self.join(60)


@pytest.fixture(scope="session")
def history() -> list[bytes]:
    """A simulated world that ends today, a CloudEvent a line in the order they were recorded."""
    return world_until_now(60_000)


@pytest.fixture
def tell(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Telling]]:
    """Publishes lines in the background; what is not told by the end of the test never is."""
    started: list[Telling] = []

    def start(lines: list[bytes], pace: float = 0.0) -> Telling:
        started.append(Telling(settings, lines, tmp_path, pace))
        started[-1].start()
        return started[-1]

    yield start
    for telling in started:
        telling.end()


@pytest.fixture
def watch(start_worker: Callable[..., Worker]) -> Callable[..., Worker]:
    """Starts a worker as it is shipped, or without the guards that `CHAOS_WITHOUT` names."""

    def start(**changed: Any) -> Worker:
        script = UNGUARDED if os.environ.get("CHAOS_WITHOUT") else SHIPPED
        given = {"agreements": AGREEMENTS, "default_agreement": True, **changed}
        return start_worker(script, **given)

    return start


@pytest.fixture
def also_without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Takes something out of the workers that start from here on."""

    def take_out(what: str) -> None:
        monkeypatch.setenv("CHAOS_WITHOUT", f"{os.environ.get('CHAOS_WITHOUT', '')} {what}")

    return take_out


def all_told(*tellings: Telling) -> None:
    for telling in tellings:
        telling.join(_PATIENCE)
        assert not telling.is_alive(), "the broker takes what is told"


def share(partitions: int, *workers: Worker) -> Callable[[], bool]:
    """Whether these workers together hold so many partitions, each one, and are ready."""

    def shared() -> bool:
        ready = [worker.ready() for worker in workers]
        held = [number for worker in workers for number in worker.health()["partitions"]]
        return all(ready) and len(held) == len(set(held)) == partitions

    return shared


def stands(settings: Settings) -> int:
    """How many offsets the inbound topics have."""

    async def ends() -> int:
        consumer = AIOKafkaConsumer(**settings.client())
        await consumer.start()
        try:
            places = [TopicPartition(t, p) for t in INBOUND for p in range(settings.partitions)]
            return sum((await consumer.end_offsets(places)).values())
        finally:
            await consumer.stop()

    return asyncio.run(ends())


def check(settings: Settings, *workers: Worker, silence_waits: bool = False) -> None:
    """All is as one clean pass makes it, and no worker holds more than it needs for that."""
    count = stands(settings)
    eventually(all_is_said(count, *workers), "all is said", _PATIENCE)
    check_against_a_clean_pass(settings, *workers, silence_waits=silence_waits)
    for worker in workers:
        held = footprint(worker)
        assert held.descriptors < _DESCRIPTORS, held
        assert held.memory < _BASE + _PER_EVENT * count, held
