"""Everything known of one CMO: a fold of its events, the same in whatever order they come."""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Final, NamedTuple

from alerts import lines, lots
from alerts.agreements import Agreement, Agreements
from alerts.calendar import HOUR, civil_day
from alerts.catalogue import BY_NAME, Kpi
from alerts.feeds import Feed
from alerts.lines import Awaited, Line
from alerts.lots import History, Lot
from alerts.records import NO_MEANING, RANK, Evidence, Fact, Meaning, Record
from alerts.shelves import Shelves, place
from alerts.windows import Values, Window
from events import data as said
from events.data import Data, InboundTopic, Speaker
from events.decode import Accepted, Reason, Rejection
from events.values import microseconds

NEWEST = 50
"""How many failing pieces of evidence a breach lists."""

MOST_FACTS = 500
"""How many facts one lot or order line may have; a real one has a few dozen."""

MOST_PRODUCTS = 1_000
"""How many products a CMO may have, and how many pairs of a site and a product in stock."""


class Scope(NamedTuple):
    """What part of a CMO a reading is about; None where that says nothing."""

    site: str | None = None
    product: str | None = None
    lot_state: str | None = None
    topic: str | None = None


WHOLE = Scope()


class ContradictsItself(Exception):
    """An identity was said before with other content; the first said holds."""


class NotItsToSay(Exception):
    """A retraction or a gap of another source's events, and not said by the sponsor."""


class Unfoldable(Exception):
    """Working out what an event means failed; nothing was changed by it."""


REFUSALS: Final[dict[type[Exception], Reason]] = {
    ContradictsItself: Reason.OTHER_CONTENT,
    NotItsToSay: Reason.NOT_ENTITLED,
    Unfoldable: Reason.UNFOLDABLE,
}
"""What an event that is taken by its contract may still be refused for."""


class Known:
    """An event that was taken: what it said, and whether it is joined with its records."""

    __slots__ = ("content", "fact", "joined", "timeliness")

    def __init__(self, content: bytes, fact: Fact) -> None:
        self.content = content
        self.fact = fact
        self.joined = False
        self.timeliness: Evidence | None = None


class Acceptance(NamedTuple):
    """What the sponsor said of a breach: its latest word, and whether corrections hold."""

    fact: Fact
    accepted: bool


def identity(topic: str, source: str, event: str) -> bytes:
    """The identity of an event of one CMO, as 16 bytes; no two spell the same text."""
    text = f"{topic}\0{len(source)}\0{source}\0{event}"
    return blake2b(text.encode(), digest_size=16).digest()


