"""The orders of a healthy maker: placed, at times changed or cancelled, and delivered."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from deploy.lab.simulate.world import DAY, HOUR, Said, Teller, Who, paced, pieces, second
from events.data import INVENTORY


def orders(teller: Teller) -> Iterator[Said]:
    """Order lines: placed, at times changed or cancelled, delivered; late or short by chance."""
    rates, rng = teller.rates, teller.rng
    changed, cancelled = teller.chance(rates.line_changed), teller.chance(rates.line_cancelled)
    late, short = teller.chance(rates.line_late), teller.chance(rates.line_short)
    first = teller.span.start + 7 * DAY
    for number, made in enumerate(paced(teller, rates.lines_a_quarter * 365 / 90, first, ahead=25)):
        placed = max(teller.span.start + HOUR, teller.hours(made) - 30 * DAY)
        line: dict[str, Any] = {
            "order": f"PO-{teller.maker.code}-{number // 3:05d}",
            "line": str(number % 3 + 1),
        }
        product = teller.maker.products[number % 3]
        amount = 100 * (5 + rng.randrange(40))
        yield teller.say(
            "order.placed",
            INVENTORY,
            "sponsor",
            placed,
            **line,
            product=product,
            schedule=[{"date": str(made), "quantity": pieces(amount)}],
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
                schedule=[{"date": str(due), "quantity": pieces(amount)}],
                reason="capacity",
            )
        elif cancelled.comes():
            yield teller.say(
                "order.cancelled",
                INVENTORY,
                "sponsor",
                second(made) - 6 * DAY,
                **line,
                reason="demand fell",
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
