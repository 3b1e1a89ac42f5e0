"""Supply: how long the stock of a product lasts, and how much of it may not be used."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Final

from alerts.agreements import Agreement
from alerts.example import Example, Told
from alerts.kind import Key
from alerts.kpi import Kpi, Measured, Readable
from alerts.records.demand import DEMAND, Daily, DemandView
from alerts.records.stock import STOCK, Book, StockView, doubt, site, status, total
from events.data import INVENTORY, DemandForecast, StockCounted, StockStatus
from events.dimensions import Scope
from events.values import MILLION, Quantity

Position = tuple[Key, StockView]
_NOTHING_TOLD: Final = StockView()


def _by_scope(cmo: Readable, product: str) -> dict[Scope, list[Position]]:
    """The positions of a product, and those of it at each site."""
    held: dict[Scope, list[Position]] = {}
    for key, view in cmo.group(STOCK, product):
        if view == _NOTHING_TOLD:
            continue
        for scope in (Scope(product=product), Scope(site=site(key), product=product)):
            held.setdefault(scope, []).append((key, view))
    return held


def _days_of_supply(
    cmo: Readable, product: str, agreement: Agreement | None, now: int
) -> Iterator[Measured]:
    zone = agreement.zone if agreement else "UTC"
    held = _by_scope(cmo, product)
    demands = {key[1]: view for key, view in cmo.group(DEMAND, product)}
    scope = Scope(product=product)
    if held or demands:
        free = [each for each in held.get(scope, ()) if status(each[0]) == "unrestricted"]
        books = [view.book for _, view in free if view.book is not None]
        needs = _demands(demands, zone, now)
        yield _cover(scope, total(books), len(books), needs, doubt(free))


def _demands(demands: dict[str, DemandView], zone: str, now: int) -> list[Daily]:
    """The demand in force: of the whole product, else the sum of what its markets need."""
    whole = demands[""].in_force(zone, now) if "" in demands else None
    if whole is not None:
        return [whole]
    markets = (each for market, each in demands.items() if market)
    return [need for each in markets if (need := each.in_force(zone, now))]


def _cover(scope: Scope, held: Book | None, n: int, needs: list[Daily], doubted: str) -> Measured:
    if held is None:
        return Measured(scope, why=doubted or "no stock is known")
    units = {held.unit, *(need.unit for need in needs)}
    events = (held.event, *(need.event for need in needs))
    if doubted:
        return Measured(scope, n=n, why=doubted, events=events)
    if not needs:
        return Measured(scope, n=n, why="no demand in force is known", events=events)
    if len(units) > 1 or held.unit is None:
        return Measured(scope, n=n, why="stock and demand are in unlike units", events=events)
    daily = sum((Fraction(need.amount, need.days) for need in needs), Fraction(0))
    return Measured(
        scope,
        _plain(float(held.amount / daily)),
        _plain(held.amount / MILLION),
        _plain(float(daily / MILLION)),
        n,
        events=events,
    )


def _stock_blocked_share(
    cmo: Readable, product: str, _: Agreement | None, __: int
) -> Iterator[Measured]:
    for scope, positions in _by_scope(cmo, product).items():
        books = [(status(key), view.book) for key, view in positions if view.book is not None]
        whole = total([found for _, found in books])
        kept = [found for status_, found in books if status_ in ("quality_inspection", "blocked")]
        yield _share(scope, total(kept), whole, len(books), doubt(positions))


def _share(scope: Scope, part: Book | None, whole: Book | None, n: int, doubted: str) -> Measured:
    if whole is None or doubted:
        return Measured(scope, n=n, why=doubted or "no stock is known")
    if whole.unit is None:
        return Measured(scope, n=n, why="its stock is in unlike units", events=(whole.event,))
    if whole.amount <= 0:
        return Measured(scope, n=n, why="there is no stock", events=(whole.event,))
    amount = part.amount if part else 0
    return Measured(
        scope,
        amount / whole.amount,
        _plain(amount / MILLION),
        _plain(whole.amount / MILLION),
        n,
        events=(part.event if part else whole.event,),
    )


def _plain(value: float) -> float:
    """A whole number as an int, so that it prints as one."""
    return int(value) if float(value).is_integer() else value


# --- the story both are read of


def _counted(quantity: int, lies: StockStatus) -> Told:
    pieces = Quantity(value=quantity, unit="EA")
    data = StockCounted(site="plant", product="pills", quantity=pieces, status=lies)
    return Told("C", "2026-03-01", data)


_STORY = (
    _counted(6_000, "unrestricted"),
    _counted(2_000, "quality_inspection"),
    Told(
        "S",
        "2026-02-20",
        DemandForecast(
            product="pills",
            version=1,
            quantity=Quantity(value=3_000, unit="EA"),
            start=date(2026, 3, 1),
            end=date(2026, 3, 30),
        ),
    ),
)

SUPPLY: Final = (
    Kpi(
        name="days_of_supply",
        title="Days of supply",
        help="Unrestricted stock over the mean daily demand of the forecast in force.",
        unit="days",
        higher_is_better=True,
        urgency="page",
        dimensions=(("product",),),
        always_critical=0,
        needs=(INVENTORY,),
        kinds=(STOCK, DEMAND),
        grouped=_days_of_supply,
        example=Example(
            story="6,000 may be used and 2,000 are in inspection; 3,000 are needed in 30 days, 100 "
            "a day: 60 days.",
            told=_STORY,
            as_of="2026-03-05",
            reads={"value": 60, "numerator": 6_000, "denominator": 100, "n": 1},
            scope=Scope(product="pills"),
        ),
        family="supply",
        leads=True,
        source="SCOR inventory days of supply",
        action="Call the supply planner on duty to reallocate stock, and ask for the next release.",
        exposed_as="supply_cover",
    ),
    Kpi(
        name="stock_blocked_share",
        title="Stock blocked",
        help="Stock in quality inspection or blocked, of all stock.",
        unit="ratio",
        higher_is_better=False,
        urgency="review",
        dimensions=(("product",), ("site", "product")),
        best=0.0,
        needs=(INVENTORY,),
        kinds=(STOCK,),
        grouped=_stock_blocked_share,
        example=Example(
            story="Of 8,000, 2,000 are in inspection: a quarter.",
            told=_STORY,
            as_of="2026-03-05",
            reads={"value": 0.25, "numerator": 2_000, "denominator": 8_000, "n": 2},
            scope=Scope(product="pills"),
        ),
        family="supply",
        source="industry usage",
        action="Ask quality which blocked lots can be decided first, oldest stock first.",
    ),
)
"""The KPIs of supply, in the order of the boards."""
