"""The worker without the guards that `CHAOS_WITHOUT` names: which test notices each."""

import itertools
import os
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from math import inf
from typing import Any

from aiokafka.structs import TopicPartition
from faust.types import TP

from alerts import breaches, fold
from alerts.apply import REFUSALS
from alerts.derivation import Unfoldable
from alerts.ledger import Ledger, Standing
from alerts.records.lot import LOT
from events import outcomes
from events.outcomes import Message
from streams import app
from streams.commands.watch import worker
from streams.kafka import integrity, producer, writers
from streams.kafka.assignment import Assignment, PartitionProgress, Place
from streams.kafka.batches import message_of
from streams.kafka.clocks import Clocks, Interval, LeaderClock
from streams.kafka.extents import Extents
from streams.kafka.integrity import Integrity
from streams.kafka.transport import Consumer, ConsumerThread
from streams.kafka.writers import Membership
from streams.letters import Letters
from streams.outbox import Outbox
from streams.seals import Extent, Memory, Seal
from streams.settings import Settings
from streams.shard import Shard


def generation() -> None:
    """Messages carry no generation: the conductor cannot tell an old assignment's from a new."""
    made = Consumer._to_message

    def message(self: Consumer, tp: Any, record: Any) -> Any:
        made_so = made(self, tp, record)
        made_so.generation_id = None
        return made_so

    Consumer._to_message = message  # type: ignore[method-assign]


def seeking_thread() -> None:
    """Seeks from whichever thread asks, while a fetch may be under way on the consumer's own."""

    async def seek_here(self: ConsumerThread, offsets: Any) -> None:
        assigned = self._consumer.assignment()
        for tp, offset in offsets.items():
            if tp in assigned:
                self._consumer.seek(TopicPartition(*tp), offset)

    ConsumerThread.seek_here = seek_here  # type: ignore[method-assign]


def no_commit_in_a_rebalance() -> None:
    """Commits whatever the group is doing."""

    async def commit(self: Consumer) -> None:
        due = {TP(t, f.shard.partition): at for f in self.assigned for t, at in _ahead(f)}
        if due:
            await self._thread.commit_folded(due)

    Consumer.commit_folded = commit  # type: ignore[method-assign]


def _ahead(progress: PartitionProgress) -> list[tuple[str, Memory]]:
    return list(progress.uncommitted().items())


def own_topics_first() -> None:
    """Reads all topics at once: what was refused may be taken before its refusal is read."""

    def held_back(self: Assignment, place: Place) -> bool:
        progress = self._held.get(place.partition)
        return progress is None or bool(progress.missing)

    Assignment.held_back = held_back  # type: ignore[method-assign]


def quarantine() -> None:
    """An event that a formula cannot take is not refused."""
    kept = {fault: reason for fault, reason in REFUSALS.items() if fault is not Unfoldable}
    vars(fold)["REFUSALS"] = kept


def read_committed() -> None:
    """Reads what a transaction wrote and did not commit."""
    made = ConsumerThread._create_worker_consumer

    def consumer(self: ConsumerThread, transport: Any) -> Any:
        made_so = made(self, transport)
        made_so._isolation_level = "read_uncommitted"
        return made_so

    ConsumerThread._create_worker_consumer = consumer  # type: ignore[method-assign]


def own_position() -> None:
    """Goes on where the group committed, as a consumer does by itself."""
    sought = Consumer.seek_to_committed

    async def seek(self: Consumer) -> Any:
        tps = {TP(*tp) for tp in self.assignment()}
        for tp, kept in (await self._thread.committed(tps)).items():
            if progress := self.assigned.get(tp.partition):
                progress.shard.next[tp.topic] = max(kept.offset, progress.next(tp.topic))
        return await sought(self)

    Consumer.seek_to_committed = seek  # type: ignore[method-assign]


