"""Deliveries, stock and lots out of any CSV or TSV, as a mapping file says which column is what."""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from io import TextIOWrapper
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    BinaryIO,
    NamedTuple,
    Self,
    TextIO,
    cast,
)

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails

from events.adapters.fields import field_of, kinds_of, required_below
from events.errors import InvalidIdentifier, InvalidMapping, UnreadableTable
from events.event import EVENTS, Event
from events.values import identifier

if TYPE_CHECKING:
    import _csv

LONGEST_ROW = 2**20
"""The most characters one row may have; csv itself refuses a field of more than 131,072."""

LARGEST_MAPPING = 2**20
"""The most bytes a mapping file may have."""

_GZIP = b"\x1f\x8b"
_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,12})?")
_NAMED = re.compile(r"\{([^{}]+)\}")
_ENVELOPE = ("id", "source", "time", "partitionkey")
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


class _BadCell(Exception):
    pass


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Value(_Strict):
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
                raise _BadCell(f"the template {self.template!r} needs column {name!r}")
        return _NAMED.sub(lambda named: row[named[1]].strip(), self.template)

    @cached_property
    def _constant(self) -> str:
        given = self.constant
        if isinstance(given, bool):
            return str(given).lower()
        return given.isoformat() if isinstance(given, date) else str(given)


class EventMapping(_Strict):
    """How a row becomes one event: its type, the rows it is made of, and each field's value."""

    type: Annotated[str, Field(json_schema_extra={"enum": list(EVENTS)})]
    where: dict[str, str] = {}
    fields: dict[str, Value]

    @model_validator(mode="after")
    def _says_what_the_type_needs(self) -> Self:
        if self.type not in EVENTS:
            raise ValueError(f"type: no such event type: {self.type!r}")
        for name, value in self.fields.items():
            _check_field(self.type, name, value)
        needed = [*_ENVELOPE, *required_below(EVENTS[self.type].model_fields["data"], "data")]
        if missing := [name for name in needed if name not in self.fields]:
            raise ValueError(f"fields: {self.type} also needs {', '.join(missing)}")
        return self

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column this event is made of or chosen by."""
        read = [name for value in self.fields.values() for name in value.columns]
        return tuple(dict.fromkeys([*self.where, *read]))

    @cached_property
    def kinds(self) -> dict[str, frozenset[object]]:
        """The plain types each mapped field may have."""
        return {name: kinds_of(field_of(self.type, name).annotation) for name in self.fields}

    def wants(self, row: Mapping[str, str]) -> bool:
        """Whether this row makes this event."""
        return all(row[column].strip() == value for column, value in self.where.items())


class TableMapping(_Strict):
    """A whole mapping file: how the table is written, and the events each row makes."""

    encoding: str = "utf-8-sig"
    delimiter: Annotated[str, Field(min_length=1, max_length=1, pattern=r'^[^"\r\n]$')] = ","
    events: Annotated[list[EventMapping], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _can_be_decoded(self) -> Self:
        try:
            "".encode(self.encoding)
        except LookupError as error:
            raise ValueError(f"encoding: no such text encoding: {self.encoding!r}") from error
        return self

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column the mapping names."""
        return tuple(dict.fromkeys(name for each in self.events for name in each.columns))


