"""What a whole table says before anything is made of it: ids given twice, and names made one id."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from events.adapters.base import BadCell
from events.adapters.cells import Value
from events.adapters.cleaning import without_mark
from events.adapters.mapping import EventMapping, TableMapping
from events.errors import InvalidIdentifier
from events.event import EVENTS
from events.spelling import alike
from events.values import Identifier, identifier

_LISTED = 10


class Conflict(NamedTuple):
    """Two rows that must not be taken as they are: the second's column and value, and why."""

    row: int
    column: str
    value: str
    reason: str


class _Place(NamedTuple):
    """Where a name was first met, and as what."""

    row: int
    name: str


@dataclass
class Ordinals:
    """Counts, in the order of the rows, those that give the same id."""

    _told: Mapping[str, str]
    _met: dict[tuple[object, ...], int] = field(default_factory=dict)
    _again: list[int] = field(default_factory=list)

    def next(self, mapping: EventMapping, row: Mapping[str, str], number: int) -> str:
        """The ordinal of this row among those of its id; empty where the id has none."""
        value = mapping.fields["id"]
        if not value.counts:
            return ""
        try:
            cmo = named(mapping.fields["partitionkey"].text(row), self._told)
            key = (id(mapping), cmo, mapping.fields["source"].text(row), value.text(row))
        except (BadCell, InvalidIdentifier):
            return ""
        self._met[key] = self._met.get(key, 0) + 1
        if self._met[key] > 1:
            self._again.append(number)
        return str(self._met[key])

    def notes(self) -> Iterator[str]:
        """Which rows have an id of their own only by their ordinal."""
        if self._again:
            rows = ", ".join(map(str, self._again[:_LISTED])) + ", …" * bool(self._again[_LISTED:])
            more = len(self._again) > 1
            many, which = ("rows differ", "rows") if more else ("row differs", "row")
            yield (
                f"{len(self._again):,} {many} in id from another only by {{n}}: {which} {rows}; "
                "what only says the same once more would count twice"
            )


class Survey:
    """Hears of every row, and finds what conflicts with an earlier one."""

    def __init__(self, mapping: TableMapping) -> None:
        self._told, self._signs = mapping.ids, mapping.signs
        self._ids: dict[tuple[str, ...], tuple[int, object]] = {}
        self._names: dict[tuple[str, ...], _Place] = {}

    def hear(
        self, mapping: EventMapping, row: Mapping[str, str], number: int, ordinal: str
    ) -> Iterator[Conflict]:
        """What this row has in common with an earlier one that it should not have, or not has."""
        yield from self._written_otherwise(mapping, row, number)
        try:
            cmo = named(mapping.fields["partitionkey"].text(row), self._told)
        except (BadCell, InvalidIdentifier):
            return
        yield from self._given_twice(mapping, row, number, ordinal, cmo)
        for name, value in mapping.fields.items():
            if value.slug or mapping.targets[name].named:
                yield from self._made_one(name, value, row, number, cmo)

    def _written_otherwise(
        self, mapping: EventMapping, row: Mapping[str, str], number: int
    ) -> Iterator[Conflict]:
        """Numbers by which the decimal sign is not the one told, so that no number is sure."""
        for name, value in mapping.fields.items():
            if value.column is None or not mapping.targets[name].kinds & {int, float}:
                continue
            text = without_mark(row[value.column])
            if (read := self._signs.read_otherwise(text)) is not None:
                why = f"{name}: {self._signs.why_otherwise(read)}"
                yield Conflict(number, value.column, row[value.column], why)

    def _given_twice(
        self, mapping: EventMapping, row: Mapping[str, str], number: int, ordinal: str, cmo: str
    ) -> Iterator[Conflict]:
        value = mapping.fields["id"]
        try:
            id_ = value.text(row, ordinal)
            source = mapping.fields["source"].text(row)
        except BadCell:
            return
        topic = EVENTS[mapping.type].model_fields["data"].annotation.TOPIC  # type: ignore[union-attr]
        event = id(mapping), mapping.words_of_group(row) or number
        met = (cmo, topic or mapping.type, source, id_)
        first, first_event = self._ids.setdefault(met, (number, event))
        if first_event != event:
            yield Conflict(number, ", ".join(value.columns), id_, _twice(value, first, mapping))

    def _made_one(
        self, name: str, value: Value, row: Mapping[str, str], number: int, cmo: str
    ) -> Iterator[Conflict]:
        try:
            id_ = named(value.text(row), self._told)
        except (BadCell, InvalidIdentifier):
            return
        kind = name.rpartition(".")[2].rpartition("_")[2]
        whose = "" if name == "partitionkey" else cmo
        first = self._names.setdefault((kind, whose, id_), _Place(number, id_.name))
        told = {first.name, id_.name} <= self._told.keys()
        if not told and first.name != id_.name and alike(first.name) != alike(id_.name):
            why = (
                f"{name}: row {first.row} has {first.name!r}, and both would be {id_}: say in the "
                "mapping under `ids` which id each of the two names has, the same if they are one"
            )
            yield Conflict(number, ", ".join(value.columns) or name, id_.name, why)


def named(text: str, told: Mapping[str, str]) -> Identifier:
    """The id of a name, the one the mapping gives it if any; raises `InvalidIdentifier`."""
    if text not in told:
        return identifier(text)
    given = Identifier(told[text])
    given.name = text
    return given


def as_told(text: str, told: Mapping[str, str]) -> str:
    """A name, or the id the mapping gives it where the contract would make another."""
    return text if told.get(text, text) in (text, _spelt(text)) else told[text]


def _spelt(text: str) -> str | None:
    try:
        return identifier(text)
    except InvalidIdentifier:
        return None


def _twice(value: Value, first: int, mapping: EventMapping) -> str:
    remedy = "" if value.counts else "; {n} in its template is the row's ordinal among such rows"
    if mapping.gather is not None:
        apart = " or ".join(mapping.gather.by)
        remedy = f", and the two differ in {apart}, by which rows are gathered"
    return f"id: row {first} gives the same id, so that one of the two would be lost{remedy}"
