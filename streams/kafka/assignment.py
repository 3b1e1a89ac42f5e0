"""How far each partition has been followed, and whether its shard may speak: no Kafka in here."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from events.data import DEAD_LETTERS, OWN, TOPICS
from events.outcomes import Message
from streams.kafka.clocks import LIMIT, Clock, Clocks, wall_clock
from streams.kafka.followed import Shard, ShardFactory
from streams.kafka.hearing import Hearing, HighWatermark
from streams.kafka.integrity import Integrity
from streams.seals import Damage, Extent, Kind, Memory, SoFar, next_seal

UNSEEN: Final = 60.0
"""Seconds without a broker telling whether the log is whole, beyond which it is not relied on."""


class Place(NamedTuple):
    """A partition number of a topic."""

    topic: str
    partition: int


class PartitionProgress:
    """A shard, and how far it follows the log: what changes while a worker holds a partition."""

    def __init__(
        self,
        shard: Shard,
        heard_again: datetime | None = None,
        clock: Clock = wall_clock,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shard = shard
        self.heard_again = heard_again
        self.held_since = clock()
        self.assigned_at: datetime | None = None
        self.missing: tuple[str, ...] = TOPICS
        self.integrity = Integrity()
        self.opening = 0
        self.writable = False
        self.fenced = False
        self._targets: dict[str, int] = {}
        self.hearing = Hearing()
        self._judged_at: datetime | None = None
        self._clock = clock
        self.clocks = Clocks(clock)
        self._was_off = False
        self._folded_before = 0
        self._steady = steady
        self._seen = steady()

    def next(self, topic: str) -> int:
        """The offset up to which `topic` is folded."""
        return self.shard.next.get(topic, 0)

    def assigned(self, first: Mapping[str, int], end: Mapping[str, int]) -> None:
        """Goes on from here: per assigned topic its first offset and its end, both as of now.

        It may write once it is `opened`, which each assignment asks for anew.
        """
        self.closed()
        self.missing = tuple(topic for topic in TOPICS if topic not in end)
        self._targets = dict(end)
        self.hearing.begins()
        for topic, offset in first.items():
            if offset > self.next(topic):
                self.shard.fold(topic, offset, ())
        self.assigned_at = self._clock()
        self._folded_before = self._position

    def opened(self, own: Mapping[str, int]) -> None:
        """May write: no other can any more, and all they wrote lies before these ends."""
        self._targets.update(own)
        self.shard.start_over()
        self.opening += 1
        self.writable, self.fenced = True, False

    def so_far(self) -> SoFar:
        """What is read by now, to be held against a log that is asked for after that."""
        return SoFar(dict(self.shard.next), dict(self.integrity.memories), dict(self._targets))

    def look(self, extents: Mapping[str, Extent], so_far: SoFar) -> bool:
        """Compares the log with how it was before that; whether a shard is to begin anew."""
        self._seen = self._steady()
        self._lower_targets(extents, so_far.targets)
        if self.integrity.begun is None and not self.own_are_read:
            return False
        seal = self.shard.seal
        begins_anew = self.integrity.compare(seal, extents, so_far.folded, so_far.memories)
        if seal is None and not self.integrity.damages:
            self._propose(extents)
        return begins_anew

    def _lower_targets(self, extents: Mapping[str, Extent], targets: Mapping[str, int]) -> None:
        """Waits no longer for what was there, and is not any more: a topic has lost its end."""
        for topic, extent in extents.items():
            if extent.end >= targets.get(topic, 0):
                continue
            if topic in self._targets:  # it may be assigned anew meanwhile, without some topic
                self._targets[topic] = min(self._targets[topic], extent.end)
            seal = self.shard.seal
            if seal is None or seal.topics[topic].topic_id == extent.topic_id:
                self.integrity.note(Damage(topic, Kind.SHORTENED))

    def _propose(self, extents: Mapping[str, Extent]) -> None:
        """A log begins: it is numbered by a clock that is known to be the broker's."""
        if self.clocks.of(DEAD_LETTERS).believed:
            now = int(self._clock().timestamp() * 1000)
            self.shard.propose(next_seal(None, extents, (), now))

    @property
    def unseen_for(self) -> float:
        """For how many seconds no broker has told whether the log is whole."""
        return self._steady() - self._seen

    def follows(self, topic: str) -> bool:
        """Whether what is fetched of a topic is of the log that it is folded from."""
        return topic in OWN or self.integrity.intact

    def closed(self, *, fenced: bool = False) -> None:
        """May not write; `fenced` when that is because another may."""
        self.writable, self.fenced = False, fenced

    def take(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        """Folds what is new of a batch that reaches up to `end`, or the beginning of that."""
        begin = self.next(topic)
        if end <= begin:
            return
        if messages and messages[0].offset < begin:
            messages = [message for message in messages if message.offset >= begin]
        self.shard.fold(topic, end, messages)

    def heard(self, topic: str, mark: HighWatermark) -> None:
        """Notes an answer of the broker.

        One from ahead of now is of a clock that was put back since, and tells nothing.
        """
        if mark.at <= self._clock():
            self.hearing.note(topic, mark, self.next(topic))

    @property
    def own_are_read(self) -> bool:
        """Whether our own topics are folded up to where they ended when it was assigned, or opened.

        What is said before that may be said already.
        """
        return not self.missing and self._reached(OWN)

    @property
    def may_speak(self) -> bool:
        """Whether what it has to say may be sent now."""
        found = self.integrity.damages or self.integrity.superseded
        return self.writable and self.own_are_read and not found

    @property
    def caught_up(self) -> bool:
        """Whether every topic of a whole log is folded up to where it ended at assignment."""
        return not self.missing and self.integrity.intact and self._reached(TOPICS)

    def _reached(self, topics: Collection[str]) -> bool:
        return all(self.next(topic) >= self._targets[topic] for topic in topics)

    @property
    def behind(self) -> dict[str, int]:
        """Per topic, how many offsets are still to fold until it is caught up; none when it is."""
        ahead = {topic: end - self.next(topic) for topic, end in self._targets.items()}
        return {topic: count for topic, count in ahead.items() if count > 0}

    @property
    def folded(self) -> int:
        """How many offsets were folded since the assignment."""
        return self._position - self._folded_before

    @property
    def _position(self) -> int:
        return sum(map(self.next, self._targets))

    @property
    def events_per_second(self) -> float | None:
        """How fast it is catching up, on the average since the assignment; None when it is not."""
        if self.caught_up or self.assigned_at is None:
            return None
        seconds = (self._clock() - self.assigned_at).total_seconds()
        return self.folded / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """How long it takes to catch up at that speed; None while there is no telling."""
        if self.caught_up:
            return 0.0
        speed = self.events_per_second
        return sum(self.behind.values()) / speed if speed else None

    @property
    def lag(self) -> dict[str, int]:
        """Per topic, how many offsets beyond what is folded the broker last told of."""
        ends = dict(self._targets)
        for topic, high_water in self.hearing.high_waters.items():
            ends[topic] = max(high_water, ends.get(topic, 0))
        return {topic: max(0, end - self.next(topic)) for topic, end in ends.items()}

    @property
    def answered(self) -> datetime | None:
        """When a broker last answered about any topic; None for never."""
        return self.hearing.answered

    @property
    def read_ratio(self) -> float:
        """How much of what there was at assignment is folded, from 0 to 1."""
        there = sum(self._targets.values())
        return 1 - sum(self.behind.values()) / there if there else 1.0

    @property
    def watermark(self) -> datetime | None:
        """The instant up to which every topic was heard; never earlier than it was before."""
        return self.hearing.until

    def stale(self, now: datetime, after: float) -> bool:
        """Whether the log was not heard for more than `after` seconds.

        Nor is it known to be where it was heard ahead of now: a clock was put back since.
        """
        until = self.watermark
        return until is None or not timedelta(0) <= now - until <= timedelta(seconds=after)

    def trusts(self, now: datetime) -> bool:
        """Whether our clock may be judged by; what was heard by one that may not is forgotten.

        So is what was heard so far ahead of now that only such a clock can have said it.
        """
        until = self.watermark
        is_far = until is not None and until - now > timedelta(seconds=LIMIT)
        if self.clocks.believed and not is_far:
            return True
        self._was_off |= self.clocks.off
        self.hearing.forget(self._judged_at)
        return False

    def judge(self, until: datetime, after: float) -> Iterator[None]:
        """Judges at `until`, and knows of a spell of more than `after` seconds before it.

        What our clock told while it was off is no measure of when a spell ended.
        """
        spell = self._judged_at and until - self._judged_at > timedelta(seconds=after)
        if spell or self._was_off or (self.heard_again and self.heard_again > until):
            self.heard_again = until
        self._judged_at, self._was_off = until, False
        for _ in self.shard.tick(until, self.heard_again):
            yield

    @property
    def why_not_ready(self) -> str:
        """Why the shard is not to be relied on now; empty where it is."""
        if (why := self.why_not_shown) or (seconds := self.unseen_for) <= UNSEEN:
            return why
        return f"the brokers, which have not told for {seconds:.0f} s whether the log is whole"

    @property
    def why_not_shown(self) -> str:
        """Why the shard exposes nothing yet; empty once it does."""
        if self.missing:
            return f"assigned without {', '.join(self.missing)}"
        if self.integrity.damages:
            return self.integrity.words
        if self.clocks.off:
            return f"the clock, which is {self.clocks.told}"
        if self.behind:
            left = ", ".join(f"{count} of {topic}" for topic, count in self.behind.items())
            return f"still to read: {left}"
        if not self.integrity.intact:
            return self.integrity.words
        if self.clocks.unknown:
            return f"a measure of the clock, by {' and '.join(self.clocks.unknown)}"
        return self._ahead

    @property
    def _ahead(self) -> str:
        """That it was judged so far ahead of now that only a clock that was wrong can say so."""
        until = self.hearing.until
        if until is None or until - self._clock() <= timedelta(seconds=LIMIT):
            return ""
        return f"{until.isoformat(timespec='seconds')}, up to when it was judged by a wrong clock"

    def uncommitted(self) -> dict[str, Memory]:
        """What the group is to keep and does not yet: how far is folded, and what is damaged."""
        return self.integrity.to_keep(dict(self.shard.next))

    def committed(self, topic: str, memory: Memory) -> None:
        """Notes what the group keeps of a topic."""
        self.integrity.memories[topic] = memory


class Assignment:
    """The assignment of the partitions this worker holds, and nothing of any other."""

    def __init__(self, shard_of: ShardFactory, clock: Clock = wall_clock) -> None:
        self._shard_of = shard_of
        self.now = clock
        self._held: dict[int, PartitionProgress] = {}
        self.assigned_once = False
        self.heard_again: datetime | None = None
        self.generation = 0

    def __iter__(self) -> Iterator[PartitionProgress]:
        return iter(list(self._held.values()))

    def __len__(self) -> int:
        return len(self._held)

    def heard_nothing(self) -> None:
        """Notes that by now nothing was heard, for what is held from here on."""
        self.heard_again = self.now()

    def get(self, partition: int) -> PartitionProgress | None:
        """The progress of a partition number, None when this worker does not hold it."""
        return self._held.get(partition)

    def hold(self, partitions: Collection[int], generation: int = 0) -> None:
        """Holds these partitions and no other: what stays keeps its shard, what is new gets one.

        `generation` is the group's, in which they were assigned.
        """
        self.assigned_once, self.generation = True, generation
        spells = [each.heard_again for each in self if each.heard_again]
        self.heard_again = max(spells, default=self.heard_again)
        for partition in set(self._held) - set(partitions):
            del self._held[partition]
        for partition in sorted(set(partitions) - set(self._held)):
            shard = self._shard_of(partition)
            self._held[partition] = PartitionProgress(shard, self.heard_again, self.now)

    def begin_anew(self, progress: PartitionProgress) -> PartitionProgress:
        """Drops a shard that is of another log than there is now, for an empty one."""
        partition = progress.shard.partition
        anew = PartitionProgress(self._shard_of(partition), progress.heard_again, self.now)
        anew.integrity = progress.integrity.anew()
        anew.shard.remember(progress.shard.names)
        self._held[partition] = anew
        return anew

    def give_up(self, progress: PartitionProgress) -> None:
        """Lets go of a partition that another worker holds, and of what there was to say for it."""
        if self.holds(progress):
            del self._held[progress.shard.partition]

    def holds(self, progress: PartitionProgress) -> bool:
        """Whether this progress is still the one of its partition."""
        return self._held.get(progress.shard.partition) is progress

    def held_back(self, place: Place) -> bool:
        """Whether a topic is not to be read yet: our own come first, and all come together.

        What is inbound is not read either where the log is damaged, or not compared yet.
        """
        progress = self._held.get(place.partition)
        if progress is None or progress.missing:
            return True
        return not (place.topic in OWN or (progress.own_are_read and progress.integrity.intact))

    def stale(self, after: float) -> list[int]:
        """The partitions whose log was not heard for more than `after` seconds."""
        now = self.now()
        return [each.shard.partition for each in self if each.stale(now, after)]

    @property
    def ready(self) -> bool:
        """Whether there was an assignment, and nothing that came with it waits for anything."""
        return self.assigned_once and not any(progress.why_not_ready for progress in self)
