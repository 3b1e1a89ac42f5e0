"""What the facts of a record amount to, after one more or one less of them."""

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import structs

from alerts.agreements import Agreement
from alerts.calendar import DAY
from alerts.changes import Changes
from alerts.facts import Fact
from alerts.formulas import NO_LINKS, Route, evidence_after, evidence_of
from alerts.kind import MOST_LINKS, Kind, Link, Place, Record, Withdrawn, outline
from alerts.lateness import LATE, counted
from alerts.records import BY_KIND


class Unfoldable(Exception):
    """Working out what an event means failed; nothing was changed by it."""


def one_more(changes: Changes, route: Route, before: Record, fact: Fact) -> Record:
    """What a record amounts to with one more fact: only what it can change is worked out anew."""
    kind, terms, view = route.kind, before.terms, before.view
    if terms is None:
        if before.first_logged:
            return rework(changes, kind, before, _joined(before.facts, fact))
        return _begun(changes, route, before.number, fact)
    logged, first, last = fact.logged, before.first_logged, before.last_logged
    first = logged if logged < first else first
    last = logged if logged > last else last
    evidence = before.evidence
    if last - first > LATE and kind.settles:
        return rework(changes, kind, before, _joined(before.facts, fact))
    latest = before.facts[-1]
    if latest.time < fact.time or latest < fact:
        facts, advance = (*before.facts, fact), kind.advance
        if advance:
            view = advance(view, fact, terms)
        elif route.moves:
            view = kind.derive(facts, terms)
        if view.links:
            evidence = evidence_of(kind, view, links_of(changes, view), terms)
        else:
            evidence = evidence_after(route, evidence, view, terms)
    elif route.moves or route.formulas or fact < before.facts[0]:
        return rework(changes, kind, before, _joined(before.facts, fact))
    else:  # what only shows progress tells nothing where more is known already
        facts = _joined(before.facts, fact)
    number, withdrawn, gone, beside = before.number, before.withdrawn, before.gone, outline(view)
    return Record(number, facts, view, evidence, first, last, withdrawn, gone, None, terms, *beside)


def _begun(changes: Changes, route: Route, number: int, fact: Fact) -> Record:
    """The record of a first fact, before which there was nothing to say for any KPI."""
    kind, facts, logged = route.kind, (fact,), fact.logged
    terms, fixed = terms_of(changes, facts)
    if terms is None:
        return Record(number, facts, None, (), logged, logged)
    view = kind.derive(facts, terms)
    if view.links:
        evidence = evidence_of(kind, view, links_of(changes, view), terms)
    else:
        evidence = evidence_after(route, (), view, terms)
    held = terms if fixed else None
    return Record(number, facts, view, evidence, logged, logged, (), 0, None, held, *outline(view))


def _joined(facts: tuple[Fact, ...], fact: Fact) -> tuple[Fact, ...]:
    joined = list(facts)
    insort(joined, fact)
    return tuple(joined)


def rework(changes: Any, kind: Kind, before: Record, facts: tuple[Fact, ...]) -> Record:
    """What facts amount to, all of them worked out anew."""
    if before.past is not None:
        return _long_settled(changes, kind, before, facts)
    first, last = _logged(facts, before.withdrawn)
    counts: Sequence[Fact] = facts
    if kind.settles and last - first > LATE:
        counts = counted(kind, facts, before.withdrawn, partial(_view, changes, kind))
    terms, fixed = terms_of(changes, counts)
    number, withdrawn, gone = before.number, before.withdrawn, before.gone
    if terms is None:
        return Record(number, facts, None, (), first, last, withdrawn, gone)
    view = kind.derive(counts, terms)
    evidence = evidence_of(kind, view, links_of(changes, view), terms)
    held, beside = terms if fixed and counts is facts else None, outline(view)
    return Record(number, facts, view, evidence, first, last, withdrawn, gone, None, held, *beside)


def _logged(facts: Sequence[Fact], withdrawn: Sequence[Withdrawn]) -> tuple[int, int]:
    """When the log got the first and the last word about a record."""
    times = [fact.logged for fact in facts]
    for each in withdrawn:
        times += [each.fact.logged, each.logged]
    return min(times), max(times)


def _view(changes: Any, kind: Kind, facts: Sequence[Fact]) -> Any:
    terms, _ = terms_of(changes, facts)
    return kind.derive(facts, terms) if terms is not None else None


def terms_of(changes: Any, facts: Sequence[Fact]) -> tuple[Agreement | None, bool]:
    """The agreement of the first fact's day, and that it is that one; None for no facts.

    Where there was none yet, it is that of the day on which the last of them was recorded.
    """
    if not facts:
        return None, False
    terms = changes.terms_on(facts[0].time // DAY)
    if terms is not None:
        return terms, True
    return changes.terms_on(max(fact.recorded for fact in facts) // DAY), False


def links_of(changes: Any, view: Any) -> Mapping[Link, Any]:
    """The views of what a view is linked to, as far as anything is said of it."""
    links = view.links
    if not links:
        return NO_LINKS
    if len(links) > MOST_LINKS:
        raise ValueError(f"{len(links)} links; a record may have {MOST_LINKS}")
    found = ((link, changes.record((BY_KIND[link.kind], link.key))) for link in links)
    return {link: record.view for link, record in found if record and record.view is not None}


def _long_settled(changes: Any, kind: Kind, before: Record, facts: tuple[Fact, ...]) -> Record:
    """The same where facts were let go: of those since, only what counts however late moves it."""
    view = before.past
    for fact in sorted(facts, key=lambda fact: (fact.logged, fact)):
        if type(fact.data) in kind.never_late:
            assert kind.advance is not None, "a kind says so at import"
            view = kind.advance(view, fact, changes.terms_on(fact.logged // DAY))
    scope, is_open, is_settled = outline(view)
    beside = {"scope": scope, "is_open": is_open, "is_settled": is_settled}
    return structs.replace(before, facts=facts, view=view, **beside)


Made = tuple[Place, Record, Record]
"""Where a record is that an event is about, what it was, and what the event makes of it."""


def put(changes: Changes, made: Sequence[Made]) -> None:
    """Make records part of the changes, and work out anew what those say that are linked to them.

    Raises `Unfoldable`, having changed nothing.
    """
    linked: list[Link] = []
    for place, before, record in made:
        changes.records[place] = record
        was, view = before.view, record.view
        if was is not None and was.links:
            linked += was.links
        if view is not None and view.links:
            linked += view.links
    if linked:
        _rework_linked(changes, made, [(BY_KIND[link.kind], link.key) for link in linked])


def _rework_linked(changes: Changes, made: Sequence[Made], places: Iterable[Place]) -> None:
    befores = {place: changes.record(place) for place in places}
    befores.update((place, before if before.first_logged else None) for place, before, _ in made)
    try:
        for place in places:
            record = changes.record(place)
            if record is not None and record.view is not None and not record.is_let_go:
                changes.records[place] = rework(changes, place[0], record, record.facts)
    except Exception as error:
        for place, before in befores.items():
            changes.records.pop(place, None)
            if before is not None:
                changes.records[place] = before
        raise Unfoldable(f"{type(error).__name__}: {error}") from error
