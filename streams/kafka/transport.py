"""The log, handed to Faust one fetch of one partition at a time, from positions of our own."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service
from mode.utils.logging import get_logger
from yarl import URL

from events.data import OWN
from streams.errors import CutBack
from streams.exits import exit_on_unexpected_error, exit_when_forbidden
from streams.kafka.assignment import Assignment, PartitionProgress, Place
from streams.kafka.batches import Batch, bounded, cut_back, message_of, slices
from streams.kafka.extents import say_what_is_missing
from streams.kafka.hearing import HighWatermark
from streams.kafka.rights import FORBIDDEN
from streams.kafka.tolerant_headers import read_any_header_name, reads_any_header_name
from streams.kafka.writers import Membership
from streams.seals import Damage, Kind, Memory, memory
from streams.settings import Settings

log = get_logger(__name__)

_POLL = 0.1  # seconds a fetch waits: how long a partition that was let in may go unnoticed
_BETWEEN_LOOKS = 1.0  # seconds between looks at what keeps us from the group
_LOST = 5.0  # seconds after which a batch that was fetched but not folded is not under way
_ANSWER = 10.0  # seconds for the group's coordinator to answer: others need this thread too
_IDLE, _BUSY = 500, 10  # milliseconds a broker holds an empty answer


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Fetches batches, and does on the consumer's own thread whatever moves its positions."""

    _consumer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._seeks: dict[TP, int] = {}
        self.cut: set[TP] = set()

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = _IDLE
        return consumer

    def _hurry(self, busy: bool) -> None:
        """One fetch a broker is under way at a time: one that waits for idle topics holds all up.

        While idle it is held long enough to be cheap, and short enough to hear the log often.
        """
        self._consumer._fetcher._fetch_max_wait_ms = _BUSY if busy else _IDLE

    async def seek_here(self, offsets: Mapping[TP, int]) -> None:
        """Seeks on the consumer's thread: from another, a fetch under way loses a batch unseen."""
        await self.call_thread(self._seek_all, offsets)

    async def _seek_all(self, offsets: Mapping[TP, int]) -> None:
        assigned = self._consumer.assignment()
        for tp, offset in offsets.items():
            if tp in assigned:
                self._seeks[tp] = self._seeks.get(tp, 0) + 1
                self._consumer.seek(TopicPartition(*tp), offset)

    async def bounds(self, tps: Iterable[TP]) -> tuple[dict[TP, int], dict[TP, int]]:
        """The first offset of each partition and its end: the last stable offset."""
        places = [TopicPartition(*tp) for tp in tps]
        first = await self.call_thread(self._consumer.beginning_offsets, places)
        return {TP(*tp): at for tp, at in first.items()}, await self.ends(places)

    async def ends(self, tps: Iterable[TP]) -> dict[TP, int]:
        """The end of each partition; the answer waits for a fetch that a broker holds meanwhile."""
        places = [TopicPartition(*tp) for tp in tps]
        end = await self.call_thread(self._consumer.end_offsets, places)
        return {TP(*tp): at for tp, at in end.items()}

    async def committed(self, tps: Iterable[TP]) -> dict[TP, Memory]:
        """What the group keeps of each partition of which it keeps anything."""
        found: dict[TP, Memory] = await self.call_thread(self._committed, list(tps))
        return found

    async def _committed(self, tps: list[TP]) -> dict[TP, Memory]:
        places = [TopicPartition(*tp) for tp in tps]
        found = await self._consumer._coordinator.fetch_committed_offsets(places)
        return {TP(*tp): memory(at.offset, at.metadata) for tp, at in found.items()}

    async def commit_folded(self, memories: Mapping[TP, Memory]) -> bool:
        """Commits how far is folded, and of which log: whether that worked is all to know."""
        done: bool = await self.call_thread(self._commit_folded, memories)
        return done

    async def _commit_folded(self, memories: Mapping[TP, Memory]) -> bool:
        assigned = self._consumer.assignment()
        ours = {
            TopicPartition(*tp): OffsetAndMetadata(kept.offset, kept.text)
            for tp, kept in memories.items()
            if tp in assigned
        }
        try:
            if ours:
                await self._consumer.commit(ours)
        except (KafkaError, IllegalStateError) as error:
            log.warning("the folded positions were not committed, later ones will be: %r", error)
            return False
        return bool(ours)

    async def membership(self, generation: int) -> Membership:
        """Whether the group counts us in, in this generation: what its coordinator answers now."""
        found: Membership = await self.call_thread(self._membership, generation)
        return found

    async def _membership(self, generation: int) -> Membership:
        coordinator = self._consumer._coordinator
        async with asyncio.timeout(_ANSWER):
            answered = coordinator.generation == generation and await coordinator._do_heartbeat()
        if answered and coordinator.generation == generation:
            return Membership.HELD
        return Membership.LOST if coordinator.generation < 0 else Membership.UNKNOWN

    async def tell_errors(self) -> None:
        """Raises what keeps us from the group, which aiokafka tells only those who ask."""
        if self._consumer is not None:
            await self.call_thread(self._tell_errors)

    async def _tell_errors(self) -> None:
        coordinator = self._consumer._coordinator
        try:
            coordinator.check_errors()
        except KafkaError as error:
            if isinstance(error, FORBIDDEN) or coordinator._coordination_task.done():
                raise
            log.warning("the group could not be joined, which is tried again: %r", error)

    def marks(self) -> dict[TP, HighWatermark]:
        """The broker's last answer per partition; read instant first, so never newer than it is."""
        found = {}
        for tp, state in self._states().items():
            at, high_water = state.timestamp, state.highwater
            if at is not None and high_water is not None:
                found[tp] = HighWatermark(datetime.fromtimestamp(at / 1000, UTC), high_water)
        return found

    def _assignment(self) -> Any:
        return self._consumer._fetcher._subscriptions.subscription.assignment

    def _states(self) -> dict[TP, Any]:
        assignment = self._assignment()
        tps = list(assignment.tps) if assignment else []
        states = {TP(*tp): assignment.state_value(tp) for tp in tps}
        return {tp: state for tp, state in states.items() if state is not None}

    def positions(self) -> dict[TP, int]:
        """Up to where each partition was fetched."""
        states = self._states().items()
        return {tp: state._position for tp, state in states if state._position is not None}

    async def _fetch_records(
        self, consumer: Any, active_partitions: Any, timeout: Any = None, max_records: Any = None
    ) -> Any:
        """What was fetched, as one batch per partition."""
        assignment, before, seeks = self._assignment(), self.positions(), dict(self._seeks)
        try:
            fetched = await super()._fetch_records(
                consumer, active_partitions, timeout=timeout, max_records=max_records
            )
        except UnicodeDecodeError as error:
            if reads_any_header_name():
                raise
            log.warning("a header's name is no text: every batch is now read slowly: %s", error)
            read_any_header_name()
            return {}
        same, after, batches = assignment is self._assignment(), self.positions(), {}
        for tp in {*after, *fetched}:
            moved = not same or tp not in before or seeks.get(tp) != self._seeks.get(tp)
            start = None if moved else before[tp]
            try:
                if batch := bounded(tp, start, after.get(tp), fetched.get(tp, ())):
                    batches[tp] = batch
            except CutBack as error:
                log.error("%s", error)
                self.cut.add(tp)
        self._hurry(bool(batches))
        return batches


