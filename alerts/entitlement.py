"""Who may say what of whose: of events and sequences their source, of stock the site's owner."""

from collections.abc import Callable
from typing import Any, Final

from alerts.agreements import Agreement
from events.compact import COMPACT
from events.data import (
    Data,
    GapDeclared,
    LotReceived,
    Retracted,
    Speaker,
    StockAdjusted,
    StockConsumed,
    StockCounted,
    StockListed,
    StockMoved,
)
from events.outcomes import AcceptedEvent

_RETRACTED, _GAP_DECLARED, _RECEIVED = (
    COMPACT[Retracted],
    COMPACT[GapDeclared],
    COMPACT[LotReceived],
)


class NotItsToSay(Exception):
    """Said of what is another's: its events, its sequence, or stock at its site."""


def refuse_of_others(event: AcceptedEvent) -> None:
    """Raises `NotItsToSay` for a retraction or gap of another source that no sponsor tells of."""
    if event.speaker is Speaker.SPONSOR:
        return
    data: Any = event.data
    said = type(data)
    if said is _RETRACTED and data.source != event.source:
        raise NotItsToSay(f"{event.source} may retract its own events, not those of {data.source}")
    if said is _GAP_DECLARED and data.source not in (None, event.source):
        raise NotItsToSay(f"{event.source} may declare gaps of its own, not those of {data.source}")


OF_OTHERS: Final = frozenset((_RETRACTED, _GAP_DECLARED))
"""What a source may say of its own events and sequences only."""


def refuse_of_another_site(event: AcceptedEvent, terms: Agreement | None) -> None:
    """Raises `NotItsToSay` where another than the site's owner tells of stock there.

    Whose a site is follows from the agreement on the day the log got the event. The sponsor may say
    of any site that a lot was received there.
    """
    data, speaker = event.data, event.speaker
    site = AT_A_SITE[type(data)](data)
    if site is None or (speaker is Speaker.SPONSOR and type(data) is _RECEIVED):
        return
    if speaker != (whose := owner(site, terms)):
        raise NotItsToSay(
            f"said as {speaker}; {site} is the {whose}'s, whose word alone counts there: if it is "
            f"the {speaker}'s, say `sites: {{{site}: {speaker}}}` in the agreement"
        )


def owner(site: str, terms: Agreement | None) -> str:
    """Whose a site is: the CMO's, unless it is agreed to be another's."""
    return "cmo" if terms is None else terms.sites.get(site, "cmo")


_SITE_OF: Final[dict[type[Data], Callable[[Any], str | None]]] = {
    **dict.fromkeys(
        (StockCounted, StockAdjusted, StockConsumed, StockListed, LotReceived),
        lambda data: data.site,
    ),
    StockMoved: lambda data: data.origin.site,
}

AT_A_SITE: Final = {COMPACT[said]: site for said, site in _SITE_OF.items()}
"""What the owner of a site alone may say, and of which site it is: None where it names none."""
