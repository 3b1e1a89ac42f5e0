"""A shard: all that is known of the CMOs of one partition number, and what it has to say."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from time import monotonic

from pydantic import ValidationError

from alerts.agreements import Agreements
from alerts.breaches import Ledger, transitions
from alerts.readings import Figures, Reading, readings
from alerts.state import REFUSALS, Cmo, Unfoldable
from events.breaches import BREACH_EVENT, BreachEvent
from events.data import BREACHES, DEAD_LETTERS, INBOUND
from events.decode import Accepted, Decoder, Message, Reason, Rejection
from events.partition import partition_of
from events.sources import Source
from events.values import microseconds
from streams.dead_letters import (
    WHOLE_PER_MINUTE,
    Coordinates,
    OutboxMessage,
    dead_letter,
    read_back,
)

_MOST_BYTES_DUE = 64 << 20
"""Bytes of dead letters on their way; beyond, they keep coordinates and reason only."""

AGAIN_AFTER = 30.0
"""Seconds after which what was sent, and not read back, is sent again under the same id."""


def decoder_of(agreements: Agreements, partitions: int) -> Decoder:
    """A decoder that believes the sources these agreements name."""

    def sources_of(cmo: str, recorded: datetime) -> tuple[Source, ...] | None:
        agreement = agreements.of(cmo, recorded.date())
        return agreement.sources if agreement else None

    return Decoder(sources_of, partitions)


class Shard:
    """The fold of one partition number over the inbound topics and our own.

    `next` says per topic how far it has folded, `judged` what each CMO was last judged to be.
    """

    def __init__(
        self,
        partition: int,
        partitions: int,
        agreements: Agreements,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.partition = partition
        self.next = dict.fromkeys((DEAD_LETTERS, BREACHES, *INBOUND), 0)
        self.cmos = {
            cmo: Cmo(cmo, agreements)
            for cmo in agreements.cmos
            if partition_of(cmo.encode(), partitions) == partition
        }
        self.ledger = Ledger()
        self.judged: dict[str, list[Reading]] = {}
        self.judged_at = 0
        self.accepted = dict.fromkeys(INBOUND, 0)
        self.duplicates = dict.fromkeys(INBOUND, 0)
        self.rejected: dict[tuple[str, Reason], int] = {}
        self.unreadable = dict.fromkeys((DEAD_LETTERS, BREACHES), 0)
        self._agreements = agreements
        self._decoder = decoder_of(agreements, partitions)
        self._clock = clock
        self._refused: dict[Coordinates, Reason] = {}
        self._figures: dict[str, Figures] = {}
        self._due: dict[str, OutboxMessage] = {}
        self._bytes_due = 0
        self._sent: dict[str, float] = {}
        self._whole: dict[tuple[bytes, int], int] = {}

    def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        """Take in what stands on a topic up to `end`; messages in order, from `next[topic]` on."""
        take = {DEAD_LETTERS: self._read_dead_letter, BREACHES: self._read_breach}.get(
            topic, self._take
        )
        for message in messages:
            try:
                take(message)
            except Exception as error:
                error.add_note(f"at {topic}[{self.partition}] offset {message.offset}")
                raise
        self.next[topic] = end

    def tick(self, now: datetime, heard_again: datetime | None = None) -> Iterator[str]:
        """Judge CMO by CMO as of `now`, saying each one's id once it is judged.

        `heard_again` is when the log was heard again after a spell of hearing nothing, if ever.
        Whoever calls may let others run in between; what is not judged is due at the next tick.
        """
        at = microseconds(now)
        for name in sorted(self.cmos):
            cmo = self.cmos[name]
            for event, fault in cmo.ripen(at):
                self._refuse_later(event, fault)
            self._judge(cmo, at, microseconds(heard_again) if heard_again else 0)
            yield name
        self.judged_at = at

    def to_send(self) -> list[OutboxMessage]:
        """What should stand on our topics, does not, and is not on its way."""
        now = self._clock()
        due = [o for o in self._due.values() if now - self._sent.get(o.id, -1e9) >= AGAIN_AFTER]
        self._sent.update(dict.fromkeys((output.id for output in due), now))
        return due

    @property
    def due(self) -> int:
        """How much there is to say that was not read back yet."""
        return len(self._due)

    def _judge(self, cmo: Cmo, at: int, heard_again: int) -> None:
        figures = self._figures.setdefault(cmo.id, Figures())
        found = self.judged[cmo.id] = readings(cmo, at, figures)
        for event in transitions(cmo, found, self.ledger, at, heard_again):
            if event.id not in self._due:
                self._due[event.id] = self._breach(event)

    def _breach(self, event: BreachEvent) -> OutboxMessage:
        key = event.partitionkey.encode()
        return OutboxMessage(event.id, BREACHES, self.partition, key, event.json_line(), [])

    def _take(self, message: Message) -> None:
        where = Coordinates(message.topic, message.offset)
        if reason := self._refused.get(where):
            self._count_refused(self._decoder.refused(message, reason, "it was refused before"))
            return
        outcome = self._decoder.decode(message)
        if isinstance(outcome, Accepted):
            self._accept(outcome)
        else:
            self._refuse(outcome)

    def _accept(self, event: Accepted) -> None:
        try:
            fresh = self._cmo(event.cmo).take(event)
        except tuple(REFUSALS) as fault:
            self._refuse(event.refused(REFUSALS[type(fault)], str(fault)))
        else:
            counter = self.accepted if fresh else self.duplicates
            counter[event.topic] += 1

    def _cmo(self, name: str) -> Cmo:
        if (cmo := self.cmos.get(name)) is None:
            cmo = self.cmos[name] = Cmo(name, self._agreements)
        return cmo

    def _refuse(self, rejection: Rejection) -> None:
        self._count_refused(rejection)
        letter = dead_letter(rejection, whole=self._keeps_bytes(rejection.message))
        self._settle(letter.id)
        self._due[letter.id] = letter
        self._bytes_due += len(letter.value)

    def _count_refused(self, rejection: Rejection) -> None:
        kind = rejection.message.topic, rejection.reason
        self.rejected[kind] = self.rejected.get(kind, 0) + 1
        if rejection.cmo is not None:
            self._cmo(rejection.cmo).refuse(rejection)

    def _refuse_later(self, event: Accepted, fault: Unfoldable) -> None:
        """An event that was taken, and cannot be joined now that its time has come."""
        self._refuse(event.refused(REFUSALS[type(fault)], str(fault)))

    def _keeps_bytes(self, message: Message) -> bool:
        key = (message.key or b"")[:128], message.timestamp // 60_000
        if len(self._whole) > 10_000:
            self._whole.clear()
        self._whole[key] = self._whole.get(key, 0) + 1
        return self._whole[key] <= WHOLE_PER_MINUTE and self._bytes_due < _MOST_BYTES_DUE

    def _read_dead_letter(self, message: Message) -> None:
        found = read_back(message.headers)
        if found is None:
            self.unreadable[DEAD_LETTERS] += 1
            return
        where, reason = found
        self._refused.setdefault(where, reason)
        self._settle(f"{where.topic}/{self.partition}/{where.offset}")

    def _read_breach(self, message: Message) -> None:
        try:
            event = BREACH_EVENT.validate_json(message.value or b"")
        except ValidationError:
            self.unreadable[BREACHES] += 1
            return
        self.ledger.fold(event)
        self._settle(event.id)

    def _settle(self, output: str) -> None:
        self._sent.pop(output, None)
        if (due := self._due.pop(output, None)) is not None and due.topic == DEAD_LETTERS:
            self._bytes_due -= len(due.value)

    def readings(self) -> Iterator[Reading]:
        """The last judgement, CMO by CMO."""
        for name in sorted(self.judged):
            yield from self.judged[name]
