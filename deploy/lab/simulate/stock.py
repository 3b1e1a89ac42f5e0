"""The stock of a healthy maker, and what is needed of it."""

from collections.abc import Iterator
from datetime import timedelta

from deploy.lab.simulate.world import (
    DAY,
    HOUR,
    Said,
    Teller,
    day_of,
    pieces,
    season,
    second,
    standing,
)
from events.data import INVENTORY

DAILY_DEMAND = (400, 250, 150)
"""Pieces a day of a maker's first, second and third product, before the season."""

COVER = 45
"""Days of supply a healthy maker keeps."""


def stock(teller: Teller) -> Iterator[Said]:
    """Each product's stock: used up, made good, counted; and the sponsor's forecast of demand."""
    yield from _forecasts(teller)
    days = 28 if teller.rates.sparse else 7
    for index, product in enumerate(teller.maker.products):
        site = teller.maker.sites[index % len(teller.maker.sites)]
        yield from _position(teller, site, product, DAILY_DEMAND[index], days)


def _forecasts(teller: Teller) -> Iterator[Said]:
    """A month's demand, said ten days before it begins."""
    span = teller.span
    day = day_of(standing(teller, 35)).replace(day=1)
    while second(day) - 10 * DAY <= span.end:
        after = (day + timedelta(days=32)).replace(day=1)
        said = max(span.start + HOUR, second(day) - 10 * DAY)
        days = (after - day).days
        for product, daily in zip(teller.maker.products, DAILY_DEMAND, strict=True):
            amount = int(daily * season(teller.maker, day)) * days
            yield teller.say(
                "demand.forecast",
                INVENTORY,
                "sponsor",
                said,
                product=product,
                version=1,
                quantity=pieces(amount),
                start=str(day),
                end=str(after - timedelta(days=1)),
            )
        day = after


def _position(teller: Teller, site: str, product: str, daily: int, days: int) -> Iterator[Said]:
    held = 0
    count = (teller.span.end - standing(teller, 60)) // (days * DAY)
    for back in range(count, -1, -1):
        day = day_of(teller.span.end - back * days * DAY) - timedelta(days=1)
        time = second(day) + 17 * HOUR + teller.rng.randrange(HOUR)
        place = {"site": site, "product": product}
        wanted = int(daily * season(teller.maker, day)) * COVER
        used = min(held, daily * days)
        if used:
            held -= used
            yield teller.say(
                "stock.consumed", INVENTORY, "cmo", time - 3 * HOUR, **place, quantity=pieces(used)
            )
        if held and held != wanted:
            reason = "receipt from production" if wanted > held else "transfer to the sponsor"
            yield teller.say(
                "stock.adjusted",
                INVENTORY,
                "cmo",
                time - 2 * HOUR,
                **place,
                delta=pieces(wanted - held),
                reason=reason,
            )
        held = wanted
        yield teller.say("stock.counted", INVENTORY, "cmo", time, **place, quantity=pieces(held))
        if back % 4 == 0:
            yield teller.say(
                "stock.counted",
                INVENTORY,
                "cmo",
                time + HOUR,
                **place,
                quantity=pieces(held // 20),
                status="quality_inspection",
            )
