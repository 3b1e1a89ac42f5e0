"""Deliveries, stock and lots out of any table, as a mapping file says which column is what."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from events.adapters.base import BadCell, RowError
from events.adapters.cells import Manner
from events.adapters.cleaning import cleaned
from events.adapters.days import ZONE_NEEDED
from events.adapters.making import SHOWN, Gathered, event_of, fields_of
from events.adapters.mapping import UNSAID, EventMapping, TableMapping, read_mapping, unsaid_fields
from events.adapters.notes import notes
from events.adapters.rows import Row
from events.adapters.source import Source
from events.adapters.spans import Spans
from events.adapters.survey import Ordinals, Survey, named
from events.adapters.thousands import Thousands
from events.errors import InvalidIdentifier, InvalidMapping, UnreadableTable
from events.event import Event

_UTC = ZoneInfo("UTC")
_LOOKED_INTO = 50  # rows in which a header that comes later is looked for
_TOTALS = frozenset(
    {"total", "totals", "grand total", "subtotal", "sum", "summe", "gesamt", "gesamtsumme"}
    | {"zwischensumme", "total général", "totale", "suma", "totaal"}
)

ZoneOf = Callable[[str], ZoneInfo | None]
"""The zone of a CMO by its id, where one is agreed."""


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

    notes: list[str] = field(default_factory=list)
    """What the mapping leaves out, and what is worth a look."""

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
        self.counts, self._spans = Counts(), Spans()
        self._mapping, self._path = read_mapping(mapping), path
        self._shift, self._zone_of, self._share = shift, zone_of, share
        self._source = Source(path, self._mapping.dialect)
        self._header = _header(path, self._mapping, self._source)
        self.counts.notes.extend(notes(self._mapping, self._header))

    def __iter__(self) -> Iterator[Event | RowError]:
        """The events of each row in turn, and an error for each cell none could be made of.

        Where rows conflict with each other no event is made of any. Raises `UnreadableTable` where
        the file turns out to be damaged or in another encoding. That days need a zone is said once.
        """
        zoneless: list[int] = []
        for each in self._gone_through():
            if isinstance(each, Event):
                self._spans.hear(each.type, each.time, self.place(each))
            elif each.reason.endswith(ZONE_NEEDED):
                zoneless.append(each.row)
                if len(zoneless) > 1:
                    continue
            yield each
        if more := len({*zoneless[1:]} - {*zoneless[:1]}):
            self.counts.notes.append(f"rows that need the zone too, which is said once: {more:,}")

    def _gone_through(self) -> Iterator[Event | RowError]:
        conflicts = self._conflicts()
        ordinals, gathered = Ordinals(self._mapping.ids), Gathered()
        waiting: dict[int, bool] = {}
        for row in self._read(going=1):
            self.counts.read += 1
            if fault := row.fault or self._no_record(row):
                self.counts.refused += 1
                gathered.refuse_all(row.number)
                yield RowError(row.number, "", "", fault)
                continue
            cells = self._cells(row)
            wanting = self._wanting(cells)
            if not wanting:
                self._count_unmatched(cells)
                continue
            made = list(self._made(wanting, cells, row.number, ordinals, gathered))
            told = conflicts.get(row.number, [])
            columns = {each.column for each in told}
            errors = [each for each in made if isinstance(each, RowError)]
            errors = [each for each in errors if each.column not in columns] + told
            if conflicts or all(each.gather is None for each in wanting):
                yield from self._counted(made, errors, withheld=bool(conflicts))
            else:
                waiting[row.number] = bool(errors)
                yield from made
        yield from self._of_several_rows(gathered, waiting)
        self.counts.notes.extend(ordinals.notes())

    def _of_several_rows(
        self, gathered: Gathered, waiting: dict[int, bool]
    ) -> Iterator[Event | RowError]:
        """The events of several rows each; of those that wait it is counted what became of them."""
        for numbers, made in gathered.events() if waiting else ():
            if any(isinstance(each, RowError) for each in made):
                waiting.update(dict.fromkeys(numbers, True))
            yield from made
        refused = sum(waiting.values())
        self.counts.refused += refused
        self.counts.used += len(waiting) - refused

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

    @property
    def days(self) -> list[str]:
        """From which day to which the events are that were made, a line for each type."""
        return list(self._spans.lines(self._mapping))

    def place(self, event: Event) -> ZoneInfo:
        """The zone in which the days of an event are shown: the one they are read in, or UTC."""
        return self._mapping.place or self._zone_of(event.partitionkey or "") or _UTC

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
        thousands = Thousands(self._mapping.signs)
        found: dict[int, list[RowError]] = {}
        for row in self._read(going=0):
            if row.fault or self._no_record(row):
                continue
            cells = self._cells(row)
            for each in self._wanting(cells):
                ordinal = ordinals.next(each, cells, row.number)
                thousands.hear(each, cells, row.number)
                for conflict in survey.hear(each, cells, row.number, ordinal):
                    found.setdefault(row.number, []).append(RowError(*conflict))
        for fraction in thousands.conflicts():
            found.setdefault(fraction.row, []).append(fraction)
        self.counts.notes.extend(thousands.notes())
        return found

    def _made(
        self,
        wanting: list[EventMapping],
        cells: Mapping[str, str],
        number: int,
        ordinals: Ordinals,
        gathered: Gathered,
    ) -> Iterator[Event | RowError]:
        for each in wanting:
            ordinal = ordinals.next(each, cells, number)
            manner = Manner(self._mapping.signs, self._zone(each, cells), self._shift)
            given, faults = fields_of(each, cells, number, manner, ordinal, self._mapping.ids)
            yield from faults
            if each.gather is not None:
                yield from gathered.add(each, given, cells, number, refused=bool(faults))
            elif not faults:
                yield from event_of(each, given, cells, number)

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
        self.counts.found[held[:SHOWN]] += 1


def read_table(
    mapping_path: Path, file_path: Path, shift_days: int = 0
) -> Iterator[Event | RowError]:
    """The events of each row in turn, and an error for each cell none could be made of.

    Every day and moment is moved by `shift_days`. Raises as `Table` does.
    """
    return iter(Table(mapping_path, file_path, shift=timedelta(days=shift_days)))


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
    if UNSAID not in header and (left := unsaid_fields(mapping)):
        raise InvalidMapping(f"{', '.join(left)} still says {UNSAID!r}: columns are {there}")
    if missing := [name for name in mapping.columns if name not in header]:
        named = ", ".join(map(repr, missing))
        where = _other_delimiter(header) or _header_below(mapping, below)
        raise UnreadableTable(f"{path}: no column {named}; the columns there are: {there}{where}")
    if twice := [name for name in mapping.columns if header.count(name) > 1]:
        raise UnreadableTable(f"{path}: column {twice[0]!r} is there twice: {there}")
    if "n" in header and any(each.fields["id"].counts for each in mapping.events):
        raise UnreadableTable(f"{path}: {{n}} of an id is an ordinal, and a column 'n' is there")


def _other_delimiter(header: list[str]) -> str:
    found = [sign for sign in ";\t|" if len(header) == 1 and sign in header[0]]
    return f"; say `delimiter: {json.dumps(found[0])}` in the mapping" if found else ""


def _header_below(mapping: TableMapping, below: Iterator[Row]) -> str:
    for row, _ in zip(below, range(_LOOKED_INTO), strict=False):
        if set(mapping.columns) <= set(map(cleaned, row.cells)):
            return f"; row {row.number} has them: say `skip: {row.number - 1}` in the mapping"
    return ""
