"""One CMO as its events made it: changes are committed to it, and what is past is let go."""

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from heapq import heappop, heappush
from typing import Final

from msgspec.structs import replace

from alerts.agreements import Agreements
from alerts.apply import apply, apply_due, refuse
from alerts.calendar import DAY, HOUR
from alerts.changes import Changes
from alerts.corrections import Since, Windowed
from alerts.derivation import Unfoldable, links_of, terms_of
from alerts.facts import Evidence
from alerts.identities import identity
from alerts.index import LISTED
from alerts.instead import had_nothing_been_withdrawn, instead, is_corrected
from alerts.kind import Key, Kind, Place, Record
from alerts.kpi import FEED, Finding, Kpi
from alerts.kpis import BY_NAME, KPIS
from alerts.kpis.feed import DATA_TIMELINESS, FEED_VALIDITY
from alerts.lateness import LATE
from alerts.records import places
from alerts.records.lot import LOT
from alerts.view import CmoView, days_of
from alerts.windows import Values, Window, first_hour
from events.compact import COMPACT
from events.data import Retracted
from events.dimensions import WHOLE, Scope
from events.outcomes import AcceptedEvent, Rejection
from events.values import MILLION

_PAST = LATE + DAY  # a day more, for brokers whose clocks are not ours
_FAR = float("inf")
_RETRACTED = COMPACT[Retracted]
_NOTHING = Record(0)
NOTHING_STANDS: Final[Mapping[Windowed, Since]] = {}
_AT_ONCE = 200  # records looked at before others have their turn


