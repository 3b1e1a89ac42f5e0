"""Lots: the states they went through, and what each says of acceptance, release and quality."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from alerts.agreements import Agreement
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

OPEN_STATES: Final = (
    "in_process",
    "completed",
    "quarantine",
    "on_hold",
    "rework",
    "reprocessing",
    "conditionally_released",
)
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
        told.progressed, told.progressed_by = fact.time, fact.id
        _tell(told, fact)
    return told


def _tell(told: History, fact: Fact) -> None:
    match fact.data:
        case LotPlanned() | LotStarted() as said:
            told.product = told.product or said.product
            told.site = said.site or told.site
            _name_purpose(told, said.purpose, fact)
        case LotCompleted():
            told.completed = told.completed or fact
        case DeviationOpened() | DeviationClosed() as said:
            told.deviations[said.deviation] = fact
        case ReleaseRequested(due=date() as due) if fact.speaker is Speaker.SPONSOR:
            told.due, told.due_said_by = due, fact.id
        case LotCancelled() | LotAborted() if fact.speaker is Speaker.SPONSOR:
            told.called_off = True
        case ReleaseDecided():
            _decide(told, fact, fact.data)
        case _:
            pass
    if state := _state_after(told, fact):
        _move(told, state, fact.time)


def _name_purpose(told: History, purpose: str | None, fact: Fact) -> None:
    """Take a purpose in: a CMO's word does not take a lot out of what the sponsor counts."""
    if purpose is not None and (_by_sponsor(fact) or not told.purpose_by_sponsor):
        told.purpose, told.purpose_by_sponsor = purpose, _by_sponsor(fact)


def _decide(told: History, fact: Fact, said: ReleaseDecided) -> None:
    """Take a decision in: the sponsor's outranks the CMO's, whenever it came."""
    if said.decision in ("rework", "reprocessing"):
        told.redone = told.redone or fact
    if said.decision in FINAL:
        told.first_final = told.first_final or fact
        by_sponsor = fact.speaker is Speaker.SPONSOR
        if by_sponsor or told.last_final is None or not _by_sponsor(told.last_final):
            told.last_final = fact


def _by_sponsor(fact: Fact) -> bool:
    return fact.speaker is Speaker.SPONSOR


def _state_after(told: History, fact: Fact) -> str | None:
    match fact.data:
        case ReleaseDecided(decision=decision):
            if told.sponsor_decided and not _by_sponsor(fact):
                return None
            told.sponsor_decided = told.sponsor_decided or _by_sponsor(fact)
            return decision
        case LotShipped(under_quarantine=under_quarantine):
            return "shipped_under_quarantine" if under_quarantine else "shipped"
        case said:
            return _STATE_AFTER.get(type(said))


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
