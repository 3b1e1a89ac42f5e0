"""Order lines: what was promised, what arrived, and what each says of delivery."""

from collections.abc import Iterable
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from alerts.agreements import Agreement
from alerts.calendar import civil_day, days_from_epoch, midnight
from alerts.records import NO_MEANING, Evidence, Fact, Meaning, Record, claimed
from events.data import (
    LotReceived,
    OrderCancelled,
    OrderChanged,
    OrderDelivered,
    OrderExpected,
    OrderPromised,
    Speaker,
    Tolerance,
)
from events.values import Quantity


class Promise(NamedTuple):
    """The baseline of a line: quantities in millionths, `least` and `most` still in full."""

    event: str
    product: str
    unit: str
    quantity: int
    least: int
    most: int
    due: date
    days: int

    @property
    def last_day(self) -> date:
        """The due day and the days agreed on top."""
        return self.due + timedelta(days=self.days)


class Outcome(NamedTuple):
    """What became of a promise: the day it was complete, and whether the quantities were kept."""

    promise: Promise
    completed: date | None
    by: Fact | None
    in_full: bool
    in_full_by_due: bool
    unlike: bool

    @property
    def on_time(self) -> bool:
        """Complete by the due day and the days agreed on top."""
        return self.completed is not None and self.completed <= self.promise.last_day


class Awaited(NamedTuple):
    """A line that is not complete: the days it is due and, by the CMO, expected, at its zone."""

    product: str
    due: date
    expected: date | None
    zone: str


class Line(Record):
    """One line of an order."""

    __slots__ = ()
    NAME = "line"


def outcome(line: Line, terms: Agreement) -> Outcome | None:
    """What a line has come to by its facts; None when it was never promised, or is cancelled."""
    promise = _baseline(line.facts, terms)
    if promise is None:
        return None
    arrivals = _arrivals(line.facts)
    if any(quantity.unit != promise.unit for _, quantity in arrivals):
        return Outcome(promise, None, arrivals[-1][0], False, False, unlike=True)
    return _judged(promise, arrivals, terms.zone)


def _judged(promise: Promise, arrivals: list[tuple[Fact, Quantity]], zone: str) -> Outcome:
    completed: date | None = None
    by: Fact | None = None
    total = by_due = 0
    last_day = promise.last_day
    for fact, quantity in arrivals:
        day = civil_day(zone, fact.time)
        total += quantity.millionths
        by_due = total if day <= last_day else by_due
        if completed is None and total >= promise.least:
            completed, by = day, fact
    return Outcome(
        promise,
        completed,
        by,
        promise.least <= total <= promise.most,
        promise.least <= by_due <= promise.most,
        unlike=False,
    )


def _baseline(facts: Iterable[Fact], terms: Agreement) -> Promise | None:
    """The first promise as the sponsor changed it; the CMO alone changes nothing."""
    first: Fact | None = None
    due, quantity, cancelled = None, None, False
    for fact in facts:
        match fact.data:
            case OrderPromised() as promised if first is None:
                first, due, quantity = fact, promised.due, promised.quantity
            case OrderChanged() as change if fact.speaker is Speaker.SPONSOR:
                due, quantity = change.due or due, change.quantity or quantity
            case OrderCancelled() if fact.speaker is Speaker.SPONSOR:
                cancelled = True
    if first is None or cancelled or due is None or quantity is None:
        return None
    assert isinstance(first.data, OrderPromised)
    return _promise(first.id, first.data, due, quantity, terms.tolerance)


def _promise(
    event: str, promised: OrderPromised, due: date, quantity: Quantity, agreed: Tolerance
) -> Promise:
    own = promised.tolerance or agreed
    days = own.days if own.days is not None else agreed.days or 0
    under = own.under if own.under is not None else agreed.under or 0
    over = own.over if own.over is not None else agreed.over
    amount = quantity.millionths
    below, of = _share(under)
    above, over_of = _share(0.10 if over is None else over)
    least = -(-amount * (of - below) // of)
    most = amount * (over_of + above) // over_of
    return Promise(event, promised.product, quantity.unit, amount, least, most, due, days)


@lru_cache(maxsize=1_024)
def _share(given: float) -> tuple[int, int]:
    """A share as it is written, exactly: so many of so many."""
    return Fraction(str(given)).as_integer_ratio()


def _arrivals(facts: Iterable[Fact]) -> list[tuple[Fact, Quantity]]:
    """What arrived, in order; the sponsor's receipts outrank what was said to be delivered."""
    delivered, received = [], []
    for fact in facts:
        match fact.data:
            case OrderDelivered(quantity=quantity):
                delivered.append((fact, quantity))
            case LotReceived(quantity=Quantity() as quantity):
                received.append((fact, quantity))
    return received or delivered


def meaning(line: Line, terms: Agreement) -> Meaning:
    """What a line says for each delivery KPI: at its due day, or the day after as missed."""
    end = outcome(line, terms)
    if end is None:
        return NO_MEANING
    promise = end.promise
    day = promise.due
    if end.completed is None and not end.unlike:
        day = promise.last_day + timedelta(days=1)
    hour, visible = days_from_epoch(day) * 24, midnight(terms.zone, day)
    late = claimed(end.by, promise.last_day, terms.zone) if end.by and end.on_time else 0

    def says(kpi: str, kept: bool) -> tuple[str, Evidence]:
        event = end.by.id if end.by else promise.event
        kept_late = late if kept else 0
        return kpi, Evidence(hour, visible, int(kept), 1, event, end.unlike, kept_late)

    evidence = (
        says("delivery_otif", end.on_time and end.in_full_by_due),
        says("delivery_on_time", end.on_time),
        says("delivery_in_full", end.in_full),
    )
    awaited = None if end.completed else _awaited(line, promise, terms.zone)
    return Meaning(evidence, promise.product, awaited)


def _awaited(line: Line, promise: Promise, zone: str) -> Awaited:
    """An open line, with the last day the CMO said it would come."""
    days = [fact.data.expected for fact in line.facts if isinstance(fact.data, OrderExpected)]
    return Awaited(promise.product, promise.due, days[-1] if days else None, zone)
