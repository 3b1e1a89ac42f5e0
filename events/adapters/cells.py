"""A field's value out of the cells of a row: where it comes from, and what is done to it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from events.adapters.base import BadCell, PartOfMapping
from events.adapters.cleaning import check_name, check_reference, refuse_errors, without_mark
from events.adapters.days import as_day, as_moment, check_format, read_day
from events.adapters.fields import Target
from events.adapters.numbers import NumberSigns
from events.adapters.usual_words import why_no_unit
from events.errors import InvalidIdentifier
from events.values import identifier

ORDINAL = "n"
"""What stands in braces in an id's template for the ordinal among rows that give the same id."""

_SHOWN = 200
_NAMED = re.compile(r"\{([^{}]+)\}")


class Value(PartOfMapping):
    """Where a field's value comes from, and what is done to it: words, slug, date, then offset.

    `words` says what each word of a column means, and any other is refused; `template` is text with
    columns in braces; `date` one or more formats of strptime, or `serial`; `year_day_month` allows
    one with the day between year and month; `end_of_month` takes a month, or its day 00, as its
    last day; `offset` is a number of days; `numeric` takes a number of a workbook as a reference or
    a name.
    """

    column: str | None = None
    constant: str | int | float | bool | date | datetime | None = None
    template: str | None = None
    words: Annotated[dict[str, str], Field(min_length=1, max_length=1_000)] | None = None
    slug: bool = False
    form: Annotated[str | list[str] | None, Field(alias="date")] = None
    year_day_month: bool = False
    end_of_month: bool = False
    offset: Annotated[int, Field(ge=-36_525, le=36_525)] = 0
    numeric: bool = False

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        if sum(given is not None for given in (self.column, self.constant, self.template)) != 1:
            raise ValueError("needs exactly one of column, constant and template")
        if self.template is not None and not self.columns:
            raise ValueError("a template names a column in braces; use constant for plain text")
        if self.template is not None and self.words is not None:
            raise ValueError("words: for a column or a constant; a template has none")
        for form in self.formats:
            check_format(form, end_of_month=self.end_of_month, year_day_month=self.year_day_month)
        if self.end_of_month and not self.formats:
            raise ValueError("end_of_month: needs a `date` format that says how months are written")
        return self

    @cached_property
    def formats(self) -> tuple[str, ...]:
        """The formats in which a day may be written; none for YYYY-MM-DD."""
        return (self.form,) if isinstance(self.form, str) else tuple(self.form or ())

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns this value is read from."""
        if self.column is not None:
            return (self.column,)
        return tuple(name for name in _NAMED.findall(self.template or "") if name != ORDINAL)

    @cached_property
    def counts(self) -> bool:
        """Whether the value has an ordinal in it."""
        return ORDINAL in _NAMED.findall(self.template or "")

    def text(self, row: Mapping[str, str], ordinal: str = "") -> str:
        """What this value says in `row`, translated, empty when it says nothing."""
        if self.template is None:
            said = self._constant if self.column is None else row[self.column]
            return said if self.words is None else _translated(said, self.words)
        given = {name: self._part(name, row) for name in self.columns} | {ORDINAL: ordinal}
        return _NAMED.sub(lambda named: given[named[1]], self.template)

    def _part(self, name: str, row: Mapping[str, str]) -> str:
        if not (part := row[name]):
            raise BadCell(f"the template {self.template!r} needs column {name!r}")
        refuse_errors(part)
        return without_mark(part)

    @cached_property
    def _constant(self) -> str:
        given = self.constant
        if isinstance(given, bool):
            return str(given).lower()
        return given.isoformat() if isinstance(given, date) else str(given)


def _translated(text: str, words: Mapping[str, str]) -> str:
    if not text and "" not in words:
        return text
    if text not in words:
        known = ", ".join(map(repr, words))[:_SHOWN]
        raise BadCell(f"none of its `words`, which are {known}; add what it means")
    return words[text]


@dataclass(frozen=True, slots=True)
class Manner:
    """How the cells of a row are read: how numbers are written, whose zone, and days moved by."""

    signs: NumberSigns
    zone: ZoneInfo | None
    shift: timedelta = timedelta()


def read_cell(
    value: Value, row: Mapping[str, str], target: Target, manner: Manner, ordinal: str = ""
) -> object:
    """What the field is given, in JSON's types; None for an empty cell. Raises `BadCell`."""
    text = value.text(row, ordinal)
    if not text:
        _refuse_default(target)
        return None
    refuse_errors(text)
    if target.unit and value.words is None and (why := why_no_unit(text)):
        raise BadCell(why)
    if value.slug:
        return _slug(text)
    if target.named:
        check_name(text, numeric=value.numeric)
        return [str(text)] if tuple in target.kinds else str(text)
    kinds = target.kinds
    if target.exact:
        text = without_mark(text)
        check_reference(text, numeric=value.numeric)
    elif kinds & {date, datetime}:
        return _day(value, without_mark(text), target, manner)
    elif kinds & {int, float}:
        given = value.constant
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            return given
        return _number(without_mark(text), kinds, manner.signs)
    elif bool in kinds:
        return _truth(text)
    return [str(text)] if tuple in kinds else str(text)


def _refuse_default(target: Target) -> None:
    """Raises `BadCell` where an empty cell would say something by default."""
    if target.unsaid:
        raise BadCell(
            f"empty, which would count as {target.unsaid}; if so, say `words: {{'': "
            f"{target.unsaid}}}` beside the other words"
        )


def _slug(text: str) -> str:
    try:
        return str(identifier(text))
    except InvalidIdentifier as error:
        raise BadCell(str(error)) from error


def _day(value: Value, text: str, target: Target, manner: Manner) -> str:
    """The day or moment the field takes, in ISO 8601."""
    read = read_day(text, value.formats, end_of_month=value.end_of_month, needed=target.needed)
    days = manner.shift + timedelta(days=value.offset)
    try:
        moved = read + days
    except OverflowError as error:
        raise BadCell(f"moved by {days.days} days it is no date any more") from error
    taken = as_moment(moved, manner.zone) if datetime in target.kinds else as_day(moved)
    return taken.isoformat()


def _number(text: str, kinds: frozenset[object], signs: NumberSigns) -> int | float | str:
    if str in kinds and not signs.could_be_one(text):
        return str(text)
    return signs.read(text)


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise BadCell("neither true nor false")
    return text.lower() == "true"
