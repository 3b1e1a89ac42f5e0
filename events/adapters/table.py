"""Deliveries, stock and lots out of any table, as a mapping file says which column is what."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from events.adapters.base import BadCell
from events.adapters.cells import Manner, Value, read_cell
from events.adapters.cleaning import cleaned
from events.adapters.mapping import EventMapping, TableMapping, read_mapping
from events.adapters.rows import Row
from events.adapters.source import Source
from events.adapters.survey import Ordinals, Survey, as_told, named
from events.errors import InvalidIdentifier, UnreadableTable
from events.event import EVENTS, Event

_SHOWN = 200
_LOOKED_INTO = 50  # rows in which a header that comes later is looked for
_TOTALS = frozenset(
    {"total", "totals", "grand total", "subtotal", "sum", "summe", "gesamt", "gesamtsumme"}
    | {"zwischensumme", "total général", "totale", "suma", "totaal"}
)

ZoneOf = Callable[[str], ZoneInfo | None]
"""The zone of a CMO by its id, where one is agreed."""


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


@dataclass
class Counts:
    """What became of the rows; blank ones and those before the header are none."""

    read: int = 0
    used: int = 0
    unmatched: int = 0
    refused: int = 0
    withheld: int = 0
    """Of those refused, the ones that are good, of a table in which others conflict."""
    found: Counter[str] = field(default_factory=Counter)
    """What the rows matched by no event hold where an event asks for something."""

    @property
    def add_up(self) -> bool:
        """Whether every row read is accounted for, once."""
        return self.read == self.used + self.unmatched + self.refused


def _nowhere(_: str) -> None:
    """The zone of a CMO where none is agreed."""


def _unheard(_: float) -> None:
    """How far it is, for who does not ask."""


class Table:
    """A table and its mapping, to be gone through once; `share` hears how much of it is done.

    Raises at once `InvalidMapping`, or `UnreadableTable` for a file without the mapped columns.
    """

    def __init__(
        self,
        mapping: Path,
        path: Path,
        *,
        shift: timedelta = timedelta(),
        zone_of: ZoneOf = _nowhere,
        share: Callable[[float], None] = _unheard,
    ) -> None:
        self.counts = Counts()
        self._mapping, self._path = read_mapping(mapping), path
        self._shift, self._zone_of, self._share = shift, zone_of, share
        self._source = Source(path, self._mapping.dialect)
        self._header = _header(path, self._mapping, self._source)

    def __iter__(self) -> Iterator[Event | RowError]:
        """The events of each row in turn, and an error for each cell none could be made of.

        Where rows conflict with each other no event is made of any. Raises `UnreadableTable` where
        the file turns out to be damaged or in another encoding.
        """
        conflicts = self._conflicts()
        ordinals = Ordinals(self._mapping.ids)
        for row in self._read(going=1):
            self.counts.read += 1
            if fault := row.fault or self._no_record(row):
                self.counts.refused += 1
                yield RowError(row.number, "", "", fault)
                continue
            cells = self._cells(row)
            wanting = self._wanting(cells)
            if not wanting:
                self._count_unmatched(cells)
                continue
            made = list(self._made(wanting, cells, row.number, ordinals))
            errors = [each for each in made if isinstance(each, RowError)]
            errors += conflicts.get(row.number, [])
            yield from self._counted(made, errors, withheld=bool(conflicts))

    def _counted(
        self, made: list[Event | RowError], errors: list[RowError], *, withheld: bool
    ) -> Iterator[Event | RowError]:
        if errors or withheld:
            self.counts.refused += 1
            self.counts.withheld += not errors
        else:
            self.counts.used += 1
        if not withheld:
            yield from (each for each in made if isinstance(each, Event))
        yield from errors

    def _read(self, going: int) -> Iterator[Row]:
        """The rows below the header that hold anything, their cells cleaned; gone through twice."""
        read = self._source.rows(partial(self._heard, going))
        next(read)
        for number, given, fault in read:
            cells = list(map(cleaned, given))
            if fault or any(cells):
                yield Row(number, cells, fault)

    def _heard(self, going: int, position: int) -> None:
        self._share((going + position / max(self._path.stat().st_size, 1)) / 2)

    def _cells(self, row: Row) -> dict[str, str]:
        """The cells of a row by their columns; one with a word for nothing is empty."""
        nothing = self._mapping.words_for_nothing
        given = ("" if text in nothing else text for text in row.cells)
        return dict(zip(self._header, given, strict=True))

    def _wanting(self, cells: Mapping[str, str]) -> list[EventMapping]:
        if self._mapping.ignores(cells):
            return []
        return [each for each in self._mapping.events if each.wants(cells)]

    def _conflicts(self) -> dict[int, list[RowError]]:
        """By row what conflicts with an earlier one."""
        survey, ordinals = Survey(self._mapping), Ordinals(self._mapping.ids)
        found: dict[int, list[RowError]] = {}
        for row in self._read(going=0):
            if row.fault or self._no_record(row):
                continue
            cells = self._cells(row)
            for each in self._wanting(cells):
                ordinal = ordinals.next(each, cells)
                for conflict in survey.hear(each, cells, row.number, ordinal):
                    found.setdefault(row.number, []).append(RowError(*conflict))
        return found

    def _made(
        self,
        wanting: list[EventMapping],
        cells: Mapping[str, str],
        number: int,
        ordinals: Ordinals,
    ) -> Iterator[Event | RowError]:
        for each in wanting:
            ordinal = ordinals.next(each, cells)
            manner = Manner(self._mapping.signs, self._zone(each, cells), self._shift)
            yield from _made(each, cells, number, manner, ordinal, self._mapping.ids)

    def _zone(self, mapping: EventMapping, cells: Mapping[str, str]) -> ZoneInfo | None:
        """The zone of the mapping, else of the agreement of the CMO the row is about."""
        if self._mapping.place is not None:
            return self._mapping.place
        try:
            cmo = named(mapping.fields["partitionkey"].text(cells), self._mapping.ids)
        except (BadCell, InvalidIdentifier):
            return None
        return self._zone_of(cmo)

    def _no_record(self, row: Row) -> str:
        """Why a row is no record of its own, empty where it is one."""
        if row.cells == self._header:
            return "the names of the columns once more"
        first = next(filter(None, row.cells))
        if first.casefold().rstrip(":") not in _TOTALS or "" not in row.cells:
            return ""
        if not self._wanting(self._cells(row)):
            return ""
        column = self._header[row.cells.index(first)]
        return (
            f"a row of totals? if so, say `ignore: [{{{column}: {first}}}]` in the mapping: "
            f"{column} is {first!r}"
        )

    def _count_unmatched(self, cells: Mapping[str, str]) -> None:
        self.counts.unmatched += 1
        if self._mapping.ignores(cells):
            self.counts.found["ignored"] += 1
            return
        asked = {column for each in self._mapping.events for column in each.where}
        held = ", ".join(f"{column} = {cells[column]!r}" for column in sorted(asked))
        self.counts.found[held[:_SHOWN]] += 1


def read_table(
    mapping_path: Path, file_path: Path, shift_days: int = 0
) -> Iterator[Event | RowError]:
    """The events of each row in turn, and an error for each cell none could be made of.

    Every day and moment is moved by `shift_days`. Raises as `Table` does.
    """
    return iter(Table(mapping_path, file_path, shift=timedelta(days=shift_days)))


def _made(
    mapping: EventMapping,
    row: Mapping[str, str],
    number: int,
    manner: Manner,
    ordinal: str,
    ids: Mapping[str, str],
) -> Iterator[Event | RowError]:
    """The one event the row makes, or an error for each of its bad cells."""
    said: dict[str, Any] = {"specversion": "1.0", "type": mapping.type, "data": {}}
    faults = []
    for name, value in mapping.fields.items():
        try:
            given = read_cell(value, row, mapping.targets[name], manner, ordinal)
        except BadCell as bad:
            faults.append(_row_error(number, name, value, row, str(bad)))
            continue
        is_name = mapping.targets[name].named and isinstance(given, str)
        _put(said, name, as_told(str(given), ids) if is_name else given)
    if faults:
        yield from faults
        return
    for path in mapping.lists:
        _as_list(said, path)
    try:
        yield EVENTS[mapping.type].model_validate_json(json.dumps(said))
    except ValidationError as error:
        yield from _refusals(error, mapping, row, number)


def _refusals(
    error: ValidationError, mapping: EventMapping, row: Mapping[str, str], number: int
) -> Iterator[RowError]:
    """One error for each field the contract refuses; a union's last alternative speaks for it."""
    reasons = {_mapped(fault, mapping): _reason(fault) for fault in error.errors()}
    for name, reason in reasons.items():
        if value := mapping.fields.get(name):
            yield _row_error(number, name, value, row, reason)
        else:
            yield RowError(number, name, "", reason)


