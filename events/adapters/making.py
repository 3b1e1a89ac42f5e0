"""One event of one row, or of several that are gathered, and an error for each cell at fault."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from events.adapters.base import BadCell, RowError
from events.adapters.cells import Manner, Value, read_cell
from events.adapters.mapping import EventMapping
from events.adapters.pieces import fractions
from events.adapters.survey import as_told
from events.event import EVENTS, LARGEST_EVENT, Event

SHOWN: Final = 200
"""The most characters of a cell that are shown."""

Row = Mapping[str, str]
Fields = dict[str, Any]
"""The values of an event by their dotted paths."""


def fields_of(
    mapping: EventMapping,
    row: Row,
    number: int,
    manner: Manner,
    ordinal: str,
    ids: Mapping[str, str],
) -> tuple[Fields, list[RowError]]:
    """What a row gives for the fields of an event, and an error for each of its bad cells."""
    found: Fields = {}
    faults = []
    for name, value in mapping.fields.items():
        try:
            given = read_cell(value, row, mapping.targets[name], manner, ordinal)
        except BadCell as bad:
            faults.append(_row_error(number, name, value, row, str(bad)))
            continue
        is_name = mapping.targets[name].named and isinstance(given, str)
        found[name] = as_told(str(given), ids) if is_name else given
    for name, why in fractions(found):
        faults.append(_row_error(number, name, mapping.fields[name], row, why))
    return found, faults


def event_of(
    mapping: EventMapping, given: Fields, row: Row, number: int
) -> Iterator[Event | RowError]:
    """The one event that a row makes, or why it makes none."""
    try:
        yield EVENTS[mapping.type].model_validate_json(json.dumps(_said(mapping, given)))
    except ValidationError as error:
        yield from _refusals(error, mapping, row, number)


def _said(mapping: EventMapping, given: Fields) -> dict[str, Any]:
    said: dict[str, Any] = {"specversion": "1.0", "type": mapping.type, "data": {}}
    for name, value in given.items():
        _put(said, name, value)
    for path in mapping.lists:
        _as_list(said, path)
    return said


# --- several rows


@dataclass
class _Group:
    """The rows of one event so far: what they have in common, and the item that each gives."""

    mapping: EventMapping
    first: Fields
    said: dict[str, Any]
    rows: list[tuple[int, Row]] = field(default_factory=list)
    items: list[Any] = field(default_factory=list)
    size: int = 0
    refused: int = 0
    """The first of its rows that is refused; 0 for none."""


class Gathered:
    """Events of several rows each, made once every row is read.

    A list without one of its rows would say that this is not there: with one all are refused.
    """

    def __init__(self) -> None:
        self._groups: dict[tuple[object, ...], _Group] = {}
        self._refused = 0

    def refuse_all(self, number: int) -> None:
        """A row cannot be read: it may be one of any of the events."""
        self._refused = self._refused or number

    def add(
        self, mapping: EventMapping, given: Fields, row: Row, number: int, *, refused: bool
    ) -> Iterator[RowError]:
        """Add a row to the event it is part of; an error where it does not fit the rows before."""
        key = id(mapping), mapping.words_of_group(row)
        said = {} if refused else _said(mapping, given)
        group = self._groups.setdefault(key, _Group(mapping, given, said))
        if refused:
            group.refused = group.refused or number
            group.rows.append((number, row))
            return
        if not group.items:
            group.first, group.said = given, said
        items = _taken_out(said, _path(mapping))
        group.rows.append((number, row))
        group.items += items
        group.size += len(json.dumps(items))
        yield from self._misfits(group, given, row, number)
        if group.size > LARGEST_EVENT:
            group.items.clear()
            group.said = {}
            group.refused = group.refused or number

    def _misfits(self, group: _Group, given: Fields, row: Row, number: int) -> Iterator[RowError]:
        """Why a row is none of an event, where it says otherwise of the whole."""
        first, _ = group.rows[0]
        for name, value in group.mapping.fields.items():
            if group.mapping.is_of_item(name) or given.get(name) == group.first.get(name):
                continue
            group.refused = group.refused or number
            why = (
                f"otherwise than in row {first}, with which it would be one event: gather by what "
                "tells the two apart"
            )
            yield _row_error(number, name, value, row, why)

    def events(self) -> Iterator[tuple[list[int], list[Event | RowError]]]:
        """Of each event the rows that make it, and it or why it is not made."""
        for group in self._groups.values():
            group.refused = group.refused or self._refused
            yield [number for number, _ in group.rows], list(_made(group))


def _made(group: _Group) -> Iterator[Event | RowError]:
    mapping, (first, _) = group.mapping, group.rows[0]
    into = "" if mapping.gather is None else mapping.gather.into
    many = f"{len(group.rows):,} rows are gathered into {into}"
    if group.size > LARGEST_EVENT:
        yield RowError(first, "", "", f"{many}, {_too_large(group.size)}")
        return
    if group.refused:
        why = f"{many}, and row {group.refused} is refused: nothing is made of the others"
        yield RowError(first, "", "", why)
        return
    _put(group.said, into, group.items)
    try:
        event = EVENTS[mapping.type].model_validate_json(json.dumps(group.said))
    except ValidationError as error:
        yield from _refusals_of(error, group)
        return
    if (size := len(event.json_line())) > LARGEST_EVENT:
        yield RowError(first, "", "", f"{many}, {_too_large(size)}")
    else:
        yield event


def _too_large(size: int) -> str:
    return (
        f"an event of {size:,} bytes or more, where {LARGEST_EVENT:,} is the most: gather by more "
        "columns, or in parts"
    )


def _refusals_of(error: ValidationError, group: _Group) -> Iterator[RowError]:
    """An error for each fault, at the row whose item it is in, else at the first."""
    told = set()
    for fault in error.errors():
        place = next((step for step in fault["loc"] if isinstance(step, int)), 0)
        number, row = group.rows[min(place, len(group.rows) - 1)]
        name, reason = _mapped(fault, group.mapping), _reason(fault)
        if (number, name) not in told:
            told.add((number, name))
            yield _refusal(group.mapping, name, reason, row, number)


def _path(mapping: EventMapping) -> list[str]:
    return [] if mapping.gather is None else mapping.gather.into.split(".")


def _taken_out(said: dict[str, Any], path: Sequence[str]) -> list[Any]:
    """The list under a path, which is left out from there."""
    *parents, last = path
    for parent in parents:
        said = said.get(parent, {})
    items: list[Any] = said.pop(last, [])
    return items


# --- faults


def _refusals(
    error: ValidationError, mapping: EventMapping, row: Row, number: int
) -> Iterator[RowError]:
    """One error for each field the contract refuses; a union's last alternative speaks for it."""
    reasons = {_mapped(fault, mapping): _reason(fault) for fault in error.errors()}
    for name, reason in reasons.items():
        yield _refusal(mapping, name, reason, row, number)


def _refusal(mapping: EventMapping, name: str, reason: str, row: Row, number: int) -> RowError:
    if value := mapping.fields.get(name):
        return _row_error(number, name, value, row, reason)
    return RowError(number, name, "", reason)


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


def _row_error(number: int, name: str, value: Value, row: Row, reason: str) -> RowError:
    cells = [row[column] for column in value.columns] or [str(value.constant)]
    return RowError(
        number, ", ".join(value.columns) or name, ", ".join(cells)[:SHOWN], f"{name}: {reason}"
    )


# --- values by their paths


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
