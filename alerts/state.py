"""Everything known of one CMO: a fold of its events, the same in whatever order they come."""

from bisect import insort
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Final, Generic, NamedTuple, TypeVar

from alerts import lines, lots
from alerts.agreements import Agreement, Agreements
from alerts.calendar import HOUR, civil_day
from alerts.catalogue import BY_NAME, Kpi
from alerts.lines import Line
from alerts.lots import History, Lot
from alerts.records import NO_MEANING, RANK, Demand, Evidence, Fact, Meaning, Record
from alerts.stock import Position
from alerts.windows import Sequence, Values, Window
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

R = TypeVar("R", bound=Record)


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


class Shelf(dict[tuple[str, ...], R], Generic[R]):
    """The records of one kind by their keys; one is made when its key is first asked for."""

    def __init__(self, kind: type[R]) -> None:
        self._kind = kind

    def __missing__(self, key: tuple[str, ...]) -> R:
        record = self[key] = self._kind(key)
        return record


class Known:
    """An event that was taken: what it said, and whether it is joined with its records."""

    __slots__ = ("content", "fact", "joined", "timeliness")

    def __init__(self, content: bytes, fact: Fact) -> None:
        self.content = content
        self.fact = fact
        self.joined = False
        self.timeliness: Evidence | None = None


class Feed:
    """What was heard on one topic: the last word of the CMO, and each source's sequence."""

    __slots__ = ("heard", "heard_from", "sequences")

    def __init__(self) -> None:
        self.heard = 0
        self.heard_from = ""
        self.sequences: dict[str, Sequence] = {}

    def hear(self, recorded: int, event: str) -> None:
        """The CMO said something, or somebody on its behalf."""
        self.heard, self.heard_from = max((self.heard, self.heard_from), (recorded, event))

    def see(self, source: str, first: int, last: int) -> None:
        """Numbers of a source's sequence are accounted for."""
        self.sequences.setdefault(source, Sequence()).see(first, last)


class Acceptance(NamedTuple):
    """What people said of a breach: the latest acknowledgement, and whether corrections hold."""

    fact: Fact
    accepted: bool


def identity(topic: str, source: str, event: str) -> bytes:
    """The identity of an event of one CMO, as 16 bytes; no two spell the same text."""
    text = f"{topic}\0{len(source)}\0{source}\0{event}"
    return blake2b(text.encode(), digest_size=16).digest()