def _reason(fault: ErrorDetails) -> str:
    return "empty, and needed" if fault["type"] == "missing" else fault["msg"]


def _mapped(fault: ErrorDetails, mapping: EventMapping) -> str:
    """The mapped field a fault is about; of a whole with parts, one that comes from a column."""
    path = ".".join(step for step in fault["loc"] if isinstance(step, str))
    near = [
        name
        for name in mapping.fields
        if f"{path}.".startswith(f"{name}.") or name.startswith(path)
    ]
    return min(near, key=lambda name: not mapping.fields[name].columns, default=path)


def _row_error(
    number: int, name: str, value: Value, row: Mapping[str, str], reason: str
) -> RowError:
    cells = [row[column] for column in value.columns] or [str(value.constant)]
    return RowError(
        number, ", ".join(value.columns) or name, ", ".join(cells)[:_SHOWN], f"{name}: {reason}"
    )


def _put(said: dict[str, Any], name: str, value: object) -> None:
    """Sets a field by its dotted path; what has no value is left out."""
    if value is None:
        return
    *parents, last = name.split(".")
    for parent in parents:
        said = said.setdefault(parent, {})
    said[last] = value


def _as_list(said: dict[str, Any], path: str) -> None:
    """Makes the parts under a path the one item of a list."""
    *parents, last = path.split(".")
    for parent in parents:
        said = said.get(parent, {})
    if last in said:
        said[last] = [said[last]]


