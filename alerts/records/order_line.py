"""Order lines: what was promised, what arrived, and what became of it."""

from collections.abc import Sequence
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
from events.compact import COMPACT
from events.data import (
    LotReceived,
    OrderCancelled,
    OrderChanged,
    OrderDelivered,
    OrderExpected,
    OrderPromised,
)
from events.dimensions import Scope


class Promise(msgspec.Struct, frozen=True, gc=False):
    """The baseline of a line: quantities in millionths, `least` and `most` still in full.

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


class OrderLineView(View, msgspec.Struct, frozen=True, gc=False):
    """What became of a promise: the day it was complete, and whether the quantities were kept.

    `promise` is None for a line that was never promised, or is cancelled. `by` is what completed
    it, or the last of what came in unlike units. `expected` is the last day the CMO said it would
    come. It is judged on its due day, the day after what is agreed while it has not come: `hour` is
    the first of that day, in hours from the epoch, and `visible` when the day begins at its place.
    `claimed` is when it was claimed to have come in time, if only after the due day.
    """

    promise: Promise | None = None
    completed: date | None = None
    by: Fact | None = None
    in_full: bool = False
    in_full_by_due: bool = False
    unlike: bool = False
    expected: date | None = None
    cancelled: bool = False
    hour: int = 0
    visible: int = 0
    claimed: int = 0

    @property
    def scope(self) -> Scope:
        """A line is counted for its product."""
        return _scope(self.promise.product if self.promise else None)

    @property
    def on_time(self) -> bool:
        """Complete by the due day and the days agreed on top."""
        promise = self.promise
        return bool(promise and self.completed and self.completed <= promise.last_day)

    @property
    def is_open(self) -> bool:
        """Whether it is promised and has not come."""
        return self.promise is not None and self.completed is None

    @property
    def is_settled(self) -> bool:
        """Whether it came, or was called off."""
        return self.completed is not None or self.cancelled


@lru_cache(maxsize=65_536)
def _scope(product: str | None) -> Scope:
    return Scope(product=product)


_PROMISED, _CHANGED, _EXPECTED, _DELIVERED, _CANCELLED, _RECEIVED = (
    COMPACT[data]
    for data in (
        *(OrderPromised, OrderChanged, OrderExpected, OrderDelivered, OrderCancelled),
        LotReceived,
    )
)


def derive(facts: Sequence[Fact], terms: Agreement) -> OrderLineView:
    """What a line has come to by its facts, in their order.

    The first promise holds as the sponsor changed it; the CMO alone changes nothing.
    """
    first: Fact | None = None
    due: date | None = None
    quantity: Any = None
    expected: date | None = None
    delivered: list[tuple[Fact, Any]] = []
    received: list[tuple[Fact, Any]] = []
    for fact in facts:
        data: Any = fact.data
        kind = type(data)
        if kind is _PROMISED:
            if first is None:
                first, due, quantity = fact, data.due, data.quantity
        elif kind is _DELIVERED:
            delivered.append((fact, data.quantity))
        elif kind is _RECEIVED:
            if data.quantity is not None:
                received.append((fact, data.quantity))
        elif kind is _EXPECTED:
            expected = data.expected
        elif fact.by_sponsor:
            if kind is _CANCELLED:
                return OrderLineView(cancelled=True)
            due, quantity = data.due or due, data.quantity or quantity
    if first is None or due is None or quantity is None:
        return OrderLineView()
    promise = _promise(first.id, first.data, due, quantity, terms)
    return _judged(promise, received or delivered, expected)


def _judged(
    promise: Promise, arrivals: list[tuple[Fact, Any]], expected: date | None
) -> OrderLineView:
    """What arrived against what was promised; the sponsor's receipts outrank deliveries."""
    completed: date | None = None
    by: Fact | None = None
    total = by_due = 0
    zone, last_day = promise.zone, promise.last_day
    for fact, quantity in arrivals:
        if quantity.unit != promise.unit:
            hour, visible = days_from_epoch(promise.due) * 24, midnight(zone, promise.due)
            return OrderLineView(
                promise, None, arrivals[-1][0], False, False, True, expected, False, hour, visible
            )
        day = civil_day(zone, fact.time)
        total += quantity.millionths
        by_due = total if day <= last_day else by_due
        if completed is None and total >= promise.least:
            completed, by = day, fact
    judged_on = promise.due if completed is not None else last_day + timedelta(days=1)
    in_time = by is not None and completed is not None and completed <= last_day
    return OrderLineView(
        promise,
        completed,
        by,
        promise.least <= total <= promise.most,
        promise.least <= by_due <= promise.most,
        False,
        expected,
        False,
        days_from_epoch(judged_on) * 24,
        midnight(zone, judged_on),
        claimed(by, last_day, zone) if in_time and by is not None else 0,
    )


def _promise(event: str, promised: Any, due: date, quantity: Any, terms: Agreement) -> Promise:
    agreed, own = terms.tolerance, promised.tolerance
    days = terms.window.late if own is None or own.days is None else own.days
    under = agreed.under if own is None or own.under is None else own.under
    over = agreed.over if own is None or own.over is None else own.over
    amount = quantity.millionths
    below, of = _share(under)
    above, over_of = _share(over)
    least = -(-amount * (of - below) // of)
    most = amount * (over_of + above) // over_of
    return Promise(
        event,
        promised.product,
        quantity.unit,
        amount,
        least,
        most,
        due,
        days,
        terms.zone,
        cluster(promised.order, due),
    )


@lru_cache(maxsize=1_024)
def _share(given: float) -> tuple[int, int]:
    """A share as it is written, exactly: so many of so many."""
    return Fraction(str(given)).as_integer_ratio()


def _line(data: Any) -> tuple[Key, ...]:
    return ((data.order, data.line),)


def _line_of_a_receipt(data: Any) -> tuple[Key, ...]:
    return () if data.order is None or data.line is None else ((data.order, data.line),)


def _condense(line: OrderLineView) -> OrderLineView:
    """What is kept of a line that came, or was called off, long ago."""
    return OrderLineView(completed=line.completed, cancelled=line.cancelled)


ORDER_LINE: Final = Kind(
    name="line",
    takes=(
        Takes(LotReceived, _line_of_a_receipt),
        Takes(OrderPromised, _line, names_product=True),
        Takes(OrderChanged, _line),
        Takes(OrderExpected, _line),
        Takes(OrderDelivered, _line),
        Takes(OrderCancelled, _line),
    ),
    derive=derive,
    most_facts=500,
    settles=True,
    condense=_condense,
)
"""One line of an order."""
