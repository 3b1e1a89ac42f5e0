"""The lots of a healthy maker: planned, made, tested, decided on and shipped."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from deploy.lab.simulate.world import DAY, HOUR, Said, Teller, Who, day_of, paced, pieces
from events.data import LOTS, RELEASES


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
    inputs = (
        [{"maker": teller.maker.cmo, "lot": previous}] if previous and number % 5 == 0 else None
    )
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
        kind="analysis",
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
