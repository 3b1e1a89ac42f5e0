"""Applying events to what is known of a CMO: all is worked out, or refused, before any is seen."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from alerts.calendar import DAY
from alerts.changes import Changes, Pending
from alerts.corrections import Retraction
from alerts.derivation import Made, Unfoldable, one_more, put
from alerts.doubts import SETTLED, refusals
from alerts.entitlement import (
    AT_A_SITE,
    OF_OTHERS,
    NotItsToSay,
    refuse_of_another_site,
    refuse_of_others,
)
from alerts.facts import Fact
from alerts.feeds import Turn
from alerts.formulas import ROUTES, Route
from alerts.identities import Known, identity
from alerts.kind import Kind, Place, Record
from alerts.records import TAKERS
from alerts.retraction import declare, is_too_late, retract, withhold
from events.compact import COMPACT, Said
from events.data import BreachAcknowledged, GapDeclared, Retracted, Speaker
from events.outcomes import AcceptedEvent, Reason, Rejection

MOST_PRODUCTS: Final = 1_000
"""How many products a CMO may have, and how many pairs of a site and a product in stock."""

_RETRACTED, _GAP_DECLARED, _ACKNOWLEDGED = (
    COMPACT[data] for data in (Retracted, GapDeclared, BreachAcknowledged)
)

_CMO = Speaker.CMO


class ContradictsItself(Exception):
    """An identity was said before with other content; the first said holds."""


REFUSALS: Final[Mapping[type[Exception], Reason]] = {
    ContradictsItself: Reason.OTHER_CONTENT,
    NotItsToSay: Reason.NOT_ENTITLED,
    Unfoldable: Reason.UNFOLDABLE,
}
"""What an event that is taken by its contract may still be refused for."""


def apply(changes: Changes, event: AcceptedEvent) -> bool:
    """Apply an event; False when it was taken before, and says the same.

    Raises `ContradictsItself`, `NotItsToSay` or `Unfoldable`, having changed nothing.
    """
    topic, said = event.message.topic, type(event.data)
    key = identity(topic, event.source, event.id)
    known = changes.known(key)
    if known is not None:
        _take_again(changes, event, known)
        return False
    if said in OF_OTHERS:
        refuse_of_others(event)
    elif said in AT_A_SITE:
        refuse_of_another_site(event, changes.terms_on(event.logged // DAY))
    number = 0
    if event.time > event.recorded:
        changes.loose[key] = _fact(event)
        changes.pending.append(Pending(event.time, topic, event.message.offset, event))
    else:
        number = _add(changes, key, event)
    changes.taken[key] = Known(event.content, number, _hear(changes, key, event))
    return True


def refuse(changes: Changes, rejection: Rejection) -> None:
    """A message of this CMO could not be taken: its place in the sequence is filled.

    What it was about is in doubt, as far as that can be told.
    """
    message = rejection.message
    heard = changes.hear(message.topic)
    heard.read(message.timestamp * 1_000, 0, 1)
    heard.row.refuse(((message.timestamp, message.offset),))
    where = f"{message.topic}/{message.partition}/{message.offset}"
    changes.refused.append((message.timestamp, where))
    changes.doubts += refusals(rejection, changes.terms_on)
    if rejection.source is not None:
        _account(changes, message.topic, rejection.source, rejection.sequence)


def pass_over(changes: Changes, event: AcceptedEvent) -> None:
    """An event is not to be known yet: it leaves no gap in its sequence all the same."""
    _account(changes, event.topic, event.source, event.sequence)


def apply_due(changes: Changes, event: AcceptedEvent) -> None:
    """Apply an event that was taken, and whose time has come.

    Raises `Unfoldable` where it cannot be: then it was never taken.
    """
    key = identity(event.topic, event.source, event.id)
    known = changes.known(key)
    assert known is not None, "what is pending is known"
    changes.loose[key] = None
    heard = changes.hear(event.topic)
    word = (event.recorded, event.id) if event.heard and event.speaker is _CMO else None
    if word is not None:
        heard.ahead.append((-1, word))
    try:
        number = _add(changes, key, event)
    except Unfoldable:
        if known.timed:
            changes.delays.append((-1, event.time, event.recorded, event.id))
        heard.read(event.recorded, -1, -1)
        changes.identities[key] = None
        raise
    heard.row.take(_turn(event))
    if word is not None:
        heard.word = max(heard.word, word)
    if changes.retraction(key) is not None and changes.loose[key] is not None:
        changes.loose[key] = None
    changes.identities[key] = replace(known, record=number)


def _take_again(changes: Changes, event: AcceptedEvent, known: Known) -> None:
    if known.content != event.content:
        raise ContradictsItself(
            f"event {event.id} of {event.source} was taken before with other content, "
            "which stands; retract it to correct it"
        )
    heard = changes.hear(event.topic)
    heard.read(event.recorded, 1, 1)
    heard.row.take(_turn(event))
    _account(changes, event.topic, event.source, event.sequence)


def _fact(event: AcceptedEvent, rank: int = -1) -> Fact:
    time, logged, message = event.time, event.logged, event.message
    return Fact(
        time,
        rank,
        event.recorded,
        message.topic,
        message.offset,
        event.id,
        event.source,
        event.speaker,
        logged if logged > time else time,  # nothing counts before its time, nor is late before it
        event.data,
    )


# --- what is heard


def _hear(changes: Changes, key: bytes, event: AcceptedEvent) -> bool:
    """An event was read, and counts for its feed; whether it tells of delay."""
    recorded, number, message = event.recorded, event.sequence, event.message
    heard = changes.heard.get(message.topic) or changes.hear(message.topic)
    heard.read(recorded, 1, 1)
    if event.time <= recorded:
        heard.row.take((message.timestamp, message.offset))
    if number is not None:
        heard.see(event.source, number)
    if event.speaker is not _CMO:
        return False
    if event.heard:
        word = recorded, event.id
        if event.time > recorded:
            heard.ahead.append((1, word))
        elif word > heard.word:
            heard.word = word
    if not event.timely:
        return False
    withdrawn = changes.retractions_there and changes.retraction(key) is not None
    if withdrawn and type(event.data) is not _RETRACTED:
        return False
    changes.delays.append((1, event.time, recorded, event.id))
    return True


def _turn(event: AcceptedEvent) -> Turn:
    message = event.message
    return message.timestamp, message.offset


def _account(changes: Changes, topic: str, source: str, sequence: int | None) -> None:
    if sequence is not None:
        changes.hear(topic).see(source, sequence)


# --- what is said of records


def _add(changes: Changes, key: bytes, event: AcceptedEvent) -> int:
    """Add what an event says where it belongs; the number of the first record it is about."""
    if routes := ROUTES[type(event.data)]:
        return _add_to_records(changes, key, event, routes)
    _add_loose(changes, key, event)
    return 0


def _add_loose(changes: Changes, key: bytes, event: AcceptedEvent) -> None:
    """Keep a fact that is about no record, and let what it says hold."""
    data: Any = event.data
    said = type(data)
    changes.loose[key] = fact = _fact(event)
    retraction = changes.retraction(key)
    if retraction is not None and said is not _RETRACTED:
        changes.corrected.append((event.id, key))
    if said is _RETRACTED:
        retract(changes, data, fact)
    elif retraction is not None and not is_too_late(retraction, fact):
        return  # taken back before it was read
    elif said is _GAP_DECLARED:
        declare(changes, fact, 1)
    elif said is SETTLED:
        changes.settle(fact, 1)
    elif said is _ACKNOWLEDGED and fact.by_sponsor:  # or a CMO could keep its own ladder down
        changes.acknowledge(data.breach, fact)


def _add_to_records(
    changes: Changes, key: bytes, event: AcceptedEvent, routes: Sequence[Route]
) -> int:
    """Add a fact to the records it is about, all of them or none; the number of the first."""
    taken_back = changes.retraction(key) if changes.retractions_there else None
    data = event.data
    counted, names = _INFO[type(data)]
    product = counted(data) if counted else None
    if product is not None and changes.names_too_many(product, MOST_PRODUCTS):
        raise Unfoldable(f"there are {MOST_PRODUCTS:,} products already, the most there may be")
    made, new = _made(changes, event, routes, taken_back)
    put(changes, made)
    if taken_back is not None:
        changes.corrected.append((event.id, key))
    changes.homes += new
    recorded, latest = event.recorded, changes.latest
    for (kind, _), _, _ in made:
        if recorded > latest.get(kind.name, 0):
            latest[kind.name] = recorded
    if product is not None:
        changes.name_product(product)
    if names:
        _name(changes, names, data)
    if not made:
        changes.loose[key] = _fact(event)
        return 0
    return made[0][2].number


def _made(
    changes: Changes,
    event: AcceptedEvent,
    routes: Sequence[Route],
    taken_back: Retraction | None,
) -> tuple[list[Made], list[Place]]:
    """The records with what an event says, and which of them are new; raises `Unfoldable`."""
    made: list[Made] = []
    new: list[Place] = []
    for route in routes:
        kind, fact = route.kind, _fact(event, route.rank)
        for key in route.keys(event.data):
            place = kind, key
            before = changes.record(place)
            if before is None:
                before = Record(changes.next_number() + len(new))
                new.append(place)
            elif kind.most_facts is not None and len(before.facts) + before.gone >= kind.most_facts:
                what = f"{kind.name} {' '.join(key)} has {kind.most_facts:,} facts already"
                raise Unfoldable(f"{what}, the most there may be")
            try:
                if taken_back is None:
                    record = one_more(changes, route, before, fact)
                else:
                    record = withhold(changes, kind, before, fact, taken_back.logged)
            except Exception as error:
                raise Unfoldable(f"{type(error).__name__}: {error}") from error
            made.append((place, before, record))
    return made, new


def _name(changes: Changes, fields: Iterable[str], data: Any) -> None:
    """Keep the names given where an id is not one."""
    for field in fields:
        value = getattr(data, field)
        if type(value) is not str and value is not None and value.name != value:
            changes.names[str(value)] = min(value.name, changes.names.get(str(value), value.name))
            changes.spellings.setdefault((field, str(value)), set()).add(value.name)


def _product(data: Any) -> tuple[str, str]:
    return "", data.product


def _product_at_a_site(data: Any) -> tuple[str, str]:
    return data.site or "", data.product


def _info(
    said: type[Said], takers: Iterable[Kind]
) -> tuple[Callable[[Any], tuple[str, str]] | None, tuple[str, ...]]:
    names = tuple(name for name in ("product", "site") if name in said.__struct_fields__)
    if not any(said in kind.naming for kind in takers):
        return None, names
    return (_product_at_a_site if "site" in names else _product), names


_INFO: Final = {said: _info(said, takers) for said, takers in TAKERS.items()}
"""Of each event type what gives the product that is counted, after its site; its ids' fields."""
