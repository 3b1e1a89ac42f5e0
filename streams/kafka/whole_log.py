"""The log from its beginning to where it ends now, read once: for what looks back."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from events.breaches import BREACH_EVENT, BreachEvent
from events.data import BREACHES, DEAD_LETTERS, INBOUND
from events.decode import Decoder
from events.outcomes import AcceptedEvent, Message, Rejection
from streams.dead_letters import Word, read_back
from streams.errors import DamagedLog, TopicRefused
from streams.kafka.batches import message_of
from streams.kafka.extents import Extents
from streams.kafka.rights import not_permitted, unusable
from streams.kafka.tolerant_headers import read_any_header_name
from streams.letters import Letters
from streams.seals import Seal, damages, later
from streams.settings import Settings

_AT_ONCE = 5_000

Position = Callable[[int, int], None]
"""Hears, after each fetch, how many offsets are read and how many there are."""


def _unheard(_: int, __: int) -> None:
    """The position for who does not ask."""


async def outcomes(
    settings: Settings, decoder: Decoder, position: Position = _unheard
) -> AsyncIterator[AcceptedEvent | Rejection]:
    """What a decoder makes of every inbound message; what was refused for good stays refused.

    Raises `DamagedLog` when it is not the one that was sealed, `TopicRefused` when a topic is not
    there, `NotPermitted` when it may not be read, `NoBroker` where none answers.
    """
    async with _reader(settings) as consumer:
        said: defaultdict[int, Letters] = defaultdict(Letters)
        sealed: dict[int, Seal] = {}
        async for message in _messages(consumer, settings, [DEAD_LETTERS]):
            word = read_back(message.headers)
            letters = said[message.partition]
            if isinstance(word, Seal):
                before = sealed.get(message.partition)
                sealed[message.partition] = holds = later(word, before)
                if holds is not before:
                    letters.seal(holds)
            elif isinstance(word, Word) and letters.is_news(word, awaited=False):
                letters.read(word, folded=False)
        await _refuse_damaged(consumer, settings, sealed)
        async for message in _messages(consumer, settings, INBOUND, position):
            reason = said[message.partition].reason(message.topic, message.offset)
            if reason is not None and reason.holds_for_good:
                yield decoder.refused(message, reason, "it was refused before")
            else:
                yield decoder.decode(message)


async def seals(settings: Settings) -> dict[int, Seal]:
    """The seal that holds of each partition number that has one; raises as `transitions` does."""
    async with _reader(settings) as consumer:
        found: dict[int, Seal] = {}
        async for message in _messages(consumer, settings, [DEAD_LETTERS]):
            if isinstance(word := read_back(message.headers), Seal):
                found[message.partition] = later(word, found.get(message.partition))
        return found


async def _refuse_damaged(
    consumer: AIOKafkaConsumer, settings: Settings, sealed: Mapping[int, Seal]
) -> None:
    numbers = [number for _, number in await _places(consumer, settings, DEAD_LETTERS)]
    extents = Extents(settings)
    try:
        found = await extents.of(numbers)
    finally:
        await extents.close()
    for number, there in found.items():
        if wrong := damages(sealed.get(number), there, {}, {}):
            raise DamagedLog(
                f"partition {number}: the log is damaged: {'; '.join(map(str, wrong))}. Operator "
                "action: see CmowatchLogDamaged in docs/runbook.md."
            )


async def transitions(settings: Settings) -> list[BreachEvent]:
    """Every transition of every breach, in the order of the topic; what is none is passed over.

    Raises `TopicRefused` when the topic is not there, `NotPermitted` when it may not be read,
    `NoBroker` where none answers.
    """
    async with _reader(settings) as consumer:
        values = [message.value async for message in _messages(consumer, settings, [BREACHES])]
    found = []
    for value in values:
        with suppress(ValidationError):
            found.append(BREACH_EVENT.validate_json(value or b""))
    return found


@asynccontextmanager
async def _reader(settings: Settings) -> AsyncIterator[AIOKafkaConsumer]:
    read_any_header_name()  # from the start: a fetch that fails half way has lost the other half
    consumer = AIOKafkaConsumer(
        **settings.client(),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        yield consumer
    except KafkaError as error:
        raise await unusable(settings, error) from error
    finally:
        await consumer.stop()


async def _messages(
    consumer: AIOKafkaConsumer,
    settings: Settings,
    topics: Iterable[str],
    position: Position = _unheard,
) -> AsyncIterator[Message]:
    """Every message of these topics up to where each partition ends now."""
    places = [place for topic in topics for place in await _places(consumer, settings, topic)]
    begins = await consumer.beginning_offsets(places)
    ends = await consumer.end_offsets(places)
    there = sum(ends[place] - begins[place] for place in places)
    left = {place for place in places if ends[place] > 0}
    if left:  # a consumer that was given nothing to read after something would never stop
        consumer.assign(sorted(left))
    while left:
        batches = await consumer.getmany(timeout_ms=1_000, max_records=_AT_ONCE)
        for place, records in batches.items():
            for record in records:
                if record.offset < ends[place]:
                    yield message_of(record)
        behind = {place: ends[place] - await consumer.position(place) for place in left}
        left = {place for place, count in behind.items() if count > 0}
        position(there - sum(behind[place] for place in left), there)


async def _places(
    consumer: AIOKafkaConsumer, settings: Settings, topic: str
) -> list[TopicPartition]:
    await consumer._client.add_topic(topic)
    if topic in consumer._client.cluster.unauthorized_topics:
        raise not_permitted(settings, f"Read on the topic {topic}")
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise TopicRefused(f"there is no topic {topic}; create it with: cmowatch topics")
    return [TopicPartition(topic, number) for number in sorted(numbers)]
