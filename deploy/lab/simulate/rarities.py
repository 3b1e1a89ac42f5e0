"""What is said of a maker now and then, and no figure rests on: answers, questions, exceptions."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any

from deploy.lab.simulate.lots import decision, deviation
from deploy.lab.simulate.world import DAY, HOUR, Said, Teller, Who, day_of, of_type, pieces
from events.data import INVENTORY, LOTS, RELEASES


def rarities(teller: Teller, said: Iterable[Said]) -> Iterator[Said]:
    """Answers to every fourth order, and one of each thing else, about lots that count nowhere."""
    told = list(said)
    yield from _answers(teller, told)
    span = teller.span
    tenth = (span.end - span.start) // 10
    yield from _worked_on_again(teller, f"{teller.maker.code}-E00002", span.start + 3 * tenth)
    yield from _given_up(teller, f"{teller.maker.code}-E00003", span.start + 4 * tenth)
    yield from _stock(teller, span.start + 5 * tenth)
    yield from _decided_by_the_sponsor(teller, span.start + 7 * tenth)


def _answers(teller: Teller, told: list[Said]) -> Iterator[Said]:
    """The maker accepts, or promises what the sponsor then changes the order to."""
    changed = {_line(each): each.data["schedule"] for each in of_type(told, "order.changed")}
    for each in of_type(told, "order.placed")[::4]:
        order, line = _line(each)
        schedule = changed.get((order, line))
        yield teller.say(
            "order.confirmed",
            INVENTORY,
            "cmo",
            each.time + 2 * DAY,
            order=order,
            line=line,
            answer="accepted" if schedule is None else "changed",
            schedule=schedule,
        )


def _line(said: Said) -> tuple[str, str]:
    return said.data["order"], said.data["line"]


def _worked_on_again(teller: Teller, lot: str, time: int) -> Iterator[Said]:
    """An engineering lot: asked about, rejected, reworked, in part distributed and destroyed."""

    def say(kind: str, topic: str, who: Who, day: int, /, **data: Any) -> Said:
        return teller.say(kind, topic, who, time + day * DAY, lot=lot, **data)

    inputs = [{"material": "EXC-7", "quantity": {"value": 12.5, "unit": "KGM"}, "critical": True}]
    made = {"product": teller.maker.products[1], "purpose": "engineering"}
    yield say("lot.started", LOTS, "cmo", 0, **made, inputs=inputs)
    yield say(
        "lot.completed", LOTS, "cmo", 5, actual=pieces(900), expiry=str(_years_after(time, 2))
    )
    yield from deviation(teller, lot, time + DAY, "minor")
    extended = f"DEV-{lot}-minor"
    due = str(day_of(time + 40 * DAY))
    yield teller.say(
        "deviation.extended", LOTS, "sponsor", time + 9 * DAY, deviation=extended, due=due
    )
    question = f"Q-{lot}-1"
    yield say("release.question_asked", RELEASES, "sponsor", 7, question=question)
    yield say("release.question_answered", RELEASES, "cmo", 9, question=question)
    yield decision(teller, lot, time + 10 * DAY, "sponsor", "rejected")
    yield say("release.rework_agreed", RELEASES, "sponsor", 12, kind="rework", due=due)
    yield decision(teller, lot, time + 20 * DAY, "cmo", "released")
    yield decision(teller, lot, time + 22 * DAY, "sponsor", "released")
    yield say("lot.distributed", LOTS, "sponsor", 30, market="EU", quantity=pieces(500))
    yield say("lot.destroyed", LOTS, "sponsor", 40, quantity=pieces(400))


def _years_after(time: int, years: int) -> date:
    return day_of(time) + timedelta(days=365 * years)


def _given_up(teller: Teller, lot: str, time: int) -> Iterator[Said]:
    """An engineering lot given up for the sponsor's material, which the sponsor accepts."""
    made = {"product": teller.maker.products[1], "purpose": "engineering"}
    yield teller.say("lot.started", LOTS, "cmo", time, lot=lot, **made)
    aborted = teller.say(
        "lot.aborted",
        LOTS,
        "cmo",
        time + 2 * DAY,
        lot=lot,
        cause="material",
        owed_to="sponsor",
    )
    yield aborted
    about = {"source": "/import", "id": aborted.id}
    yield teller.say("owed.accepted", LOTS, "sponsor", time + 6 * DAY, about=about, to="sponsor")


def _stock(teller: Teller, time: int) -> Iterator[Said]:
    """A list of a whole site, and stock that passed its inspection."""
    site, product = teller.maker.sites[0], teller.maker.products[0]
    lies = {"product": product, "quantity": pieces(40)}
    yield teller.say(
        "stock.listed",
        INVENTORY,
        "cmo",
        time,
        site=site,
        list=f"LST-{teller.maker.code}-1",
        positions=[{**lies, "status": "blocked"}],
    )
    yield teller.say(
        "stock.moved",
        INVENTORY,
        "cmo",
        time + HOUR,
        **lies,
        **{"from": {"site": site, "status": "quality_inspection"}},
        to={"site": site, "status": "unrestricted"},
    )


def _decided_by_the_sponsor(teller: Teller, time: int) -> Iterator[Said]:
    """A complaint need not be reported, an action works, and a refusal is settled."""
    code = teller.maker.code
    yield teller.say(
        "reportability.decided",
        LOTS,
        "sponsor",
        time,
        clock="field_alert",
        about={"kind": "complaint", "id": f"CMP-{code}-1"},
        decision="not",
    )
    capa = f"CAPA-{code}-E1"
    due = str(day_of(time))
    yield teller.say("capa.opened", LOTS, "sponsor", time - 30 * DAY, capa=capa, due=due)
    yield teller.say("capa.closed", LOTS, "cmo", time - 2 * DAY, capa=capa)
    yield teller.say(
        "capa.effectiveness_checked", LOTS, "sponsor", time + 20 * DAY, capa=capa, effective=True
    )
    yield teller.say(
        "feed.refusal_settled", LOTS, "sponsor", time, topic=LOTS, offset=0, why="sent again"
    )
