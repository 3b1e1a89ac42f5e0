"""How a running worker looks at the log: whether it is still the one that was read."""

import time
from collections.abc import Callable, Collection
from typing import Protocol

from aiokafka.errors import KafkaError
from mode.utils.logging import get_logger

from streams.errors import NoBroker
from streams.kafka.assignment import Assignment, PartitionProgress
from streams.kafka.extents import Extents
from streams.kafka.rights import FORBIDDEN
from streams.kafka.topics import compacted
from streams.seals import Damage, Kind
from streams.settings import Settings

log = get_logger(__name__)


class Beginning(Protocol):
    """Who follows the log, as far as beginning anew depends on it."""

    async def begin_anew(self, progress: PartitionProgress) -> None:
        """Follows a partition with an empty shard; raises `KafkaError` where nothing changed."""


class Looks:
    """Looks at the log again and again, and has a shard begin anew that is of another one."""

    def __init__(
        self,
        settings: Settings,
        assignment: Assignment,
        extents: Extents,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._assignment, self._extents = settings, assignment, extents
        self._clock = clock
        self._unseen: frozenset[int] = frozenset()
        self._in_vain_since: dict[int, float] = {}

    async def look(self, consumer: Beginning) -> Collection[PartitionProgress]:
        """Compares the log as it is now with what was folded; returns of which it was told.

        What was judged before is sent after it alone: it is of this log. Raises one of `FORBIDDEN`,
        and `NoBroker` where a shard could not begin anew for as long as a start waits for a broker.
        """
        held = [(progress, progress.so_far()) for progress in self._assignment]
        try:
            found = await self._extents.told([each.shard.partition for each, _ in held])
        except FORBIDDEN:
            raise
        except KafkaError as error:
            log.debug("the brokers do not tell of the topics: %r", error)
            found = {}
        self._say(frozenset(each.shard.partition for each, _ in held) - set(found))
        looked = []
        for progress, so_far in held:
            extents = found.get(progress.shard.partition)
            if extents is None or not self._assignment.holds(progress):
                continue
            looked.append(progress)
            if progress.look(extents, so_far):
                await self._begin_anew(progress, consumer)
        return looked

    def _say(self, unseen: frozenset[int]) -> None:
        """Logs once what nobody tells of, and once that somebody does again."""
        if unseen and unseen != self._unseen:
            log.warning(
                "nothing is said of partitions %s: their leaders do not tell whether the log is "
                "whole, or there are none",
                sorted(unseen),
            )
        elif self._unseen and not unseen:
            log.info("the brokers tell of every partition again")
        self._unseen = unseen

    async def _begin_anew(self, progress: PartitionProgress, consumer: Beginning) -> None:
        """Tries it at each look, with a bound: meanwhile it says nothing and is not ready."""
        partition = progress.shard.partition
        try:
            await consumer.begin_anew(progress)
        except FORBIDDEN:
            raise
        except KafkaError as error:
            now, wait = self._clock(), self._settings.broker_wait
            if now - self._in_vain_since.setdefault(partition, now) > wait:
                raise NoBroker(
                    f"partition {partition} is to be read anew, and for {wait:.0f} s no broker has "
                    f"told where it begins: {error!r}. Operator action: look at the brokers that "
                    "lead it and at the group's coordinator, and start again."
                ) from error
            log.warning("partition %d is read anew at the next look: %r", partition, error)
        else:
            self._in_vain_since.pop(partition, None)


async def note_compaction(settings: Settings, assignment: Assignment) -> None:
    """Notes of every partition which topics are compacted: nobody sees later what that removed.

    Raises `NotPermitted` where their settings may not be read.
    """
    try:
        found = await compacted(settings)
    except NoBroker as error:
        log.warning("it is not known now whether any topic is compacted, but soon: %s", error)
        return
    for progress in assignment:
        for topic in found:
            progress.integrity.note(Damage(topic, Kind.COMPACTED))
