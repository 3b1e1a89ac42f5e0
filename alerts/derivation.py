"""What the facts of a record amount to, after one more or one less of them."""

from bisect import insort
from collections.abc import Mapping, Sequence
from typing import Any

from alerts.agreements import Agreement
from alerts.calendar import DAY
from alerts.changes import Changes
from alerts.facts import Fact
from alerts.formulas import NO_LINKS, Route, evidence_after, evidence_of
from alerts.kind import MOST_LINKS, Kind, Link, Record
from alerts.lateness import LATE, counted
from alerts.records import BY_KIND


def one_more(changes: Changes, route: Route, before: Record, fact: Fact) -> Record:
    """What a record amounts to with one more fact.

    After one that is the last, under terms that are fixed, only what it can change is new.
    """
    kind, terms = route.kind, before.terms
    if terms is None or not before.facts[-1] < fact:
        return _joined(changes, kind, before, fact)
    logged, first, last = fact.logged, before.first_logged, before.last_logged
    first = logged if logged < first else first
    last = logged if logged > last else last
    facts = (*before.facts, fact)
    if last - first > LATE and kind.settles:
        return rework(changes, kind, before, facts)
    advance = kind.advance
    view = advance(before.view, fact, terms) if advance else kind.derive(facts, terms)
    if view.links:
        evidence = evidence_of(kind, view, links_of(changes, view), terms)
    else:
        evidence = evidence_after(route, before.evidence, view, terms)
    return Record(before.number, facts, view, evidence, first, last, terms)


def _joined(changes: Changes, kind: Kind, before: Record, fact: Fact) -> Record:
    if before.is_let_go:
        return _long_settled(changes, kind, before, fact)
    facts = list(before.facts)
    insort(facts, fact)
    return rework(changes, kind, before, tuple(facts))


def rework(changes: Changes, kind: Kind, before: Record, facts: tuple[Fact, ...]) -> Record:
    """What facts amount to, all of them worked out anew."""
    first_logged = min(fact.logged for fact in facts)
    last_logged = max(fact.logged for fact in facts)
    terms, fixed = terms_of(changes, facts)
    if terms is None:
        return Record(before.number, facts, None, (), first_logged, last_logged)
    late = kind.settles and last_logged - first_logged > LATE
    view = kind.derive(counted(kind, facts, terms) if late else facts, terms)
    evidence = evidence_of(kind, view, links_of(changes, view), terms)
    held = terms if fixed else None
    return Record(before.number, facts, view, evidence, first_logged, last_logged, held)


def terms_of(changes: Any, facts: Sequence[Fact]) -> tuple[Agreement | None, bool]:
    """The agreement of the first fact's day, and that it is that one.

    Where there was none yet, it is that of the day on which the last of them was recorded.
    """
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


def _long_settled(changes: Changes, kind: Kind, before: Record, fact: Fact) -> Record:
    """A fact about a record whose facts are let go: only what counts however late moves it."""
    terms, _ = terms_of(changes, [fact])
    if type(fact.data) not in kind.never_late or kind.advance is None or terms is None:
        return before
    view = kind.advance(before.view, fact, terms)
    logged = before.first_logged, fact.logged
    return Record(before.number, (), view, (), *logged, is_let_go=True)
