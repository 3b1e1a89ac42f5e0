"""A shard: all that is known of the CMOs of one partition number, and what it has to say."""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from math import inf
from time import monotonic
from typing import Final

from pydantic import ValidationError

from alerts.agreements import Agreements
from alerts.breaches import transitions
from alerts.cmo import Cmo
from alerts.fold import Fold, Slice
from alerts.ledger import Ledger, on_windows
from alerts.readings import Figures, Reading, readings, unknown
from events.breaches import BREACH_EVENT, BreachEvent
from events.data import BREACHES, DEAD_LETTERS, INBOUND
from events.decode import Decoder
from events.outcomes import Message, Reason, Rejection
from events.partition import partition_of
from events.sources import Source
from events.values import microseconds
from streams.dead_letters import (
    SEALED,
    Coordinates,
    Covered,
    OutboxMessage,
    Word,
    contradiction,
    covered,
    read_back,
    sealed,
    withdrawal,
)
from streams.letters import Letters
from streams.outbox import Outbox
from streams.seals import Seal

_ATTEMPTS = 3  # to read a CMO while others have their turn
_AT_ONCE = 100  # readings judged before others have their turn on the loop

FOLDS_FOR: Final = 0.02
"""Seconds for which a shard of a worker folds before others have their turn on the loop."""


def decoder_of(agreements: Agreements, partitions: int) -> Decoder:
    """A decoder that believes the sources these agreements name."""

    def sources_of(cmo: str, recorded: datetime) -> tuple[Source, ...] | None:
        agreement = agreements.of(cmo, recorded.date())
        return agreement.sources if agreement else None

    return Decoder(sources_of, partitions)


