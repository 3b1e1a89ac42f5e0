"""Stock positions: what the book says lies where, in which status."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from alerts.agreements import Agreement
from alerts.facts import Fact
from alerts.kind import Key, Kind, Takes, View
from events.compact import COMPACT
from events.data import StockAdjusted, StockConsumed, StockCounted
from events.dimensions import Scope


class Book(msgspec.Struct, frozen=True, gc=False):
    """What a book says, in millionths; `unit` is None when units are unlike."""

    amount: int
    unit: str | None
    event: str
    time: int


class StockView(View, msgspec.Struct, frozen=True, gc=False):
    """What the book says of a position: the last count and the movements since.

    `book` is None for a position that was never counted; `has_moved` says that it moved all the
    same.
    """

    book: Book | None = None
    has_moved: bool = False


_COUNTED, _ADJUSTED = COMPACT[StockCounted], COMPACT[StockAdjusted]


def derive(facts: Sequence[Fact], _: Agreement) -> StockView:
    """The book of a position by its facts, in their order."""
    moved, units = 0, set()
    for fact in reversed(facts):
        data: Any = fact.data
        kind = type(data)
        quantity = data.delta if kind is _ADJUSTED else data.quantity
        units.add(quantity.unit)
        if kind is _COUNTED:
            unit = quantity.unit if len(units) == 1 else None
            last = facts[-1]
            return StockView(Book(quantity.millionths + moved, unit, last.id, last.time))
        moved += quantity.millionths if kind is _ADJUSTED else -quantity.millionths
    return StockView(has_moved=bool(facts))


def advance(before: StockView, fact: Fact, terms: Agreement) -> StockView:
    """The book after one more fact, the last."""
    data: Any = fact.data
    kind, held = type(data), before.book
    if kind is _COUNTED or held is None:
        return derive((fact,), terms)
    quantity = data.delta if kind is _ADJUSTED else data.quantity
    moved = quantity.millionths if kind is _ADJUSTED else -quantity.millionths
    unit = held.unit if quantity.unit == held.unit else None
    return StockView(Book(held.amount + moved, unit, fact.id, fact.time))


def site(key: Key) -> str:
    """Where a position lies."""
    return key[0]


def product(key: Key) -> str:
    """What lies there."""
    return key[1]


def status(key: Key) -> str:
    """Whether it may be used."""
    return key[4]


def _position(data: Any) -> tuple[Key, ...]:
    return ((data.site, data.product, data.maker or "", data.lot or "", data.status),)


def _all_positions(names: Any) -> tuple[Key, ...]:
    """What is known of a position by its site and product alone: it may be any of them there."""
    return ((names.site, names.product),) if names.site and names.product else ()


def _about(key: Key, _: Any) -> Scope:
    return Scope(site=site(key), product=product(key))


STOCK: Final = Kind(
    name="stock",
    takes=(
        Takes(StockAdjusted, _position, names_product=True),
        Takes(StockConsumed, _position, names_product=True),
        Takes(StockCounted, _position, names_product=True, tells_all=True),
    ),
    derive=derive,
    advance=advance,
    group=product,
    may_be=_all_positions,
    site=site,
    about=_about,
)
"""The stock of a product, and perhaps of a lot, at a site in a status.

Its key is (site, product, maker or "", lot or "", status); the maker is named if it is another.
"""


def doubt(positions: Iterable[tuple[Key, StockView]]) -> str:
    """Why the books of these positions cannot be believed; empty when they can."""
    for key, view in positions:
        found, name = view.book, " ".join(part for part in key if part)
        if found is None:
            if not view.has_moved:
                continue  # all that was said of it was taken back
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
