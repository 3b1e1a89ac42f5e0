"""Lots: the states they went through, and what stands said of each."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final, get_args

import msgspec

from alerts.agreements import Agreement, OpenState
from alerts.facts import Fact
from alerts.kind import Key, Kind, Takes, View
from alerts.records.arrivals import is_by_receiver
from events.data import (
    CertificateIssued,
    Data,
    DeviationClosed,
    DeviationOpened,
    LotAborted,
    LotCancelled,
    LotCompleted,
    LotDestroyed,
    LotPlanned,
    LotProgressed,
    LotRecalled,
    LotReceived,
    LotReplanned,
    LotShipped,
    LotStarted,
    LotTested,
    OosConcluded,
    OosOpened,
    ReleaseDecided,
    ReleaseQuestionAnswered,
    ReleaseQuestionAsked,
    ReleaseRequested,
    ReleaseReworkAgreed,
    ReleaseStepCompleted,
)
from events.dimensions import Scope

OPEN_STATES: Final[tuple[str, ...]] = get_args(OpenState)
"""The states in which a lot waits for somebody."""

FINAL: Final = ("released", "rejected")
"""The decisions that end a lot's wait: hold, quarantine, rework and conditional release do not."""

_OPEN = frozenset(OPEN_STATES)
_AWAITED = _OPEN | {"planned", "shipped_under_quarantine", "recalled"}
_SERIOUS = frozenset({"major", "critical"})
_DECIDED = frozenset({"on_hold", "released", "conditionally_released", "rejected", "rework"})
_HELD = _DECIDED | {"quarantine", "reprocessing"}
_LEFT = frozenset({"on_hold", "rejected", "recalled", "expired", "destroyed"})

MOVES: Final[dict[str, frozenset[str]]] = {
    "planned": frozenset({"in_process", "cancelled"}),
    "in_process": frozenset({"completed", "on_hold", "rejected", "aborted"}),
    "completed": _HELD | {"shipped_under_quarantine"},
    "quarantine": _HELD | {"shipped_under_quarantine"},
    "on_hold": frozenset(
        {"quarantine", "released", "conditionally_released", "rejected", "rework", "reprocessing"}
    ),
    "rework": frozenset({"completed", "on_hold", "rejected"}),
    "reprocessing": frozenset({"completed", "on_hold", "rejected"}),
    "conditionally_released": frozenset({"released", "on_hold", "rejected", "recalled"}),
    "released": frozenset({"on_hold", "shipped", "recalled", "expired", "destroyed"}),
    "shipped_under_quarantine": _LEFT | {"received", "released"},
    "shipped": _LEFT | {"received", "released"},
    "received": _LEFT | {"received", "released"},
    "rejected": frozenset({"destroyed", "rework"}),
    "recalled": frozenset({"destroyed"}),
    "expired": frozenset({"destroyed"}),
}
"""The moves a lot may make; any other is taken, counted and shown."""

_STATE_AFTER: Final[dict[type[Data], str]] = {
    LotPlanned: "planned",
    LotStarted: "in_process",
    LotCompleted: "completed",
    LotCancelled: "cancelled",
    LotAborted: "aborted",
    LotRecalled: "recalled",
}


class LotView(View, msgspec.Struct, gc=False):
    """What became of a lot; it is filled fact by fact and then only read. Times in microseconds."""

    state: str = ""
    state_since: int = 0
    progressed: int = 0
    progressed_by: str = ""
    unexpected: int = 0
    product: str | None = None
    site: str | None = None
    purpose: str = "commercial"
    completed: Fact | None = None
    first_final: Fact | None = None
    last_final: Fact | None = None
    due: date | None = None
    due_said_by: str = ""
    sponsor_decided: bool = False
    reworked: Fact | None = None
    deviations: dict[str, Fact] | None = None
    called_off: bool = False
    purpose_by_sponsor: bool = False

    @property
    def is_commercial(self) -> bool:
        """Whether KPIs count it."""
        return self.purpose == "commercial"

    @property
    def is_open(self) -> bool:
        """Whether the lot, a commercial one, waits for somebody."""
        return self.state in _OPEN and self.purpose == "commercial"

    @property
    def is_settled(self) -> bool:
        """Whether it was made, or given up, and nobody waits for a decision about it."""
        return self.state != "" and self.state not in _AWAITED

    @property
    def imperfect(self) -> Fact | None:
        """What kept the lot from being right first time, if anything."""
        return self.reworked or self.marred

    @property
    def marred(self) -> Fact | None:
        """What stands said of its first major or critical deviation, if it has any."""
        said = self.deviations.values() if self.deviations else ()
        return next((fact for fact in said if fact.data.class_ in _SERIOUS), None)


