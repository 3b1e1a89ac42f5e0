"""What the facts of a record amount to, after one more or one less of them."""

from collections.abc import Container, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import structs

from alerts.agreements import Agreement
from alerts.calendar import DAY
from alerts.changes import Changes, Place
from alerts.facts import Fact
from alerts.formulas import NO_LINKS, evidence_after, evidence_of
from alerts.kind import MOST_LINKS, Kind, Link, Record, Withdrawn
from alerts.lateness import LATE, counted
from alerts.records import BY_KIND


class Unfoldable(Exception):
    """Working out what an event means failed; nothing was changed by it."""


def rework(
    changes: Any,
    kind: Kind,
    before: Record,
    facts: tuple[Fact, ...],
    last: Fact | None,
) -> Record:
    """What facts amount to; `last` is the one that was added after all others, if one was."""
    if before.past is not None:
        return _long_settled(changes, kind, before, facts)
    if last is not None and before.first_logged:
        at, first_logged, last_logged = last.logged, before.first_logged, before.last_logged
        first_logged = at if at < first_logged else first_logged
        last_logged = at if at > last_logged else last_logged
    else:
        first_logged, last_logged = _logged(facts, before.withdrawn)
    counts: Sequence[Fact] = facts
    if kind.settles and last_logged - first_logged > LATE:
        counts, last = counted(kind, facts, before.withdrawn, partial(_view, changes, kind)), None
    terms, fixed = terms_of(changes, counts)
    logged = first_logged, last_logged
    if terms is None:
        return Record(before.number, facts, None, (), *logged, before.withdrawn, before.gone)
    if last is not None and before.view is not None and fixed:
        return _one_more(changes, kind, before, facts, logged, terms)
    view = kind.derive(counts, terms)
    evidence = evidence_of(kind, view, links_of(changes, view), terms)
    return Record(before.number, facts, view, evidence, *logged, before.withdrawn, before.gone)


def _logged(facts: Sequence[Fact], withdrawn: Sequence[Withdrawn]) -> tuple[int, int]:
    """When the log got the first and the last word about a record."""
    times = [fact.logged for fact in facts]
    for each in withdrawn:
        times += [each.fact.logged, each.logged]
    return min(times), max(times)


def _view(changes: Any, kind: Kind, facts: Sequence[Fact]) -> Any:
    terms, _ = terms_of(changes, facts)
    return kind.derive(facts, terms) if terms is not None else None


def _one_more(
    changes: Any,
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
    return Record(before.number, facts, view, evidence, *logged, before.withdrawn, before.gone)


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
    return structs.replace(before, facts=facts, view=view)


def rework_linked(changes: Changes, record: Record, changed: Container[Place]) -> None:
    """Work out anew what the records say that one just changed is linked to, and no further."""
    for link in record.view.links:
        place = BY_KIND[link.kind], link.key
        other = changes.record(place) if place not in changed else None
        if other is not None and other.view is not None and not other.is_let_go:
            changes.records[place] = rework(changes, place[0], other, other.facts, None)
