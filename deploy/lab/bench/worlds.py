"""Worlds in which there is much to do at once: of one CMO each, on one shard."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from deploy.lab.bench.maker import DAY, Maker, Said
from events.data import (
    RELEASES,
    DemandForecast,
    DeviationClosed,
    DeviationOpened,
    LotCompleted,
    LotPlanned,
    LotProgressed,
    LotStarted,
    ReleaseDecided,
    StockCounted,
)
from events.outcomes import Message


class World(NamedTuple):
    """What is said before all is judged and read back, and what is said after that."""

    before: Iterable[Message]
    after: Iterable[Message] = ()


def open_lots(lots: int) -> World:
    """Lots that are under way, all of them."""
    make = Maker()

    def before() -> Iterator[Said]:
        for number in range(lots):
            at = _spread(make, number, lots, days=60)
            lot, product = make.lot(), f"product-{number % 20}"
            yield make.say(LotPlanned, at, lot=lot, product=product, site="plant-one")
            yield make.say(LotStarted, at + DAY, lot=lot, product=product, site="plant-one")

    return World(make.messages(before()))


def retracted(lots: int, rejected: int, taken_back: int) -> World:
    """Rejected lots make a critical breach, and then the CMO takes rejections back."""
    make = Maker()
    decisions = [make.uuid() for _ in range(lots)]

    def before() -> Iterator[Said]:
        for number, id_ in enumerate(decisions):
            at, lot = _spread(make, number, lots, days=300), make.lot()
            decision = "rejected" if number < rejected else "released"
            yield make.say(LotStarted, at, lot=lot, product="pills", site="plant-one")
            yield make.say(LotCompleted, at + DAY, lot=lot)
            yield make.say(ReleaseDecided, at + 2 * DAY, id=id_, lot=lot, decision=decision)

    after = [make.retract(RELEASES, id_) for id_ in decisions[:taken_back]]
    return World(make.messages(before()), make.messages(after))


def products(number: int, sites: int) -> World:
    """Products with stock at each of several sites, and a market a site; a tenth run short."""
    make = Maker()
    span = {"version": 1, "start": _day(make, -1), "end": _day(make, 98)}

    def before() -> Iterator[Said]:
        for place in range(number * sites):
            product, site = divmod(place, sites)
            where: dict[str, Any] = {"product": f"product-{product}", "site": f"plant-{site}"}
            stock, need = _pieces(60 if product % 10 else 5), _pieces(100)
            yield make.say(StockCounted, make.now - DAY, **where, quantity=stock)
            said = {**span, "product": where["product"], "market": f"M{site}", "quantity": need}
            yield make.say(DemandForecast, make.now - DAY, by="/sponsor", **said)

    return World(make.messages(before()))


def long_lots(lots: int, facts: int) -> World:
    """Lots of which very much is said, all of a lot in a row."""
    make = Maker()

    def before() -> Iterator[Said]:
        for number in range(lots):
            at, lot = _spread(make, number, lots, days=60), make.lot()
            yield make.say(LotStarted, at, lot=lot, product="pills", site="plant-one")
            for step in range(1, facts):
                yield make.say(LotProgressed, at + step * 60, lot=lot, step=f"step {step}")

    return World(make.messages(before()))


def wide_deviations(lots: int, deviations: int, wide: int) -> World:
    """Deviations, in a row, each of which names as many lots as one may."""
    make = Maker()
    names = [make.lot() for _ in range(lots)]

    def before() -> Iterator[Said]:
        for number, lot in enumerate(names):
            at = _spread(make, number, lots, days=60)
            yield make.say(LotStarted, at, lot=lot, product="pills", site="plant-one")
            yield make.say(LotProgressed, at + DAY, lot=lot, step="granulated")
            yield make.say(LotCompleted, at + 2 * DAY, lot=lot)
        for number in range(deviations):
            about = [names[(number * wide + each) % lots] for each in range(wide)]
            said: dict[str, Any] = {"deviation": f"D-{number}", "class": "major", "lots": about}
            yield make.say(DeviationOpened, make.now - DAY, **said)
            yield make.say(DeviationClosed, make.now, **said)

    return World(make.messages(before()))


def _spread(make: Maker, number: int, of: int, days: int) -> int:
    """The moment of one of so many, over the days that end ten days before now."""
    return make.now - 10 * DAY - days * DAY * (of - number) // of


def _day(make: Maker, ahead: int) -> str:
    return datetime.fromtimestamp(make.now + ahead * DAY, UTC).date().isoformat()


def _pieces(number: int) -> dict[str, object]:
    return {"value": number, "unit": "EA"}


WORLDS: Final[dict[str, Callable[[], World]]] = {
    "100,000 open lots": lambda: open_lots(100_000),
    "16,000 lots, 1,600 taken back": lambda: retracted(16_000, 1_920, 1_600),
    "60,000 lots, 50,000 taken back": lambda: retracted(60_000, 50_000, 50_000),
    "1,000 products at 3 sites": lambda: products(1_000, 3),
    "100 lots of 500 facts": lambda: long_lots(100, 500),
    "100 lots on one deviation, × 500": lambda: wide_deviations(1_000, 500, 100),
}
"""Each world at its full size, by its title."""
