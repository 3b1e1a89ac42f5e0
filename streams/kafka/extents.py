"""Extents: where the topics begin and end on the brokers, and whether they are still the same.

aiokafka knows no topic's id, so the request that tells it is declared here.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Collection
from io import BytesIO
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)
from mode.utils.logging import get_logger

from events.data import TOPICS
from streams.kafka.rights import FORBIDDEN
from streams.seals import Extent
from streams.settings import Settings

log = get_logger(__name__)

_ANSWER = 5.0  # seconds for the brokers to tell of all topics
_UNKNOWN_TOPIC = 3


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]
    """Sixteen bytes."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


_TEXT = CompactString("utf-8")


class _Response(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", _TEXT),
                ("port", Int32),
                ("rack", _TEXT),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", _TEXT),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("topic", _TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Request(Request[_Struct]):  # type: ignore[misc]
    """What the brokers know of our topics, their ids included: Metadata, version 10."""

    API_KEY = 3

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        tags: dict[int, bytes] = {}
        topics = [(bytes(16), topic, tags) for topic in TOPICS]
        return request_struct_class(topics, False, False, False, tags)


class Extents:
    """Asks the brokers over a connection of its own, behind no fetch that they hold."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: Any = None

    async def of(self, partitions: Collection[int]) -> dict[int, dict[str, Extent]]:
        """The extent of each topic that is there, by partition number.

        Raises `KafkaError`, one of `FORBIDDEN` where a right is missing.
        """
        try:
            async with asyncio.timeout(_ANSWER):
                return await self._ask(partitions)
        except TimeoutError as error:
            raise KafkaError("the brokers did not tell of the topics in time") from error

    async def _ask(self, partitions: Collection[int]) -> dict[int, dict[str, Extent]]:
        if self._consumer is None:
            self._consumer = await self._connected()
        ids = await self._topic_ids()
        places = [TopicPartition(topic, each) for each in partitions for topic in ids]
        first = await self._consumer.beginning_offsets(places)
        end = await self._consumer.end_offsets(places)
        found: dict[int, dict[str, Extent]] = defaultdict(dict)
        for place in places:
            extent = Extent(ids[place.topic], first[place], end[place])
            found[place.partition][place.topic] = extent
        return {each: found[each] for each in partitions}

    async def _connected(self) -> Any:
        made = AIOKafkaConsumer(
            **self._settings.client(),
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        try:
            await made.start()
        except BaseException:
            await made.stop()
            raise
        return made

    async def _topic_ids(self) -> dict[str, str]:
        client = self._consumer._client
        answer = await client.send(client.get_random_node(), _Request())
        found = {}
        for code, topic, topic_id, *_ in answer.topics:
            if code and code != _UNKNOWN_TOPIC:
                error = for_code(code)
                raise error(topic) if error in FORBIDDEN else error()
            if not code:
                found[topic] = urlsafe_b64encode(topic_id).decode().rstrip("=")
        return found

    async def close(self) -> None:
        """Ends the connection."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None


def say_what_is_missing(partition: int, missing: Collection[str]) -> None:
    """Logs which topics did not come with a partition."""
    if missing:
        log.error(
            "partition %d came without %s, so its shard is not ready. Operator action: give every "
            "topic the same number of partitions, and restart the workers one by one.",
            partition,
            ", ".join(missing),
        )
