"""Every record kind, and where each event type belongs; what belongs nowhere fails at import."""

from collections.abc import Iterable
from typing import Any, Final

from alerts.kind import Key, Kind
from alerts.records.demand import DEMAND
from alerts.records.lot import LOT
from alerts.records.order_line import ORDER_LINE
from alerts.records.stock import STOCK
from events.compact import COMPACT, Said
from events.data import (
    DATA,
    AgreementInForce,
    BreachAcknowledged,
    CapaClosed,
    CapaEffectivenessChecked,
    CapaOpened,
    ComplaintReceived,
    Data,
    DeviationExtended,
    DisputeRaised,
    DisputeResolved,
    GapDeclared,
    Heartbeat,
    ImprovementClosed,
    ImprovementOpened,
    LotDistributed,
    NoticeClosed,
    NoticeRaised,
    OwedAccepted,
    RefusalSettled,
    ReportabilityDecided,
    Retracted,
    ReviewHeld,
    StockListed,
    StockMoved,
    TemperatureMeasured,
)

KINDS: Final[tuple[Kind, ...]] = (LOT, ORDER_LINE, STOCK, DEMAND)
"""The record kinds."""

BY_KIND: Final[dict[str, Kind]] = {kind.name: kind for kind in KINDS}

ABOUT_FEEDS: Final[tuple[type[Data], ...]] = (Heartbeat, GapDeclared, RefusalSettled, Retracted)
"""What is said about a feed or an event of it, and about no record."""

ABOUT_BREACHES: Final[tuple[type[Data], ...]] = (BreachAcknowledged,)
"""What is said about a breach."""

NOT_FOLDED: Final[tuple[type[Data], ...]] = (
    LotDistributed,
    DeviationExtended,
    CapaOpened,
    CapaClosed,
    CapaEffectivenessChecked,
    NoticeRaised,
    NoticeClosed,
    ComplaintReceived,
    OwedAccepted,
    ReportabilityDecided,
    StockListed,
    StockMoved,
    TemperatureMeasured,
    ImprovementOpened,
    ImprovementClosed,
    ReviewHeld,
    DisputeRaised,
    DisputeResolved,
    AgreementInForce,
)
"""What is taken and kept, and makes no record yet."""


def placed(
    kinds: Iterable[Kind], elsewhere: Iterable[type[Data]], every: Iterable[type[Data]]
) -> dict[type[Said], tuple[Kind, ...]]:
    """The kinds that take each event type; raises `TypeError` for a type without its place."""
    names = [kind.name for kind in kinds]
    if twice := {name for name in names if names.count(name) > 1}:
        raise TypeError(f"two record kinds are named {', '.join(sorted(twice))}")
    taking = {
        data: tuple(kind for kind in kinds if COMPACT[data] in kind.keys_of) for data in every
    }
    outside = set(elsewhere)
    for data, takers in taking.items():
        if not takers and data not in outside:
            raise TypeError(f"{data.TYPE}: no record kind takes it; list it, or place it in one")
        if takers and data in outside:
            raise TypeError(f"{data.TYPE}: {takers[0].name} takes it, and it is listed as outside")
    return {COMPACT[data]: takers for data, takers in taking.items()}


TAKERS: Final = placed(KINDS, (*ABOUT_FEEDS, *ABOUT_BREACHES, *NOT_FOLDED), DATA)
"""The kinds that take each event type; none for what is about a feed, a breach or no record."""


def places(data: Any) -> list[tuple[Kind, Key]]:
    """The records an event is about."""
    said = type(data)
    return [(kind, key) for kind in TAKERS[said] for key in kind.keys_of[said](data)]
