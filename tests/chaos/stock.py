"""CMOs whose stock runs out and comes back, as a test tells it."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from events.data import INVENTORY, Data, DemandForecast, StockCounted
from events.event import event
from events.files import address
from events.partition import partition_of
from events.values import Quantity
from streams.settings import Settings

PRODUCT = "pills"
ENOUGH, NONE = 100, 0


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
            version=1,
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
