"""What came for an order line, counted once, whoever tells of it."""

from collections.abc import Container, Sequence
from operator import itemgetter
from typing import Any, Final

from alerts.facts import Fact
from events.compact import COMPACT
from events.data import LotReceived, Speaker

Arrival = tuple[Fact, Any, str | None]
"""What came: by which fact, the quantity, and for which line of the schedule if it says so."""

_OUTRANKING: Final = (Speaker.SPONSOR, Speaker.CARRIER, Speaker.CMO)
"""Whose word on what came stands over whose."""

_FACT: Final = itemgetter(0)
_RECEIVED = COMPACT[LotReceived]


def told_once(came: Sequence[Arrival]) -> list[Arrival]:
    """Those of the arrivals that count, in their order: sponsor over carrier over CMO.

    A word counts where nobody above its speaker told of what may be the same: only a delivery note
    on either tells two apart. Of what one speaker told twice by one note the last word stands.
    """
    counting: list[Arrival] = []
    above: set[str | None] = set()
    for speaker in _OUTRANKING:
        told = [each for each in came if each[0].speaker is speaker]
        counting += [each for each in told if not above or _is_apart(each, above)]
        above.update(each[0].data.note for each in told)
    last = {_what(each): each for each in sorted(counting, key=_FACT)}
    return sorted(last.values(), key=_FACT)


def is_by_receiver(fact: Fact, receipt: Any) -> bool:
    """Whether those who ordered, or the carrier whose site it reached, say that it was received."""
    return fact.by_sponsor or (fact.speaker is Speaker.CARRIER and receipt.site is not None)


def _is_apart(arrival: Arrival, above: Container[str | None]) -> bool:
    """Whether its note shows that it is nothing of what was told by those notes."""
    note = arrival[0].data.note
    return note is not None and note not in above and None not in above


def _what(arrival: Arrival) -> tuple[Any, ...]:
    """What a word is about: a note, with the line and the lots it names; else it alone."""
    fact, _, number = arrival
    data = fact.data
    if data.note is None:
        return fact.topic, fact.source, fact.id
    lots: Any = (data,) if type(data) is _RECEIVED else data.lots
    return data.note, number, frozenset((each.maker, each.lot) for each in lots)
