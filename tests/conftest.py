"""What every test may ask for, a real broker and clean topics on it, and who runs beside whom."""

import asyncio
import fcntl
import os
from collections.abc import Iterator
from functools import cache
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.lab.kafka import LocalKafka, cache_folder, classpath
from events.data import TOPICS
from streams.kafka.topics import create_or_verify
from streams.settings import Settings


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Beside another process the long ones are begun first, and go alone to whichever is free.

    The others of a file stay together: they share what its fixtures make.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    for item in items:
        if not {"slow", "xdist_group"} & {mark.name for mark in item.iter_markers()}:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> list[bool]:
    return [item.get_closest_marker(mark) is None for mark in ("slow", "chaos", "broker")]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("broker"):
        _jars_are_here()


@cache
def _jars_are_here() -> None:
    """Kafka's jars are fetched by one process, while the others wait."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / "tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        classpath()


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
