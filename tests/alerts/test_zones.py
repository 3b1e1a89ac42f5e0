"""A day is a day at its place: what is due on it, for CMOs around the world, as clocks change."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest

from alerts.readings import Reading
from events import data as said
from events.data import Decision
from tests.builders import Told, agreed, pieces, reading, told

ZONES = {
    "America/Los_Angeles": (date(2024, 3, 10), date(2024, 11, 3)),
    "Europe/Berlin": (date(2024, 3, 31), date(2024, 10, 27)),
    "Asia/Kolkata": (date(2024, 3, 31), date(2024, 10, 27)),  # no change there
    "Pacific/Auckland": (date(2024, 4, 7), date(2024, 9, 29)),
}
"""The days on which clocks change, there or elsewhere."""

DUE = ("delivery_otif", "delivery_on_time", "delivery_in_full", "release_on_time")
DAY = timedelta(1)
TIMES = {
    "as a day": time(0),
    "at noon": time(12),
    "in the last second": time(23, 59, 59),
}


def at(zone: str, day: date, when: time = time(0)) -> datetime:
    """A time of a day at a place."""
    return datetime.combine(day, when, ZoneInfo(zone)).astimezone(UTC)


def story(zone: str, due: date, when: time) -> Iterator[Told]:
    """Of four lines and lots due on one day one comes before, one on it, one after, one never."""
    for number, came in enumerate((due - DAY, due, due + DAY, None)):
        order, lot = f"O{number}", f"L{number}"
        wanted = said.ScheduleLine(date=due, quantity=pieces(100))
        placed = said.OrderPlaced(order=order, line="1", product="pills", schedule=(wanted,))
        yield told(placed, at(zone, due - 30 * DAY), "sponsor")
        yield told(said.LotCompleted(lot=lot), at(zone, due - 9 * DAY))
        yield told(said.ReleaseRequested(lot=lot, due=due), at(zone, due - 8 * DAY), "sponsor")
        if came is not None:
            delivered = said.OrderDelivered(order=order, line="1", quantity=pieces(100))
            yield told(delivered, at(zone, came, when))
            decision: Decision = "released"
            decided = said.ReleaseDecided(lot=lot, decision=decision)
            yield told(decided, at(zone, came, when), "sponsor")


def seen(zone: str, due: date, when: time, kpi: str, now: datetime) -> Reading:
    """What is read at an instant of what was said by then."""
    by_then = [each for each in story(zone, due, when) if each.event.time <= now]
    return reading(by_then, kpi, now, agreed(zone=zone))


CHANGES = [(zone, due) for zone, days in ZONES.items() for due in days]


@pytest.mark.parametrize(("zone", "due"), CHANGES)
@pytest.mark.parametrize("kpi", DUE)
def test_a_day_and_any_time_of_it_tell_the_same(zone: str, due: date, kpi: str) -> None:
    kept = 3 if kpi == "delivery_in_full" else 2
    for offset, when in product((-1, 0, 1), TIMES.values()):
        found = seen(zone, due + offset * DAY, when, kpi, at(zone, due + 20 * DAY))
        assert (found.numerator, found.denominator) == (kept, 4), when


@pytest.mark.parametrize(("zone", "due"), CHANGES)
@pytest.mark.parametrize("kpi", DUE)
def test_what_has_not_come_is_missed_once_its_day_is_over_at_its_place_and_not_before(
    zone: str, due: date, kpi: str
) -> None:
    midnight = at(zone, due + DAY)
    before = seen(zone, due, time(0), kpi, midnight - timedelta(seconds=1))
    assert (before.numerator, before.denominator) == (2, 2)
    after = seen(zone, due, time(0), kpi, midnight)
    assert after.denominator == 4


@pytest.mark.parametrize(("zone", "due"), CHANGES)
def test_a_day_where_clocks_change_is_an_hour_more_or_less_of_it(zone: str, due: date) -> None:
    hours = (at(zone, due + DAY) - at(zone, due)).total_seconds() / 3_600
    assert hours in ((24,) if zone == "Asia/Kolkata" else (23, 25))
