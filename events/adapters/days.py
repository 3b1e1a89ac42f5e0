"""Days and moments as tables have them: by declared formats, and in the zone of their place."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from events.adapters.base import BadCell, DayCell
from events.adapters.cleaning import says_nothing

SERIAL: Final = "serial"
"""The format of a spreadsheet's count of days, 1 the first of January 1900."""

ISO: Final = "iso"
"""The format of a day as YYYY-MM-DD or a moment by ISO 8601, which no format of strptime is."""

ZONE_NEEDED: Final = (
    "needs its zone: say `zone: Europe/Berlin` in the mapping, give the agreements with "
    "--agreements, or write it as in 2026-01-31T08:00:00+01:00"
)
"""What is told of a day without a zone, which one setting gives to every row."""

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_ISO_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r"(Z|[+-][0-9]{2}:?[0-9]{2})?"
).fullmatch
_NO_DAY = re.compile(
    r"(?:1900[-/.]01[-/.]00|00[-/.]01[-/.]1900|0?1[-/.]0?0[-/.]1900|[0/.-]{2,10})(?:[T ][0:.]+Z?)?"
).fullmatch
_NO_YEARS = frozenset({1899, 1900, 9999})
_DAY_00 = re.compile(r"[0-9]{4}00|[0-9]{6}00").fullmatch
_COUNT = re.compile(r"[1-9][0-9]{4}").fullmatch
_DAY_NONE = date(1899, 12, 30)  # spreadsheets have a 29 February 1900, which was none
_UNDIVIDED = re.compile(r"%[A-Za-z]%[A-Za-y]")
_YEAR_DAY_MONTH = re.compile(r"%[Yy][^%]?%d[^%]?%[mbB]").match
_USUAL = (
    *(ISO, "%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y"),
    *("%Y%m%d", "%y%m%d", "%Y/%m/%d", "%d-%b-%Y", "%d-%m-%Y", "%G-W%V-%u", "%m/%Y", SERIAL),
    *("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"),
)


