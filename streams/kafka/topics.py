"""The topics as they must be, created where they are missing and compared where they are not."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from events.data import DEAD_LETTERS, TOPICS
from streams.errors import TopicRefused, WrongPartitions
from streams.kafka.rights import FORBIDDEN, not_permitted, unusable
from streams.settings import Settings

_MEBIBYTE = 1 << 20
_TO_BE_KNOWN = 30.0
_KEPT = {
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "compression.type": "uncompressed",
    "message.timestamp.type": "LogAppendTime",
}
_LARGEST = {DEAD_LETTERS: 2 * _MEBIBYTE}


class Difference(NamedTuple):
    """A setting of a topic that is not what it must be; `found` is None for one just created."""

    topic: str
    setting: str
    wanted: str
    found: str | None

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.topic}: created with {self.wanted} {self.setting}"
        return f"{self.topic}: {self.setting} is {self.found}, must be {self.wanted}"


def wanted(topic: str) -> dict[str, str]:
    """The settings that a topic must have."""
    return {**_KEPT, "max.message.bytes": str(_LARGEST.get(topic, _MEBIBYTE))}


async def create_or_verify(settings: Settings) -> list[Difference]:
    """Creates the topics that are missing and says what differs in the others; changes none.

    Raises `WrongPartitions` where a topic's number of partitions is not the pinned one,
    `TopicRefused` where one is missing and may not be created, `NotPermitted` where the brokers
    refuse us, `NoBroker` where none answers.
    """
    async with _admin(settings) as admin:
        there = await _partitions(admin)
        _refuse_other_partitions(there, settings.partitions)
        created = await _create(admin, await _missing(admin, there, settings), settings)
        _refuse_other_partitions(await _all_there(admin), settings.partitions)
        new = [Difference(t, "partitions", str(settings.partitions), None) for t in created]
        return new + await _differing(admin, settings)


async def compacted(settings: Settings) -> list[str]:
    """The topics of which the brokers may drop records for later ones of the same key.

    Raises `NotPermitted` where their settings may not be read, `NoBroker` where none answers.
    """
    async with _admin(settings) as admin:
        found = [each async for each in _settings_of(admin, TOPICS, settings)]
    return [topic for topic, of in found if "compact" in of.get("cleanup.policy", "")]


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**settings.client(), client_id="cmowatch-topics")
    try:
        await admin.start()
        yield admin
    except KafkaError as error:
        raise await unusable(settings, error) from error
    finally:
        await admin.close()


async def _partitions(admin: Any) -> dict[str, int]:
    described = await admin.describe_topics()
    found = {topic["topic"]: len(topic["partitions"]) for topic in described}
    return {topic: found[topic] for topic in TOPICS if topic in found}


async def _missing(admin: Any, there: Mapping[str, int], settings: Settings) -> list[str]:
    """The topics that are not there; one that is hidden from us is not permitted, not missing."""
    unseen = [topic for topic in TOPICS if topic not in there]
    _ = [each async for each in _settings_of(admin, unseen, settings)]
    return unseen


async def _all_there(admin: Any) -> dict[str, int]:
    """Waits until the broker knows every topic: it hears of a new one after the controller."""
    try:
        async with asyncio.timeout(_TO_BE_KNOWN):
            while len(found := await _partitions(admin)) < len(TOPICS):
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise TopicRefused(
            f"topics were created, and are not known to the broker {_TO_BE_KNOWN:.0f} s later. "
            "Operator action: look at the controller's log, and start again."
        ) from error
    return found


def _refuse_other_partitions(there: Mapping[str, int], pinned: int) -> None:
    for topic, count in there.items():
        if count != pinned:
            raise WrongPartitions(
                f"{topic} has {count} partitions, and {pinned} are pinned: a CMO's events would "
                f"be folded in two places. Operator action: set CMOWATCH_PARTITIONS={count} if "
                "every topic has as many, else delete and re-create the topic and publish again."
            )


async def _create(admin: Any, missing: Iterable[str], settings: Settings) -> list[str]:
    """Creates topics and returns those created, which another may have done in the meantime."""
    new = [
        NewTopic(topic, settings.partitions, settings.replication, topic_configs=wanted(topic))
        for topic in missing
    ]
    if not new:
        return []
    if not settings.declare_topics:
        raise TopicRefused(
            f"missing: {', '.join(topic.name for topic in new)}. Operator action: create them as "
            "docs describe, or set CMOWATCH_DECLARE_TOPICS=true."
        )
    answer = await admin.create_topics(new)
    for topic, code, *message in answer.topic_errors:
        if code and for_code(code) in FORBIDDEN:
            raise not_permitted(settings, f"Create on the topic {topic}")
        if code and for_code(code) is not TopicAlreadyExistsError:
            raise TopicRefused(
                f"the broker refused to create {topic}: {for_code(code).__name__} "
                f"{message[0] if message else ''}. Operator action: grant Create on the topic, or "
                "lower CMOWATCH_REPLICATION to the number of brokers."
            )
    return [topic for topic, code, *_ in answer.topic_errors if not code]


async def _differing(admin: Any, settings: Settings) -> list[Difference]:
    return [
        Difference(topic, setting, value, found.get(setting, "absent"))
        async for topic, found in _settings_of(admin, TOPICS, settings)
        for setting, value in wanted(topic).items()
        if found.get(setting) != value
    ]


async def _settings_of(
    admin: Any, topics: Iterable[str], settings: Settings
) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Each topic with its settings, none for one that is not there; raises `NotPermitted`."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    for answer in await admin.describe_configs(asked) if asked else ():
        for code, _message, _type, topic, entries in answer.resources:
            if code and for_code(code) in FORBIDDEN:
                raise not_permitted(settings, f"Describe and DescribeConfigs on the topic {topic}")
            yield topic, {name: value for name, value, *_ in entries}
