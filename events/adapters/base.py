"""What the parts of a mapping have in common, and the faults a cell and a row may have."""

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class RowError:
    """A cell no event could be made of; `row` counts as a spreadsheet does, from 1.

    `column` is the field of the event when the value comes from no column, and empty when the row
    as a whole is at fault.
    """

    row: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        where = f"row {self.row}, column {self.column!r}" if self.column else f"row {self.row}"
        return (
            f"{where}: {self.value!r}: {self.reason}" if self.value else f"{where}: {self.reason}"
        )
