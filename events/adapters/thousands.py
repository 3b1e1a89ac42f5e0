"""Whether a column shows that the told decimal sign is one, and does not divide thousands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from events.adapters.base import BadCell, RowError
from events.adapters.cells import Value
from events.adapters.cleaning import without_mark
from events.adapters.mapping import EventMapping
from events.adapters.numbers import NumberSigns
from events.adapters.pieces import no_fraction, unit_of
from events.values import whole_as_int

Row = Mapping[str, str]


@dataclass
class _Column:
    """What the numbers of a column have shown so far: one of each reading, and where that hurts."""

    sure: bool = False
    """Whether a number of it is one by the told signs only."""

    readings: tuple[int | float, int | float] | None = None
    fractions: list[RowError] = field(default_factory=list)


class Thousands:
    """Hears of every row, and tells of columns all of which may be a thousand times too small."""

    def __init__(self, signs: NumberSigns) -> None:
        self._signs = signs
        self._columns: dict[str, _Column] = {}

    def hear(self, mapping: EventMapping, row: Row, number: int) -> None:
        """Takes in the numbers of a row."""
        for name, value in mapping.fields.items():
            if value.column is None or not mapping.targets[name].kinds & {int, float}:
                continue
            text = without_mark(row[value.column])
            column = self._columns.setdefault(value.column, _Column())
            column.sure = column.sure or self._signs.surely_read(text)
            if (readings := self._signs.readings(text)) is None:
                continue
            column.readings = column.readings or readings
            unit = mapping.fields.get(unit_of(name))
            if unit is not None and not no_fraction(readings[0], _said(unit, row)):
                why = f"{name}: {self._signs.why_fraction(*readings)}"
                column.fractions.append(RowError(number, value.column, row[value.column], why))

    def conflicts(self) -> Iterator[RowError]:
        """Fractions of pieces where the other signs make whole ones of all that is there."""
        for column in self._columns.values():
            yield from () if column.sure else column.fractions

    def notes(self) -> Iterator[str]:
        """The columns of which nothing shows which sign is which."""
        for name, column in self._columns.items():
            if column.readings is not None and not column.sure and not column.fractions:
                told, otherwise = map(whole_as_int, column.readings)
                yield (
                    f"every number with {self._signs.point!r} in {name} has three digits after it: "
                    f"read as {told}, not {otherwise}"
                )


def _said(unit: Value, row: Row) -> str:
    try:
        return unit.text(row)
    except BadCell:
        return ""
