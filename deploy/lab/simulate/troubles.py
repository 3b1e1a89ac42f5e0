"""The troubles that come over a maker, each a function to what it then says and its truth."""

from collections.abc import Callable
from typing import Any, Final

from alerts.judge import Bounds
from alerts.kpi import Kpi
from alerts.kpis import KPIS
from deploy.lab.simulate.lots import deviation
from deploy.lab.simulate.stock import COVER, DAILY_DEMAND
from deploy.lab.simulate.truth import (
    Kept,
    Told,
    Trouble,
    accepted,
    completions,
    cycle_times,
    delays,
    delivered,
    longer,
    nearest_rank,
    on_time,
    released_on_time,
    right_first_time,
    trouble,
)
from deploy.lab.simulate.world import DAY, HOUR, Said, Teller, of_type, pieces
from events.data import INVENTORY, LOTS, RELEASES

TIME_IN_STATE: Final = {"in_process": 14 * DAY, "completed": 5 * DAY}
"""Seconds agreed in a state, as the eight agreements have it."""


def late_deliveries(teller: Teller, said: list[Said]) -> Told:
    """Every second line due in the last 120 days arrives three to twelve days late."""
    since = teller.span.before(120)
    late = {
        _line(each)
        for number, each in enumerate(of_type(said, "order.placed"))
        if number % 2 and each.time + 30 * DAY > since
    }
    by = {line: (3 + teller.rng.randrange(10) + 4) * DAY for line in sorted(late)}
    told = [
        _later(each, by[_line(each)])
        if each.type == "cmo.order.delivered.v1" and _line(each) in late
        else each
        for each in said
    ]
    kept, cmo = _kept(teller, told), teller.maker.cmo
    states = {
        "delivery_otif": delivered(kept, teller.span).state("delivery_otif"),
        "delivery_on_time": on_time(kept, teller.span).state("delivery_on_time"),
    }
    found = (trouble("late_deliveries", cmo, *each, since) for each in states.items())
    return Told(told, tuple(found))


def rejects(teller: Teller, said: list[Said]) -> Told:
    """Every second lot of the first product is rejected for 170 days."""
    since, product = teller.span.before(170), teller.maker.products[0]
    lots = [
        each.data["lot"]
        for each in of_type(said, "lot.started")
        if each.data["product"] == product and each.time > since
    ]
    refused = set(lots[::2])
    told = [_rejected(each, refused) for each in said if not _left(each, refused)]
    kept = accepted(_kept(teller, told), teller.span)
    kpi = "lot_acceptance_dispositioned"
    return Told(told, (trouble("rejects", teller.maker.cmo, kpi, kept.state(kpi), since),))


def release_backlog(teller: Teller, said: list[Said]) -> Told:
    """Lots completed in the last 75 days wait 32 days longer for their decision."""
    since, cmo = teller.span.before(75), teller.maker.cmo
    waiting = {lot for lot, each in completions(said).items() if each.time > since}
    late = ("cmo.release.decided.v1", "cmo.lot.shipped.v1", "cmo.lot.received.v1")
    told = [
        _later(each, 32 * DAY) if each.type in late and each.data["lot"] in waiting else each
        for each in said
    ]
    kept = _kept(teller, told)
    released = released_on_time(kept, teller.span).state("release_on_time")
    p90, n = nearest_rank(cycle_times(kept, teller.span), 90)
    slow = longer(p90, n, Bounds(20 * DAY, 30 * DAY, 10))
    return Told(
        told,
        (
            trouble("release_backlog", cmo, "release_on_time", released, since),
            trouble("release_backlog", cmo, "release_cycle_time", slow, since),
            *_aging(teller, kept, since),
        ),
    )


def _aging(teller: Teller, kept: list[Said], since: int) -> tuple[Trouble, ...]:
    """What the lot that has waited longest for its first decision must show."""
    decided = {each.data["lot"] for each in of_type(kept, "release.decided")}
    last = dict.fromkeys(completions(kept).keys() - decided, 0)
    for each in kept:
        if (lot := each.data.get("lot")) in last:
            last[lot] = max(last[lot], each.time)
    if not last:
        return ()
    times = (teller.span.end - min(last.values())) / TIME_IN_STATE["completed"]
    expected, cmo = longer(times, 1, Bounds(1.5, 3.0)), teller.maker.cmo
    state = {"lot_state": "completed"}
    return (trouble("release_backlog", cmo, "open_lot_age", expected, since, **state),)


