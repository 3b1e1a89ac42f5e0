"""How long an event takes until somebody is told of the breach it makes."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from deploy.alertmanager.receivers import ON_CALL
from deploy.alertmanager.routing import Pace
from deploy.lab.bench.errors import NotSeen
from deploy.lab.bench.latency import page
from deploy.lab.demo.program import Worker
from deploy.lab.servers import LocalAlertmanager, LocalPrometheus
from deploy.lab.webhook import Webhook
from deploy.prometheus.rule import PAGE
from events.data import Data, DemandForecast, StockCounted
from events.event import event
from events.partition import partition_of
from events.values import Quantity
from streams.settings import Settings

BREACHES = 20
_LOOK = 0.1
_PATIENCE = 150.0
_SPREAD = 3.0  # at most so many seconds between two breaches


class Paged(NamedTuple):
    """The seconds from publishing each event to its breach on /metrics, and at the webhook."""

    metrics: Sequence[float]
    webhook: Sequence[float]


async def pages(settings: Settings, folder: Path) -> Paged:
    """Runs a product of each of twenty CMOs out of stock, at the pace that is shipped.

    Scrapes, rules and the wait for others of the group are as shipped, so the moments at which
    they meet an event are as they fall. Raises `NotSeen` when a breach is not told, and
    `ServerError` without Prometheus or Alertmanager.
    """
    with (
        Webhook() as webhook,
        Worker(settings, folder / "worker.log") as worker,
        LocalAlertmanager(folder, webhook.address, pace=Pace(at_any_hour=True)) as alertmanager,
        LocalPrometheus(folder, [_target(worker)], alertmanager, every=None),
    ):
        return await _Trial(settings, worker, webhook).run()


def _target(worker: Worker) -> str:
    return worker.metrics.removeprefix("http://").removesuffix("/metrics")


class _Trial:
    """Twenty CMOs: when each ran out, and when that was seen."""

    def __init__(self, settings: Settings, worker: Worker, webhook: Webhook) -> None:
        self._settings, self._worker, self._webhook = settings, worker, webhook
        self._cmos = [f"bench-page-{number}" for number in range(BREACHES)]
        self._published: dict[str, float] = {}
        self._breached: dict[str, float] = {}
        self._told: dict[str, float] = {}

    async def run(self) -> Paged:
        producer = AIOKafkaProducer(**self._settings.client(), acks="all")
        await producer.start()
        try:
            for cmo in self._cmos:
                await self._say(producer, cmo, "/sponsor", _needed())
                await self._say(producer, cmo, f"/cmo/{cmo}", _counted(100))
            await self._until(self._stocked, "stocked")
            looking = asyncio.create_task(self._look())
            await self._run_out(producer)
            await self._until(self._all_told, "told")
            looking.cancel()
        finally:
            await producer.stop()
        return Paged(*(self._since(seen) for seen in (self._breached, self._told)))

    async def _run_out(self, producer: Any) -> None:
        rng = Random(1)
        for cmo in self._cmos:
            await asyncio.sleep(rng.uniform(0, _SPREAD))
            self._published[cmo] = time.monotonic()
            await self._say(producer, cmo, f"/cmo/{cmo}", _counted(0))

    async def _say(self, producer: Any, cmo: str, source: str, data: Data) -> None:
        now = datetime.now(UTC)
        name = f"{data.TYPE}-{now:%H%M%S%f}"
        published = event(data, id=name, source=source, time=now, partitionkey=cmo)
        place = partition_of(cmo.encode(), self._settings.partitions)
        await producer.send_and_wait(
            published.topic, published.json_line(), key=cmo.encode(), partition=place
        )

    async def _look(self) -> None:
        while True:
            shown, at = await asyncio.to_thread(page, self._worker.metrics), time.monotonic()
            self._note(self._breached, (cmo for cmo in self._cmos if _opened(cmo) in shown), at)
            self._note(self._told, self._cmos_told(), time.monotonic())
            await asyncio.sleep(_LOOK)

    def _cmos_told(self) -> set[str]:
        return {
            alert.labels.get("cmo", "")
            for message in self._webhook.received
            if message.receiver == ON_CALL
            for alert in message.alerts
            if alert.severity == PAGE
        }

    def _note(self, seen: dict[str, float], cmos: Iterable[str], at: float) -> None:
        for cmo in self._published.keys() & set(cmos):
            seen.setdefault(cmo, at)

    async def _stocked(self) -> bool:
        shown = await asyncio.to_thread(page, self._worker.metrics)
        return all(f'cmo_supply_cover_seconds{{cmo="{cmo}"' in shown for cmo in self._cmos)

    async def _all_told(self) -> bool:
        return len(self._told) == len(self._breached) == BREACHES

    async def _until(self, condition: Callable[[], Any], what: str) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                while not await condition():
                    self._worker.check()
                    await asyncio.sleep(_LOOK)
        except TimeoutError as error:
            raise NotSeen(
                f"not all of {BREACHES} were {what} within {_PATIENCE:.0f} s: "
                f"{len(self._breached)} on /metrics, {len(self._told)} at the webhook"
            ) from error

    def _since(self, seen: dict[str, float]) -> list[float]:
        return [seen[cmo] - self._published[cmo] for cmo in self._cmos]


def _opened(cmo: str) -> str:
    return f'cmo_breach_open{{breach_id="days_of_supply:{cmo}:'


def _needed() -> DemandForecast:
    today = datetime.now(UTC).date()
    return DemandForecast(
        product="pills",
        version=1,
        quantity=Quantity(value=100, unit="EA"),
        start=today - timedelta(days=2),
        end=today + timedelta(days=97),
    )


def _counted(pieces: int) -> StockCounted:
    return StockCounted(site="plant", product="pills", quantity=Quantity(value=pieces, unit="EA"))
