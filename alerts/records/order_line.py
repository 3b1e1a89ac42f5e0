"""Order lines: what was placed, what arrived, and what became of it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

import msgspec

from alerts.agreements import Agreement
from alerts.calendar import civil_day, days_from_epoch, midnight
from alerts.clusters import cluster
from alerts.facts import Fact, claimed
from alerts.kind import Key, Kind, Takes, View
from alerts.records.arrivals import Arrival, is_by_receiver, told_once
from events.compact import COMPACT
from events.data import (
    FIRST_NUMBER,
    LotReceived,
    OrderCancelled,
    OrderChanged,
    OrderConfirmed,
    OrderDelivered,
    OrderExpected,
    OrderPlaced,
    numbered,
)
from events.dimensions import Scope


class Promise(msgspec.Struct, frozen=True, gc=False):
    """The baseline of one line of a schedule: quantities in millionths, `least` to `most` in full.

    Lines of one order that are due on one day are one `cluster`.
    """

    event: str
    product: str
    unit: str
    quantity: int
    least: int
    most: int
    due: date
    days: int
    zone: str
    cluster: int

    @property
    def last_day(self) -> date:
        """The due day and the days agreed on top."""
        return self.due + timedelta(days=self.days) if self.days else self.due


class DueLine(msgspec.Struct, frozen=True, gc=False):
    """What became of one line of a schedule: the day it was complete, and whether it is in full.

    `by` is what completed it, or the last of what came in unlike units. `expected` is the last day
    the CMO said it would come. It is judged on its due day, the day after what is agreed while it
    has not come: `hour` is the first of that day, in hours from the epoch, and `visible` when the
    day begins at its place. `claimed` is when it was claimed to have come in time, if only after
    the due day.
    """

    promise: Promise
    completed: date | None = None
    by: Fact | None = None
    in_full: bool = False
    in_full_by_due: bool = False
    unlike: bool = False
    expected: date | None = None
    hour: int = 0
    visible: int = 0
    claimed: int = 0

    @property
    def on_time(self) -> bool:
        """Complete by the due day and the days agreed on top."""
        return self.completed is not None and self.completed <= self.promise.last_day


class OrderLineView(View, msgspec.Struct, frozen=True, gc=False):
    """What became of an order line: of each line of its schedule, in the order of their dates.

    There are none where it was never placed, or is cancelled. `has_come` says that all came.
    """

    schedule: tuple[DueLine, ...] = ()
    cancelled: bool = False
    has_come: bool = False

    @property
    def scope(self) -> Scope:
        """A line is counted for its product."""
        return _scope(self.schedule[0].promise.product if self.schedule else None)

    @property
    def awaited(self) -> DueLine | None:
        """The first line of the schedule that has not come."""
        return next((each for each in self.schedule if each.completed is None), None)

    @property
    def is_open(self) -> bool:
        """Whether it is placed and has not come, all of it."""
        return bool(self.schedule) and not self.has_come

    @property
    def is_settled(self) -> bool:
        """Whether it came, or was called off."""
        return self.has_come or self.cancelled


@lru_cache(maxsize=65_536)
def _scope(product: str | None) -> Scope:
    return Scope(product=product)


_PLACED, _CHANGED, _EXPECTED, _DELIVERED, _CANCELLED, _RECEIVED = (
    COMPACT[data]
    for data in (
        *(OrderPlaced, OrderChanged, OrderExpected, OrderDelivered, OrderCancelled),
        LotReceived,
    )
)


def derive(facts: Sequence[Fact], terms: Agreement) -> OrderLineView:
    """What a line has come to by its facts, in their order.

    What was placed first holds as the sponsor changed it; the CMO alone changes nothing.
    """
    first: Fact | None = None
    schedule: Any = ()
    expected: dict[str | None, date] = {}
    cancelled: set[str] = set()
    came: list[Arrival] = []
    for fact in facts:
        data: Any = fact.data
        kind = type(data)
        if kind is _PLACED:
            if first is None:
                first, schedule = fact, data.schedule
        elif kind is _DELIVERED:
            came.append((fact, data.quantity, data.schedule_number))
        elif kind is _RECEIVED:
            if data.quantity is not None and is_by_receiver(fact, data):
                came.append((fact, data.quantity, None))
        elif kind is _EXPECTED:
            if data.schedule_number is None:
                expected.clear()
            expected[data.schedule_number] = data.expected
        elif not fact.by_sponsor:
            continue
        elif kind is _CHANGED:
            schedule = data.schedule
        elif kind is _CANCELLED:
            if data.schedule_number is None:
                return OrderLineView(cancelled=True)
            cancelled.add(data.schedule_number)
    if first is None:
        return OrderLineView()
    promises = _promises(first, schedule, cancelled, terms)
    return _judged(promises, came if len(came) < 2 else told_once(came), expected)


def _promises(
    first: Fact, schedule: Any, cancelled: set[str], terms: Agreement
) -> list[tuple[str, Promise]]:
    """The lines of a schedule that stand, with their numbers, in the order of their dates."""
    if len(schedule) == 1 and not cancelled:  # as nearly every order line has it
        (line,) = schedule
        return [(line.number or FIRST_NUMBER, _promise(first, line, terms))]
    promises = [
        (number, _promise(first, line, terms))
        for number, line in zip(numbered(schedule), schedule, strict=True)
        if number not in cancelled
    ]
    promises.sort(key=lambda each: each[1].due)
    return promises


def _judged(
    promises: Sequence[tuple[str, Promise]],
    arrivals: Sequence[Arrival],
    expected: Mapping[str | None, date],
) -> OrderLineView:
    """What arrived against what was placed."""
    if not promises:
        return OrderLineView(cancelled=True)
    if _are_unlike(promises, arrivals):
        last = arrivals[-1][0]
        return OrderLineView(
            tuple(_unlike(promise, last, _said(expected, number)) for number, promise in promises)
        )
    schedule, has_come = [], True
    for (number, promise), came in zip(promises, _shared_out(promises, arrivals), strict=True):
        line = _due_line(promise, came, _said(expected, number) if expected else None)
        has_come = has_come and line.completed is not None
        schedule.append(line)
    return OrderLineView(tuple(schedule), False, has_come)


def _said(expected: Mapping[str | None, date], number: str) -> date | None:
    """When a line of the schedule is expected: by the last word about it, or about all."""
    return expected.get(number) or expected.get(None)


def _are_unlike(promises: Sequence[tuple[str, Promise]], arrivals: Sequence[Arrival]) -> bool:
    """Whether what came cannot be held against what was wanted."""
    unit = promises[0][1].unit
    for _, quantity, _ in arrivals:
        if quantity.unit != unit:
            return True
    return bool(arrivals) and any(promise.unit != unit for _, promise in promises[1:])


def _unlike(promise: Promise, last: Fact, expected: date | None) -> DueLine:
    hour, visible = days_from_epoch(promise.due) * 24, midnight(promise.zone, promise.due)
    return DueLine(promise, None, last, False, False, True, expected, hour, visible)


Part = tuple[Fact, int]
"""How much of what came, in millionths, is for one line of the schedule."""


def _shared_out(
    promises: Sequence[tuple[str, Promise]], arrivals: Iterable[Arrival]
) -> list[list[Part]]:
    """What came for each line: what it names, else the lines in the order of their dates.

    Each is filled to the quantity wanted; what is over is the last one's.
    """
    if len(promises) == 1:
        return [[(fact, quantity.millionths) for fact, quantity, _ in arrivals]]
    last = len(promises) - 1
    places = {number: place for place, (number, _) in enumerate(promises)}
    parts: list[list[Part]] = [[] for _ in promises]
    lacking = [promise.quantity for _, promise in promises]
    for fact, quantity, number in arrivals:
        left, named = quantity.millionths, places.get(number) if number else None
        for place in range(len(promises)) if named is None else (named,):
            part = left if place in (named, last) else min(left, max(lacking[place], 0))
            if part:
                parts[place].append((fact, part))
            lacking[place] -= part
            left -= part
    return parts


def _due_line(promise: Promise, came: Iterable[Part], expected: date | None) -> DueLine:
    """What came for one line of the schedule against what was wanted."""
    completed: date | None = None
    by: Fact | None = None
    total = by_due = 0
    zone, last_day = promise.zone, promise.last_day
    for fact, amount in came:
        day = civil_day(zone, fact.time)
        total += amount
        by_due = total if day <= last_day else by_due
        if completed is None and total >= promise.least:
            completed, by = day, fact
    judged_on = promise.due if completed is not None else last_day + timedelta(days=1)
    in_time = by is not None and completed is not None and completed <= last_day
    return DueLine(
        promise,
        completed,
        by,
        promise.least <= total <= promise.most,
        promise.least <= by_due <= promise.most,
        False,
        expected,
        days_from_epoch(judged_on) * 24,
        midnight(zone, judged_on),
        claimed(by, last_day, zone) if in_time and by is not None else 0,
    )


def _promise(fact: Fact, line: Any, terms: Agreement) -> Promise:
    """One line of a schedule as a baseline; what was placed says more than what is agreed."""
    placed: Any = fact.data
    agreed, window, tolerance = terms.tolerance, placed.window, placed.tolerance
    late = terms.window.late if window is None or window.late is None else window.late
    under = agreed.under if tolerance is None or tolerance.under is None else tolerance.under
    over = agreed.over if tolerance is None or tolerance.over is None else tolerance.over
    amount = line.quantity.millionths
    below, of = _share(under)
    above, over_of = _share(over)
    return Promise(
        fact.id,
        placed.product,
        line.quantity.unit,
        amount,
        -(-amount * (of - below) // of),
        amount * (over_of + above) // over_of,
        line.date,
        late,
        terms.zone,
        cluster(placed.order, line.date),
    )


@lru_cache(maxsize=1_024)
def _share(given: float) -> tuple[int, int]:
    """A share as it is written, exactly: so many of so many."""
    return Fraction(str(given)).as_integer_ratio()


def _line(data: Any) -> tuple[Key, ...]:
    return ((data.order, data.line),)


def _line_of_a_receipt(data: Any) -> tuple[Key, ...]:
    return () if data.order is None or data.line is None else ((data.order, data.line),)


def _about(_: Key, line: OrderLineView | None) -> Scope | None:
    """A line of which it is not known what was placed may be of any product."""
    placed = line is not None and (line.schedule or line.cancelled)
    return line.scope if line is not None and placed else None


def _condense(line: OrderLineView) -> OrderLineView:
    """What is kept of a line that came, or was called off, long ago."""
    return OrderLineView(cancelled=line.cancelled, has_come=line.has_come)


ORDER_LINE: Final = Kind(
    name="line",
    takes=(
        Takes(LotReceived, _line_of_a_receipt),
        Takes(OrderPlaced, _line, names_product=True),
        Takes(OrderConfirmed, _line, moves=False),
        Takes(OrderChanged, _line),
        Takes(OrderExpected, _line),
        Takes(OrderDelivered, _line),
        Takes(OrderCancelled, _line),
    ),
    derive=derive,
    most_facts=500,
    settles=True,
    condense=_condense,
    may_be=_line_of_a_receipt,
    about=_about,
)
"""One line of an order, with its schedule."""
