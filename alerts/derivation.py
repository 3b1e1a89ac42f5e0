"""What the facts of a record amount to, after one more or one less of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from alerts.agreements import Agreement
from alerts.calendar import DAY
from alerts.changes import Changes
from alerts.facts import Fact
from alerts.formulas import NO_LINKS, evidence_after, evidence_of
from alerts.kind import MOST_LINKS, Kind, Link, Record
from alerts.lateness import LATE, counted
from alerts.records import BY_KIND


def rework(
    changes: Changes,
    kind: Kind,
    before: Record,
    facts: tuple[Fact, ...],
    last: Fact | None,
) -> Record:
    """What facts amount to; `last` is the one that was added after all others, if one was."""
    if last is not None and before.first_logged:
        logged, first_logged, last_logged = last.logged, before.first_logged, before.last_logged
        first_logged = logged if logged < first_logged else first_logged
        last_logged = logged if logged > last_logged else last_logged
    else:
        first_logged = min(fact.logged for fact in facts)
        last_logged = max(fact.logged for fact in facts)
    terms, fixed = terms_of(changes, facts)
    if terms is None:
        return Record(before.number, facts, None, (), first_logged, last_logged)
    if kind.settles and last_logged - first_logged > LATE:
        view = kind.derive(counted(kind, facts, terms), terms)
    elif last is None or before.view is None or not fixed:
        view = kind.derive(facts, terms)
    else:
        return _one_more(changes, kind, before, facts, (first_logged, last_logged), terms)
    evidence = evidence_of(kind, view, links_of(changes, view), terms)
    return Record(before.number, facts, view, evidence, first_logged, last_logged)


def _one_more(
    changes: Changes,
    kind: Kind,
    before: Record,
    facts: tuple[Fact, ...],
    logged: tuple[int, int],
    terms: Agreement,
) -> Record:
    """The same for a fact that is the last: only what it can change is worked out anew."""
    last = facts[-1]
    said = type(last.data)
    advance = kind.advance
    view = advance(before.view, last, terms) if advance else kind.derive(facts, terms)
    links = links_of(changes, view)
    if links is NO_LINKS:
        evidence = evidence_after(kind, said, before.evidence, view, links, terms)
    else:
        evidence = evidence_of(kind, view, links, terms)
    return Record(before.number, facts, view, evidence, *logged)


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


def long_settled(changes: Changes, kind: Kind, before: Record, fact: Fact) -> Record:
    """A fact about a record whose facts are let go: only what counts however late moves it."""
    terms, _ = terms_of(changes, [fact])
    if type(fact.data) not in kind.never_late or kind.advance is None or terms is None:
        return before
    view = kind.advance(before.view, fact, terms)
    return Record(before.number, (), view, (), before.first_logged, fact.logged, is_let_go=True)
