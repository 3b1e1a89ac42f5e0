"""Lots: the states they went through, and what each says of acceptance, release and quality."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, get_args

from alerts.agreements import Agreement, OpenState
from alerts.calendar import HOUR, civil_day, days_from_epoch, midnight
from alerts.records import Evidence, Fact, Meaning, Record, claimed
from events.data import (
    Data,
    DeviationClosed,
    DeviationOpened,
    LotAborted,
    LotCancelled,
    LotCompleted,
    LotPlanned,
    LotRecalled,
    LotReceived,
    LotShipped,
    LotStarted,
    ReleaseDecided,
    ReleaseRequested,
    Speaker,
)

OPEN_STATES: Final[tuple[str, ...]] = get_args(OpenState)
"""The states in which a lot waits for somebody."""

FINAL: Final = ("released", "rejected")
"""The decisions that end a lot's wait: hold, quarantine, rework and conditional release do not."""

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
    LotReceived: "received",
    LotRecalled: "recalled",
}


class Lot(Record):
    """One lot of one CMO."""

    __slots__ = ()
    NAME = "lot"


@dataclass(slots=True)
class History:
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
    redone: Fact | None = None
    deviations: dict[str, Fact] = field(default_factory=dict)
    called_off: bool = False
    purpose_by_sponsor: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the lot, a commercial one, waits for somebody."""
        return self.state in OPEN_STATES and self.purpose == "commercial"

    @property
    def imperfect(self) -> Fact | None:
        """What kept the lot from being right first time, if anything."""
        serious = [
            fact
            for fact in self.deviations.values()
            if isinstance(fact.data, DeviationOpened | DeviationClosed)
            and fact.data.class_ in ("major", "critical")
        ]
        return self.redone or (serious[0] if serious else None)


def history(lot: Lot) -> History:
    """What became of a lot by its facts, in their order."""
    told = History()
    for fact in lot.facts:
        kind = type(fact.data)
        if (tell := _TELLS.get(kind)) is not None:
            tell(told, fact, fact.data)
        if (state := _STATE_AFTER.get(kind)) is not None:
            _move(told, state, fact.time)
    if lot.facts:
        told.progressed, told.progressed_by = lot.facts[-1].time, lot.facts[-1].id
    return told


def _make(told: History, fact: Fact, said: LotPlanned | LotStarted) -> None:
    told.product = told.product or said.product
    told.site = said.site or told.site
    _name_purpose(told, said.purpose, fact)


def _name_purpose(told: History, purpose: str | None, fact: Fact) -> None:
    """Take a purpose in: a CMO's word does not take a lot out of what the sponsor counts."""
    if purpose is not None and (_by_sponsor(fact) or not told.purpose_by_sponsor):
        told.purpose, told.purpose_by_sponsor = purpose, _by_sponsor(fact)


def _complete(told: History, fact: Fact, _: LotCompleted) -> None:
    told.completed = told.completed or fact


def _deviate(told: History, fact: Fact, said: DeviationOpened | DeviationClosed) -> None:
    told.deviations[said.deviation] = fact


def _request(told: History, fact: Fact, said: ReleaseRequested) -> None:
    if said.due is not None and _by_sponsor(fact):
        told.due, told.due_said_by = said.due, fact.id


def _call_off(told: History, fact: Fact, _: LotCancelled | LotAborted) -> None:
    told.called_off = told.called_off or _by_sponsor(fact)


def _decide(told: History, fact: Fact, said: ReleaseDecided) -> None:
    """Take a decision in: the sponsor's outranks the CMO's, whenever it came."""
    by_sponsor = _by_sponsor(fact)
    if said.decision in ("rework", "reprocessing"):
        told.redone = told.redone or fact
    if said.decision in FINAL:
        told.first_final = told.first_final or fact
        if by_sponsor or told.last_final is None or not _by_sponsor(told.last_final):
            told.last_final = fact
    if by_sponsor or not told.sponsor_decided:
        told.sponsor_decided = by_sponsor
        _move(told, said.decision, fact.time)


def _ship(told: History, fact: Fact, said: LotShipped) -> None:
    _move(told, "shipped_under_quarantine" if said.under_quarantine else "shipped", fact.time)


def _by_sponsor(fact: Fact) -> bool:
    return fact.speaker is Speaker.SPONSOR


_TELLS: Final[dict[type[Data], Callable[[History, Fact, Any], None]]] = {
    LotPlanned: _make,
    LotStarted: _make,
    LotCompleted: _complete,
    DeviationOpened: _deviate,
    DeviationClosed: _deviate,
    ReleaseRequested: _request,
    LotCancelled: _call_off,
    LotAborted: _call_off,
    ReleaseDecided: _decide,
    LotShipped: _ship,
}
"""What each kind of fact tells; any other only shows that the lot progresses."""


def _move(told: History, state: str, at: int) -> None:
    if state == told.state:
        return
    if told.state and state not in MOVES.get(told.state, ()):
        told.unexpected += 1
    told.state, told.state_since = state, at


def meaning(lot: Lot, terms: Agreement) -> Meaning:
    """What a commercial lot says for acceptance, right first time and release."""
    told = history(lot)
    if told.purpose != "commercial":
        return Meaning(told=told)
    evidence = (
        ("lot_acceptance_dispositioned", _acceptance(told)),
        ("right_first_time", _right_first_time(told)),
        ("release_cycle_time", _release_cycle_time(told)),
        ("release_on_time", _release_on_time(told, terms)),
    )
    return Meaning(tuple((kpi, says) for kpi, says in evidence if says is not None), told=told)


def _at(fact: Fact, numerator: int, event: str = "") -> Evidence:
    hour = fact.time // HOUR
    return Evidence(hour, hour * HOUR, numerator, 1, event or fact.id)


def _acceptance(told: History) -> Evidence | None:
    decided = told.last_final
    if decided is None or not isinstance(decided.data, ReleaseDecided):
        return None
    return _at(decided, int(decided.data.decision == "released"))


def _right_first_time(told: History) -> Evidence | None:
    if told.completed is None:
        return None
    wrong = told.imperfect
    return _at(told.completed, int(wrong is None), wrong.id if wrong else "")


def _release_cycle_time(told: History) -> Evidence | None:
    completed, decided = told.completed, told.first_final
    if completed is None or decided is None or decided.time < completed.time:
        return None
    return _at(decided, decided.time - completed.time)


def _release_on_time(told: History, terms: Agreement) -> Evidence | None:
    if told.due is None or told.called_off:
        return None
    decided = told.last_final
    day = told.due if decided else told.due + timedelta(days=1)
    kept = decided is not None and civil_day(terms.zone, decided.time) <= told.due
    return Evidence(
        days_from_epoch(day) * 24,
        midnight(terms.zone, day),
        int(kept),
        1,
        decided.id if decided else told.due_said_by,
        claimed=claimed(decided, told.due, terms.zone) if decided and kept else 0,
    )
