"""One form for each kind of value, the quick way; what is out of the ordinary is doubtful."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from sys import intern
from typing import Any

from events.errors import InvalidIdentifier, InvalidNumber
from events.values import (
    EPOCH,
    FIRST_YEAR,
    LAST_YEAR,
    MILLION,
    identifier,
    microseconds,
    millionths,
)

_EARLIEST = microseconds(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
_BEYOND = microseconds(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-5][0-9])"
).fullmatch
_MICROSECOND = timedelta(microseconds=1)
_DIGITS = 6  # of a fraction of a second
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNIT = re.compile(r"[A-Z0-9]{2,3}")
SHARED = 64
"""Text up to this length is kept once, however often it is said."""


class Doubtful(Exception):
    """Not plainly right: the declared models must judge it."""


Normalize = Callable[[Any], Any]
"""Brings a value to its one form; raises `Doubtful`."""


@lru_cache(maxsize=65_536)
def reference(text: str) -> str:
    """A number that is spelt as it counts."""
    if not text.isascii() or text.strip() is not text:
        raise Doubtful
    return intern(text)


@lru_cache(maxsize=65_536)
def slug(text: str) -> str:
    """An id that is spelt as one already; a name has to be kept, and is for the models."""
    try:
        slug = identifier(text)
    except InvalidIdentifier as error:
        raise Doubtful from error
    if slug != text:
        raise Doubtful
    return intern(str(text))


@lru_cache(maxsize=65_536)
def civil_date(text: str) -> date:
    """A day, years 2000–2100."""
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError as error:
        raise Doubtful from error
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Doubtful
    return day


def _moment(text: str) -> datetime:
    if not _INSTANT(text):
        raise Doubtful
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Doubtful from error


def instant(text: str) -> int:
    """The microseconds from the epoch of a moment with its zone, years 2000–2100.

    Raises `Doubtful` for anything else, or spelt in another way than most.
    """
    rest = text[19:]
    try:
        at = _midnight(text[:10]) + _MINUTES[text[10:17]] + _SECONDS[text[17:19]]
    except KeyError as error:
        raise Doubtful from error
    if rest != "Z":
        at += _rest(rest)
        if not _EARLIEST <= at < _BEYOND:
            raise Doubtful
    return at


_MINUTES = {
    f"T{hour:02}:{minute:02}:": (hour * 60 + minute) * 60 * MILLION
    for hour in range(24)
    for minute in range(60)
}
_SECONDS = {f"{second:02}": second * MILLION for second in range(60)}


@lru_cache(maxsize=16_384)
def _midnight(day: str) -> int:
    at = (_moment(day + "T00:00:00Z") - EPOCH) // _MICROSECOND
    if not _EARLIEST <= at < _BEYOND:
        raise Doubtful
    return at


def _rest(text: str) -> int:
    """The microseconds that a fraction of a second adds, and the offset of a zone takes away."""
    digits = text[1:-1]
    plain = digits.isdecimal() and digits.isascii() and len(digits) <= _DIGITS
    if plain and text[0] == "." and text[-1] == "Z":
        return int(digits.ljust(_DIGITS, "0"))
    return _offset(text)


@lru_cache(maxsize=4_096)
def _offset(text: str) -> int:
    return (_moment("1970-01-01T00:00:00" + text) - EPOCH) // _MICROSECOND


def instant_field(text: str) -> datetime:
    """A moment with its zone, in UTC."""
    instant(text)
    return _moment(text)


@lru_cache(maxsize=4_096)
def unit(text: str) -> str:
    """The code of a unit."""
    if not _UNIT.fullmatch(text):
        raise Doubtful
    return intern(text)


def amount(value: Any) -> Any:
    """An amount that millionths hold, a whole one as an int."""
    if type(value) is float:
        if value.is_integer():
            return int(value)
        try:
            millionths(value)
        except InvalidNumber as error:
            raise Doubtful from error
    return value


def whole(value: Any) -> Any:
    """A whole number as an int, however it is written."""
    return int(value) if type(value) is float and value.is_integer() else value


def short(text: str) -> str:
    """Words, short ones kept once."""
    return intern(text) if len(text) <= SHARED else text
