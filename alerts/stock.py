"""Stock positions: what the book says lies where, in which status."""

from collections.abc import Iterable
from typing import NamedTuple

from alerts.calendar import civil_day
from alerts.records import Demand, Record
from events.data import DemandForecast, StockAdjusted, StockConsumed, StockCounted


class Position(Record):
    """The stock of a product, and perhaps of a lot, at a site in a status.

    Its key is (site, product, lot or "", status).
    """

    __slots__ = ()
    NAME = "stock"

    @property
    def site(self) -> str:
        """Where it lies."""
        return self.key[0]

    @property
    def product(self) -> str:
        """What it is."""
        return self.key[1]

    @property
    def status(self) -> str:
        """Whether it may be used."""
        return self.key[3]


class Book(NamedTuple):
    """What the book says of a position, in millionths; `unit` is None when units are unlike."""

    amount: int
    unit: str | None
    event: str
    time: int


def book(position: Position) -> Book | None:
    """The last count and the movements since; None for a position that was never counted."""
    moved, units = 0, set()
    for fact in reversed(position.facts):
        match fact.data:
            case StockCounted(quantity=counted):
                units.add(counted.unit)
                unit = counted.unit if len(units) == 1 else None
                last = position.facts[-1]
                return Book(counted.millionths + moved, unit, last.id, last.time)
            case StockAdjusted(delta=delta):
                moved += delta.millionths
                units.add(delta.unit)
            case StockConsumed(quantity=used):
                moved -= used.millionths
                units.add(used.unit)
    return None


class Daily(NamedTuple):
    """A demand in force: millionths over whole days."""

    amount: int
    days: int
    unit: str
    event: str


def demand_in_force(demand: Demand, zone: str, now: int) -> Daily | None:
    """The latest forecast that covers now; None when none does, or nothing is needed."""
    today = civil_day(zone, now)
    for fact in reversed(demand.facts):
        said = fact.data
        if isinstance(said, DemandForecast) and said.start <= today <= said.end:
            days = (said.end - said.start).days + 1
            amount = said.quantity.millionths
            return Daily(amount, days, said.quantity.unit, fact.id) if amount else None
    return None


def doubt(positions: Iterable[Position]) -> str:
    """Why the books of these positions cannot be believed; empty when they can."""
    for position in positions:
        found, name = book(position), " ".join(part for part in position.key if part)
        if found is None:
            return f"{name} moved and was never counted"
        if found.amount < 0:
            return f"the book of {name} is below zero: a movement or a count is missing"
    return ""


def total(books: Iterable[Book]) -> Book | None:
    """Several books as one; its unit is None when theirs are unlike. None for no book."""
    held = list(books)
    if not held:
        return None
    units = {each.unit for each in held}
    newest = max(held, key=lambda each: (each.time, each.event))
    return Book(
        sum(each.amount for each in held),
        units.pop() if len(units) == 1 else None,
        newest.event,
        newest.time,
    )
