"""What every test may ask for: a real broker, and clean topics on it."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.lab.kafka import LocalKafka
from events.data import TOPICS
from streams.kafka.topics import create_or_verify
from streams.settings import Settings


@pytest.fixture(scope="session")
def broker() -> Iterator[LocalKafka]:
    with LocalKafka(port=None) as kafka:
        yield kafka


@pytest.fixture
def settings(broker: LocalKafka) -> Settings:
    """Settings of a group of its own, over topics that are there and empty."""
    clean = Settings(
        brokers=broker.start().brokers,
        group=f"test-{uuid4().hex[:8]}",
        partitions=4,
        session_timeout=6,
        heartbeat=1.5,
        tick=0.2,
    )
    asyncio.run(_empty(clean))
    return clean


async def _empty(settings: Settings) -> None:
    await delete(settings, *TOPICS)
    await create_or_verify(settings)


async def delete(settings: Settings, *topics: str) -> None:
    """Deletes topics, and returns once the broker knows."""
    admin = AIOKafkaAdminClient(**settings.client())
    await admin.start()
    try:
        await admin.delete_topics(list(set(topics) & set(await admin.list_topics())))
        async with asyncio.timeout(20):
            while set(topics) & set(await admin.list_topics()):
                await asyncio.sleep(0.02)
    finally:
        await admin.close()
