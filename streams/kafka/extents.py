"""Extents: where the topics begin and end on the brokers, and whether they are still the same.

aiokafka knows no topic's id, so the request that tells it is declared here.
"""

import asyncio
import random
from base64 import urlsafe_b64encode
from collections import defaultdict
from collections.abc import Collection, Mapping
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, for_code
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
from streams.errors import OldBroker
from streams.kafka.rights import FORBIDDEN, unusable
from streams.seals import Extent
from streams.settings import Settings

log = get_logger(__name__)

_ANSWER = 5.0  # seconds for the brokers to tell of all topics
_UNKNOWN_TOPIC = 3
_NO_ID = bytes(16)
_NO_LEADER = -1


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
        topics = [(_NO_ID, topic, tags) for topic in TOPICS]
        return request_struct_class(topics, False, False, False, tags)


class _Topic(NamedTuple):
    """A topic that is there: its id, and which broker leads each partition that has a leader."""

    id: str
    leaders: Mapping[int, int]


class Extents:
    """Asks the brokers over a connection of its own, behind no fetch that they hold."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: Any = None

    async def of(self, partitions: Collection[int]) -> dict[int, dict[str, Extent]]:
        """The extent of each topic that is there, by partition number, of all of these.

        Raises as `told` does, and `KafkaError` where any of them is not told of.
        """
        found = await self.told(partitions)
        if untold := sorted(set(partitions) - set(found)):
            numbers = ", ".join(map(str, untold))
            raise KafkaError(f"the leaders of partition {numbers} do not answer, or there is none")
        return found

    async def told(self, partitions: Collection[int]) -> dict[int, dict[str, Extent]]:
        """The extent of each topic that is there, by partition number, of those told of in time.

        One that has no leader on a topic, or one that does not answer, keeps back no other. Raises
        `KafkaError`, one of `FORBIDDEN` where a right is missing; `OldBroker`.
        """
        try:
            async with asyncio.timeout(_ANSWER):
                topics = await self._topics()
        except TimeoutError as error:
            raise KafkaError("the brokers did not tell of the topics in time") from error
        together: dict[frozenset[int], list[int]] = defaultdict(list)
        for number in partitions:
            leaders = frozenset(of.leaders.get(number, _NO_LEADER) for of in topics.values())
            if _NO_LEADER not in leaders:
                together[leaders].append(number)
        answers = await asyncio.gather(
            *(self._in_time(numbers, topics) for numbers in together.values())
        )
        return {number: extents for answer in answers for number, extents in answer.items()}

    async def _in_time(
        self, numbers: Collection[int], topics: Mapping[str, _Topic]
    ) -> dict[int, dict[str, Extent]]:
        """The extents that the same brokers tell of; none where any of them does not."""
        try:
            async with asyncio.timeout(_ANSWER):
                return await self._ask(numbers, topics)
        except FORBIDDEN:
            raise
        except (KafkaError, TimeoutError) as error:
            log.debug("the leaders of partitions %s do not answer: %r", numbers, error)
            return {}

    async def _ask(
        self, numbers: Collection[int], topics: Mapping[str, _Topic]
    ) -> dict[int, dict[str, Extent]]:
        places = [TopicPartition(topic, number) for number in numbers for topic in topics]
        first = await self._consumer.beginning_offsets(places)
        end = await self._consumer.end_offsets(places)
        found: dict[int, dict[str, Extent]] = {number: {} for number in numbers}
        for place in places:
            extent = Extent(topics[place.topic].id, first[place], end[place])
            found[place.partition][place.topic] = extent
        return found

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

    async def _topics(self) -> dict[str, _Topic]:
        """The topics that are there, by name."""
        if self._consumer is None:
            self._consumer = await self._connected()
        found = {}
        for code, topic, topic_id, _, partitions, *_ in (await self._metadata()).topics:
            if code and code != _UNKNOWN_TOPIC:
                error = for_code(code)
                raise error(topic) if error in FORBIDDEN else error()
            if code:
                continue
            if topic_id == _NO_ID:
                raise OldBroker(_OLD.format(brokers=self._settings.brokers))
            leaders = {number: leader for _, number, leader, *_ in partitions}
            found[topic] = _Topic(urlsafe_b64encode(topic_id).decode().rstrip("="), leaders)
        return found

    async def _metadata(self) -> Any:
        """What any broker answers, the first of them in no order; raises as the last one did."""
        client = self._consumer._client
        nodes = [broker.nodeId for broker in client.cluster.brokers()]
        last: KafkaError = KafkaError("no broker is known")
        for node in random.sample(nodes, len(nodes)):
            try:
                return await client.send(node, _Request())
            except (IncompatibleBrokerVersion, NotImplementedError) as error:
                raise OldBroker(_OLD.format(brokers=self._settings.brokers)) from error
            except KafkaError as error:
                last = error
        raise last

    async def close(self) -> None:
        """Ends the connection."""
        if self._consumer is not None:
            await self._consumer.stop()
            self._consumer = None


_OLD = (
    "the brokers at {brokers} give topics no ids, so nobody could tell a topic from one that was "
    "created anew. Operator action: use Apache Kafka 2.8 or later, on all brokers; where it is run "
    "with ZooKeeper, raise inter.broker.protocol.version to 2.8 or later, too."
)


async def refuse_old_brokers(settings: Settings) -> None:
    """Raises `OldBroker` where topics have no ids; `NotPermitted` or `NoBroker`."""
    extents = Extents(settings)
    try:
        await extents.told(())
    except KafkaError as error:
        raise await unusable(settings, error) from error
    finally:
        await extents.close()


def say_what_is_missing(partition: int, missing: Collection[str]) -> None:
    """Logs which topics did not come with a partition."""
    if missing:
        log.error(
            "partition %d came without %s, so its shard is not ready. Operator action: give every "
            "topic the same number of partitions, and restart the workers one by one.",
            partition,
            ", ".join(missing),
        )