def stuck_lot(teller: Teller, said: list[Said]) -> Told:
    """A lot was started and has said nothing more for 55 days."""
    since = max(teller.span.start + 2 * HOUR, teller.span.before(55))
    lot = f"{teller.maker.code}-S00001"
    made = {"product": teller.maker.products[2], "purpose": "commercial"}
    start = teller.say("lot.started", LOTS, "cmo", since - HOUR, lot=lot, **made)
    step = teller.say("lot.progressed", LOTS, "cmo", since, lot=lot, step="granulation")
    age = (teller.span.end - since) / TIME_IN_STATE["in_process"]
    expected = longer(age, 1, Bounds(1.5, 3.0))
    cmo = teller.maker.cmo
    told = trouble("stuck_lot", cmo, "open_lot_age", expected, since, lot_state="in_process")
    return Told([*said, start, step], (told,))


def stock_out(teller: Teller, said: list[Said]) -> Told:
    """The first product is used up over 35 days and nothing comes in."""
    span, product = teller.span, teller.maker.products[0]
    since = max(span.start + DAY, span.before(35))
    ours = [e for e in said if e.data.get("product") == product and e.type.startswith("cmo.stock.")]
    after = {each.id for each in ours if each.time > since}
    counts = [
        e for e in of_type(ours, "stock.counted") if "status" not in e.data and e.time <= since
    ]
    newest = max(counts, key=lambda each: each.time, default=None)
    held = newest.data["quantity"]["value"] if newest else DAILY_DEMAND[0] * COVER
    drained = _drained(teller, product, held, since)
    told = [each for each in said if each.id not in after] + drained
    cmo = teller.maker.cmo
    return Told(
        told,
        (
            trouble(
                "stock_out", cmo, "days_of_supply", "critical", drained[-1].time, product=product
            ),
        ),
    )


def _drained(teller: Teller, product: str, held: int, since: int) -> list[Said]:
    """Used up in five parts, each counted, down to nothing ten hours before the end."""
    place = {"site": teller.maker.sites[0], "product": product}
    last = teller.span.end - 10 * HOUR
    told = []
    for left in range(4, -1, -1):
        time = last - (last - since) * left // 5
        rest = held * left // 5
        used = held * (left + 1) // 5 - rest
        told += [
            teller.say(
                "stock.consumed", INVENTORY, "cmo", time - HOUR, **place, quantity=pieces(used)
            ),
            teller.say("stock.counted", INVENTORY, "cmo", time, **place, quantity=pieces(rest)),
        ]
    return told


def silent_feed(teller: Teller, said: list[Said]) -> Told:
    """Nothing of the maker's on inventory for the last nine days."""
    since, cmo = teller.span.before(9), teller.maker.cmo
    told = [
        each
        for each in said
        if not (each.topic == INVENTORY and each.who == "cmo" and each.recorded > since)
    ]
    silent = trouble("silent_feed", cmo, "feed_silence", "critical", since, topic=INVENTORY)
    week = _week(teller, told)
    few = Kept.alone(len(week), len(week)).state("feed_validity")
    fewer = trouble("silent_feed", cmo, "feed_validity", few, since)
    return Told(told, (silent, fewer, *_unknown("silent_feed", teller, INVENTORY, since)))


def _unknown(name: str, teller: Teller, topic: str, since: int) -> tuple[Trouble, ...]:
    """Every KPI with a limit that cannot be known without a topic, in all its scopes."""
    # A sparse world may have no open lot whose age could be unknown.
    left_out = "open_lot_age" if teller.rates.sparse else None
    return tuple(
        trouble(name, teller.maker.cmo, kpi.name, "unknown", since)
        for kpi in KPIS
        if topic in kpi.needs and _limited(kpi) and kpi.name != left_out
    )


def _limited(kpi: Kpi) -> bool:
    return kpi.warning is not None or kpi.name in ("days_of_supply", "release_cycle_time")


def late_data(teller: Teller, said: list[Said]) -> Told:
    """What happened in the last ten days is recorded 30 to 60 hours later; not orders and stock."""
    since = teller.span.before(10)
    told = [
        each._replace(recorded=each.time + 30 * HOUR + teller.rng.randrange(30 * HOUR))
        if each.who == "cmo" and each.time > since and _uploaded(each)
        else each
        for each in said
    ]
    p95, n = nearest_rank(delays(_kept(teller, told), teller.span), 95)
    expected = longer(p95, n, Bounds(4 * HOUR, 24 * HOUR))
    cmo = teller.maker.cmo
    return Told(told, (trouble("late_data", cmo, "data_timeliness", expected, since),))


def _uploaded(said: Said) -> bool:
    return not said.type.startswith(("cmo.feed.", "cmo.order.", "cmo.stock."))


