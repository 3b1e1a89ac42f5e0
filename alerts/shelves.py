"""The records of one CMO, each found by what an event says of it."""

from collections.abc import Callable, Iterable
from typing import Any, Final, Generic, TypeVar

from alerts.lines import Line
from alerts.lots import Lot
from alerts.records import RANK, Demand, Record
from alerts.stock import Position
from events import data as said
from events.data import Data

R = TypeVar("R", bound=Record)


class Shelf(dict[tuple[str, ...], R], Generic[R]):
    """The records of one kind by their keys; one is made when its key is first asked for."""

    def __init__(self, kind: type[R]) -> None:
        self._kind = kind

    def __missing__(self, key: tuple[str, ...]) -> R:
        record = self[key] = self._kind(key)
        return record


class Shelves:
    """The records of one CMO by their kinds."""

    def __init__(self) -> None:
        self.lots = Shelf(Lot)
        self.lines = Shelf(Line)
        self.positions = Shelf(Position)
        self.demands = Shelf(Demand)

    def about(self, data: Data) -> tuple[Record, ...]:
        """The records an event is about; they are made when it is the first to speak of them."""
        find = _ABOUT.get(type(data))
        return find(self, data) if find is not None else ()

    def forget_empty(self, records: Iterable[Record]) -> None:
        """Take records of which nothing is said any more off their shelves."""
        for record in records:
            for shelf in (self.lots, self.lines, self.positions, self.demands):
                if not record.facts and shelf.get(record.key) is record:
                    del shelf[record.key]


def _lot(held: Shelves, data: Any) -> tuple[Record, ...]:
    return (held.lots[data.lot,],)


def _lots(held: Shelves, data: Any) -> tuple[Record, ...]:
    return tuple(held.lots[lot,] for lot in dict.fromkeys(data.lots))


def _lot_and_line(held: Shelves, data: said.LotReceived) -> tuple[Record, ...]:
    if data.order is None or data.line is None:
        return _lot(held, data)
    return held.lots[data.lot,], held.lines[data.order, data.line]


def _line(held: Shelves, data: Any) -> tuple[Record, ...]:
    return (held.lines[data.order, data.line],)


def _position(held: Shelves, data: Any) -> tuple[Record, ...]:
    return (held.positions[data.site, data.product, data.lot or "", data.status],)


def _demand(held: Shelves, data: Any) -> tuple[Record, ...]:
    return (held.demands[data.product, data.site or ""],)


_ABOUT: Final[dict[type[Data], Callable[[Shelves, Any], tuple[Record, ...]]]] = {
    **dict.fromkeys(RANK, _lot),
    said.DeviationOpened: _lots,
    said.DeviationClosed: _lots,
    said.LotReceived: _lot_and_line,
    said.OrderPromised: _line,
    said.OrderExpected: _line,
    said.OrderChanged: _line,
    said.OrderDelivered: _line,
    said.OrderCancelled: _line,
    said.StockCounted: _position,
    said.StockAdjusted: _position,
    said.StockConsumed: _position,
    said.DemandForecast: _demand,
}


def place(data: Data) -> tuple[str, str] | None:
    """The site, if any, and product whose figures an event is counted in."""
    where = _PLACES.get(type(data))
    return where(data) if where is not None else None


def _at_its_site(data: Any) -> tuple[str, str]:
    return data.site or "", data.product


_PLACES: Final[dict[type[Data], Callable[[Any], tuple[str, str]]]] = {
    said.OrderPromised: lambda data: ("", data.product),
    said.StockCounted: _at_its_site,
    said.StockAdjusted: _at_its_site,
    said.StockConsumed: _at_its_site,
    said.DemandForecast: _at_its_site,
}
