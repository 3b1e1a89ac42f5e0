"""Retractions: what was said is taken back, whenever it is read and whatever was let go by then."""

from typing import Any, Final

from msgspec.structs import replace

from alerts.changes import Changes
from alerts.corrections import Retraction
from alerts.derivation import Made, Unfoldable, put, rework
from alerts.doubts import SETTLED
from alerts.facts import Fact
from alerts.identities import Known, identity
from alerts.kind import Kind, Record, Withdrawn
from alerts.lateness import LATE
from alerts.records import TAKERS, places
from events.compact import COMPACT
from events.data import BreachAcknowledged, GapDeclared, Retracted

_RETRACTED: Final = COMPACT[Retracted]
_ACKNOWLEDGED: Final = COMPACT[BreachAcknowledged]
_GAP_DECLARED: Final = COMPACT[GapDeclared]


def retract(changes: Changes, retraction: Any, fact: Fact) -> None:
    """Take an event back, or note that it is to be when it comes; raises `Unfoldable`.

    Too late for a record, it is noted with it all the same: what counts follows from all of it.
    A retraction is not taken back: what it took back may be said anew.
    """
    key = identity(retraction.topic, retraction.source, retraction.event)
    known = changes.known(key)
    loose = changes.loose_fact(key) if known is not None and not known.record else None
    if loose is not None and type(loose.data) is _RETRACTED:
        return
    taken_back = Retraction.of(fact, changes.retraction(key))
    target, made = loose, list[Made]()
    if known is not None and known.record:
        target = _find(changes, known.record, retraction)
        made = _without(changes, target, taken_back.logged) if target is not None else []
    put(changes, made)
    changes.retract(key, taken_back)
    if known is None:
        return
    changes.corrected.append((retraction.event, key))
    if target is not None and not is_too_late(taken_back, target):
        _undo(changes, key, known, target)


def withhold(changes: Changes, kind: Kind, before: Record, fact: Fact, logged: int) -> Record:
    """A record of which a fact was taken back before it was read."""
    return _reworked(changes, kind, before, before.facts, Withdrawn(fact, logged))


def is_too_late(retraction: Retraction, fact: Fact) -> bool:
    """Whether a retraction came too late for what a fact changes besides records.

    By then records, too, may have let go of the fact.
    """
    return retraction.logged - fact.logged > LATE


def declare(changes: Changes, fact: Fact, sign: int) -> None:
    """Numbers are declared never to come, or not any more where the sign is -1."""
    gap: Any = fact.data
    if gap.first <= gap.last:
        declared = gap.source or fact.source, gap.first, gap.last, sign
        changes.hear(fact.topic).declared.append(declared)


def _undo(changes: Changes, key: bytes, known: Known, target: Fact) -> None:
    """What a target that is taken back had said besides."""
    if known.timed:
        changes.delays.append((-1, target.time, target.recorded, target.id))
        changes.identities[key] = replace(known, timed=False)
    data: Any = target.data
    said = type(data)
    if said is _ACKNOWLEDGED:
        changes.acknowledge_no_more(data.breach, target)
    elif said is _GAP_DECLARED:
        declare(changes, target, -1)
    elif said is SETTLED:
        changes.settle(target, -1)
    if not known.record and not TAKERS[said]:  # what is of a record may be pending
        changes.loose[key] = None


def _find(changes: Changes, number: int, retraction: Any) -> Fact | None:
    """The fact that is taken back, in the record it is found by; None where it is let go."""
    record = changes.record(changes.home(number))
    named = retraction.topic, retraction.source, retraction.event
    if record is None:
        return None
    for fact in (*record.facts, *(each.fact for each in record.withdrawn)):
        if (fact.topic, fact.source, fact.id) == named:
            return fact
    return None


def _without(changes: Changes, target: Fact, logged: int) -> list[Made]:
    """The records a fact was about that have it still, without it; raises `Unfoldable`."""
    made: list[Made] = []
    for place in places(target.data):
        kind, before = place[0], changes.record(place)
        assert before is not None, "a fact is in all the records it is about"
        gone = _ranked(target, kind.rank[type(target.data)])
        facts = tuple(fact for fact in before.facts if fact != gone)
        if len(facts) < len(before.facts) or gone in (each.fact for each in before.withdrawn):
            try:
                record = _reworked(changes, kind, before, facts, Withdrawn(gone, logged))
            except Exception as error:
                raise Unfoldable(f"{type(error).__name__}: {error}") from error
            made.append((place, before, record))
    return made


def _reworked(
    changes: Changes, kind: Kind, before: Record, facts: tuple[Fact, ...], gone: Withdrawn
) -> Record:
    others = tuple(each for each in before.withdrawn if each.fact != gone.fact)
    return rework(changes, kind, before.having_withdrawn((*others, gone)), facts)


def _ranked(fact: Fact, rank: int) -> Fact:
    return fact if fact.rank == rank else replace(fact, rank=rank)
