"""The life of a healthy maker: its orders, its lots, its stock, its feed, and what happens once."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from deploy.lab.simulate.world import (
    DAY,
    HOUR,
    Said,
    Teller,
    Who,
    day_of,
    paced,
    pieces,
    season,
    second,
)
from events.data import INVENTORY, LOTS, RELEASES

CADENCE = {LOTS: 1, INVENTORY: 1, RELEASES: 2}
"""Days between events or heartbeats, as the eight agreements have it."""

DAILY_DEMAND = (400, 250, 150)
"""Pieces a day of a maker's first, second and third product, before the season."""

COVER = 45
"""Days of supply a healthy maker keeps."""


def orders(teller: Teller) -> Iterator[Said]:
    """Order lines: promised, at times changed or cancelled, delivered; late or short by chance."""
    rates, rng = teller.rates, teller.rng
    changed, cancelled = teller.chance(rates.line_changed), teller.chance(rates.line_cancelled)
    late, short = teller.chance(rates.line_late), teller.chance(rates.line_short)
    first = teller.span.start + 7 * DAY
    for number, made in enumerate(paced(teller, rates.lines_a_quarter * 365 / 90, first, ahead=25)):
        promised = max(teller.span.start + HOUR, teller.hours(made) - 30 * DAY)
        line: dict[str, Any] = {
            "order": f"PO-{teller.maker.code}-{number // 3:05d}",
            "line": str(number % 3 + 1),
        }
        product = teller.maker.products[number % 3]
        amount = 100 * (5 + rng.randrange(40))
        yield teller.say(
            "order.promised",
            INVENTORY,
            "sponsor",
            promised,
            **line,
            product=product,
            quantity=pieces(amount),
            due=str(made),
        )
        due = made
        if changed.comes():
            due = made + timedelta(days=3)
            yield teller.say(
                "order.changed",
                INVENTORY,
                "sponsor",
                second(made) - 5 * DAY,
                **line,
                due=str(due),
                changed_by="sponsor",
                agreed_by="cmo",
            )
        elif cancelled.comes():
            yield teller.say(
                "order.cancelled",
                INVENTORY,
                "sponsor",
                second(made) - 6 * DAY,
                **line,
                cancelled_by="sponsor",
                agreed_by="cmo",
            )
            continue
        fault = "late" if late.comes() else "short" if short.comes() else ""
        yield from _deliveries(teller, line, due, amount, fault)
        if number % 4 == 0:
            expected = due + timedelta(days=4 if fault == "late" else 0)
            yield teller.say(
                "order.expected",
                INVENTORY,
                "cmo",
                second(due) - 4 * DAY,
                **line,
                expected=str(expected),
            )


