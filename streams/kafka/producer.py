"""What we say ourselves: each partition number of our own topics has one producer that may write.

The broker lets the producer that was started last under a partition's transactional id write, and
fences those before it: a worker that was replaced while it hung writes nothing when it goes on.
"""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.errors import TopicRefused, Withheld
from streams.kafka.clocks import Stamp
from streams.kafka.followed import OutboxMessage
from streams.settings import Settings

TRANSACTION = 30.0
"""Seconds after which the broker undoes a transaction that nobody ends."""

_LARGEST = (2 << 20) + 65_536
_BATCH = 256 << 10  # bytes of one request: each waits for the one before
_REQUEST = 10.0
_TO_CLOSE = 2.0
_BY_THE_BROKER = 1  # the type of a timestamp that the broker gave


Stamps = Mapping[str, Stamp]
"""By topic, when what we sent was appended to it."""


def transactional_id(settings: Settings, partition: int) -> str:
    """What the one writer of a partition number is called: the group, and the number."""
    return f"{settings.group}-{partition}"


class PartitionProducer:
    """The transactional producer of one partition number."""

    def __init__(self, settings: Settings, partition: int) -> None:
        name = transactional_id(settings, partition)
        self._partition = partition
        self._producer: Any = AIOKafkaProducer(
            **settings.client(),
            client_id=name,
            transactional_id=name,
            transaction_timeout_ms=int(TRANSACTION * 1000),
            acks="all",
            max_batch_size=_BATCH,
            max_request_size=_LARGEST,
            request_timeout_ms=int(_REQUEST * 1000),
        )

    @classmethod
    async def started(cls, settings: Settings, partition: int) -> Self:
        """One that may write: those before it no longer can, and what they left open is undone.

        Raises `KafkaError` when it cannot be; waits for a broker that does not answer.
        """
        made = cls(settings, partition)
        try:
            await made._producer.start()
        except BaseException:
            await made.close()
            raise
        return made

    async def send(
        self, outputs: Sequence[OutboxMessage], may_stand: Callable[[Stamps], bool] = lambda _: True
    ) -> None:
        """Sends all of the outputs in one transaction, or none of them.

        Raises `ProducerFenced` when another has been started since, or the broker has undone what
        took too long; `Withheld` when by the brokers' stamps they may not stand; any other
        `KafkaError` leaves open whether they are sent. In each case this one is to be closed.
        """
        await self._producer.begin_transaction()
        before = time.monotonic()
        reports = [await self._hand_over(output) for output in outputs]
        stamps = _stamps(before, await asyncio.gather(*reports))
        if not may_stand(stamps):
            await self._producer.abort_transaction()
            raise Withheld("the worker's clock is not the broker's, or nobody knows whether it is")
        await self._producer.commit_transaction()

    async def measure(self, topics: Collection[str]) -> Stamps:
        """When brokers append a record of ours to these topics, which is undone: nobody sees it."""
        await self._producer.begin_transaction()
        before = time.monotonic()
        reports = [await self._ask_the_time(topic) for topic in topics]
        stamps = _stamps(before, await asyncio.gather(*reports))
        await self._producer.abort_transaction()
        return stamps

    async def _ask_the_time(self, topic: str) -> Any:
        headers = [("kind", b"clock")]
        report = await self._producer.send(topic, b"", partition=self._partition, headers=headers)
        report.add_done_callback(_is_heard)
        return report

    async def _hand_over(self, output: OutboxMessage) -> Any:
        report = await self._producer.send(
            output.topic,
            value=output.value,
            key=output.key,
            partition=output.partition,
            headers=list(output.headers),
        )
        report.add_done_callback(_is_heard)
        return report

    async def close(self) -> None:
        """Closes it; what it has not ended is undone by the broker, at once where another starts.

        What it still waits to send is failed first, or it would go on waiting.
        """
        self._fail_what_waits()
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_TO_CLOSE):
                await self._producer.stop()
        await self._producer.client.close()
        ended = self._producer._txn_manager.wait_for_transaction_end()
        if ended is not None and ended.done():
            _is_heard(ended)

    def _fail_what_waits(self) -> None:
        accumulator = self._producer._message_accumulator
        accumulator.fail_all(KafkaError("the producer was closed"))
        for batch in itertools.chain(*accumulator._batches.values(), accumulator._pending_batches):
            if batch._drain_waiter.done():
                _is_heard(batch._drain_waiter)


def _stamps(before: float, reports: Sequence[Any]) -> Stamps:
    """What was said of each topic of when it was appended; raises `TopicRefused` where it was not.

    Each topic may be led by another broker, which has a clock of its own.
    """
    after = time.monotonic()
    for report in reports:
        if report.timestamp_type != _BY_THE_BROKER:
            raise TopicRefused(
                f"{report.topic} believes its producers' clocks. Operator action: set "
                "message.timestamp.type=LogAppendTime, with kafka-configs --alter, and start again."
            )
    times: dict[str, list[float]] = defaultdict(list)
    for report in reports:
        times[report.topic].append(report.timestamp / 1000)
    return {topic: Stamp(before, after, min(at), max(at)) for topic, at in times.items()}


def _is_heard(report: Any) -> None:
    """Takes note of an error, of which asyncio tells as one that nobody asked for else."""
    if not report.cancelled():
        report.exception()
