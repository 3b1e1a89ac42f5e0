"""What we say ourselves, written to our own topics, each message to the partition it names."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from mode.utils.logging import get_logger

from streams.kafka.assignment import OutboxMessage
from streams.kafka.rights import FORBIDDEN
from streams.settings import Settings

log = get_logger(__name__)

_LARGEST = (2 << 20) + 65_536
_AT_ONCE = 500  # messages handed over before others have their turn on the loop
_PATIENCE = 20.0  # seconds until a send has failed: less than a shard waits to send again


class Sink:
    """An idempotent producer that starts when it is needed, and anew after it failed.

    What was not delivered is only counted: the shard finds that it does not stand, and says it
    again under the same id.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Any = None
        self.sent = self.failed = 0

    async def send(self, outputs: Sequence[OutboxMessage]) -> int:
        """Sends the outputs and waits for their delivery; returns how many were delivered.

        Raises one of `FORBIDDEN` when we may not: what is sent again then fails again.
        """
        delivered = 0
        for first in range(0, len(outputs), _AT_ONCE):
            some = outputs[first : first + _AT_ONCE]
            delivered += (count := await self._deliver(some))
            if count < len(some):
                self.failed += len(outputs) - delivered
                break
        self.sent += delivered
        return delivered

    async def _deliver(self, outputs: Sequence[OutboxMessage]) -> int:
        try:
            async with asyncio.timeout(_PATIENCE):
                producer = await self._started()
                reports = [await self._hand_over(producer, output) for output in outputs]
                done = await asyncio.gather(*reports, return_exceptions=True)
        except (KafkaError, TimeoutError) as error:
            return await self._give_up(0, error)
        errors = [each for each in done if isinstance(each, BaseException)]
        return await self._give_up(len(done) - len(errors), errors[0]) if errors else len(done)

    async def _hand_over(self, producer: Any, output: OutboxMessage) -> Any:
        return await producer.send(
            output.topic,
            value=output.value,
            key=output.key,
            partition=output.partition,
            headers=list(output.headers),
        )

    async def _give_up(self, delivered: int, error: BaseException) -> int:
        log.warning("outputs were not delivered and will be sent again: %r", error)
        await self.stop()
        if isinstance(error, FORBIDDEN):
            raise error
        return delivered

    async def _started(self) -> Any:
        if self._producer is None:
            producer = AIOKafkaProducer(
                **self._settings.client(),
                client_id="cmowatch-outputs",
                acks="all",
                enable_idempotence=True,
                max_request_size=_LARGEST,
                linger_ms=5,
                request_timeout_ms=10_000,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    async def stop(self) -> None:
        """Closes the producer; the next send starts another."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                async with asyncio.timeout(2.0):
                    await producer.stop()
            except (KafkaError, TimeoutError) as error:
                log.warning("the producer did not close in order: %r", error)