class Cmo(CmoView):
    """One CMO, which changes by commits alone."""

    def __init__(self, cmo: str, agreements: Agreements) -> None:
        super().__init__(cmo, agreements)
        self._longest = {
            kpi.name: max(days_of(kpi, each) for each in (None, *self.versions()))
            for kpi in KPIS
            if kpi.window_days
        }
        self._adverse_from = {kpi.name: self._mildest(kpi) for kpi in KPIS if kpi.quantiles}
        self._validities: dict[str, tuple[Window, ...]] = {}
        self._settled: list[tuple[int, int]] = []
        self._let_go_on = 0

    def _mildest(self, kpi: Kpi) -> float | None:
        """From which value on evidence may be adverse under any version of what was agreed."""
        found = []
        for agreement in self.versions():
            limit = agreement.limit(kpi.name)
            warning = kpi.warning if limit.warning is None else limit.warning
            critical = kpi.critical if limit.critical is None else limit.critical
            found.append(warning if warning is not None else critical)
        known = [each for each in found if each is not None]
        return min(known, default=None) if not kpi.higher_is_better else max(known, default=None)

    # --- one event at a time

    def take(self, event: AcceptedEvent) -> bool:
        """Apply one event and commit it; False when it was taken before, and says the same.

        Raises `ContradictsItself`, `NotItsToSay` or `Unfoldable`, having changed nothing.
        """
        changes = Changes(self)
        fresh = apply(changes, event)
        self.commit(changes)
        return fresh

    def refuse(self, rejection: Rejection) -> None:
        """Commit that a message of this CMO could not be taken."""
        changes = Changes(self)
        refuse(changes, rejection)
        self.commit(changes)

    def due(self, now: int) -> Iterator[tuple[AcceptedEvent, Unfoldable]]:
        """Apply the events whose time has come; yields those that cannot be."""
        while self._pending and self._pending[0].time <= now:
            event, fault = heappop(self._pending).event, None
            changes = Changes(self)
            try:
                apply_due(changes, event)
            except Unfoldable as error:
                fault = error
            self.commit(changes)
            if fault is not None:
                yield event, fault

    # --- commits

    def commit(self, changes: Changes) -> None:
        """Make changes part of the state, all of them."""
        for place, record in changes.records.items():
            self._replace(place, record)
        tables = self._tables
        tables.homes += changes.homes
        tables.identities.update(changes.taken)
        for key, known in changes.identities.items():
            if known is None:
                tables.identities.remove(key)
            else:
                tables.identities.put(key, known)
        for key, fact in changes.loose.items():
            if fact is None:
                self._loose.pop(key, None)
            else:
                self._loose[key] = fact
        self._commit_corrections(changes)
        self._commit_heard(changes)
        self._commit_delays(changes)
        self._commit_doubts(changes)
        for pending in changes.pending:
            heappush(self._pending, pending)
        for kind, recorded in changes.latest.items():
            self.latest[kind] = max(self.latest.get(kind, 0), recorded)
        for id_, name in changes.names.items():
            self.names[id_] = min(name, self.names.get(id_, name))
        for named, names in changes.spellings.items():
            self.spellings.add(named, names)
        self._products |= changes.products
        self.revision += 1

    def _commit_corrections(self, changes: Changes) -> None:
        corrections = self._tables.corrections
        corrections.retractions.update(changes.retractions)
        for event, key in changes.corrected:
            corrections.withdraw(event, key)
        for breach, acceptance in changes.acceptances.items():
            if acceptance is None:
                self._acceptances.pop(breach, None)
            else:
                self._acceptances[breach] = acceptance

    def _commit_heard(self, changes: Changes) -> None:
        """Count messages by the hour, and note what each source said on which topic."""
        for topic, heard in changes.heard.items():
            for window in self._validity(topic):
                window.tally(heard.hours)
            self.latest[FEED] = max(self.latest.get(FEED, 0), heard.last)
            row = self._tables.rows.setdefault(topic, heard.row)
            if row is not heard.row:
                row.take(heard.row.taken)
                row.refuse(heard.row.refused)
            if heard.seen or heard.word[0] or heard.ahead or heard.declared:
                feed = self._tables.feed(topic)
                feed.hear(heard.word)
                for sign, word in heard.ahead:
                    (feed.hear_ahead if sign > 0 else feed.forget_ahead)(word)
                for source, spans in heard.seen.items():
                    for first, last in spans:
                        feed.see(source, first, last)
                for declared in heard.declared:
                    feed.declare(*declared)
        if changes.refused:
            for each in changes.refused:
                insort(self.refused, each)
            del self.refused[:-LISTED]

    def _validity(self, topic: str) -> tuple[Window, ...]:
        """The windows in which the messages of a topic are counted."""
        held = self._validities.get(topic)
        if held is None:
            counting = self._tables.windows.counting(FEED_VALIDITY.name, Scope(topic=topic))
            held = tuple(each.window for each in counting if isinstance(each.window, Window))
            self._validities[topic] = held
        return held

    def _commit_doubts(self, changes: Changes) -> None:
        """What was refused, and settled; it is looked at later, unless there is a flood of it."""
        doubts = self._tables.doubts
        for thing, refusal in changes.doubts:
            doubts.refuse(thing, refusal)
            if doubts.is_crowded:
                doubts.refresh(self.last_word)
        for settled in changes.settled:
            doubts.settle(*settled)

    def _commit_delays(self, changes: Changes) -> None:
        """Count the delays of events in, or out again."""
        name = DATA_TIMELINESS.name
        limit = self._adverse_from[name]
        beyond = _FAR if limit is None else limit * MILLION
        ((_, window, adverse),) = self._tables.windows.counting(name, WHOLE)
        assert isinstance(window, Values)
        for sign, time, recorded, event in changes.delays:
            hour, late = recorded // HOUR, recorded - time if recorded > time else 0
            window.tally(hour, hour * HOUR, late, sign)
            if late > beyond:
                says = Evidence(hour, hour * HOUR, late, 1, event)
                adverse.count(says, sign)

    def _replace(self, place: Place, record: Record) -> None:
        """Keep a record as it is now: its old evidence out of the sums, its new evidence in."""
        kind, key = place
        table, corrections = self._tables.of[kind.name], self._tables.corrections
        before = table.records.get(key, _NOTHING)
        if is_corrected(record) or (corrections.corrected and place in corrections.corrected):
            corrections.touch(place)
        table.put(key, record)
        self._touch(kind, key, record)
        if record.evidence or before.evidence:
            self._replace_evidence(before, record)
        if record.is_settled and not before.is_settled and not record.is_let_go:
            heappush(self._settled, (record.last_logged, record.number))

    def _touch(self, kind: Kind, key: Key, record: Record) -> None:
        """Let whatever is kept beside the records know that one changed."""
        tables = self._tables
        tables.doubts.touch(kind.name, key)
        for watching in tables.watching[kind.name]:
            watching.touch(key)
        if kind is LOT:
            view = record.view
            if view is not None and view.unexpected:
                self.unexpected_moves[key[0]] = view.unexpected
            else:
                self.unexpected_moves.pop(key[0], None)

    def _replace_evidence(self, before: Record, now: Record) -> None:
        old, new, was, about = before.evidence, now.evidence, before.scope, now.scope
        if old is new and was == about:
            return
        come = list(new)
        for pair in old:
            if was == about and pair in come:  # one for one: two lines may say the same
                come.remove(pair)
            else:
                self._count(pair[0], was, pair[1], -1)
        for pair in come:
            self._count(pair[0], about, pair[1], 1)

    def _count(self, kpi: str, about: Scope, says: Evidence, sign: int) -> None:
        adverse = says.adverse or (
            kpi in self._adverse_from and self._is_adverse(kpi, says.numerator)
        )
        for _, window, against in self._tables.windows.counting(kpi, about):
            window.count(says, sign)
            if adverse:
                against.count(says, sign)

    def _is_adverse(self, kpi: str, value: int) -> bool:
        """Whether a value is beyond the mildest limit there is for it."""
        limit = self._adverse_from.get(kpi)
        if limit is None:
            return False
        given = value / MILLION
        return given < limit if BY_NAME[kpi].higher_is_better else given > limit

    # --- what is worked out when somebody looks

    def refresh(
        self, now: int, standing: Mapping[Windowed, Since] = NOTHING_STANDS
    ) -> Iterator[None]:
        """Bring up to date what readings and breaches are read from, step by step.

        `standing` are the breaches that stand on windows of evidence from records.
        """
        tables = self._tables
        tables.doubts.refresh(self.last_word)
        for kind, ranking in tables.rankings.values():
            yield from ranking.refresh(tables.of[kind.name].open)
        for name, exceptions in tables.exceptions.items():
            kind = BY_NAME[name].kinds[0]
            yield from exceptions.refresh(tables.of[kind.name].open, self._look, now)
        yield from tables.corrections.refresh(standing, self._window_of, partial(instead, self))

    def _look(self, kpi: Kpi, key: Key, now: int) -> tuple[Scope, Iterable[Finding]] | None:
        kind = kpi.kinds[0]
        record = self.records(kind).get(key)
        if record is None or not record.is_open:
            return None
        terms, _ = terms_of(self, record.facts)
        assert kpi.exceptions is not None
        if terms is None:
            return None
        found = kpi.exceptions(record.view, links_of(self, record.view), terms, now)
        return record.scope, found

    def _window_of(self, of: Windowed) -> Window | Values:
        kpi, scope = of
        counting = self._tables.windows.counting(kpi, scope)
        return next(each.window for each in counting if each.scope == scope)

    # --- what is let go

    def let_go(self, now: int) -> Iterator[None]:
        """Let go of what no window and no clock can ask for any more, once a day, step by step."""
        if now // DAY == self._let_go_on:
            return
        self._let_go_on = now // DAY
        for kpi, window in list(self._tables.windows):
            window.let_go(self._longest[kpi.name], now)
            yield
        for name, days in self._longest.items():
            self._tables.index.let_go(name, first_hour(days, now))
        for table in self._tables.of.values():
            table.open = dict(table.open)  # one that records left keeps its size
            yield
        yield from self._let_go_of_records(now)
        yield from self._let_go_of_loose_facts(now)

    def _let_go_of_records(self, now: int) -> Iterator[None]:
        """Settled records keep what they amount to, and the identities of their events."""
        looked = 0
        while self._settled and self._settled[0][0] + _PAST < now:
            _, number = heappop(self._settled)
            kind, key = self.home(number)
            record = self.records(kind).get(key)
            if record is not None and record.number == number and not record.is_let_go:
                self._let_go_of(kind, key, record, now)
            looked += 1
            if looked % _AT_ONCE == 0:
                yield

    def _let_go_of(self, kind: Kind, key: Key, record: Record, now: int) -> None:
        if not record.is_settled:
            return  # it comes again when it is settled again
        says = (*record.evidence, *had_nothing_been_withdrawn(self, kind, record))
        counts = any(each.hour >= first_hour(self._longest[kpi], now) for kpi, each in says)
        if counts or record.last_logged + _PAST >= now:
            again = max(record.last_logged, now - _PAST + DAY)
            heappush(self._settled, (again, record.number))
            return
        view = kind.condense(record.view) if kind.condense else record.view
        logged, gone = record.last_logged, len(record.facts) + record.gone
        kept = Record(record.number, (), view, (), logged, logged, (), gone, view)
        self._tables.of[kind.name].records[key] = kept
        self._tables.corrections.forget((kind, key))
        self._find_elsewhere(record, (kind, key))

    def _find_elsewhere(self, record: Record, place: Place) -> None:
        """Find what other records have still of one that is let go by one of those."""
        for fact in (*record.facts, *(each.fact for each in record.withdrawn)):
            for other in places(fact.data):
                held = self.record(other)
                if other != place and held is not None and not held.is_let_go:
                    key = identity(fact.topic, fact.source, fact.id)
                    known = self._tables.identities.get(key)
                    assert known is not None, "what is in a record was taken"
                    self._tables.identities.put(key, replace(known, record=held.number))
                    break

    def _let_go_of_loose_facts(self, now: int) -> Iterator[None]:
        """What is in no record is kept in the order in which it came; retractions for ever."""
        pending = {pending.event.id for pending in self._pending}
        for looked, (key, fact) in enumerate(list(self._loose.items())):
            if fact.logged + _PAST >= now:
                break
            if fact.id not in pending and type(fact.data) is not _RETRACTED:
                self._loose.pop(key, None)
            if looked % _AT_ONCE == 0:
                yield