class Cmo:
    """One CMO's records, windows and feeds."""

    def __init__(self, cmo: str, agreements: Agreements) -> None:
        self.id = cmo
        self._agreements = agreements
        self._known: dict[bytes, Known] = {}
        self._waiting: list[tuple[int, str, int, Accepted]] = []
        self.lots = Shelf(Lot)
        self.open_lots: dict[str, History] = {}
        self.lines = Shelf(Line)
        self.positions = Shelf(Position)
        self.demands = Shelf(Demand)
        self.windows: dict[tuple[str, Scope], Window | Values] = {}
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
        self._hear(event, known)
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
        for scope in (WHOLE, _ON[event.topic]):
            self._window("feed_validity", scope).remove(counted)

    def _note(self, record: str, recorded: int) -> None:
        """Something was said about records of a kind."""
        self.latest[record] = max(self.latest.get(record, 0), recorded)

    def _note_each(self, records: Iterable[Record], fact: Fact) -> None:
        for record in records:
            self._note(record.NAME, fact.recorded)

    def _hear(self, event: Accepted, known: Known) -> None:
        fact, topic = known.fact, event.topic
        self._count_validity(topic, fact.recorded, taken=True)
        self._account(topic, fact.source, event.event.sequence)
        if fact.speaker is not Speaker.CMO:
            return
        if event.heard:
            self._feed(topic).hear(fact.recorded, fact.id)
        if event.timely:
            self._count_timeliness(known, fact)

    def _feed(self, topic: str) -> Feed:
        if (feed := self.feeds.get(topic)) is None:
            feed = self.feeds[topic] = Feed()
        return feed

    def _account(self, topic: str, source: str, sequence: int | None) -> None:
        if sequence is not None:
            self._feed(topic).see(source, sequence, sequence)

    def _count_validity(self, topic: str, recorded: int, *, taken: bool) -> None:
        counted = _tally(recorded // HOUR, taken)
        for scope in (WHOLE, _ON[topic]):
            self._window("feed_validity", scope).add(counted)
        self._note("feed", recorded)
        self.revision += 1

    def _count_timeliness(self, known: Known, fact: Fact) -> None:
        withdrawn = identity(fact.topic, fact.source, fact.id) in self.retractions
        if withdrawn and not isinstance(fact.data, said.Retracted):
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
        records = _records(self, fact.data)
        if withdrawn:
            self._note_each(records, fact)
            self._forget_empty(records)
            return
        try:
            self._refuse_the_overfull(records, fact.data)
        except Unfoldable:
            self._forget_empty(records)
            raise
        for record in records:
            record.join(fact)
        try:
            meanings = [self._meaning(record) for record in records]
        except Exception as error:
            for record in records:
                record.part(fact)
            self._forget_empty(records)
            raise Unfoldable(f"{type(error).__name__}: {error}") from error
        known.joined = True
        self._products.update(_place(fact.data))
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
        if len(self._products) >= MOST_PRODUCTS and not _place(data) <= self._products:
            raise Unfoldable(f"there are {MOST_PRODUCTS:,} products already, the most there may be")

    def _retract(self, retraction: said.Retracted, fact: Fact) -> None:
        key = identity(retraction.topic, retraction.source, retraction.event)
        target = self._known.get(key)
        if target is not None and isinstance(target.fact.data, said.Retracted):
            return
        records: tuple[Record, ...] = ()
        if target is not None and target.joined:
            records = _records(self, target.fact.data)
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
        self._forget_empty(records)
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
        held = self.acceptances.get(acknowledged.breach)
        accepts = acknowledged.accepts_correction and fact.speaker is Speaker.SPONSOR
        accepted = accepts or (held is not None and held.accepted)
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
        old, new = record.meaning, meaning
        record.meaning = meaning
        for kpi, was in old.evidence:
            if old.product != new.product or (kpi, was) not in new.evidence:
                for window in self._windows_of(kpi, old.product):
                    window.remove(was)
        for kpi, says in new.evidence:
            if old.product != new.product or (kpi, says) not in old.evidence:
                for window in self._windows_of(kpi, new.product):
                    window.add(says)

    def _windows_of(self, kpi: str, product: str | None) -> Iterable[Window | Values]:
        for level in BY_NAME[kpi].levels:
            yield self._window(kpi, Scope(product=product) if level else WHOLE)

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
        for value in (getattr(data, "product", None), getattr(data, "site", None)):
            if (name := getattr(value, "name", None)) and name != value:
                self.names[str(value)] = min(name, self.names.get(str(value), name))

    def _forget_empty(self, records: Iterable[Record]) -> None:
        for record in records:
            for shelf in (self.lots, self.lines, self.positions, self.demands):
                if not record.facts and shelf.get(record.key) is record:
                    del shelf[record.key]

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
        records = _records(self, target.fact.data)
        self._forget_empty(records)
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


_ON: Final = {topic: Scope(topic=topic) for topic in said.INBOUND}


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


def _place(data: Data) -> set[tuple[str, str]]:
    """The site, if any, and product whose figures an event is counted in."""
    match data:
        case said.OrderPromised():
            return {("", data.product)}
        case said.StockCounted() | said.StockAdjusted() | said.StockConsumed():
            return {(data.site, data.product)}
        case said.DemandForecast():
            return {(data.site or "", data.product)}
        case _:
            return set()


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


def _records(cmo: Cmo, data: Data) -> tuple[Record, ...]:
    """The records an event is about; they are made when it is the first to speak of them."""
    match data:
        case said.OrderPromised() | said.OrderExpected() | said.OrderChanged():
            return (cmo.lines[data.order, data.line],)
        case said.OrderCancelled() | said.OrderDelivered():
            return (cmo.lines[data.order, data.line],)
        case said.StockCounted() | said.StockAdjusted() | said.StockConsumed():
            return (cmo.positions[data.site, data.product, data.lot or "", data.status],)
        case said.DemandForecast():
            return (cmo.demands[data.product, data.site or ""],)
        case said.DeviationOpened() | said.DeviationClosed():
            return tuple(cmo.lots[lot,] for lot in dict.fromkeys(data.lots))
        case said.LotReceived(order=str() as order, line=str() as line):
            return cmo.lots[data.lot,], cmo.lines[order, line]
        case _ if type(data) in RANK:
            return (cmo.lots[data.lot,],)  # type: ignore[attr-defined]
        case _:
            return ()
