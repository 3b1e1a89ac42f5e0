"""Who may write: a producer for each partition that is held, opened anew with every assignment."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, Protocol

from aiokafka.errors import KafkaError, ProducerFenced
from mode.utils.logging import get_logger
from prometheus_client import Counter

from events.data import BREACHES, DEAD_LETTERS, OWN
from streams.errors import NotWritable, Withheld
from streams.kafka.assignment import Assignment, PartitionProgress
from streams.kafka.clocks import SOON
from streams.kafka.followed import OutboxMessage
from streams.kafka.producer import PartitionProducer, Stamps, transactional_id
from streams.kafka.rights import FORBIDDEN
from streams.settings import Settings

log = get_logger(__name__)

FENCED = Counter(
    "cmowatch_outputs_fenced",
    "How often the broker refused what this worker had to say, for another may say it.",
    ["partition"],
)

_AT_ONCE = 500  # messages in one transaction
_TO_SEND = 20.0  # seconds until a transaction has failed: less than the broker keeps it open
_TO_START = 15.0
_SHORTEST_WAIT, _LONGEST_WAIT = 0.2, 5.0


class Membership(Enum):
    """What the group's coordinator says of us in a generation."""

    HELD = "held"
    LOST = "lost"
    UNKNOWN = "unknown"