class _Unread(dict[TP, int | None]):
    """Faust drops what it has read before; we decide that, by a position of our own."""

    def __missing__(self, tp: TP) -> None:
        return None

    def __getitem__(self, tp: TP) -> None:
        return None


class Consumer(driver.Consumer):
    """Faust's consumer, started from our own positions and fed with batches."""

    transport: "Transport"
    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = _Unread()
        self.assigned: Assignment = self.transport.assigned
        self._waiting: dict[TP, tuple[int, float]] = {}
        self._settings = self.transport.settings
        self._forbidden: KafkaError | None = None

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: Any, timeout: float) -> Any:
        """A fetch of what may be read by now; a copy, for Faust's set changes while we wait."""
        held_back = self.assigned.held_back
        active = {tp for tp in active_partitions if not held_back(Place(*tp))}
        if not active:
            await self.sleep(_POLL)
            return {}
        try:
            batches = await super()._getmany(active, min(timeout, _POLL))
        except FORBIDDEN as error:
            self._forbidden = error
            await self.sleep(_POLL)
            return {}
        return {tp: [batch] for tp, batch in batches.items()}

    @Service.task
    async def _end_when_forbidden(self) -> None:
        """Ends the process when we may not join the group, or not read a topic any more."""
        while not self.should_stop:
            with exit_on_unexpected_error("the group"), exit_when_forbidden(self._settings):
                await self._thread.tell_errors()
                if self._forbidden is not None:
                    raise self._forbidden
            await self.sleep(_BETWEEN_LOOKS)

    def _to_message(self, tp: Any, record: Any) -> ConsumerMessage:
        """A batch as Faust's message; without its generation the conductor drops it silently."""
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            record.end - 1,
            0.0,
            0,
            None,
            b"",
            record,
            None,
            0,
            0,
            TP(tp.topic, tp.partition),
            generation_id=self.app.consumer_generation_id,
        )

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seeks every partition to where its shard stands: the committed offsets are for lag.

        Faust also asks in the midst of a rebalance: what was asked of an assignment that is gone
        when the answers come moves nothing, and no shard is made here.
        """
        return await self._follow(lambda: list(self.assigned))

    async def begin_anew(self, progress: PartitionProgress) -> None:
        """Follows a partition with an empty shard, for the log is another one.

        Raises `KafkaError` where no broker tells where it begins: then it is as it was.
        """
        held = self.assigned.holds
        await self._follow(lambda: [self.assigned.begin_anew(progress)] if held(progress) else [])

    async def _follow(self, which: Callable[[], list[PartitionProgress]]) -> dict[TP, int]:
        tps = {TP(*tp) for tp in self.assignment()}
        first, end = await self._thread.bounds(tps)
        committed = await self._thread.committed(tps)
        if tps != {TP(*tp) for tp in self.assignment()}:
            return {}
        positions = {}
        for progress in which():
            topics = {tp.topic: tp for tp in tps if tp.partition == progress.shard.partition}
            progress.assigned(
                {topic: first[tp] for topic, tp in topics.items()},
                {topic: end[tp] for topic, tp in topics.items()},
            )
            say_what_is_missing(progress.shard.partition, progress.missing)
            for topic, tp in topics.items():
                if kept := committed.get(tp):
                    progress.committed(topic, kept)
                positions[tp] = progress.next(topic)
        await self._thread.seek_here(positions)
        self._waiting.clear()  # what was under way before is no measure of where we go on from
        return positions

    async def membership(self, generation: int) -> Membership:
        """Whether the group counts us in, in this generation; asked now, unless we are leaving."""
        if self.app.should_stop:
            return Membership.UNKNOWN
        return await self._thread.membership(generation)

    async def own_ends(self, partitions: Collection[int]) -> dict[int, dict[str, int]]:
        """Where our own topics end in each of these partitions, of what is committed."""
        end = await self._thread.ends(TP(topic, each) for each in partitions for topic in OWN)
        return {each: {topic: end[TP(topic, each)] for topic in OWN} for each in partitions}

    async def fold(self, message: Any) -> None:
        """Folds a batch slice by slice, or goes back for what is missing before one.

        Others have their turn in between, and the partition may leave meanwhile or come anew.
        """
        for part in slices(message.value):
            progress = self.assigned.get(message.partition)
            if progress is None or not progress.follows(message.topic):
                return
            if part.begin > (position := progress.next(message.topic)):
                log.info("%s: a gap before %d, back to %d", message.tp, part.begin, position)
                await self._thread.seek_here({TP(message.topic, message.partition): position})
                return
            await self._fold(progress, part, message.topic)

    async def _fold(self, progress: PartitionProgress, part: Batch, topic: str) -> None:
        """Folds a slice; others have their turn amid one that is much work, and after each."""
        messages = [message_of(record) for record in part.records]
        while progress.next(topic) < part.end:
            progress.take(topic, part.end, messages)
            await asyncio.sleep(0)

    async def listen(self, now: float) -> None:
        """Notes up to when each partition has been heard, and goes back for what got lost.

        A batch that was fetched and never came shows as a gap only once another follows it.
        `now` is monotonic, in seconds.
        """
        for tp, mark in self._thread.marks().items():
            if progress := self.assigned.get(tp.partition):
                progress.heard(tp.topic, mark)
        lost = self._lost(now)
        while self._thread.cut:
            tp = self._thread.cut.pop()
            if progress := self.assigned.get(tp.partition):
                progress.integrity.note(Damage(tp.topic, Kind.SHORTENED))
        if lost:
            log.warning("fetched and never folded, so back to %s", lost)
            await self._thread.seek_here(lost)

    def _lost(self, now: float) -> dict[TP, int]:
        """Where to go back to: the partitions that were fetched but not folded for some seconds.

        Where the consumer stays behind what is folded it was reset to a log that does not reach so
        far: that is noted, too.
        """
        waiting: dict[TP, tuple[int, float]] = {}
        for tp, fetched in self._thread.positions().items():
            progress = self.assigned.get(tp.partition)
            if progress and fetched != (folded := progress.next(tp.topic)):
                before, since = self._waiting.get(tp, (folded, now))
                waiting[tp] = (folded, since if before == folded else now)
                if fetched < folded and now - waiting[tp][1] > _LOST:
                    log.error("%s", cut_back(tp, folded))
                    self._thread.cut.add(tp)
        lost = {tp: folded for tp, (folded, since) in waiting.items() if now - since > _LOST}
        self._waiting = {tp: seen for tp, seen in waiting.items() if tp not in lost}
        return lost

    async def commit_folded(self) -> None:
        """Commits how far the shards are.

        Not while the group rebalances: a commit under an old generation makes the coordinator ask
        for a rejoin, and the next commit for the next.
        """
        if self.app.rebalancing or not self.app.flow_control.is_active():
            return
        due = {
            TP(topic, progress.shard.partition): kept
            for progress in self.assigned
            for topic, kept in progress.uncommitted().items()
        }
        if due and await self._thread.commit_folded(due):
            for tp, kept in due.items():
                if progress := self.assigned.get(tp.partition):
                    progress.committed(tp.topic, kept)


class Transport(driver.Transport):
    """Faust's transport to Kafka with our consumer in it."""

    Consumer = Consumer

    def __init__(self, settings: Settings, assigned: Assignment, app: Any) -> None:
        self.assigned, self.settings = assigned, settings
        urls = [URL(f"kafka://{broker.strip()}") for broker in settings.brokers.split(",")]
        super().__init__(urls, app)
