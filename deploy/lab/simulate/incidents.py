"""What happens to a maker once: notices, a complaint, a recall, reviews, a correction, a loss."""

from collections.abc import Callable, Iterator
from typing import Any

from deploy.lab.simulate.lots import decision
from deploy.lab.simulate.world import DAY, HOUR, Said, Teller, Who, day_of, pieces, text_of
from events.data import ACTIONS, INVENTORY, LOTS, RELEASES


def incidents(teller: Teller) -> Iterator[Said]:
    """One of each thing that is rare: notices, a complaint, a recall, reviews, a correction."""
    code, span = teller.maker.code, teller.span
    product = teller.maker.products[0]

    def at(tenth: int) -> int:
        return span.start + (span.end - span.start) * tenth // 10 + teller.rng.randrange(6 * HOUR)

    def say(kind: str, topic: str, who: Who, time: int, /, **data: Any) -> Said:
        return teller.say(kind, topic, who, time, **data)

    notice = f"NOT-{code}-1"
    yield say(
        "notice.raised",
        LOTS,
        "cmo",
        at(3) + 20 * HOUR,
        notice=notice,
        kind="change_control",
        class_="minor",
        discovered=text_of(at(3)),
        due=str(day_of(at(5))),
    )
    yield say("notice.closed", LOTS, "cmo", at(5) - 2 * DAY, notice=notice)
    yield say(
        "complaint.received", LOTS, "sponsor", at(6), complaint=f"CMP-{code}-1", product=product
    )
    yield from _recalled(teller, f"{code}-E00001", at(2))
    yield from _reviews(teller, at)
    yield from _withdrawn(teller, at(7))
    yield from _lost_and_declared(teller, at(4))


def _recalled(teller: Teller, lot: str, time: int) -> Iterator[Said]:
    """An engineering lot that went out under quarantine and was called back."""
    made = {"product": teller.maker.products[1], "purpose": "engineering"}
    yield teller.say("lot.started", LOTS, "cmo", time, lot=lot, **made)
    yield teller.say("lot.completed", LOTS, "cmo", time + 5 * DAY, lot=lot)
    yield teller.say("lot.shipped", LOTS, "carrier", time + 6 * DAY, lot=lot, under_quarantine=True)
    yield teller.say("lot.received", LOTS, "sponsor", time + 8 * DAY, lot=lot)
    yield decision(teller, lot, time + 10 * DAY, "sponsor", "released")
    yield teller.say(
        "lot.recalled", RELEASES, "sponsor", time + 14 * DAY, lot=lot, reason="labelling"
    )


def _reviews(teller: Teller, at: Callable[[int], int]) -> Iterator[Said]:
    code, first = teller.maker.code, day_of(teller.span.start)

    def say(kind: str, who: Who, tenth: int, /, **data: Any) -> Said:
        return teller.say(kind, ACTIONS, who, at(tenth), **data)

    yield say("agreement.in_force", "sponsor", 0, version="1", effective="2020-01-01")
    yield say(
        "review.held",
        "sponsor",
        4,
        review=f"REV-{code}-1",
        period_start=str(first),
        period_end=str(day_of(at(3))),
    )
    yield say(
        "improvement.opened",
        "sponsor",
        5,
        improvement=f"IMP-{code}-1",
        title="Shorter line clearance",
        owner="head of production",
        due=str(day_of(at(8))),
        kpi="right_first_time",
    )
    yield say("improvement.closed", "cmo", 8, improvement=f"IMP-{code}-1", outcome="10 % shorter")
    dispute = f"DIS-{code}-1"
    yield say("dispute.raised", "cmo", 6, dispute=dispute, about="the day of a receipt")
    yield say("dispute.resolved", "sponsor", 7, dispute=dispute, outcome="receipt stands")


def _withdrawn(teller: Teller, time: int) -> Iterator[Said]:
    """A count typed wrongly, withdrawn, and said again."""
    place = {
        "site": teller.maker.sites[0],
        "product": teller.maker.products[0],
        "status": "blocked",
    }
    wrong = teller.say("stock.counted", INVENTORY, "cmo", time, **place, quantity=pieces(900))
    right = teller.say("stock.counted", INVENTORY, "cmo", time, **place, quantity=pieces(90))
    yield wrong
    yield right._replace(recorded=wrong.recorded + 5 * HOUR)
    yield teller.say(
        "event.retracted",
        INVENTORY,
        "cmo",
        wrong.recorded + 4 * HOUR,
        topic=INVENTORY,
        source="/import",
        id=wrong.id,
        reason="incorrect_data",
        corrective_event=right.id,
    )


def _lost_and_declared(teller: Teller, time: int) -> Iterator[Said]:
    """Two numbers lost in a restart, and the word that they will never come."""
    for _ in range(2):
        beat = teller.beat(LOTS, time)
        yield beat._replace(fate="lost")
    yield teller.say("feed.gap_declared", LOTS, "cmo", time + 3 * HOUR, topic=LOTS)