def read_mapping(path: Path) -> TableMapping:
    """The mapping of a YAML file; raises `InvalidMapping` with file, key and reason."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_MAPPING + 1)
        if len(text) > LARGEST_MAPPING:
            raise InvalidMapping(f"{path}: a mapping of more than {LARGEST_MAPPING} bytes")
        return TableMapping.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        raise InvalidMapping(f"{path}: {_first_fault(error)}") from error
    except InvalidMapping:
        raise
    except (OSError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidMapping(f"{path}: cannot be read as YAML: {error}") from error


def read_table(
    mapping_path: Path, file_path: Path, shift_days: int = 0
) -> Iterator[Event | RowError]:
    """The events of each row in turn, and an error for each cell none could be made of.

    Every day and moment is moved by `shift_days`. Raises at once `InvalidMapping`, or
    `UnreadableTable` for a file without the mapped columns; the latter also while reading, where
    the file turns out to be damaged or in another encoding.
    """
    mapping = read_mapping(mapping_path)
    rows = _rows(file_path, mapping)
    try:
        header = next(rows, None)
    finally:
        rows.close()
    if header is None:
        raise UnreadableTable(f"{file_path}: empty; a table begins with a row of column names")
    _check_header(header, mapping, file_path)
    return _events(file_path, mapping, timedelta(days=shift_days))


def _events(path: Path, mapping: TableMapping, shift: timedelta) -> Iterator[Event | RowError]:
    rows = _rows(path, mapping)
    header = next(rows).cells
    for number, cells, fault in rows:
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
            _put(said, name, _read(value, row, mapping.kinds[name], shift))
        except _BadCell as bad:
            faults.append(_row_error(number, name, value, row, str(bad)))
    if faults:
        yield from faults
        return
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
    path = ".".join(str(step) for step in fault["loc"])
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


def _read(
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
        raise _BadCell(str(error)) from error


def _moment(text: str, form: str | None) -> date | datetime:
    """A day, or a moment where the text has a time of day."""
    try:
        if form is None:
            return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
        read = datetime.strptime(text, form)
    except ValueError as error:
        raise _BadCell(f"not a date as {form or 'YYYY-MM-DD'}") from error
    return read if read.tzinfo or read.time() != time() else read.date()


def _moved(moment: date | datetime, by: timedelta, kinds: frozenset[object]) -> str:
    """The day or moment the field takes: a day stands for 00:00 UTC where a moment is needed."""
    try:
        moved = moment + by
    except OverflowError as error:
        raise _BadCell(f"moved by {by.days} days it is no date any more") from error
    if datetime in kinds and not isinstance(moved, datetime):
        moved = datetime.combine(moved, time(), UTC)
    elif datetime not in kinds and isinstance(moved, datetime):
        raise _BadCell("a day is needed here, without a time")
    if isinstance(moved, datetime) and moved.tzinfo is None:
        raise _BadCell("a time needs its zone, as in 2026-01-31T08:00:00+01:00")
    return moved.isoformat()


def _number(text: str, kinds: frozenset[object]) -> int | float | str:
    if _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    if str in kinds:
        return text
    raise _BadCell("not a plain number such as 1250 or 12.5")


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise _BadCell("neither true nor false")
    return text.lower() == "true"


# --- the table


class _Row(NamedTuple):
    number: int
    cells: list[str]
    fault: str = ""


class _Lines:
    """The lines of a file; those of one row may not have more than `LONGEST_ROW` characters."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file, self._path = file, path
        self.left = LONGEST_ROW

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._file.readline(self.left + 1)
        self.left -= len(line)
        if self.left < 0:
            raise UnreadableTable(
                f"{self._path}: a row of more than {LONGEST_ROW} characters; "
                "is this a table with one record a line?"
            )
        if not line:
            raise StopIteration
        return line


def _rows(path: Path, mapping: TableMapping) -> Generator[_Row, None, None]:
    """Every row from the header on; a row csv cannot read carries its fault."""
    number = 0
    try:
        with _opened(path) as raw, TextIOWrapper(raw, mapping.encoding, newline="") as text:
            lines = _Lines(text, path)
            reader = csv.reader(lines, delimiter=mapping.delimiter, strict=True)
            while (row := _next_row(reader, number + 1)) is not None:
                number, lines.left = row.number, LONGEST_ROW
                yield row
    except UnicodeError as error:
        raise UnreadableTable(
            f"{path}: after row {number}: not {mapping.encoding}: {error.args[-1]}; "
            "name the encoding it is written in in the mapping"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableTable(f"{path}: after row {number}: {error}") from error


def _next_row(reader: "_csv.Reader", number: int) -> _Row | None:
    before = reader.line_num
    try:
        return _Row(number, next(reader))
    except StopIteration:
        return None
    except csv.Error as error:
        return _Row(number, [], f"lines {before + 1}–{reader.line_num} are no row: {error}")


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def _check_header(header: _Row, mapping: TableMapping, path: Path) -> None:
    if header.fault:
        raise UnreadableTable(f"{path}: {header.fault}")
    there = ", ".join(map(repr, header.cells))[:2_000]
    if missing := [name for name in mapping.columns if name not in header.cells]:
        named = ", ".join(map(repr, missing))
        raise UnreadableTable(f"{path}: no column {named}; the columns there are: {there}")
    if twice := [name for name in mapping.columns if header.cells.count(name) > 1]:
        raise UnreadableTable(f"{path}: column {twice[0]!r} is there twice: {there}")


def _check_field(event_type: str, name: str, value: Value) -> None:
    """Refuses unknown fields, transforms that do not fit, and constants no row could use."""
    info = field_of(event_type, name)
    kinds = kinds_of(info.annotation)
    if (value.form or value.offset) and not kinds & {date, datetime}:
        raise ValueError(f"fields.{name}: date and offset are for days and moments only")
    if value.slug and str not in kinds:
        raise ValueError(f"fields.{name}: slug is for ids only")
    if value.constant is None:
        return
    try:
        given = _read(value, {}, kinds, timedelta())
        TypeAdapter(info.rebuild_annotation()).validate_json(json.dumps(given))
    except _BadCell as bad:
        raise ValueError(f"fields.{name}: {value.constant!r}: {bad}") from bad
    except ValidationError as error:
        why = error.errors()[-1]["msg"]
        raise ValueError(f"fields.{name}: {value.constant!r}: {why}") from error


def _first_fault(error: ValidationError) -> str:
    """The first thing wrong with a mapping: its key, and why."""
    fault = error.errors()[0]
    key = ".".join(map(str, fault["loc"])) or "the file"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')}"
