"""One form for each kind of value, the quick way; what is out of the ordinary is doubtful."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from sys import intern
from typing import Any

from events.errors import InvalidIdentifier, InvalidNumber
from events.exact import unclear
from events.values import EPOCH, FIRST_YEAR, LAST_YEAR, MILLION, identifier, millionths

_EARLIEST = (datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - EPOCH).days
_BEYOND = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - EPOCH).days
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
    if not text.isascii() or text.strip() is not text or unclear(text):
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


def instant(moment: datetime) -> int:
    """The microseconds from the epoch of a moment with its zone, years 2000–2100."""
    gap = moment - EPOCH
    days = gap.days
    if not _EARLIEST <= days < _BEYOND:
        raise Doubtful
    return (days * 86_400 + gap.seconds) * MILLION + gap.microseconds


def instant_field(moment: datetime) -> datetime:
    """A moment with its zone, in UTC."""
    instant(moment)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


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