class Shard:
    """The fold of one partition number over the inbound topics and our own.

    `next` says per topic how far it has folded, `judged` what each CMO was last judged to be.
    `folds_for` are the seconds after which it stops amid what it is given to fold.
    """

    def __init__(
        self,
        partition: int,
        partitions: int,
        agreements: Agreements,
        clock: Callable[[], float] = monotonic,
        folds_for: float = inf,
    ) -> None:
        self.partition = partition
        self.next = dict.fromkeys((DEAD_LETTERS, BREACHES, *INBOUND), 0)
        self.seal: Seal | None = None
        self.ledger = Ledger()
        self.outbox = Outbox(clock)
        self.folds_for = folds_for
        self._clock = clock
        self.judged: dict[str, list[Reading]] = {}
        self.judged_at = 0
        self.accepted = dict.fromkeys(INBOUND, 0)
        self.duplicates = dict.fromkeys(INBOUND, 0)
        self.rejected: dict[tuple[str, Reason], int] = {}
        self.unreadable = dict.fromkeys((DEAD_LETTERS, BREACHES), 0)
        mine = (c for c in agreements.cmos if partition_of(c.encode(), partitions) == partition)
        self._fold = Fold(agreements, mine)
        self._decoder = decoder_of(agreements, partitions)
        self._agreements = agreements
        self._letters = Letters()
        self._covered: set[str] = set()
        self._remembered: set[str] = set()
        self._lacking: dict[str, int] = {}
        self._figures: dict[str, Figures] = {}

    @property
    def cmos(self) -> dict[str, Cmo]:
        """The CMOs that belong here, by id."""
        return self._fold.cmos

    def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        """Take in what stands on a topic up to `end`; messages in order, from `next[topic]` on.

        Where that takes too long, `next[topic]` is the first that is left, and what changed till
        then is known. One message at least is taken in: one that names a hundred lots takes as
        long as a hundred.
        """
        until = self._clock() + self.folds_for
        changes = self._fold.begin()
        own = {DEAD_LETTERS: self._read_dead_letter, BREACHES: self._read_breach}.get(topic)
        take = own or partial(self._apply, changes, self._letters.any(topic))
        for number, message in enumerate(messages, 1):
            try:
                take(message)
            except Exception as error:
                error.add_note(f"at {topic}[{self.partition}] offset {message.offset}")
                raise
            if number < len(messages) and self._clock() > until:
                end = messages[number].offset
                break
        changes.commit()
        self.next[topic] = end

    def tick(self, now: datetime, heard_again: datetime | None = None) -> Iterator[str]:
        """Judge CMO by CMO as of `now`, saying its id whenever others may have their turn.

        `heard_again` is when the log was heard again after a spell of hearing nothing, if ever.
        What is not judged by the last turn is due at the next tick.
        """
        at = microseconds(now)
        for name in sorted(self.cmos):
            cmo = self.cmos[name]
            for rejection in self._fold.due(cmo, at):
                self._refuse(rejection)
            self._cover(cmo)
            for _ in self._judge(cmo, at, microseconds(heard_again) if heard_again else 0):
                yield name
            yield name
        self.judged_at = at

    def to_send(self) -> list[OutboxMessage]:
        """What should stand on our topics, does not, and is not on its way."""
        return self.outbox.to_send()

    def propose(self, seal: Seal) -> None:
        """A log begins: it is sealed so, unless that is being said already."""
        message = sealed(seal, self.partition)
        if message.id not in self.outbox:
            self.outbox.put(message)

    def start_over(self) -> None:
        """Drops what was judged and not read back: the next tick judges anew what has to stand.

        So it drops a seal that was proposed: the log may be another one by now, or sealed.
        """
        self.outbox.start_over()
        self.outbox.confirm(SEALED)

    @property
    def names(self) -> set[str]:
        """The CMOs that are known to belong here, of which some may have lost all they said."""
        return {*self.cmos, *self._covered, *self._remembered}

    def remember(self, names: Collection[str]) -> None:
        """Knows of these CMOs that they belong here, whatever is left of the log."""
        self._remembered.update(names)

    @property
    def due(self) -> int:
        """How much there is to say that was not read back yet."""
        return len(self.outbox)

    def readings(self) -> Iterator[Reading]:
        """The last judgement, CMO by CMO."""
        for name in sorted(self.judged):
            yield from self.judged[name]

    def unknown(self, why: str, now: datetime) -> Iterator[Reading]:
        """The readings of the CMOs that are known to belong here, while nothing can be known."""
        for name in sorted(self.names):
            yield from unknown(name, why, microseconds(now))

    @property
    def lacking(self) -> Mapping[str, int]:
        """CMOs of which events were taken and with which nothing is agreed: how many they have."""
        return dict(sorted(self._lacking.items()))

    def _judge(self, cmo: Cmo, at: int, heard_again: int) -> Iterator[None]:
        yield from cmo.let_go(at)
        found = yield from self._read(cmo, at)
        self.judged[cmo.id] = found
        for event in transitions(cmo, found, self.ledger, at, heard_again):
            if event.id not in self.outbox:
                self.outbox.put(self._breach(event))

    def _read(self, cmo: Cmo, at: int) -> Generator[None, None, list[Reading]]:
        """The readings of a CMO, all of one state: what is folded meanwhile has it begin again.

        After some attempts it reads without giving others their turn: little is left to do by then.
        """
        for _ in range(_ATTEMPTS):
            revision, found = cmo.revision, list[Reading]()
            for reading in self._readings(cmo, at):
                if reading is None:
                    yield
                else:
                    found.append(reading)
            if cmo.revision == revision:
                return found
        return [reading for reading in self._readings(cmo, at) if reading is not None]

    def _readings(self, cmo: Cmo, at: int) -> Iterator[Reading | None]:
        """The readings of a CMO, and None wherever others may have their turn."""
        yield from cmo.refresh(at, on_windows(cmo, self.ledger))
        figures = self._figures.setdefault(cmo.id, Figures())
        for number, reading in enumerate(readings(cmo, at, figures), start=1):
            yield reading
            if number % _AT_ONCE == 0:
                yield None

    def _breach(self, event: BreachEvent) -> OutboxMessage:
        key = event.partitionkey.encode()
        return OutboxMessage(event.id, BREACHES, self.partition, key, event.json_line(), [])

    def _apply(self, changes: Slice, said: bool, message: Message) -> None:
        """Takes in a message of a CMO; `said` is whether there is a word about any on its topic."""
        topic = message.topic
        reason = self._letters.reason(topic, message.offset) if said else None
        if reason is not None and reason.holds_for_good:
            again = self._decoder.refused(message, reason, "it was refused before")
            changes.add(again)
            self._refuse(again)
            return
        outcome = changes.add(self._decoder.decode(message))
        if isinstance(outcome, Rejection):
            self._refuse(outcome)
            return
        counts = self.accepted if outcome else self.duplicates
        counts[topic] += 1
        if said:
            self._withdraw(message)

    def _refuse(self, rejection: Rejection) -> None:
        """Counts what is refused, and says so unless that is what was said last."""
        message, reason = rejection.message, rejection.reason
        kind = message.topic, reason
        self.rejected[kind] = self.rejected.get(kind, 0) + 1
        if reason is Reason.UNKNOWN_CMO:
            self._miss(message)
        where = Coordinates(message.topic, message.offset)
        if ordinal := self._letters.decide(where, reason):
            self.outbox.refuse(rejection, ordinal)

    def _withdraw(self, message: Message) -> None:
        """Takes back the dead letter of what is taken, unless that is what was said last."""
        if ordinal := self._letters.decide(Coordinates(message.topic, message.offset), None):
            self.outbox.replace(withdrawal(message, ordinal))

    def _cover(self, cmo: Cmo) -> None:
        """Says once and for all of a CMO that events of it were taken."""
        if cmo.was_taken and cmo.id not in self._covered:
            self.outbox.put(covered(cmo.id, self.partition))

    def _miss(self, message: Message) -> None:
        """Counts an event of a CMO that was covered once and with which nothing is agreed now."""
        cmo = (message.key or b"").decode(errors="replace")
        if cmo in self._lacking:  # not any key: there is no end of those
            self._lacking[cmo] += 1

    def _read_dead_letter(self, message: Message) -> None:
        found = read_back(message.headers)
        if found is None:
            self.unreadable[DEAD_LETTERS] += 1
        elif isinstance(found, Seal):
            self._read_seal(found)
        elif isinstance(found, Covered):
            self._covered.add(found.cmo)
            if not self._agreements.versions(found.cmo):
                self._lacking.setdefault(found.cmo, 0)
            self.outbox.confirm(covered(found.cmo, self.partition).id)
        else:
            self._read_word(message, found)

    def _read_seal(self, seal: Seal) -> None:
        self.outbox.confirm(sealed(seal, self.partition).id)
        if self.seal is None or seal.number > self.seal.number:
            self.seal = seal
            self._letters.seal(seal)
            self.ledger.seal(seal.number, events_lost=seal.events_lost)

    def _read_word(self, message: Message, word: Word) -> None:
        id_ = word.where.id(self.partition)
        if not self._letters.is_news(word, awaited=id_ in self.outbox):
            return
        self.outbox.confirm(id_)
        folded = word.where.offset < self.next[word.where.topic]
        if self._letters.read(word, folded=folded):
            meant = self._letters.meant(word.where)
            self.outbox.replace(contradiction(message, word, meant))

    def _read_breach(self, message: Message) -> None:
        try:
            event = BREACH_EVENT.validate_json(message.value or b"")
        except ValidationError:
            self.unreadable[BREACHES] += 1
            return
        self.ledger.fold(event)
        self.outbox.confirm(event.id)