def sequence_gap(teller: Teller, said: list[Said]) -> Told:
    """Three events on releases were lost 20 days ago, and nobody has said so."""
    since = teller.span.before(20)
    lost = [teller.beat(RELEASES, since) for _ in range(3)]
    told = [*said, *(each._replace(fate="lost") for each in lost)]
    return Told(told, _unknown("sequence_gap", teller, RELEASES, since))


def invalid_events(teller: Teller, said: list[Said]) -> Told:
    """One in six messages of the last six days cannot be taken, counts of a product among them."""
    since, week = teller.span.before(6), _week(teller, said)
    product = teller.maker.products[0]
    bad = [
        teller.say(kind, topic, "cmo", since + 3 * HOUR * (number % 40) + number, **data)
        for number in range(max(1, len(week) // 5))
        for kind, topic, data in [_wrong(product)[number % _REASONS]]
    ]
    told = [*said, *(each._replace(fate="invalid") for each in bad)]
    kept = Kept.alone(len(week), len(week) + len(bad)).state("feed_validity")
    cmo = teller.maker.cmo
    found = [trouble("invalid_events", cmo, "feed_validity", kept, since)]
    if any(each.type == "cmo.stock.counted.v1" for each in bad):
        doubted = trouble("invalid_events", cmo, _COVER, "unknown", since, product=product)
        found.append(doubted)
    return Told(told, tuple(found))


_COVER: Final = "days_of_supply"


def _wrong(product: str) -> tuple[tuple[str, str, dict[str, Any]], ...]:
    """Data that the contract refuses, each for another reason.

    Of the count it can be told what it is about: a product, at a place that is never counted right.
    """
    quantity = {"value": -5, "unit": "pieces"}
    return (
        ("lot.completed", LOTS, {"actual": pieces(9_000)}),
        ("lot.completed", LOTS, {"lot": 17, "actual": {"value": "9000", "unit": "EA"}}),
        ("order.expected", INVENTORY, {"order": "PO-1", "line": 1, "expected": "2026-13-45"}),
        (
            "stock.counted",
            INVENTORY,
            {"site": "hall-a", "product": product, "quantity": quantity},
        ),
        (
            "lot.tested",
            LOTS,
            {"lot": "4.17E+08", "test": "assay", "purpose": "curiosity", "result": 1},
        ),
    )


_REASONS: Final = 5


def deviations(teller: Teller, said: list[Said]) -> Told:
    """Every third lot completed in the last 200 days has a major deviation."""
    since = teller.span.before(200)
    lots = [lot for lot, each in completions(said).items() if each.time > since]
    ours = {lot: completions(said)[lot].time - 3 * DAY for lot in lots[::3]}
    marred = {lot for each in of_type(said, "deviation.opened") for lot in each.data["lots"]}
    added = [
        each
        for lot, time in ours.items()
        if lot not in marred
        for each in deviation(teller, lot, time, "major")
    ]
    told = [*said, *added]
    kept = right_first_time(_kept(teller, told), teller.span).state("right_first_time")
    cmo = teller.maker.cmo
    return Told(told, (trouble("deviations", cmo, "right_first_time", kept, since),))


def _line(said: Said) -> tuple[str, str]:
    return said.data["order"], said.data["line"]


def _later(said: Said, by: int) -> Said:
    return said._replace(time=said.time + by, recorded=said.recorded + by)


def _rejected(said: Said, lots: set[str]) -> Said:
    if said.type != "cmo.release.decided.v1" or said.data["lot"] not in lots:
        return said
    if said.data["decision"] not in ("released", "conditionally_released"):
        return said
    return said._replace(data={**said.data, "decision": "rejected", "markets": []})


def _left(said: Said, lots: set[str]) -> bool:
    return said.type in ("cmo.lot.shipped.v1", "cmo.lot.received.v1") and said.data["lot"] in lots


def _week(teller: Teller, said: list[Said]) -> list[Said]:
    """What was recorded in the last seven days."""
    return [e for e in _kept(teller, said) if e.recorded > teller.span.before(7)]


def _kept(teller: Teller, said: list[Said]) -> list[Said]:
    return [each for each in said if teller.span.keeps(each) and not each.fate]


TroubleOf = Callable[[Teller, list[Said]], Told]

TROUBLES: Final[dict[str, tuple[TroubleOf, ...]]] = {
    "aurora-biologics-ltd": (late_deliveries,),
    "boreal-fill-finish-gmbh": (rejects, stock_out),
    "cascadia-solid-dose-inc": (release_backlog,),
    "ember-vale-pharma-services-ltd": (stuck_lot, silent_feed),
    "fjordline-actives-as": (sequence_gap, late_data),
    "granite-peak-packaging-llc": (deviations, invalid_events),
}
"""What comes over whom, in this order; a maker not named here stays healthy."""