class Group(Protocol):
    """The consumer group, as far as writing depends on it."""

    async def membership(self, generation: int) -> Membership:
        """Whether it counts us in, in this generation; asked now."""

    async def own_ends(self, partitions: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        """Where our own topics end in each of these partitions, of what is committed."""


class _Attempts(NamedTuple):
    """When a partition began to be opened in vain, when the next attempt is due, how long after."""

    since: float
    due: float
    wait: float


class Writers:
    """Opens the partitions that are held, and sends what their shards have to say.

    A partition is open once its producer was started *and then* the group still counted us in: of
    any two owners the later one starts its producer later, which fences the earlier, and a producer
    that was started too late sees that it was. What was judged before a partition was opened is
    dropped, and nothing is sent before our own topics are read up to their end as of then.
    """

    def __init__(
        self,
        settings: Settings,
        assignment: Assignment,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._assignment, self._clock = settings, assignment, clock
        self._producers: dict[int, PartitionProducer] = {}
        self._attempts: dict[int, _Attempts] = {}
        self._stopped = False
        self.sent = self.failed = 0

    async def open(self, group: Group) -> None:
        """Opens what is held and may not write yet, all at once, and closes what is held no more.

        Raises `NotWritable` where that failed for as long as a start waits for a broker, and one of
        `FORBIDDEN` at once where a right is missing.
        """
        gone = {each for each in self._producers if self._assignment.get(each) is None}
        await asyncio.gather(*map(self._close, gone))
        due = [each for each in self._assignment if self._is_due(each)]
        started = await asyncio.gather(*(self._start(each, group) for each in due))
        await self._admit([each for each, is_so in zip(due, started, strict=True) if is_so], group)

    def _is_due(self, progress: PartitionProgress) -> bool:
        if self._stopped or progress.writable or progress.missing:
            return False
        attempts = self._attempts.get(progress.shard.partition)
        return attempts is None or self._clock() >= attempts.due

    async def _start(self, progress: PartitionProgress, group: Group) -> bool:
        """Starts the producer of a partition that is ours, and measures our clock by it.

        Returns whether it did.
        """
        partition = progress.shard.partition
        await self._close(partition)
        try:
            if not await self._is_member(progress, group):
                self._postpone(partition)
                return False
            async with asyncio.timeout(_TO_START):
                producer = await PartitionProducer.started(self._settings, partition)
                self._producers[partition] = producer
                await _measured(progress, producer, _stamped(progress))
        except FORBIDDEN:
            raise
        except (KafkaError, TimeoutError) as error:
            self._failed(partition, error)
            return False
        return True

    async def _admit(self, started: Sequence[PartitionProgress], group: Group) -> None:
        """Asks whether they are ours still, now that their producers are started: never before."""
        generation = self._assignment.generation
        try:
            members = [each for each in started if await self._is_member(each, group)]
            numbers = [each.shard.partition for each in members]
            ends = await group.own_ends(numbers) if numbers else {}
        except FORBIDDEN:
            raise
        except (KafkaError, TimeoutError) as error:
            for each in started:
                self._failed(each.shard.partition, error)
            return
        same = generation == self._assignment.generation
        for each in started:
            partition = each.shard.partition
            if same and partition in ends and self._assignment.holds(each):
                self._attempts.pop(partition, None)
                each.opened(ends[partition])
            else:
                self._postpone(partition)

    async def _is_member(self, progress: PartitionProgress, group: Group) -> bool:
        """Whether the partition is ours by the group; one that is known to be another's goes."""
        membership = await group.membership(self._assignment.generation)
        if membership is Membership.LOST and progress.fenced:
            self._assignment.give_up(progress)
            log.warning(
                "partition %d was given up: the group has it no more of this worker",
                progress.shard.partition,
            )
        return membership is Membership.HELD and self._assignment.holds(progress)

    async def send(self, progress: PartitionProgress) -> int:
        """Sends what a shard has to say, in transactions; returns how many messages are sent.

        What was not delivered is only counted: once the partition is open again its shard finds
        that it does not stand, and says what has to stand then. Raises one of `FORBIDDEN` when we
        may not: what is sent again then fails again.

        Each transaction tells what time it is for the brokers that lead its topics; at times one is
        made for that alone.
        """
        outputs, delivered = progress.shard.to_send(), 0
        producer = self._producers[progress.shard.partition]
        unsaid = _stamped(progress) - {output.topic for output in outputs}
        if due := {topic for topic in unsaid if progress.clocks.of(topic).due}:
            measuring = _measured(progress, producer, due)
            if not await self._done(progress, measuring, len(outputs)):
                return 0
        for first in range(0, len(outputs), _AT_ONCE):
            some = outputs[first : first + _AT_ONCE]
            sending = producer.send(some, _may_stand(progress, some))
            if not await self._done(progress, sending, len(outputs) - delivered):
                break
            delivered += len(some)
        self.sent += delivered
        return delivered

    async def _done(self, progress: PartitionProgress, work: Awaitable[None], count: int) -> bool:
        """Whether a producer did its work, by which so many outputs were to be sent."""
        try:
            async with asyncio.timeout(_TO_SEND):
                await work
        except (KafkaError, TimeoutError, Withheld) as error:
            await self._not_sent(progress, count, error)
            if isinstance(error, FORBIDDEN):
                raise
            return False
        return True

    async def _not_sent(self, progress: PartitionProgress, count: int, error: Exception) -> None:
        partition, fenced = progress.shard.partition, isinstance(error, ProducerFenced)
        progress.closed(fenced=fenced)
        self.failed += count
        if fenced:
            FENCED.labels(str(partition)).inc()
            log.warning(
                "partition %d: fenced, for another worker has it or this one hung for too long; "
                "%d outputs that were judged before are dropped",
                partition,
                count,
            )
        else:
            log.warning("partition %d: %d outputs were not delivered: %r", partition, count, error)
        if isinstance(error, Withheld):  # as soon as it is measured anew, and no sooner
            now = self._clock()
            self._attempts[partition] = _Attempts(now, now + SOON, _SHORTEST_WAIT)
        await self._close(partition)

    def _postpone(self, partition: int, *, since: float | None = None) -> None:
        """Asks again ever later: nobody answers, or the group has to tell what is whose."""
        now, before = self._clock(), self._attempts.get(partition)
        wait = min(before.wait * 2, _LONGEST_WAIT) if before else _SHORTEST_WAIT
        self._attempts[partition] = _Attempts(now if since is None else since, now + wait, wait)

    def _failed(self, partition: int, error: Exception) -> None:
        """The group answered and the producer did not start: tried again, with a bound."""
        before, name = self._attempts.get(partition), transactional_id(self._settings, partition)
        since = before.since if before else self._clock()
        if self._clock() - since > self._settings.broker_wait:
            raise NotWritable(
                f"no producer could be started as {name} for {self._settings.broker_wait:.0f} s: "
                f"{error!r}. Operator action: look at the transaction coordinator, the broker of "
                "__transaction_state."
            ) from error
        self._postpone(partition, since=since)
        log.warning("no producer as %s yet, nothing is said meanwhile: %r", name, error)

    async def _close(self, partition: int) -> None:
        if (producer := self._producers.pop(partition, None)) is not None:
            await producer.close()

    async def stop(self) -> None:
        """Closes every producer, and opens none from here on."""
        self._stopped = True
        for progress in self._assignment:
            progress.closed()
        await asyncio.gather(*map(self._close, list(self._producers)))


def _stamped(progress: PartitionProgress) -> set[str]:
    """The topics by which our clock may be measured.

    Before the log is sealed nothing is to lie on `cmo.breaches`, not even what is undone: where no
    seal is to be found, that would look as if one was lost.
    """
    return set(OWN) if progress.integrity.begun is not None else {DEAD_LETTERS}


async def _measured(
    progress: PartitionProgress, producer: PartitionProducer, topics: Collection[str]
) -> None:
    progress.clocks.measured(await producer.measure(topics))


def _may_stand(
    progress: PartitionProgress, outputs: Sequence[OutboxMessage]
) -> Callable[[Stamps], bool]:
    """What is judged stands where our clock is right as it is appended; what is refused always.

    That is so by stamps which told something: it may be wrong by those that told nothing.
    """

    def may_stand(stamps: Stamps) -> bool:
        told = progress.clocks.measured(stamps)
        believed = told and progress.clocks.believed
        return believed or all(each.topic != BREACHES for each in outputs)

    return may_stand
