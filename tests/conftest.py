"""What every test may ask for, a real broker and clean topics on it, and who runs beside whom."""

import asyncio
import fcntl
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from hypothesis import settings as hypotheses
from xdist.scheduler import LoadScopeScheduling

from deploy.lab.kafka import LocalKafka, cache_folder, classpath
from events.data import TOPICS
from streams.kafka.topics import compacted, create_or_verify, wanted
from streams.settings import Settings

hypotheses.register_profile("repeatable", derandomize=True, deadline=None)
hypotheses.load_profile("repeatable")  # the same examples in every run

ONE_BY_ONE = "tests/chaos/", "tests/end_to_end/", "tests/golden/"
TOGETHER = (
    "tests/end_to_end/test_demo.py",  # two demos at once would both want the usual ports
    "tests/end_to_end/test_security.py",  # one broker that asks for passwords is enough
)


class Turns(LoadScopeScheduling):  # type: ignore[misc]
    """Gives a process that is free the next long test, or the next file of short ones.

    The tests of a file share what its fixtures make.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return nodeid if file.startswith(ONE_BY_ONE) and file not in TOGETHER else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Turns:
    config.option.loadscopereorder = False
    return Turns(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where processes share the tests out, the long ones come first: so all end together."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> list[bool]:
    marks = "alone", "slow", "chaos", "broker"
    return [item.get_closest_marker(mark) is None for mark in marks]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    with _machine(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@contextmanager
def _machine(*, alone: bool) -> Iterator[None]:
    """Holds the machine, with others or alone; who waits to be alone holds up who comes next."""
    how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    here = Path(__file__)
    with here.open("rb") as room, here.with_name("worlds.py").open("rb") as door:
        fcntl.flock(door, how)
        fcntl.flock(room, how)
        if not alone:
            fcntl.flock(door, fcntl.LOCK_UN)
        yield


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
    asyncio.run(empty(clean))
    return clean


async def empty(settings: Settings) -> None:
    """Makes the topics anew."""
    await delete(settings, *TOPICS)
    await create_or_verify(settings)


async def clean_up(settings: Settings, topic: str, policy: str) -> None:
    """Sets how the broker cleans a topic up, and returns once it knows."""
    admin = AIOKafkaAdminClient(**settings.client())
    await admin.start()
    configs = {**wanted(topic), "cleanup.policy": policy}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
    await admin.close()
    async with asyncio.timeout(20):
        while (topic in await compacted(settings)) is not ("compact" in policy):
            await asyncio.sleep(0.02)


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
