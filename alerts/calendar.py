"""Civil days at a place: when they begin, and how much of a span of time was working time."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from events.values import EPOCH, MILLION, microseconds

HOUR = 3_600 * MILLION
DAY = 24 * HOUR
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_EPOCH_DAY = EPOCH.date()


def moment(at: int) -> datetime:
    """The aware UTC datetime of microseconds from the epoch."""
    return EPOCH + timedelta(microseconds=at)


def days_from_epoch(day: date) -> int:
    """The whole days from the epoch to a civil date."""
    return (day - _EPOCH_DAY).days


@lru_cache(maxsize=65_536)
def midnight(zone: str, day: date) -> int:
    """When `day` begins in `zone`, in microseconds from the epoch."""
    return microseconds(
        datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    )


def civil_day(zone: str, at: int) -> date:
    """The civil date in `zone` at microseconds from the epoch."""
    if zone == "UTC":
        return _EPOCH_DAY + timedelta(days=at // DAY)
    return moment(at).astimezone(ZoneInfo(zone)).date()


class WorkingCalendar:
    """The working days of a place."""

    def __init__(self, zone: str, working_days: Iterable[str], holidays: Iterable[date]) -> None:
        self.zone = zone
        self._weekdays = frozenset(WEEKDAYS.index(day) for day in working_days)
        self._holidays = frozenset(holidays)

    def works(self, day: date) -> bool:
        """Whether `day` is a working day here."""
        return day.weekday() in self._weekdays and day not in self._holidays

    def working_time(self, start: int, end: int) -> int:
        """The microseconds of working days between two instants; 0 when reversed."""
        total, day = 0, civil_day(self.zone, start)
        while (begins := midnight(self.zone, day)) < end:
            tomorrow = day + timedelta(days=1)
            if self.works(day):
                total += max(0, min(end, midnight(self.zone, tomorrow)) - max(start, begins))
            day = tomorrow
        return total