def _header(path: Path, mapping: TableMapping, source: Source) -> list[str]:
    """The names of the columns, in their order; raises `UnreadableTable`."""
    read = source.rows(_unheard)
    try:
        first = next(read, None)
        if first is None:
            raise UnreadableTable(f"{path}: empty; a table begins with a row of column names")
        if first.fault:
            raise UnreadableTable(f"{path}: {first.fault}")
        header = [cleaned(cell) for cell in first.cells]
        _check_header(header, mapping, path, read)
    finally:
        read.close()
    return header


def _check_header(
    header: list[str], mapping: TableMapping, path: Path, below: Iterator[Row]
) -> None:
    there = ", ".join(map(repr, header))[:2_000]
    if missing := [name for name in mapping.columns if name not in header]:
        named = ", ".join(map(repr, missing))
        where = _header_below(mapping, below)
        raise UnreadableTable(f"{path}: no column {named}; the columns there are: {there}{where}")
    if twice := [name for name in mapping.columns if header.count(name) > 1]:
        raise UnreadableTable(f"{path}: column {twice[0]!r} is there twice: {there}")
    if "n" in header and any(each.fields["id"].counts for each in mapping.events):
        raise UnreadableTable(f"{path}: {{n}} of an id is an ordinal, and a column 'n' is there")


def _header_below(mapping: TableMapping, below: Iterator[Row]) -> str:
    for row, _ in zip(below, range(_LOOKED_INTO), strict=False):
        if set(mapping.columns) <= set(map(cleaned, row.cells)):
            return f"; row {row.number} has them: say `skip: {row.number - 1}` in the mapping"
    return ""
