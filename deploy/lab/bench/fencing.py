"""What it costs that a partition has one writer: sends in transactions beside sends without."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from events.data import DEAD_LETTERS
from streams.dead_letters import OutboxMessage
from streams.kafka.producer import PartitionProducer
from streams.settings import Settings

SIZES = (1, 20, 500)
"""How many outputs there are to send at once: a breach, some, as many as one transaction takes."""

_TURNS = 40
_BYTES = 900  # of an output, about what a breach has

Send = Callable[[Sequence[OutboxMessage]], Awaitable[None]]


class Fenced(NamedTuple):
    """Seconds of each send of so many outputs, in transactions and without, in turn."""

    size: int
    fenced: Sequence[float]
    unfenced: Sequence[float]

    @property
    def dearer(self) -> float:
        """How many seconds a send takes longer, by the medians."""
        return median(self.fenced) - median(self.unfenced)

    @property
    def ratio(self) -> float:
        """How many times as long a send takes, by the medians."""
        return median(self.fenced) / median(self.unfenced)

    @property
    def rate(self) -> float:
        """Outputs a second, in transactions."""
        return self.size / median(self.fenced)


async def started(settings: Settings, partitions: int) -> float:
    """Seconds until the producers of so many partitions may write, all started at once."""
    began = time.perf_counter()
    every = (PartitionProducer.started(settings, number) for number in range(partitions))
    producers = await asyncio.gather(*every)
    taken = time.perf_counter() - began
    await asyncio.gather(*(each.close() for each in producers))
    return taken


async def sends(settings: Settings, turns: int = _TURNS) -> list[Fenced]:
    """Measures sends of each size to one partition of one broker, in turn with both producers."""
    fenced = await PartitionProducer.started(settings, 0)
    plain: Any = AIOKafkaProducer(
        **settings.client(), acks="all", enable_idempotence=True, max_batch_size=256 << 10
    )
    await plain.start()
    try:
        return [await _sends(fenced.send, _without(plain), size, turns) for size in SIZES]
    finally:
        await fenced.close()
        await plain.stop()


def _without(producer: Any) -> Send:
    async def send(outputs: Sequence[OutboxMessage]) -> None:
        sent = [
            await producer.send(o.topic, o.value, key=o.key, partition=o.partition) for o in outputs
        ]
        await asyncio.gather(*sent)

    return send


async def _sends(fenced: Send, unfenced: Send, size: int, turns: int) -> Fenced:
    output = OutboxMessage("bench", DEAD_LETTERS, 0, b"bench", b"x" * _BYTES, [])
    pairs = [
        (await _seconds(fenced, [output] * size), await _seconds(unfenced, [output] * size))
        for _ in range(turns + 2)
    ]
    warm = pairs[2:]
    return Fenced(size, [pair[0] for pair in warm], [pair[1] for pair in warm])


async def _seconds(send: Send, outputs: Sequence[OutboxMessage]) -> float:
    began = time.perf_counter()
    await send(outputs)
    return time.perf_counter() - began
