"""Civil days at a place: when they begin, and how much of a span of time was working time."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

from events.values import EPOCH, MILLION, microseconds

HOUR = 3_600 * MILLION
DAY = 24 * HOUR
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
_EPOCH_DAY = EPOCH.date()


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone, such as Europe/Berlin") from error
    return name


Zone = Annotated[str, AfterValidator(_zone)]
"""The name of an IANA time zone."""


def moment(at: int) -> datetime:
    """The aware UTC datetime of microseconds from the epoch."""
    return EPOCH + timedelta(microseconds=at)


_EPOCH_ORDINAL = _EPOCH_DAY.toordinal()


def days_from_epoch(day: date) -> int:
    """The whole days from the epoch to a civil date."""
    return day.toordinal() - _EPOCH_ORDINAL


_zone_of = lru_cache(maxsize=1_024)(ZoneInfo)
"""A zone, whose table is read once."""


@lru_cache(maxsize=16_384)
def midnight(zone: str, day: date, at: time = time()) -> int:
    """When `day` begins in `zone`, or its time `at`, in microseconds from the epoch."""
    return microseconds(datetime.combine(day, at, _zone_of(zone)).astimezone(UTC))


def civil_day(zone: str, at: int) -> date:
    """The civil date in `zone` at microseconds from the epoch."""
    return _civil_day(zone, at // _QUARTER)


_QUARTER = HOUR // 4


@lru_cache(maxsize=16_384)
def _civil_day(zone: str, quarter: int) -> date:
    """Days begin on a quarter of an hour everywhere."""
    at = quarter * _QUARTER
    if zone == "UTC":
        return _EPOCH_DAY + timedelta(days=at // DAY)
    return moment(at).astimezone(_zone_of(zone)).date()


_FARTHEST = 3_660
"""Days ahead within which working time has to come."""


class WorkingCalendar:
    """The working days of a place, and the hours of those days; whole days where none are given."""

    def __init__(
        self,
        zone: str,
        working_days: Iterable[str],
        holidays: Iterable[date],
        hours: tuple[time, time] | None = None,
    ) -> None:
        self.zone = zone
        self._weekdays = frozenset(WEEKDAYS.index(day) for day in working_days)
        self._holidays = frozenset(holidays)
        self._hours = hours
        self._whole_days = lru_cache(maxsize=1_024)(self._sum)
        self.after = lru_cache(maxsize=4_096)(self._after)

    def works(self, day: date) -> bool:
        """Whether `day` is a working day here."""
        return day.weekday() in self._weekdays and day not in self._holidays

    def working_time(self, start: int, end: int) -> int:
        """The microseconds of working time between two instants; 0 when reversed."""
        if end <= start:
            return 0
        first, last = civil_day(self.zone, start), civil_day(self.zone, end)
        return self._whole_days(first, last) + self._into(last, end) - self._into(first, start)

    def _after(self, start: int, working: int) -> int | None:
        """The first instant at work by which `working` microseconds were worked since `start`.

        None where that is more than ten years away.
        """
        day = civil_day(self.zone, start)
        left = working + self._into(day, start)
        for _ in range(_FARTHEST):
            length = self._length(day)
            if left < length:
                return self._opens(day) + left
            left -= length
            day += timedelta(days=1)
        return None

    def _into(self, day: date, at: int) -> int:
        return min(max(0, at - self._opens(day)), self._length(day))

    def _sum(self, first: date, last: date) -> int:
        days = (first + timedelta(days=ahead) for ahead in range((last - first).days))
        return sum(self._length(day) for day in days)

    def _length(self, day: date) -> int:
        return max(0, self._closes(day) - self._opens(day)) if self.works(day) else 0

    def _opens(self, day: date) -> int:
        return midnight(self.zone, day, self._hours[0] if self._hours else time())

    def _closes(self, day: date) -> int:
        if self._hours:
            return midnight(self.zone, day, self._hours[1])
        return midnight(self.zone, day + timedelta(days=1))
