"""Delivery: how order lines come, against what was placed."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from alerts.agreements import Agreement
from alerts.example import Example, Told
from alerts.facts import Evidence
from alerts.kpi import Kpi, Links
from alerts.records.order_line import ORDER_LINE, DueLine, OrderLineView
from events.data import (
    INVENTORY,
    LotReceived,
    OrderCancelled,
    OrderChanged,
    OrderDelivered,
    OrderPlaced,
    ScheduleLine,
)
from events.values import Quantity

_MOVED_BY = (OrderPlaced, OrderChanged, OrderDelivered, LotReceived, OrderCancelled)


def _says(line: DueLine, kept: bool) -> Evidence:
    """What a line says on the day it is judged: by what completed it, else by what was placed."""
    promise, by = line.promise, line.by
    event, late = by.id if by else promise.event, line.claimed if kept else 0
    hour, of = line.hour, promise.cluster
    return Evidence(hour, line.visible, int(kept), 1, event, not kept, line.unlike, late, of)


def _otif(line: OrderLineView, _: Links, __: Agreement) -> Iterable[Evidence]:
    return [_says(each, each.on_time and each.in_full_by_due) for each in line.schedule]


def _on_time(line: OrderLineView, _: Links, __: Agreement) -> Iterable[Evidence]:
    return [_says(each, each.on_time) for each in line.schedule]


def _in_full(line: OrderLineView, _: Links, __: Agreement) -> Iterable[Evidence]:
    return [_says(each, each.in_full) for each in line.schedule]


# --- the story all three are read of


def _ordered(order: str, line: str) -> Told:
    wanted = ScheduleLine(date=date(2026, 6, 1), quantity=_pieces(10_000))
    data = OrderPlaced(order=order, line=line, product="pills", schedule=(wanted,))
    return Told("S", "2026-04-01", data)


def _arrived(order: str, line: str, quantity: int, day: str) -> Told:
    return Told("C", day, OrderDelivered(order=order, line=line, quantity=_pieces(quantity)))


def _pieces(count: int) -> Quantity:
    return Quantity(value=count, unit="EA")


def _example(story: str, kept: int) -> Example:
    told = (
        *(_ordered(order, line) for order, line in ("A1", "A2", "B1", "C1")),
        _arrived("A", "1", 10_000, "2026-05-28"),
        _arrived("A", "2", 12_000, "2026-05-29"),
        _arrived("B", "1", 10_000, "2026-06-04"),
    )
    return Example(
        story=f"Four lines of 10,000 due on 1 June, up to 10 % more: A1 comes whole on 28 May; A2 "
        f"with 12,000 on 29 May; B1 whole on 4 June; C1 not at all. {story} A1 and A2 are of one "
        "order, so n is 3.",
        told=told,
        as_of="2026-06-10",
        reads={"numerator": kept, "denominator": 4, "n": 3, "value": kept / 4},
    )


DELIVERY: Final = (
    Kpi(
        name="delivery_otif",
        title="Delivered on time, in full",
        help="Order lines complete by their due day and within the agreed quantity, of those due.",
        unit="ratio",
        higher_is_better=True,
        urgency="ticket",
        dimensions=((), ("product",)),
        window_days=365,
        warning=0.95,
        critical=0.90,
        minimum=3,
        interval=True,
        best=1.0,
        needs=(INVENTORY,),
        kinds=(ORDER_LINE,),
        evidence=_otif,
        moved_by=_MOVED_BY,
        example=_example("Only A1 is on time and in full.", 1),
        family="delivery",
        leads=True,
        source="SCOR perfect order, delivery part",
        action="Ask the CMO when each late or short line will come, and tell the supply planner.",
    ),
    Kpi(
        name="delivery_on_time",
        title="Delivered on time",
        help="Order lines complete by their due day, of those due.",
        unit="ratio",
        higher_is_better=True,
        urgency="review",
        window_days=365,
        warning=0.95,
        critical=0.90,
        minimum=3,
        interval=True,
        best=1.0,
        needs=(INVENTORY,),
        kinds=(ORDER_LINE,),
        evidence=_on_time,
        moved_by=_MOVED_BY,
        example=_example("A1 and A2 are complete by then.", 2),
        family="delivery",
        source="SCOR",
        action="Ask the CMO which lines are late and why, and bring the causes to the next review.",
    ),
    Kpi(
        name="delivery_in_full",
        title="Delivered in full",
        help="Order lines whose deliveries add up within the agreed quantity, of those due.",
        unit="ratio",
        higher_is_better=True,
        urgency="review",
        window_days=365,
        minimum=3,
        interval=True,
        best=1.0,
        needs=(INVENTORY,),
        kinds=(ORDER_LINE,),
        evidence=_in_full,
        moved_by=_MOVED_BY,
        example=_example("A1 and B1 are in full, the one late; A2 is more than agreed.", 2),
        family="delivery",
        source="SCOR",
        action="Ask the CMO for what the short lines lack, and bring the causes to the review.",
    ),
)
"""The KPIs of delivery, in the order of the boards."""
