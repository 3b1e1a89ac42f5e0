"""How an operator decides to go on from a damaged log: each partition number is sealed anew."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError

from events.data import TOPICS
from streams.dead_letters import sealed
from streams.errors import TopicRefused
from streams.kafka.clocks import LIMIT, wall_clock
from streams.kafka.extents import Extents
from streams.kafka.rights import unusable
from streams.kafka.whole_log import seals
from streams.seals import Damage, Extent, Memory, Seal, damages, memory, next_seal
from streams.settings import Settings

_TO_BE_MADE, _BETWEEN = 30.0, 0.1  # seconds for a group to have a coordinator, between attempts

Repaired = dict[int, tuple[Damage, ...]]
"""What was damaged of each partition number that was sealed anew."""


async def repair(settings: Settings, why: str) -> Repaired:
    """Seals what is damaged as it is now; what is whole stays as it was sealed.

    Raises `TopicRefused` where a topic is missing, `NotPermitted` or `NoBroker`.
    """
    before = await seals(settings)
    extents = Extents(settings)
    try:
        there = await extents.of(range(settings.partitions))
        _refuse_missing(there)
        memories = await _memories(settings)
        found = {
            number: wrong
            for number, of in there.items()
            if (wrong := damages(before.get(number), of, memories[number], {}))
        }
        now = int(wall_clock().timestamp() * 1000)
        anew = {
            number: next_seal(
                before.get(number), there[number], memories[number].values(), now, wrong, why
            )
            for number, wrong in found.items()
        }
        await _write(settings, anew)
    except (KafkaError, TimeoutError) as error:
        raise await unusable(settings, error) from error
    finally:
        await extents.close()
    return found


def _refuse_missing(there: Mapping[int, Mapping[str, Extent]]) -> None:
    """A seal names every topic, and what is not there has no id and no beginning."""
    if missing := [topic for topic in TOPICS if any(topic not in of for of in there.values())]:
        raise TopicRefused(
            f"there is no topic {', '.join(missing)}, and nothing can be sealed without. Operator "
            "action: create it with cmowatch topics, and then repair."
        )


async def _memories(settings: Settings) -> Mapping[int, dict[str, Memory]]:
    """What the group keeps of each partition number, by topic."""
    admin = AIOKafkaAdminClient(**settings.client(), client_id="cmowatch-topics")
    try:
        await admin.start()
        kept = await _kept(admin, settings.group)
    finally:
        await admin.close()
    found: dict[int, dict[str, Memory]] = defaultdict(dict)
    for place, at in kept.items():
        found[place.partition][place.topic] = memory(at.offset, at.metadata)
    return found


async def _kept(admin: Any, group: str) -> Any:
    """The group's offsets; its coordinator is made when it is first asked for, which takes time."""
    async with asyncio.timeout(_TO_BE_MADE):
        while True:
            try:
                return await admin.list_consumer_group_offsets(group)
            except GroupCoordinatorNotAvailableError:
                await asyncio.sleep(_BETWEEN)


async def _write(settings: Settings, anew: Mapping[int, Seal]) -> None:
    producer = AIOKafkaProducer(**settings.client(), acks="all", enable_idempotence=True)
    try:
        await producer.start()
        for number, seal in anew.items():
            at = await _said(producer, seal, number)
            if at - seal.number > LIMIT * 1000:  # our clock is behind: what was said since is above
                await _said(producer, seal._replace(number=at), number)
    finally:
        await producer.stop()


async def _said(producer: AIOKafkaProducer, seal: Seal, number: int) -> int:
    """Writes a seal; returns when it was appended by the broker's clock, in milliseconds."""
    message = sealed(seal, number)
    report = await producer.send_and_wait(
        message.topic, message.value, partition=number, headers=list(message.headers)
    )
    return int(report.timestamp)