class Cmo(Shelves):
    """One CMO's records, windows and feeds."""

    def __init__(self, cmo: str, agreements: Agreements) -> None:
        super().__init__()
        self.id = cmo
        self._agreements = agreements
        self._known: dict[bytes, Known] = {}
        self._waiting: list[tuple[int, str, int, Accepted]] = []
        self.open_lots: dict[str, History] = {}
        self.open_lines: dict[tuple[str, ...], Awaited] = {}
        self.windows: dict[tuple[str, Scope], Window | Values] = {}
        self._counted_in: dict[tuple[str, str | None], tuple[Window | Values, ...]] = {}
        self.feeds: dict[str, Feed] = {}
        self.acceptances: dict[str, Acceptance] = {}
        self.retractions: dict[bytes, Fact] = {}
        self._products: set[tuple[str, str]] = set()
        self.latest: dict[str, int] = {}
        self.refused: list[tuple[int, str]] = []
        self.unexpected_moves: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self.revision = 0

    def agreement(self, now: int) -> Agreement | None:
        """The agreement in force at `now`."""
        return self._agreements.of(self.id, civil_day("UTC", now))

    def expected_since(self, topic: InboundTopic) -> date | None:
        """The day from which it was first agreed to be heard on a topic."""
        return self._agreements.expects_since(self.id, topic)

    def take(self, event: Accepted) -> bool:
        """Take an event in; False when it was taken before, and says the same.

        Raises `ContradictsItself`, `NotItsToSay` or `Unfoldable`, having changed nothing.
        """
        key = identity(event.topic, event.event.source, event.event.id)
        fact = _fact(event)
        if known := self._known.get(key):
            return self._again(known, event, fact)
        _entitled(event)
        known = Known(event.content, fact)
        if fact.time > fact.recorded:
            heappush(self._waiting, (fact.time, event.topic, event.message.offset, event))
        else:
            self._join(key, known)
        self._known[key] = known
        self._hear(event, key, known)
        return True

    def _again(self, known: Known, event: Accepted, fact: Fact) -> bool:
        if known.content != event.content:
            raise ContradictsItself(
                f"event {fact.id} of {fact.source} was taken before with other content, "
                "which stands; retract it to correct it"
            )
        self._count_validity(event.topic, fact.recorded, taken=True)
        self._account(event.topic, fact.source, event.event.sequence)
        return False

    def refuse(self, rejection: Rejection) -> None:
        """A message of this CMO could not be taken: its place in the sequence is filled."""
        message = rejection.message
        self._count_validity(message.topic, message.timestamp * 1_000, taken=False)
        where = f"{message.topic}/{message.partition}/{message.offset}"
        insort(self.refused, (message.timestamp, where))
        del self.refused[:-NEWEST]
        if rejection.source is not None:
            self._account(message.topic, rejection.source, rejection.sequence)

    def pass_over(self, event: Accepted) -> None:
        """An event is not to be known yet: it leaves no gap in its sequence all the same."""
        self._account(event.topic, event.event.source, event.event.sequence)

    def ripen(self, now: int) -> Iterator[tuple[Accepted, Unfoldable]]:
        """Join the events whose time has come; yields those that cannot be."""
        while self._waiting and self._waiting[0][0] <= now:
            event = heappop(self._waiting)[-1]
            key = identity(event.topic, event.event.source, event.event.id)
            try:
                self._join(key, self._known[key])
            except Unfoldable as fault:
                self._give_up(key, event)
                yield event, fault

    def _give_up(self, key: bytes, event: Accepted) -> None:
        """An event that was taken cannot be joined: it was never taken."""
        known = self._known.pop(key)
        self._withdraw_timeliness(known)
        counted = _tally(known.fact.recorded // HOUR, True)
        for window in self._validity(event.topic):
            window.remove(counted)

    def _note(self, record: str, recorded: int) -> None:
        """Something was said about records of a kind."""
        self.latest[record] = max(self.latest.get(record, 0), recorded)

    def _note_each(self, records: Iterable[Record], fact: Fact) -> None:
        for record in records:
            self._note(record.NAME, fact.recorded)

    def _hear(self, event: Accepted, key: bytes, known: Known) -> None:
        fact, topic = known.fact, event.topic
        self._count_validity(topic, fact.recorded, taken=True)
        self._account(topic, fact.source, event.event.sequence)
        if fact.speaker is not Speaker.CMO:
            return
        if event.heard:
            self._feed(topic).hear(fact.recorded, fact.id)
        if event.timely:
            self._count_timeliness(key, known, fact)

    def _feed(self, topic: str) -> Feed:
        if (feed := self.feeds.get(topic)) is None:
            feed = self.feeds[topic] = Feed()
        return feed

    def _account(self, topic: str, source: str, sequence: int | None) -> None:
        if sequence is not None:
            self._feed(topic).see(source, sequence, sequence)

    def _count_validity(self, topic: str, recorded: int, *, taken: bool) -> None:
        counted = _tally(recorded // HOUR, taken)
        for window in self._validity(topic):
            window.add(counted)
        self._note("feed", recorded)
        self.revision += 1

    def _count_timeliness(self, key: bytes, known: Known, fact: Fact) -> None:
        if key in self.retractions and not isinstance(fact.data, said.Retracted):
            return
        hour = fact.recorded // HOUR
        late = max(0, fact.recorded - fact.time)
        known.timeliness = Evidence(hour, hour * HOUR, late, 1, fact.id)
        self._window("data_timeliness", WHOLE).add(known.timeliness)

    def _join(self, key: bytes, known: Known) -> None:
        match known.fact.data:
            case said.Retracted() as retraction:
                self._retract(retraction, known.fact)
            case said.GapDeclared() as gap if gap.first <= gap.last:
                source = gap.source or known.fact.source
                self._feed(known.fact.topic).see(source, gap.first, gap.last)
            case said.BreachAcknowledged() as acknowledged:
                self._acknowledge(acknowledged, known.fact)
            case _:
                self._record(known, withdrawn=key in self.retractions)

    def _record(self, known: Known, *, withdrawn: bool) -> None:
        """Join a fact with the records it is about, all of them or none."""
        fact = known.fact
        records = self.about(fact.data)
        if withdrawn:
            self._note_each(records, fact)
            self.forget_empty(records)
            return
        try:
            self._refuse_the_overfull(records, fact.data)
        except Unfoldable:
            self.forget_empty(records)
            raise
        for record in records:
            record.join(fact)
        try:
            meanings = [self._meaning(record) for record in records]
        except Exception as error:
            for record in records:
                record.part(fact)
            self.forget_empty(records)
            raise Unfoldable(f"{type(error).__name__}: {error}") from error
        known.joined = True
        if (where := place(fact.data)) is not None:
            self._products.add(where)
        self._note_each(records, fact)
        self._name(fact.data)
        for record, meaning in zip(records, meanings, strict=True):
            self._settle(record, meaning)

    def _refuse_the_overfull(self, records: Iterable[Record], data: Data) -> None:
        """What a CMO may fill is bounded, and so is what each of its events costs."""
        for record in records:
            if type(record) in MEANINGS and len(record.facts) >= MOST_FACTS:
                what = f"{record.NAME} {' '.join(record.key)}"
                raise Unfoldable(f"{what} has {MOST_FACTS:,} facts already, the most there may be")
        where = place(data) if len(self._products) >= MOST_PRODUCTS else None
        if where is not None and where not in self._products:
            raise Unfoldable(f"there are {MOST_PRODUCTS:,} products already, the most there may be")

    def _retract(self, retraction: said.Retracted, fact: Fact) -> None:
        key = identity(retraction.topic, retraction.source, retraction.event)
        target = self._known.get(key)
        if target is not None and isinstance(target.fact.data, said.Retracted):
            return
        records: tuple[Record, ...] = ()
        if target is not None and target.joined:
            records = self.about(target.fact.data)
        for record in records:
            record.part(target.fact)  # type: ignore[union-attr]
        try:
            meanings = [self._meaning(record) for record in records]
        except Exception as error:
            for record in records:
                record.join(target.fact)  # type: ignore[union-attr]
            raise Unfoldable(f"{type(error).__name__}: {error}") from error
        self.retractions[key] = min(self.retractions.get(key, fact), fact, key=_sponsor_first)
        if target is not None:
            target.joined = False
            self._withdraw_acknowledgement(target)
            self._withdraw_timeliness(target)
        for record, meaning in zip(records, meanings, strict=True):
            self._settle(record, meaning)
        self.forget_empty(records)
        self.revision += 1

    def _withdraw_timeliness(self, target: Known) -> None:
        if target.timeliness is not None:
            self.windows["data_timeliness", WHOLE].remove(target.timeliness)
            target.timeliness = None

    def _withdraw_acknowledgement(self, target: Known) -> None:
        data = target.fact.data
        if isinstance(data, said.BreachAcknowledged):
            held = self.acceptances.get(data.breach)
            if held is not None and held.fact == target.fact:
                del self.acceptances[data.breach]

    def _acknowledge(self, acknowledged: said.BreachAcknowledged, fact: Fact) -> None:
        if fact.speaker is not Speaker.SPONSOR:  # or a CMO could keep its own ladder down
            return
        held = self.acceptances.get(acknowledged.breach)
        accepted = acknowledged.accepts_correction or (held is not None and held.accepted)
        latest = fact if held is None else max(held.fact, fact)
        self.acceptances[acknowledged.breach] = Acceptance(latest, accepted)
        self.revision += 1

    def _meaning(self, record: Record) -> Meaning:
        """What a record says for the KPIs, under the agreement of its first fact's day."""
        meaning_of = MEANINGS.get(type(record))
        if meaning_of is None or not record.facts:
            return NO_MEANING
        first = record.facts[0].time
        terms = self.agreement(first) or self.agreement(max(f.recorded for f in record.facts))
        return meaning_of(record, terms) if terms else NO_MEANING

    def _settle(self, record: Record, meaning: Meaning) -> None:
        """Take a changed record's old evidence out of the windows, and its new evidence in."""
        self.revision += 1
        if isinstance(record, Lot):
            self._follow(record.key[0], meaning.told)
        elif isinstance(meaning.told, Awaited):
            self.open_lines[record.key] = meaning.told
        elif isinstance(record, Line):
            self.open_lines.pop(record.key, None)
        old, new = record.meaning, meaning
        record.meaning = meaning
        if old.evidence == new.evidence and old.product == new.product:
            return
        same = set(old.evidence) & set(new.evidence) if old.product == new.product else ()
        for kpi, was in old.evidence:
            if (kpi, was) not in same:
                for window in self._windows_of(kpi, old.product):
                    window.remove(was)
        for kpi, says in new.evidence:
            if (kpi, says) not in same:
                for window in self._windows_of(kpi, new.product):
                    window.add(says)

    def _windows_of(self, kpi: str, product: str | None) -> Iterable[Window | Values]:
        held = self._counted_in.get((kpi, product))
        if held is None:
            scopes = (Scope(product=product) if level else WHOLE for level in BY_NAME[kpi].levels)
            held = tuple(self._window(kpi, scope) for scope in scopes)
            self._counted_in[kpi, product] = held
        return held

    def _validity(self, topic: str) -> Iterable[Window | Values]:
        held = self._counted_in.get(("feed_validity", topic))
        if held is None:
            scopes = WHOLE, Scope(topic=topic)
            held = tuple(self._window("feed_validity", scope) for scope in scopes)
            self._counted_in["feed_validity", topic] = held
        return held

    def _window(self, kpi: str, scope: Scope) -> Window | Values:
        window = self.windows.get((kpi, scope))
        if window is None:
            window = Values() if BY_NAME[kpi].quantiles else Window()
            self.windows[kpi, scope] = window
        return window

    def _follow(self, name: str, told: object) -> None:
        """Keep the open lots at hand, and count the moves nobody foresaw."""
        if isinstance(told, History) and told.is_open:
            self.open_lots[name] = told
        else:
            self.open_lots.pop(name, None)
        if isinstance(told, History) and told.unexpected:
            self.unexpected_moves[name] = told.unexpected
        else:
            self.unexpected_moves.pop(name, None)

    def _name(self, data: Data) -> None:
        for field in _NAMED.get(type(data), ()):
            value = getattr(data, field)
            if (name := getattr(value, "name", None)) and name != value:
                self.names[str(value)] = min(name, self.names.get(str(value), name))

    def silent_since(self, topic: str) -> int | None:
        """When the CMO was last heard on a topic, None for never."""
        feed = self.feeds.get(topic)
        return feed.heard if feed and feed.heard else None

    def failing(self, kpi: Kpi, scope: Scope) -> Iterator[Evidence]:
        """The evidence of one KPI and scope, of every record that has any."""
        if kpi.name == "data_timeliness":
            yield from (k.timeliness for k in reversed(self._known.values()) if k.timeliness)
            return
        for record in (*self.lots.values(), *self.lines.values()):
            for name, says in record.meaning.evidence:
                if name == kpi.name and scope.product in (None, record.meaning.product):
                    yield says

    def corrections(
        self, kpi: str, since: int, counts: Callable[[Evidence], bool], rests_on: Iterable[str]
    ) -> Iterator[bool]:
        """For each failing piece of evidence that was corrected since, whether by the sponsor.

        A retraction corrects where the evidence fails with what it withdrew, and does not without,
        or where a breach rests on what it withdrew; an on-time claim of a CMO that was recorded
        only after the due day does so, too. `counts` tells whether evidence is in the window.
        """
        relied_on = frozenset(rests_on)
        for key, retraction in self.retractions.items():
            target = self._known.get(key)
            if target is None or retraction.recorded <= since:
                continue
            if target.fact.id in relied_on or self._heals(kpi, target, counts):
                yield retraction.speaker is Speaker.SPONSOR
        for record in (*self.lots.values(), *self.lines.values()):
            for name, says in record.meaning.evidence:
                if name == kpi and says.claimed > since and counts(says):
                    yield False

    def _heals(self, kpi: str, target: Known, counts: Callable[[Evidence], bool]) -> bool:
        """Whether evidence for a KPI would fail with a withdrawn fact, and does not without."""
        records = self.about(target.fact.data)
        self.forget_empty(records)
        return any(self._healed(kpi, record, target.fact, counts) for record in records)

    def _healed(
        self, kpi: str, record: Record, withdrawn: Fact, counts: Callable[[Evidence], bool]
    ) -> bool:
        now = dict(record.meaning.evidence).get(kpi)
        before = type(record)(record.key)
        before.facts = sorted([*record.facts, withdrawn])
        try:
            was = dict(self._meaning(before).evidence).get(kpi)
        except Exception:  # it was withdrawn before anybody asked what it means
            return False
        failed = was is not None and was.fails and counts(was)
        return failed and (now is None or not now.fails)


_NAMED: Final = {
    kind: tuple(field for field in ("product", "site") if field in kind.model_fields)
    for kind in said.DATA
}


@lru_cache(maxsize=4_096)
def _tally(hour: int, taken: bool) -> Evidence:
    """One message read in an hour, taken or not."""
    return Evidence(hour, hour * HOUR, int(taken), 1, "")


def _sponsor_first(retraction: Fact) -> tuple[bool, Fact]:
    return retraction.speaker is not Speaker.SPONSOR, retraction


def _fact(event: Accepted) -> Fact:
    said_event = event.event
    return Fact(
        microseconds(said_event.time),
        RANK.get(type(said_event.data), -1),
        said_event.id,
        event.topic,
        said_event.source,
        event.speaker,
        microseconds(event.recorded),
        said_event.data,
    )


def _entitled(event: Accepted) -> None:
    data, source = event.event.data, event.event.source
    if event.speaker is Speaker.SPONSOR:
        return
    if isinstance(data, said.Retracted) and data.source != source:
        raise NotItsToSay(f"{source} may retract its own events, not those of {data.source}")
    if isinstance(data, said.GapDeclared) and data.source not in (None, source):
        raise NotItsToSay(f"{source} may declare gaps of its own, not those of {data.source}")


MEANINGS: Final[dict[type[Record], Callable[..., Meaning]]] = {
    Line: lines.meaning,
    Lot: lots.meaning,
}
"""How each kind of record speaks to the KPIs."""
