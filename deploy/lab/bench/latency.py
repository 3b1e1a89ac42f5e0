"""How long an event takes until it is seen: on the worker's metrics, and as a breach."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.lab.bench.errors import NotSeen
from deploy.lab.demo.program import Worker
from events.breaches import BREACH_EVENT
from events.data import BREACHES, Data, DemandForecast, StockCounted
from events.event import event
from events.files import address
from events.partition import partition_of
from events.values import Quantity
from streams.settings import Settings

RATES = (100, 1_000)
MARKERS = 60
_BETWEEN = 0.4  # seconds between markers, on the average
_SCRAPE = 0.1  # seconds between two looks at the metrics
_PATIENCE = 60.0
_CMO = "bench-marker"
_STEP = 0.01


class Seen(NamedTuple):
    """The seconds from publishing each marker until it was seen, at so many events a second."""

    rate: int
    metrics: Sequence[float]
    breaches: Sequence[float]


def nearest_rank(seconds: Iterable[float], hundredth: int) -> float:
    """The quantile of some values by nearest rank."""
    ordered = sorted(seconds)
    return ordered[max(0, -(-len(ordered) * hundredth // 100) - 1)]


async def latencies(settings: Settings, traffic: Iterator[bytes], log: Path) -> list[Seen]:
    """What a caught-up worker takes at each rate; `traffic` are the other events published.

    A marker is the count of a product that runs out: its days of supply become 0 on /metrics, and
    a breach opens. Raises `NotSeen` when a marker is not seen.
    """
    with Worker(settings, log) as worker:
        return [await _Trial(settings, worker, rate).run(traffic) for rate in RATES]


class _Trial:
    """One rate: its markers, when each was published, and when it was seen."""

    def __init__(self, settings: Settings, worker: Worker, rate: int) -> None:
        self._settings, self._worker, self._rate = settings, worker, rate
        self._products = [f"runs-out-{rate}-{number}" for number in range(MARKERS)]
        self._published: dict[str, float] = {}
        self._on_metrics: dict[str, float] = {}
        self._breached: dict[str, float] = {}
        self._producer: Any = None

    async def run(self, traffic: Iterator[bytes]) -> Seen:
        async with AsyncExitStack() as stack:
            client = self._settings.client()
            self._producer = AIOKafkaProducer(**client, acks="all", linger_ms=2)
            await self._producer.start()
            stack.push_async_callback(self._producer.stop)
            breaches = AIOKafkaConsumer(
                BREACHES,
                **client,
                auto_offset_reset="latest",
                isolation_level="read_committed",
            )
            await breaches.start()
            stack.push_async_callback(breaches.stop)
            await self._stock_up()
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read(breaches))
                flowing = tasks.create_task(self._flow(traffic))
                looking = tasks.create_task(self._look())
                await self._run_out()
                await self._all_are_seen()
                for task in (reading, flowing, looking):
                    task.cancel()
        return Seen(self._rate, self._since(self._on_metrics), self._since(self._breached))

    def _since(self, seen: dict[str, float]) -> list[float]:
        return [seen[product] - self._published[product] for product in self._products]

    async def _stock_up(self) -> None:
        today = datetime.now(UTC).date()
        for product in self._products:
            need = DemandForecast(
                product=product,
                version=1,
                quantity=Quantity(value=100, unit="EA"),
                start=today - timedelta(days=2),
                end=today + timedelta(days=97),
            )
            await self._say(need, "/sponsor", f"need-{product}")
            await self._count(product, 100)
        await self._until(lambda shown: all(_shown(shown, p) for p in self._products))

    async def _run_out(self) -> None:
        rng = Random(self._rate)
        for product in self._products:
            await asyncio.sleep(rng.uniform(0.5, 1.5) * _BETWEEN)
            self._published[product] = time.monotonic()
            await self._count(product, 0)

    async def _count(self, product: str, pieces: int) -> None:
        quantity = Quantity(value=pieces, unit="EA")
        counted = StockCounted(site="plant", product=product, quantity=quantity)
        await self._say(counted, f"/cmo/{_CMO}", f"count-{product}-{pieces}")

    async def _say(self, data: Data, source: str, id_: str) -> None:
        now = datetime.now(UTC) - timedelta(seconds=1)
        line = event(data, id=id_, source=source, time=now, partitionkey=_CMO).json_line()
        await self._put(line)

    async def _put(self, line: bytes) -> None:
        topic, key = address(line)
        partition = partition_of(key, self._settings.partitions)
        await self._producer.send(topic, line, key=key, partition=partition)

    async def _flow(self, traffic: Iterator[bytes]) -> None:
        """Publishes the other events at the trial's rate."""
        began = time.monotonic()
        for sent, line in enumerate(traffic, start=1):
            await self._put(line)
            while sent > (time.monotonic() - began) * self._rate:
                await asyncio.sleep(_STEP)

    async def _read(self, breaches: Any) -> None:
        async for record in breaches:
            breach = BREACH_EVENT.validate_json(record.value).data
            if breach.scope.product in self._published and breach.transition == "opened":
                self._breached.setdefault(breach.scope.product, time.monotonic())

    async def _look(self) -> None:
        while True:
            shown, at = await self._scraped(), time.monotonic()
            for product in self._published.keys() - self._on_metrics.keys():
                if _shown(shown, product, " 0\n"):
                    self._on_metrics[product] = at
            await asyncio.sleep(_SCRAPE)

    async def _all_are_seen(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                while min(len(self._on_metrics), len(self._breached)) < MARKERS:
                    await asyncio.sleep(_STEP)
        except TimeoutError as error:
            raise NotSeen(
                f"of {MARKERS} markers {len(self._on_metrics)} came onto /metrics and "
                f"{len(self._breached)} became breaches within {_PATIENCE:.0f} s"
            ) from error

    async def _until(self, condition: Any) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                while not condition(await self._scraped()):
                    await asyncio.sleep(_SCRAPE)
        except TimeoutError as error:
            raise NotSeen(f"the worker did not get ready in {_PATIENCE:.0f} s") from error

    async def _scraped(self) -> str:
        self._worker.check()
        return await asyncio.to_thread(page, self._worker.metrics)


def _shown(metrics: str, product: str, value: str = "") -> bool:
    return f'cmo_supply_cover_seconds{{cmo="{_CMO}",product="{product}"}}{value}' in metrics


def page(url: str) -> str:
    """The metrics of a worker; empty while it does not answer."""
    try:
        with urlopen(url, timeout=10) as answer:
            return str(answer.read(), "utf-8")
    except (URLError, OSError):
        return ""
