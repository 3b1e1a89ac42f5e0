"""How an operator decides to go on from a damaged log: each partition number is sealed anew."""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.dead_letters import OutboxMessage, sealed
from streams.kafka.extents import Extents
from streams.kafka.rights import unusable
from streams.kafka.whole_log import seals
from streams.seals import Damage, Memory, Seal, damages, memory, next_seal
from streams.settings import Settings

Repaired = dict[int, tuple[Damage, ...]]
"""What was damaged of each partition number that was sealed anew."""


async def repair(settings: Settings, why: str) -> Repaired:
    """Seals what is damaged as it is now; what is whole stays as it was sealed.

    Raises `TopicRefused`, `NotPermitted` or `NoBroker`.
    """
    before = await seals(settings)
    extents = Extents(settings)
    try:
        memories = await _memories(settings)
        there = await extents.of(range(settings.partitions))
        found = {
            number: wrong
            for number, of in there.items()
            if (wrong := damages(before.get(number), of, memories[number], {}))
        }
        now = time.time_ns() // 1_000_000
        anew = {
            number: next_seal(
                before.get(number), there[number], memories[number].values(), now, wrong, why
            )
            for number, wrong in found.items()
        }
        await _write(settings, anew)
    except KafkaError as error:
        raise await unusable(settings, error) from error
    finally:
        await extents.close()
    return found


async def _memories(settings: Settings) -> Mapping[int, dict[str, Memory]]:
    """What the group keeps of each partition number, by topic."""
    admin = AIOKafkaAdminClient(**settings.client(), client_id="cmowatch-topics")
    try:
        await admin.start()
        kept = await admin.list_consumer_group_offsets(settings.group)
    finally:
        await admin.close()
    found: dict[int, dict[str, Memory]] = defaultdict(dict)
    for place, at in kept.items():
        found[place.partition][place.topic] = memory(at.offset, at.metadata)
    return found


async def _write(settings: Settings, anew: Mapping[int, Seal]) -> None:
    producer = AIOKafkaProducer(**settings.client(), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        for message in _messages(anew):
            await producer.send_and_wait(
                message.topic,
                message.value,
                partition=message.partition,
                headers=list(message.headers),
            )
    finally:
        await producer.stop()


def _messages(anew: Mapping[int, Seal]) -> Iterable[OutboxMessage]:
    return (sealed(seal, number) for number, seal in anew.items())