def gaps_gone_back_for() -> None:
    """A batch is folded though something is missing before it."""

    async def fold(self: Consumer, message: Any) -> None:
        if progress := self.assigned.get(message.partition):
            batch = message.value
            messages = [message_of(each) for each in batch.records]
            while progress.next(message.topic) < batch.end:
                progress.take(message.topic, batch.end, messages)

    Consumer.fold = fold  # type: ignore[method-assign]


def fetched_and_lost_gone_back_for() -> None:
    """What was fetched and never folded is not missed until another batch follows."""
    Consumer._lost = lambda self, now: {}  # type: ignore[method-assign]


def folded_once() -> None:
    """What was folded is folded again when it comes again."""

    def take(self: PartitionProgress, topic: str, end: int, messages: Any) -> None:
        self.shard.folds_for = inf  # type: ignore[attr-defined]
        self.shard.fold(topic, max(end, self.next(topic)), messages)

    PartitionProgress.take = take  # type: ignore[method-assign]


def refused_stays_refused() -> None:
    """Dead letters are not read back."""

    def read(self: Shard, message: Message) -> None:
        """Passes over a dead letter."""

    Shard._read_dead_letter = read  # type: ignore[method-assign]


def decided_anew() -> None:
    """What is refused for what was agreed is refused for good."""

    vars(outcomes)["_DECIDED_ANEW"] = frozenset()


def withdrawals() -> None:
    """What is taken now keeps its dead letter."""
    whole = Letters.decide

    def decide(self: Letters, where: Any, meant: Any) -> int:
        return whole(self, where, meant) if meant is not None else 0

    Letters.decide = decide  # type: ignore[method-assign]


def covered_once() -> None:
    """It is not said of which CMOs events were taken."""

    def cover(self: Shard, cmo: Any) -> None:
        """Passes over a CMO."""

    Shard._cover = cover  # type: ignore[method-assign]


def read_back_before_speaking() -> None:
    """What stands on the breaches' topic is not read back."""

    def read(self: Shard, message: Message) -> None:
        """Passes over a breach."""

    Shard._read_breach = read  # type: ignore[method-assign]


def fencing() -> None:
    """Each worker's producers have ids of their own: none fences another's."""

    def own(settings: Settings, partition: int) -> str:
        return f"{settings.group}-{os.getpid()}-{partition}"

    producer.transactional_id = own


def members_alone_write() -> None:
    """A producer that was started writes, whoever holds the partition by then."""

    async def membership(self: Consumer, generation: int) -> Membership:
        return Membership.HELD

    Consumer.membership = membership  # type: ignore[method-assign]


def judged_anew() -> None:
    """What was judged before the partition was opened is sent afterwards."""

    def start_over(self: Outbox) -> None:
        """Keeps what there is to send."""

    Outbox.start_over = start_over  # type: ignore[method-assign]


def compared_log() -> None:
    """The log is read as it is, whatever it was before."""
    vars(integrity)["damages"] = lambda *_: ()


def found_for_good() -> None:
    """The group keeps how far is folded, and not what was found to be wrong."""
    whole = Integrity.to_keep

    def to_keep(self: Integrity, folded: Mapping[str, int]) -> dict[str, Memory]:
        return whole(self, folded) if self.intact else {}

    Integrity.to_keep = to_keep  # type: ignore[method-assign]


def numbers_never_used() -> None:
    """Breaches are numbered from the first, whatever was lost."""

    def seal(self: Ledger, number: int, *, events_lost: bool) -> None:
        """Passes over a seal."""

    Ledger.seal = seal  # type: ignore[method-assign]


def letters_of_what_is_there() -> None:
    """What was said of messages that are lost is believed of those in their place."""

    def seal(self: Letters, seal: Seal) -> None:
        """Passes over a seal."""

    Letters.seal = seal  # type: ignore[method-assign]


def told_apart() -> None:
    """All partitions are asked for at once: one that nobody leads keeps back all."""

    async def told(self: Extents, partitions: Collection[int]) -> dict[int, dict[str, Extent]]:
        found = await whole(self, partitions)
        return found if set(found) == set(partitions) else {}

    whole = Extents.told
    Extents.told = told  # type: ignore[method-assign]


