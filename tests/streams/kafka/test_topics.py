"""Topics on a real broker: created as they must be, compared, never changed."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from events.data import DEAD_LETTERS, LOTS, TOPICS
from streams.errors import NoBroker, TopicRefused, WrongPartitions
from streams.kafka.topics import Difference, create_or_verify
from streams.settings import Settings
from tests.conftest import delete

pytestmark = pytest.mark.broker


async def change(settings: Settings, topic: str, **configs: str) -> None:
    admin = AIOKafkaAdminClient(**settings.client())
    await admin.start()
    named = {name.replace("_", "."): value for name, value in configs.items()}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=named)])
    await admin.close()


async def test_topics_that_are_as_they_must_be_differ_in_nothing(settings: Settings) -> None:
    assert await create_or_verify(settings) == []


async def test_a_topic_that_is_missing_is_created_and_said(settings: Settings) -> None:
    await delete(settings, DEAD_LETTERS)
    created = await create_or_verify(settings)
    assert created == [Difference(DEAD_LETTERS, "partitions", "4", None)]
    assert str(created[0]) == "cmo.dead-letters: created with 4 partitions"


async def test_a_setting_that_differs_is_said_with_what_it_must_be(settings: Settings) -> None:
    await change(settings, LOTS, retention_ms="1000")
    found: list[Difference] = []
    for _ in range(100):
        if found := await create_or_verify(settings):
            break
    assert Difference(LOTS, "retention.ms", "-1", "1000") in found
    assert "cmo.lots: retention.ms is 1000, must be -1" in map(str, found)


async def test_another_number_of_partitions_is_refused_with_what_to_do(settings: Settings) -> None:
    with pytest.raises(WrongPartitions, match="Operator action: set CMOWATCH_PARTITIONS=4"):
        await create_or_verify(settings.model_copy(update={"partitions": 5}))


async def test_a_missing_topic_that_may_not_be_created_is_refused(settings: Settings) -> None:
    await delete(settings, LOTS)
    with pytest.raises(TopicRefused, match=r"missing: cmo\.lots"):
        await create_or_verify(settings.model_copy(update={"declare_topics": False}))


async def test_more_replicas_than_brokers_are_refused_with_what_to_do(settings: Settings) -> None:
    await delete(settings, LOTS)
    with pytest.raises(TopicRefused, match="CMOWATCH_REPLICATION"):
        await create_or_verify(settings.model_copy(update={"replication": 3}))


async def test_a_broker_that_does_not_answer_is_said_with_what_to_do() -> None:
    with pytest.raises(NoBroker, match=r"127\.0\.0\.1:1 does not answer"):
        await create_or_verify(Settings(brokers="127.0.0.1:1"))


def test_our_own_topics_come_first() -> None:
    assert TOPICS[0] == DEAD_LETTERS
