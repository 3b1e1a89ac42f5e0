"""Pieces are whole: a fraction of them is a number that was read wrongly, or of another unit."""

from collections.abc import Iterator, Mapping
from typing import Any

from events.values import PIECES


def unit_of(name: str) -> str:
    """The field with the unit of a quantity's value, by the name of the value's."""
    return f"{name.removesuffix('.value')}.unit" if name.endswith(".value") else ""


def no_fraction(number: object, unit: object) -> bool:
    """Whether so much of a unit can be: of all but pieces any number."""
    return unit not in PIECES or not isinstance(number, float) or number.is_integer()


def fractions(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Of the values of an event those that are a fraction of pieces, and what is told of each."""
    for name, number in given.items():
        unit = given.get(unit_of(name))
        if not no_fraction(number, unit):
            why = (
                f"{number} {unit} is a fraction of pieces, which are whole: say in the mapping by "
                "which sign numbers are divided (`decimal`), or which unit is meant"
            )
            yield name, why
