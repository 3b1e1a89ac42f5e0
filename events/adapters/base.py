"""What the parts of a mapping have in common, and the one fault a cell may have."""

from pydantic import BaseModel, ConfigDict


class BadCell(Exception):
    """No value can be made of a cell; the message says why, and which setting would help."""


class PartOfMapping(BaseModel):
    """A part of a mapping file: strict, and nothing in it that is not known."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class NumberCell(str):
    """A number of a workbook, in plain digits with a decimal point, whatever the mapping says."""

    __slots__ = ()


class DayCell(str):
    """A day or a moment of a workbook, in ISO 8601, whatever the mapping says."""

    __slots__ = ()
