"""What is said of orders: placed, confirmed, changed, expected, cancelled and delivered."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from events.data.base import INVENTORY, Data, LotRef, Market
from events.values import (
    Amount,
    CivilDate,
    Fitting,
    PositiveQuantity,
    Reference,
    Slug,
    StrictModel,
    Text,
)

_Days = Annotated[int, Field(ge=0, le=365)]


FIRST_NUMBER = "1"
"""The number of the first line of a schedule that names none."""


class ScheduleLine(StrictModel):
    """A quantity of an order line that is wanted on a day; its number by default its place."""

    number: Reference | None = None
    date: CivilDate
    quantity: PositiveQuantity


Schedule = Annotated[tuple[ScheduleLine, ...], Field(min_length=1, max_length=100)]


def numbered(schedule: Any) -> list[str]:
    """The number of each line of a schedule, in their order."""
    return [line.number or str(place) for place, line in enumerate(schedule, start=1)]


def _named_twice(schedule: Any) -> str:
    """Why the lines of a schedule cannot be told apart; empty where they can, or there is none."""
    numbers = numbered(schedule or ())
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    return "" if twice is None else f"two lines of the schedule have the number {twice}"


class Scheduled(Fitting):
    """What has a schedule, the numbers of which tell its lines apart."""

    @staticmethod
    def misfit(said: Any) -> str:
        """No two lines have one number, given or by their place."""
        return _named_twice(said.schedule)


class Window(StrictModel):
    """How far from its day a delivery may come and still be on time, in days."""

    early: _Days | None = None
    late: _Days | None = None


class Tolerance(StrictModel):
    """By which shares a quantity may be under and over and still be in full."""

    under: Annotated[Amount, Field(ge=0, le=1)] | None = None
    over: Annotated[Amount, Field(ge=0, le=10)] | None = None


class OrderPlaced(Scheduled, Data, type="cmo.order.placed.v1", topic=INVENTORY, by="S", plan=True):
    """An order line is placed: what is requested, and the baseline it is judged by."""

    order: Reference
    line: Reference
    product: Slug
    schedule: Schedule
    market: Market | None = None
    window: Window | None = None
    tolerance: Tolerance | None = None
    term: Literal["fca", "dap"] | None = None
    lead_time: Annotated[int, Field(ge=0, le=3_660)] | None = None


class OrderConfirmed(Fitting, Data, type="cmo.order.confirmed.v1", topic=INVENTORY, by="C"):
    """The CMO answers an order line: it accepts, promises another schedule, or rejects."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"answer": {"const": "changed"}}},
            "then": {"required": ["schedule"]},
        }
    )

    order: Reference
    line: Reference
    answer: Literal["accepted", "changed", "rejected"]
    schedule: Schedule | None = None

    @staticmethod
    def misfit(said: Any) -> str:
        """A changed answer says to what."""
        if said.answer == "changed" and said.schedule is None:
            return "an answer that is changed needs the schedule it is changed to"
        return _named_twice(said.schedule)


class OrderChanged(
    Scheduled, Data, type="cmo.order.changed.v1", topic=INVENTORY, by="CS", plan=True
):
    """An order line has another schedule; only the sponsor's word replaces the baseline."""

    order: Reference
    line: Reference
    schedule: Schedule
    reason: Text | None = None


class OrderExpected(Data, type="cmo.order.expected.v1", topic=INVENTORY, by="C", plan=True):
    """The CMO now expects an order line, or one line of its schedule, on this day."""

    order: Reference
    line: Reference
    expected: CivilDate
    schedule_number: Reference | None = None


class OrderCancelled(Data, type="cmo.order.cancelled.v1", topic=INVENTORY, by="CS"):
    """An order line, or one of its schedule, is cancelled; only the sponsor takes it out."""

    order: Reference
    line: Reference
    schedule_number: Reference | None = None
    reason: Text | None = None


class OrderDelivered(Data, type="cmo.order.delivered.v1", topic=INVENTORY, by="CT"):
    """A quantity of an order line reached the client."""

    order: Reference
    line: Reference
    quantity: PositiveQuantity
    schedule_number: Reference | None = None
    lots: Annotated[tuple[LotRef, ...], Field(max_length=100)] = ()
    note: Reference | None = None
    to_site: Slug | None = None