def zone_named(name: str) -> ZoneInfo:
    """The IANA time zone of a name; raises `ValueError` when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no IANA time zone, such as Europe/Berlin") from error


def check_format(form: str, *, end_of_month: bool, year_day_month: bool = False) -> None:
    """Raises `ValueError` for a format that leaves open which day is meant, or that nobody uses."""
    if form in (SERIAL, ISO):
        return
    if not year_day_month and _YEAR_DAY_MONTH(form):
        raise ValueError(
            f"date: {form!r} would read 2026-03-05 as the 3rd of May; nobody writes days so, but "
            "for who says `year_day_month: true` beside it"
        )
    if "%Z" in form:
        raise ValueError(f"date: {form!r}: names of zones are not read; `zone` says it, or %z")
    day = datetime(2026, 3, 30, tzinfo=UTC)
    try:
        again = datetime.strptime(day.strftime(form), form).replace(tzinfo=UTC)
        others = [each.strftime(form) for each in (day.replace(month=4), day.replace(year=2028))]
    except (ValueError, re.error) as error:
        raise ValueError(f"date: {form!r} cannot be used: {error}") from error
    if day.strftime(form) in others or again.replace(day=1) != day.replace(day=1):
        raise ValueError(f"date: {form!r} does not say which year and month")
    if again != day and not end_of_month:
        raise ValueError(f"date: {form!r} names no day; say `end_of_month: true` if that is meant")


def read_day(
    text: str, formats: tuple[str, ...], *, end_of_month: bool, needed: bool = False
) -> date | datetime:
    """The day or moment of a cell, by the only reading that its formats allow.

    A month alone, or its day 00, is its last day with `end_of_month`; where one is `needed`, no
    word for none would do. Raises `BadCell`.
    """
    if says_nothing(text):
        raise BadCell(f"not a date; if it says that there is none, {_say_none(text, needed)}")
    if _NO_DAY(text):
        raise BadCell(_stands_for_none(text, needed))
    read = _only_reading(text, formats, end_of_month=end_of_month)
    if read.year in _NO_YEARS:
        raise BadCell(_stands_for_none(text, needed))
    return read


def _only_reading(text: str, formats: tuple[str, ...], *, end_of_month: bool) -> date | datetime:
    if isinstance(text, DayCell) or not formats:
        read = _iso(text)
        if read is None:
            raise BadCell(f"not a date as YYYY-MM-DD{_hint(text, ())}")
        return read
    found = dict(_readings(text, formats, end_of_month=end_of_month))
    if len(set(found.values())) > 1:
        raise BadCell(f"may be {_either(found)}; the formats must leave only one")
    if not found:
        raise BadCell(f"not a date as {' or '.join(formats)}{_hint(text, formats)}")
    return next(iter(found.values()))


def _stands_for_none(text: str, needed: bool) -> str:
    return f"what programs write where there is no date; if so, {_say_none(text, needed)}"


def _say_none(text: str, needed: bool) -> str:
    """What to say in the mapping of a word for no date; an event that needs one is not made."""
    passed = "give `ignore` a list of such words for rows that are no record"
    return (
        f"an event needs one here: {passed}" if needed else f"say `empty: [{text!r}]`, or {passed}"
    )


def has_day_none(text: str) -> bool:
    """Whether a text is year, month and day without a sign between them, and the day 00."""
    return bool(_DAY_00(text))


def formats_of(texts: Iterable[str]) -> list[str]:
    """The usual formats that read every one of these texts, a month alone as its last day."""
    found = [set(dict(_readings(text, _USUAL, end_of_month=True))) for text in texts]
    return [form for form in _USUAL if found and all(form in each for each in found)]


def _readings(
    text: str, formats: tuple[str, ...], *, end_of_month: bool
) -> Iterator[tuple[str, date | datetime]]:
    for form in formats:
        if form == SERIAL:
            read: date | datetime | None = _counted(text)
        elif form == ISO:
            read = _iso(text)
        else:
            read = _read(text, form, end_of_month=end_of_month)
        if read is not None:
            yield form, read


def _read(text: str, form: str, *, end_of_month: bool) -> date | datetime | None:
    read = _parsed(text, form)
    if read is None:
        month = _parsed(text, form.replace("%d", "00")) if end_of_month else None
        return None if month is None else _last_of(month)
    if end_of_month and not names_days(form):
        return _last_of(read)
    return read if _names_times(form) else read.date()


def _parsed(text: str, form: str) -> datetime | None:
    try:
        read = datetime.strptime(text, form)
    except (ValueError, re.error):
        return None
    # Where nothing divides the parts, 2026111 would be both the first and the eleventh.
    exact = not _UNDIVIDED.search(form) or read.strftime(form).casefold() == text.casefold()
    return read if exact else None


@lru_cache(maxsize=256)
def names_days(form: str) -> bool:
    """Whether a format says which day of a month is meant."""
    return datetime(2026, 3, 30).strftime(form) != datetime(2026, 3, 31).strftime(form)


@lru_cache(maxsize=256)
def _names_times(form: str) -> bool:
    return datetime(2026, 3, 30).strftime(form) != datetime(2026, 3, 30, 13, 1, 1).strftime(form)


def _last_of(month: datetime) -> date:
    return (month.date().replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _counted(text: str) -> date | None:
    return _DAY_NONE + timedelta(days=int(text)) if _COUNT(text) else None


def _iso(text: str) -> date | datetime | None:
    try:
        if _ISO_DAY(text):
            return date.fromisoformat(text)
        return datetime.fromisoformat(text) if _ISO_MOMENT(text) else None
    except ValueError:
        return None


def _hint(text: str, formats: tuple[str, ...]) -> str:
    """Which usual formats would read a text, where any does, or what to say of a word for none."""
    if any(_parsed(text, form.replace("%d", "00")) for form in formats if "%d" in form):
        return "; it names a month, of which `end_of_month: true` takes the last day"
    usual = tuple(form for form in _USUAL if form not in formats)
    found = dict(_readings(text, usual, end_of_month=True))
    if not found:
        return ""
    if len(set(found.values())) > 1:
        return f"; it may be {_either(found)}: say which with `date`"
    form, read = next(iter(found.items()))
    told = repr([*formats, form] if formats else form)
    return f"; `date: {told}` would read it as {read}"


def _either(found: dict[str, date | datetime]) -> str:
    return " or ".join(f"{read} ({form})" for form, read in found.items())


def as_day(read: date | datetime) -> date:
    """The civil date of a cell; a time besides midnight is refused."""
    if not isinstance(read, datetime):
        return read
    if read.tzinfo is not None or read.time() != time():
        raise BadCell("a day is needed here, without a time")
    return read.date()


def as_moment(read: date | datetime, zone: ZoneInfo | None) -> datetime:
    """The moment of a cell; a day is its beginning in `zone`. Raises `BadCell` without a zone."""
    if isinstance(read, datetime) and read.tzinfo is not None:
        return read
    if zone is None:
        what = "a time" if isinstance(read, datetime) else "a day"
        raise BadCell(f"{what} {ZONE_NEEDED}")
    if not isinstance(read, datetime):
        return datetime.combine(read, time(), zone)
    return _only_one(read, zone)


def _only_one(moment: datetime, zone: ZoneInfo) -> datetime:
    first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == moment
        how = "comes twice" if back else "is left out"
        raise BadCell(f"{how} on that day in {zone.key}; write it with its offset from UTC")
    return first