def derive(facts: Sequence[Fact], _: Agreement) -> LotView:
    """What became of a lot by its facts, in their order."""
    lot = LotView()
    for fact in facts:
        _take_in(lot, fact)
    return lot


def advance(before: LotView, fact: Fact, _: Agreement) -> LotView:
    """What became of a lot after one more fact, the last."""
    lot: LotView = before.__copy__()  # type: ignore[attr-defined]
    _take_in(lot, fact)
    return lot


def _take_in(lot: LotView, fact: Fact) -> None:
    tell, state = _TELLS[type(fact.data)]
    if tell is not None:
        tell(lot, fact, fact.data)
    if state is not None:
        _move(lot, state, fact.time)
    lot.progressed, lot.progressed_by = fact.time, fact.id


def _make(lot: LotView, fact: Fact, data: LotPlanned | LotStarted) -> None:
    lot.product = lot.product or data.product
    lot.site = data.site or lot.site
    _name_purpose(lot, data.purpose, fact)


def _name_purpose(lot: LotView, purpose: str | None, fact: Fact) -> None:
    """Take a purpose in: a CMO's word does not take a lot out of what the sponsor counts."""
    if purpose is not None and (fact.by_sponsor or not lot.purpose_by_sponsor):
        lot.purpose, lot.purpose_by_sponsor = purpose, fact.by_sponsor


def _complete(lot: LotView, fact: Fact, _: LotCompleted) -> None:
    lot.completed = lot.completed or fact


def _deviate(lot: LotView, fact: Fact, data: DeviationOpened | DeviationClosed) -> None:
    lot.deviations = {**(lot.deviations or {}), data.deviation: fact}


def _request(lot: LotView, fact: Fact, data: ReleaseRequested) -> None:
    if data.due is not None and fact.by_sponsor:
        lot.due, lot.due_said_by = data.due, fact.id


def _call_off(lot: LotView, fact: Fact, _: LotCancelled | LotAborted) -> None:
    lot.called_off = lot.called_off or fact.by_sponsor


def _decide(lot: LotView, fact: Fact, data: ReleaseDecided) -> None:
    """Take a decision in: the sponsor's outranks the CMO's, whenever it came."""
    by_sponsor = fact.by_sponsor
    if data.decision in ("rework", "reprocessing"):
        lot.reworked = lot.reworked or fact
    if data.decision in FINAL:
        lot.first_final = lot.first_final or fact
        if by_sponsor or lot.last_final is None or not lot.last_final.by_sponsor:
            lot.last_final = fact
    if by_sponsor or not lot.sponsor_decided:
        lot.sponsor_decided = by_sponsor
        _move(lot, data.decision, fact.time)


def _agree_rework(lot: LotView, fact: Fact, data: ReleaseReworkAgreed) -> None:
    lot.reworked = lot.reworked or fact
    lot.sponsor_decided = True
    _move(lot, data.kind, fact.time)
    if data.due is not None:
        lot.due, lot.due_said_by = data.due, fact.id


def _destroy(lot: LotView, fact: Fact, data: LotDestroyed) -> None:
    if data.quantity is None:  # all of it
        _move(lot, "destroyed", fact.time)


def _ship(lot: LotView, fact: Fact, data: LotShipped) -> None:
    _move(lot, "shipped_under_quarantine" if data.under_quarantine else "shipped", fact.time)


