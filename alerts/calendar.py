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
        self._whole_days = lru_cache(maxsize=1_024)(self._sum)
        self._between = lru_cache(maxsize=1_024)(self._whole_days)

    def works(self, day: date) -> bool:
        """Whether `day` is a working day here."""
        return day.weekday() in self._weekdays and day not in self._holidays

    def working_time(self, start: int, end: int) -> int:
        """The microseconds of working days between two instants; 0 when reversed."""
        if end <= start:
            return 0
        first, last = civil_day(self.zone, start), civil_day(self.zone, end)
        return self._whole_days(first, last) + self._into(last, end) - self._into(first, start)

    def _into(self, day: date, at: int) -> int:
        return at - midnight(self.zone, day) if self.works(day) else 0

    def _sum(self, first: date, last: date) -> int:
        days = (first + timedelta(days=ahead) for ahead in range((last - first).days))
        return sum(self._length(day) for day in days if self.works(day))

    def _length(self, day: date) -> int:
        return midnight(self.zone, day + timedelta(days=1)) - midnight(self.zone, day)
