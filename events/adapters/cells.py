"""A field's value out of the cells of a row: where it comes from, and what is done to it."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from events.errors import InvalidIdentifier
from events.values import identifier

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,12})?")
_NAMED = re.compile(r"\{([^{}]+)\}")


class BadCell(Exception):
    """No value can be made of a cell; the message says why."""


class PartOfMapping(BaseModel):
    """A part of a mapping file: strict, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Value(PartOfMapping):
    """Where a field's value comes from, and what is done to it: slug, date, then offset.

    `template` is text with columns in braces; `date` a strptime format; `offset` a number of days.
    """

    column: str | None = None
    constant: str | int | float | bool | date | datetime | None = None
    template: str | None = None
    slug: bool = False
    form: Annotated[str | None, Field(alias="date")] = None
    offset: Annotated[int, Field(ge=-36_525, le=36_525)] = 0

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        if sum(given is not None for given in (self.column, self.constant, self.template)) != 1:
            raise ValueError("needs exactly one of column, constant and template")
        if self.template is not None and not self.columns:
            raise ValueError("a template names a column in braces; use constant for plain text")
        return self

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns this value is read from."""
        if self.column is not None:
            return (self.column,)
        return tuple(_NAMED.findall(self.template or ""))

    def text(self, row: Mapping[str, str]) -> str:
        """The words of this value in `row`, empty when there are none."""
        if self.column is not None:
            return row[self.column].strip()
        if self.template is None:
            return self._constant
        for name in self.columns:
            if not row[name].strip():
                raise BadCell(f"the template {self.template!r} needs column {name!r}")
        return _NAMED.sub(lambda named: row[named[1]].strip(), self.template)

    @cached_property
    def _constant(self) -> str:
        given = self.constant
        if isinstance(given, bool):
            return str(given).lower()
        return given.isoformat() if isinstance(given, date) else str(given)


def read_cell(
    value: Value, row: Mapping[str, str], kinds: frozenset[object], shift: timedelta
) -> object:
    """What the field is given, in JSON's types; None for an empty cell."""
    text = value.text(row)
    if not text:
        return None
    if value.slug:
        text = _slug(text)
    if kinds & {date, datetime}:
        return _moved(_moment(text, value.form), shift + timedelta(days=value.offset), kinds)
    if kinds & {int, float}:
        return _number(text, kinds)
    if bool in kinds:
        return _truth(text)
    return [text] if tuple in kinds else text


def _slug(text: str) -> str:
    try:
        return str(identifier(text))
    except InvalidIdentifier as error:
        raise BadCell(str(error)) from error


def _moment(text: str, form: str | None) -> date | datetime:
    """A day, or a moment where the text has a time of day."""
    try:
        if form is None:
            return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
        read = datetime.strptime(text, form)
    except ValueError as error:
        raise BadCell(f"not a date as {form or 'YYYY-MM-DD'}") from error
    return read if read.tzinfo or read.time() != time() else read.date()


def _moved(moment: date | datetime, by: timedelta, kinds: frozenset[object]) -> str:
    """The day or moment the field takes: a day stands for 00:00 UTC where a moment is needed."""
    try:
        moved = moment + by
    except OverflowError as error:
        raise BadCell(f"moved by {by.days} days it is no date any more") from error
    if datetime in kinds and not isinstance(moved, datetime):
        moved = datetime.combine(moved, time(), UTC)
    elif datetime not in kinds and isinstance(moved, datetime):
        raise BadCell("a day is needed here, without a time")
    if isinstance(moved, datetime) and moved.tzinfo is None:
        raise BadCell("a time needs its zone, as in 2026-01-31T08:00:00+01:00")
    return moved.isoformat()


def _number(text: str, kinds: frozenset[object]) -> int | float | str:
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    if str in kinds:
        return text
    raise BadCell("not a plain number such as 1250 or 12.5")


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise BadCell("neither true nor false")
    return text.lower() == "true"