def _receive(lot: LotView, fact: Fact, data: LotReceived) -> None:
    if is_by_receiver(fact, data):
        _move(lot, "received", fact.time)


_TELLS_OF: Final[dict[type[Data], Callable[[LotView, Fact, Any], None]]] = {
    LotPlanned: _make,
    LotStarted: _make,
    LotCompleted: _complete,
    DeviationOpened: _deviate,
    DeviationClosed: _deviate,
    ReleaseRequested: _request,
    LotCancelled: _call_off,
    LotAborted: _call_off,
    ReleaseDecided: _decide,
    ReleaseReworkAgreed: _agree_rework,
    LotShipped: _ship,
    LotReceived: _receive,
    LotDestroyed: _destroy,
}
"""What each kind of fact tells; any other only shows that the lot progresses."""


def _move(lot: LotView, state: str, at: int) -> None:
    if state == lot.state:
        return
    if lot.state and state not in MOVES.get(lot.state, ()):
        lot.unexpected += 1
    lot.state, lot.state_since = state, at


def _one(data: Any) -> tuple[Key, ...]:
    return ((data.lot,),)


def _its_own(data: Any) -> tuple[Key, ...]:
    return ((data.lot,),) if data.maker is None else ()


def _each(data: Any) -> tuple[Key, ...]:
    return tuple((lot,) for lot in dict.fromkeys(data.lots))


def _may_be(names: Any) -> tuple[Key, ...]:
    """The lots that are named, of this maker."""
    if names.maker is not None:
        return ()
    return (
        ((names.lot,),) if names.lot else tuple((lot,) for lot in dict.fromkeys(names.lots or ()))
    )


def _about(_: Key, lot: LotView | None) -> Scope | None:
    """An open lot is counted for its state; one of which nothing is known may be in any."""
    return None if lot is None else Scope(lot_state=lot.state if lot.is_open else None)


def _condense(lot: LotView) -> LotView:
    """What is kept of a lot that was decided long ago: what it was, and what became of it."""
    return LotView(
        lot.state,
        lot.state_since,
        unexpected=lot.unexpected,
        product=lot.product,
        site=lot.site,
        purpose=lot.purpose,
        sponsor_decided=lot.sponsor_decided,
        purpose_by_sponsor=lot.purpose_by_sponsor,
    )


LOT: Final = Kind(
    name="lot",
    takes=(
        Takes(LotPlanned, _one),
        Takes(LotReplanned, _one, moves=False),
        Takes(LotStarted, _one),
        Takes(LotProgressed, _one, moves=False),
        Takes(DeviationOpened, _each),
        Takes(DeviationClosed, _each),
        Takes(LotCompleted, _one),
        Takes(LotTested, _one, moves=False),
        Takes(OosOpened, _one, moves=False),
        Takes(OosConcluded, _one, moves=False),
        Takes(CertificateIssued, _one, moves=False),
        Takes(ReleaseRequested, _one),
        Takes(ReleaseStepCompleted, _one, moves=False),
        Takes(ReleaseQuestionAsked, _one, moves=False),
        Takes(ReleaseQuestionAnswered, _one, moves=False),
        Takes(ReleaseDecided, _one),
        Takes(ReleaseReworkAgreed, _one),
        Takes(LotShipped, _its_own),
        Takes(LotReceived, _its_own),
        Takes(LotRecalled, _one, ever=True),
        Takes(LotDestroyed, _its_own),
        Takes(LotCancelled, _one),
        Takes(LotAborted, _one),
    ),
    derive=derive,
    advance=advance,
    most_facts=500,
    settles=True,
    condense=_condense,
    may_be=_may_be,
    about=_about,
)
"""One lot of one CMO; a real one has a few dozen facts."""

_TELLS: Final = {
    said: (_TELLS_OF.get(takes.data), _STATE_AFTER.get(takes.data))
    for said, takes in zip(LOT.rank, LOT.takes, strict=True)
}
"""The same by what is kept of each event type, with the state it moves a lot to, if any."""