def _deliveries(
    teller: Teller, line: dict[str, Any], due: date, amount: int, fault: str
) -> Iterator[Said]:
    """In one part or two, up to three days early; the carrier tells of some."""
    day = due + timedelta(days=4 if fault == "late" else -teller.rng.randrange(4))
    who: Who = "carrier" if teller.rng.random() < 0.3 else "cmo"
    parts = [amount // 2, amount - amount // 2] if teller.rng.random() < 0.1 else [amount]
    if fault == "short":
        parts = [amount * 8 // 10]
    for at, part in enumerate(parts):
        time = teller.hours(day) - (len(parts) - 1 - at) * DAY
        yield teller.say("order.delivered", INVENTORY, who, time, **line, quantity=pieces(part))


# --- lots


def lots(teller: Teller) -> Iterator[Said]:
    """Lots, from the plan to the sponsor's receipt; faults by chance."""
    rates = teller.rates
    chances = {
        name: teller.chance(getattr(rates, name))
        for name in type(rates).__slots__
        if name.startswith(("lot_", "release_", "oos", "deviation_"))
    }
    previous = None
    for number, day in enumerate(
        paced(teller, rates.lots_a_year, teller.span.start + DAY, ahead=15)
    ):
        lot = f"{teller.maker.code}-L{number:05d}"
        fates = {name for name, chance in chances.items() if chance.comes()}
        yield from _lot(teller, lot, number, day, fates, previous)
        previous = lot


def _lot(
    teller: Teller, lot: str, number: int, day: date, fates: set[str], previous: str | None
) -> Iterator[Said]:
    maker = teller.maker
    product, site = maker.products[number % 3], maker.sites[number % len(maker.sites)]
    purpose = ("ppq", "clinical", "engineering")[number // 40 % 3] if number % 40 == 39 else None
    made = {"product": product, "site": site, "purpose": purpose or "commercial"}
    start = teller.hours(day)
    completion = day + timedelta(days=9)
    planned = max(teller.span.start, start - 20 * DAY)
    yield teller.say(
        "lot.planned",
        LOTS,
        "sponsor" if number % 2 else "cmo",
        planned,
        lot=lot,
        **made,
        planned_start=str(day),
        planned_completion=str(completion),
        quantity=pieces(10_000),
    )
    if "lot_cancelled" in fates:
        time = max(planned + HOUR, start - 5 * DAY)
        yield teller.say("lot.cancelled", LOTS, "sponsor", time, lot=lot, reason="demand fell")
        return
    if "lot_replanned" in fates:
        yield teller.say(
            "lot.replanned",
            LOTS,
            "cmo",
            max(planned + HOUR, start - 4 * DAY),
            lot=lot,
            planned_start=str(day),
            planned_completion=str(completion + timedelta(days=1)),
            reason="line maintenance",
        )
    yield from _manufacture(teller, lot, number, start, fates, made, previous)


def _manufacture(
    teller: Teller,
    lot: str,
    number: int,
    start: int,
    fates: set[str],
    made: dict[str, Any],
    previous: str | None,
) -> Iterator[Said]:
    inputs = [{"cmo": teller.maker.cmo, "lot": previous}] if previous and number % 5 == 0 else None
    yield teller.say("lot.started", LOTS, "cmo", start, lot=lot, **made, inputs=inputs)
    end = start + (7 + teller.rng.randrange(3)) * DAY
    for at, step in ((3, "dispensing"), (6, "filling")):
        expected = None if at == 3 else str(day_of(end))
        yield teller.say(
            "lot.progressed",
            LOTS,
            "cmo",
            start + at * DAY,
            lot=lot,
            step=step,
            expected_completion=expected,
        )
    if "lot_aborted" in fates:
        yield teller.say("lot.aborted", LOTS, "cmo", end, lot=lot, reason="equipment failure")
        return
    for class_ in ("major", "minor"):
        if f"deviation_{class_}" in fates:
            yield from deviation(teller, lot, start + 4 * DAY, class_)
    yield teller.say(
        "lot.completed",
        LOTS,
        "cmo",
        end,
        lot=lot,
        actual=pieces(9_700 + teller.rng.randrange(400)),
        expected=pieces(10_000),
    )
    yield from _release(teller, lot, end, fates, f"{teller.maker.code}-{number:05d}")


def deviation(teller: Teller, lot: str, time: int, class_: str) -> Iterator[Said]:
    """A deviation of one lot, closed after three weeks; a major one leads to an action."""
    number = f"DEV-{lot}-{class_}"
    yield teller.say(
        "deviation.opened", LOTS, "cmo", time, deviation=number, class_=class_, lots=[lot]
    )
    yield teller.say(
        "deviation.closed",
        LOTS,
        "cmo",
        time + 21 * DAY,
        deviation=number,
        class_=class_,
        lots=[lot],
        root_cause="line clearance" if class_ == "major" else "documentation",
    )
    if class_ == "major":
        due = str(day_of(time + 60 * DAY))
        capa = f"CAPA-{lot}"
        yield teller.say(
            "capa.opened", LOTS, "cmo", time + 14 * DAY, capa=capa, due=due, deviation=number
        )
        yield teller.say("capa.closed", LOTS, "cmo", time + 50 * DAY, capa=capa)


def _release(
    teller: Teller, lot: str, completed: int, fates: set[str], number: str
) -> Iterator[Said]:
    """Tests, papers and decisions; the CMO's comes four to eight days after completion."""
    rng = teller.rng
    yield from _tests(teller, lot, completed + DAY, "oos" in fates, number)
    asked = completed + 2 * DAY
    due = str(day_of(completed + 20 * DAY))
    yield teller.say("release.requested", RELEASES, "sponsor", asked, lot=lot, due=due)
    yield teller.say(
        "release.step_completed",
        RELEASES,
        "cmo",
        asked + DAY,
        lot=lot,
        step="record review",
        holder_before="cmo",
        holder_after="sponsor",
    )
    yield teller.say(
        "certificate.issued",
        RELEASES,
        "lab",
        asked + DAY + HOUR,
        lot=lot,
        certificate=f"COA-{number}",
    )
    decided = asked + (2 + rng.randrange(4)) * DAY + rng.randrange(4 * HOUR)
    if "lot_held" in fates:
        yield decision(teller, lot, decided, "cmo", "on_hold")
        yield decision(teller, lot, decided + 3 * DAY, "cmo", "conditionally_released")
        decided += 5 * DAY
    if "lot_reworked" in fates:
        yield decision(teller, lot, decided, "cmo", "rework")
        yield teller.say("lot.completed", LOTS, "cmo", decided + 2 * DAY, lot=lot)
        decided += 4 * DAY
    if "lot_rejected" in fates:
        yield decision(teller, lot, decided, "cmo", "rejected")
        yield decision(teller, lot, decided + DAY, "sponsor", "rejected")
        return
    yield decision(teller, lot, decided, "cmo", "released")
    last = completed + 24 * DAY if "release_late" in fates else decided + 2 * DAY
    yield decision(teller, lot, last, "sponsor", "released")
    yield from _shipment(teller, lot, last + DAY, number)


def _tests(teller: Teller, lot: str, time: int, fails: bool, number: str) -> Iterator[Said]:
    assay = 94.2 if fails else 98 + teller.rng.randrange(30) / 10
    yield teller.say(
        "lot.tested",
        LOTS,
        "lab",
        time,
        lot=lot,
        test="assay",
        purpose="release",
        result=assay,
        lower_limit=95,
        upper_limit=105,
    )
    yield teller.say(
        "lot.tested",
        LOTS,
        "cmo",
        time + HOUR,
        lot=lot,
        test="appearance",
        purpose="release",
        result="conforms",
    )
    if fails:
        oos = f"OOS-{number}"
        found = {"oos": oos, "lot": lot, "test": "assay", "purpose": "release"}
        yield teller.say("oos.opened", LOTS, "lab", time + HOUR, **found)
        yield teller.say(
            "oos.concluded",
            LOTS,
            "lab",
            time + 2 * DAY,
            oos=oos,
            lot=lot,
            conclusion="invalidated",
            cause="measurement aberration",
        )


def decision(teller: Teller, lot: str, time: int, who: Who, decided: str) -> Said:
    """A quality unit's decision on a lot."""
    markets = ["EU", "US"] if decided == "released" else None
    return teller.say(
        "release.decided",
        RELEASES,
        who,
        time,
        lot=lot,
        decision=decided,
        markets=markets,
        role="quality unit" if who == "cmo" else "qualified person",
    )


def _shipment(teller: Teller, lot: str, time: int, number: str) -> Iterator[Said]:
    sent = {"lot": lot, "quantity": pieces(9_700)}
    yield teller.say("lot.shipped", LOTS, "carrier", time, **sent, shipment=f"SHP-{number}")
    yield teller.say("lot.received", LOTS, "sponsor", time + 4 * DAY, **sent)


# --- stock


def _standing(teller: Teller, days: int) -> int:
    """From when standing traffic is told: all the time, or the last days of a sparse world."""
    span = teller.span
    return max(span.start, span.before(days)) if teller.rates.sparse else span.start


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
    day = day_of(_standing(teller, 35)).replace(day=1)
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
                quantity=pieces(amount),
                start=str(day),
                end=str(after - timedelta(days=1)),
            )
        day = after


def _position(teller: Teller, site: str, product: str, daily: int, days: int) -> Iterator[Said]:
    held = 0
    count = (teller.span.end - _standing(teller, 60)) // (days * DAY)
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


# --- the feed


def feed(teller: Teller, said: Iterable[Said]) -> Iterator[Said]:
    """Storage temperatures of the last nine days, and heartbeats where nothing else was said."""
    told = list(readings(teller, int(9 * 24 * teller.rates.readings_an_hour), 9 * DAY))
    yield from told
    if teller.maker.beats:
        yield from _heartbeats(teller, [*said, *told])


def readings(teller: Teller, count: int, over: int) -> Iterator[Said]:
    """So many temperatures of a store at 20 to 22 °C, evenly over the last seconds."""
    site, span = teller.maker.sites[0], teller.span
    for at in range(count):
        time = span.end - 3 * HOUR - over * at // count
        yield teller.say(
            "temperature.measured",
            INVENTORY,
            "cmo",
            time,
            celsius=20 + teller.rng.randrange(21) / 10,
            storage_class="15-25C",
            place=f"{site}-store",
        )


def _heartbeats(teller: Teller, said: Iterable[Said]) -> Iterator[Said]:
    quarter = 6 * HOUR
    heard = {(each.topic, each.recorded // quarter) for each in said if each.who == "cmo"}
    for topic, days in CADENCE.items():
        time, last = teller.span.end - HOUR, True
        while time > _standing(teller, 7):
            if last or (topic, time // quarter) not in heard:
                yield teller.beat(topic, time)
            time, last = time - days * DAY, False