def compaction_noted() -> None:
    """Nobody looks how topics are cleaned up."""

    async def note(settings: Settings, assignment: Assignment) -> None:
        """Passes over what is compacted."""

    vars(app)["note_compaction"] = note


def cmos_remembered() -> None:
    """Who begins anew knows of no CMO but by what is left of the log."""

    def remember(self: Shard, names: Collection[str]) -> None:
        """Passes over the names."""

    Shard.remember = remember  # type: ignore[method-assign]


def silence_waits() -> None:
    """Silence is held against a CMO as soon as we hear again."""
    breaches.SILENCE_WAITS = 0


def clock_measured() -> None:
    """Whatever the clock says is believed."""
    Clocks.believed = property(lambda self: True)  # type: ignore[assignment,method-assign]
    Clocks.off = property(lambda self: False)  # type: ignore[assignment,method-assign]
    LeaderClock.believed = property(lambda self: True)  # type: ignore[assignment,method-assign]


def clock_carried() -> None:
    """That our clock was set is not seen before the next stamp of the broker."""

    def skew(self: LeaderClock) -> float | None:
        ours = self._ours_when_measured
        return self._theirs and Interval(ours - self._theirs.high, ours - self._theirs.low).least

    LeaderClock.skew = property(skew)  # type: ignore[assignment,method-assign]


def words_measured() -> None:
    """What was judged is committed, whatever time it is for the broker as it is appended."""
    writers._may_stand = lambda progress, outputs: lambda stamp: True


def ahead_is_stale() -> None:
    """What was heard ahead of now counts as heard just now."""

    def stale(self: PartitionProgress, now: datetime, after: float) -> bool:
        until = self.watermark
        return until is None or now - until > timedelta(seconds=after)

    PartitionProgress.stale = stale  # type: ignore[method-assign]


def last_word_waits() -> None:
    """What a clock ahead of ours said of a breach is followed before then."""
    whole = breaches._next

    def follow(cmo: Any, where: Any, standing: Standing, reading: Any, now: int) -> Any:
        return whole(cmo, where, standing._replace(at=0), reading, now)

    breaches._next = follow


def whole_transport() -> None:
    """Every seventh batch is lost between the fetch and the fold."""
    whole, seen = Consumer.fold, itertools.count(1)

    async def fold(self: Consumer, message: Any) -> None:
        if next(seen) % 7:
            await whole(self, message)

    Consumer.fold = fold  # type: ignore[method-assign]


def sound_formulas() -> None:
    """The formula of a lot raises at those that are cursed."""
    object.__setattr__(LOT, "derive", cursed(LOT.derive))
    object.__setattr__(LOT, "advance", None)


def cursed(formula: Callable[..., Any]) -> Callable[..., Any]:
    def raises(facts: Any, terms: Any) -> Any:
        if any("cursed" in fact.id for fact in facts):
            raise ZeroDivisionError("a cursed lot")
        return formula(facts, terms)

    return raises


GUARDS: dict[str, Callable[[], None]] = {
    guard.__name__: guard
    for guard in (
        generation,
        seeking_thread,
        no_commit_in_a_rebalance,
        own_topics_first,
        quarantine,
        read_committed,
        own_position,
        gaps_gone_back_for,
        fetched_and_lost_gone_back_for,
        folded_once,
        refused_stays_refused,
        decided_anew,
        withdrawals,
        covered_once,
        read_back_before_speaking,
        fencing,
        members_alone_write,
        judged_anew,
        compared_log,
        found_for_good,
        numbers_never_used,
        letters_of_what_is_there,
        told_apart,
        compaction_noted,
        cmos_remembered,
        silence_waits,
        clock_measured,
        clock_carried,
        words_measured,
        ahead_is_stale,
        last_word_waits,
        sound_formulas,
        whole_transport,
    )
}

if __name__ == "__main__":
    for name in os.environ.get("CHAOS_WITHOUT", "").split():
        GUARDS[name]()
    worker()
