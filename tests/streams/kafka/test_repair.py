"""How a damaged log is sealed anew, on a real broker, and which seal holds for who looks back."""

import time
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer

from events.data import BREACHES, DEAD_LETTERS, LOTS
from streams.dead_letters import sealed
from streams.errors import DamagedLog, TopicRefused
from streams.kafka.extents import Extents
from streams.kafka.repair import repair
from streams.kafka.whole_log import outcomes, seals
from streams.seals import Damage, Kind, Seal, next_seal
from streams.settings import Settings
from streams.shard import decoder_of
from tests.builders import agreed
from tests.conftest import delete

pytestmark = pytest.mark.broker


async def write(settings: Settings, *messages: tuple[str, Seal | None]) -> None:
    """Writes seals, or what is none, to partition 0 of these topics."""
    producer = AIOKafkaProducer(**settings.client())
    await producer.start()
    for topic, seal in messages:
        headers = sealed(seal, 0).headers if seal else None
        await producer.send_and_wait(topic, b"{}", partition=0, headers=headers)
    await producer.stop()


async def first_seal(settings: Settings) -> Seal:
    """The seal of partition 0 as it is now."""
    extents = Extents(settings)
    there = await extents.of([0])
    await extents.close()
    return next_seal(None, there[0], (), time.time_ns() // 1_000_000)


async def test_a_topic_that_is_missing_is_to_be_created_before_anything_is_sealed(
    settings: Settings,
) -> None:
    await delete(settings, LOTS)
    with pytest.raises(TopicRefused, match=r"no topic cmo\.lots.*create it with cmowatch topics"):
        await repair(settings, "it is gone")
    assert await seals(settings) == {}


async def test_a_log_is_sealed_after_all_that_was_said_though_our_clock_is_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.time_ns() // 1_000_000
    await write(settings, (BREACHES, None))
    monkeypatch.setattr("streams.kafka.repair.wall_clock", lambda: datetime.fromtimestamp(0, UTC))
    assert await repair(settings, "the seal is gone") == {0: (Damage(DEAD_LETTERS, Kind.UNSEALED),)}
    found = (await seals(settings))[0]
    assert (found.number >= began, found.why) == (True, "the seal is gone")


async def test_of_two_seals_the_greater_holds_also_for_who_looks_back(settings: Settings) -> None:
    seal = await first_seal(settings)
    other = seal.topics[LOTS]._replace(topic_id="another")
    lesser = seal._replace(number=seal.number - 1, topics={**seal.topics, LOTS: other})
    await write(settings, (DEAD_LETTERS, seal), (DEAD_LETTERS, lesser))
    assert (await seals(settings))[0] == seal
    decoder = decoder_of(agreed(), settings.partitions)
    assert [each async for each in outcomes(settings, decoder)] == []
    greater = lesser._replace(number=seal.number + 1)
    await write(settings, (DEAD_LETTERS, greater))
    with pytest.raises(DamagedLog, match=r"cmo\.lots was deleted and created anew"):
        _ = [each async for each in outcomes(settings, decoder)]
