"""Deliveries, stock and lots out of any CSV or TSV, as a mapping file says which column is what."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from events.adapters.cells import BadCell, Value, read_cell
from events.adapters.mapping import EventMapping, TableMapping, read_mapping
from events.adapters.rows import Row, rows
from events.errors import UnreadableTable
from events.event import EVENTS, Event

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class RowError:
    """A cell no event could be made of; `row` counts as a spreadsheet does, the header is row 1.

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


def read_table(
    mapping_path: Path, file_path: Path, shift_days: int = 0
) -> Iterator[Event | RowError]:
    """The events of each row in turn, and an error for each cell none could be made of.

    Every day and moment is moved by `shift_days`. Raises at once `InvalidMapping`, or
    `UnreadableTable` for a file without the mapped columns; the latter also while reading, where
    the file turns out to be damaged or in another encoding.
    """
    mapping = read_mapping(mapping_path)
    read = rows(file_path, mapping.encoding, mapping.delimiter)
    try:
        header = next(read, None)
    finally:
        read.close()
    if header is None:
        raise UnreadableTable(f"{file_path}: empty; a table begins with a row of column names")
    _check_header(header, mapping, file_path)
    return _events(file_path, mapping, timedelta(days=shift_days))


def _events(path: Path, mapping: TableMapping, shift: timedelta) -> Iterator[Event | RowError]:
    read = rows(path, mapping.encoding, mapping.delimiter)
    header = next(read).cells
    for number, cells, fault in read:
        if not cells and not fault:
            continue
        if fault or len(cells) != len(header):
            reason = fault or f"{len(cells)} fields where the header has {len(header)}"
            yield RowError(number, "", "", reason)
            continue
        row = dict(zip(header, cells, strict=True))
        for each in mapping.events:
            if each.wants(row):
                yield from _made(each, row, number, shift)


def _made(
    mapping: EventMapping, row: Mapping[str, str], number: int, shift: timedelta
) -> Iterator[Event | RowError]:
    """The one event the row makes, or an error for each of its bad cells."""
    said: dict[str, Any] = {"specversion": "1.0", "type": mapping.type, "data": {}}
    faults = []
    for name, value in mapping.fields.items():
        try:
            _put(said, name, read_cell(value, row, mapping.kinds[name], shift))
        except BadCell as bad:
            faults.append(_row_error(number, name, value, row, str(bad)))
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
    reasons = {_mapped(fault, mapping): fault["msg"] for fault in error.errors()}
    for name, reason in reasons.items():
        if value := mapping.fields.get(name):
            yield _row_error(number, name, value, row, reason)
        else:
            yield RowError(number, name, "", reason)


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


def _check_header(header: Row, mapping: TableMapping, path: Path) -> None:
    if header.fault:
        raise UnreadableTable(f"{path}: {header.fault}")
    there = ", ".join(map(repr, header.cells))[:2_000]
    if missing := [name for name in mapping.columns if name not in header.cells]:
        named = ", ".join(map(repr, missing))
        raise UnreadableTable(f"{path}: no column {named}; the columns there are: {there}")
    if twice := [name for name in mapping.columns if header.cells.count(name) > 1]:
        raise UnreadableTable(f"{path}: column {twice[0]!r} is there twice: {there}")
