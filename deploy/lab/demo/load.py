"""Many events into Kafka at once: batches of a partition each, as fast as the broker takes them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.lab.demo.errors import NotEmpty, NotLoaded
from events.data import INBOUND, TOPICS
from events.errors import Unaddressable
from events.files import address
from events.partition import partition_of
from streams.settings import Settings

_HEADERS = [("content-type", b"application/cloudevents+json")]
_BATCH_BYTES = 512 * 1024


async def load(settings: Settings, file: Path, advance: Callable[[int], None]) -> int:
    """Publishes each line of `file` into empty topics and returns how many there were.

    Raises `NotEmpty` for topics with anything in them, and what `put` raises.
    """
    await _refuse_unless_empty(settings)
    return await put(settings, file, advance)


async def put(settings: Settings, file: Path, advance: Callable[[int], None]) -> int:
    """Publishes each line of `file` and returns how many there were.

    `advance` hears how many more the broker has taken. Raises `NotLoaded` when an event names no
    topic or the broker does not take one.
    """
    producer = AIOKafkaProducer(
        **settings.client(),
        acks="all",
        enable_idempotence=True,
        max_batch_size=_BATCH_BYTES,
        max_request_size=2 * _BATCH_BYTES,
    )
    with _told(settings):
        try:
            await producer.start()
            with file.open("rb") as lines:
                return await _Loader(producer, settings.partitions, advance).send(lines)
        finally:
            await producer.stop()


@contextmanager
def _told(settings: Settings) -> Iterator[None]:
    """What the client raises becomes ours."""
    try:
        yield
    except KafkaError as error:
        raise NotLoaded(
            f"{settings.brokers} did not take the events: {error!r}. Operator action: check the "
            "broker, and start the demo again on empty topics."
        ) from error


async def _refuse_unless_empty(settings: Settings) -> None:
    consumer = AIOKafkaConsumer(**settings.client(), isolation_level="read_committed")
    with _told(settings):
        try:
            await consumer.start()
            places = [TopicPartition(t, p) for t in TOPICS for p in range(settings.partitions)]
            ends = await consumer.end_offsets(places)
            starts = await consumer.beginning_offsets(places)
        finally:
            await consumer.stop()
    full = sorted({place.topic for place in places if ends[place] > starts[place]})
    if full:
        raise NotEmpty(
            f"{', '.join(full)} on {settings.brokers} hold events already, and a demo among real "
            "ones would falsify them. Operator action: name another cluster in CMOWATCH_BROKERS, "
            "unset it for one of the demo's own, or delete these topics."
        )


class _Loader:
    """Fills one batch a partition, and sends it when nothing more fits in."""

    def __init__(self, producer: Any, partitions: int, advance: Callable[[int], None]) -> None:
        self._producer, self._partitions, self._advance = producer, partitions, advance
        self._open: dict[tuple[str, int], Any] = {}
        self._under_way: list[Any] = []
        self._count = 0

    async def send(self, lines: Iterable[bytes]) -> int:
        for line in lines:
            await self._add(line.rstrip(b"\n"))
        for place in list(self._open):
            await self._close(place)
        for report in self._under_way:
            await report
        return self._count

    async def _add(self, line: bytes) -> None:
        topic, key = _address(line)
        place = topic, partition_of(key, self._partitions)
        if not self._fits(place, key, line):
            await self._close(place)
            self._fits(place, key, line)
        self._count += 1

    def _fits(self, place: tuple[str, int], key: bytes, line: bytes) -> bool:
        if place not in self._open:
            self._open[place] = self._producer.create_batch()
        batch = self._open[place]
        return batch.append(key=key, value=line, timestamp=None, headers=_HEADERS) is not None

    async def _close(self, place: tuple[str, int]) -> None:
        batch = self._open.pop(place)
        batch.close()
        topic, partition = place
        self._under_way.append(await self._producer.send_batch(batch, topic, partition=partition))
        self._advance(batch.record_count())


def _address(line: bytes) -> tuple[str, bytes]:
    try:
        topic, key = address(line)
    except Unaddressable as error:
        raise NotLoaded(f"an event that belongs nowhere: {error}: {line[:200]!r}") from error
    if topic not in INBOUND:
        raise NotLoaded(f"{topic} is no inbound topic: {line[:200]!r}")
    return topic, key
