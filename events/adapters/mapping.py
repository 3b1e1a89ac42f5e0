"""A mapping file: which column of a table is what, and which events a row makes."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic.fields import FieldInfo

from events.adapters.base import BadCell, PartOfMapping
from events.adapters.cells import Manner, Value, read_cell
from events.adapters.days import zone_named
from events.adapters.fields import Target, field_of, fields_below, lists_of, target_of
from events.adapters.numbers import NumberSigns
from events.adapters.rows import Dialect
from events.errors import InvalidIdentifier, InvalidMapping
from events.event import EVENTS
from events.values import identifier

LARGEST_MAPPING = 2**20
"""The most bytes a mapping file may have."""

_ENVELOPE = ("id", "source", "time", "partitionkey")

UNSAID = "?"
"""What a first mapping says where a person has to."""

Words = dict[str, str | list[str]]
"""Columns, each with the word or the words it may hold."""


class Gather(PartOfMapping):
    """That the rows with the same words in some columns are one event, an item of a list each."""

    into: str
    by: Annotated[list[str], Field(min_length=1, max_length=20)]


class EventMapping(PartOfMapping):
    """How a row becomes one event: its type, the rows it is made of, and each field's value.

    With `gather` several rows become one.
    """

    type: Annotated[str, Field(json_schema_extra={"enum": list(EVENTS)})]
    where: Words = Field(default={})
    gather: Gather | None = None
    fields: dict[str, Value]

    @model_validator(mode="after")
    def _says_what_the_type_needs(self) -> Self:
        if self.type not in EVENTS:
            raise ValueError(_no_such_type(self.type))
        for name, value in self.fields.items():
            _check_field(self.type, name, value)
        needed = [*_ENVELOPE, *fields_below(self.type, required=True)]
        if missing := [name for name in needed if name not in self.fields]:
            raise ValueError(f"fields: {self.type} also needs {', '.join(missing)}")
        if self.gather is not None:
            self._can_gather(self.gather)
        return self

    def _can_gather(self, gather: Gather) -> None:
        if gather.into not in self.lists:
            there = ", ".join(self.lists) or "none"
            raise ValueError(
                f"gather.into: {gather.into} is no list among the fields; there are {there}"
            )
        if any(gather.into.startswith(f"{path}.") for path in self.lists):
            raise ValueError(f"gather.into: {gather.into} is within another list")
        if self.fields["id"].counts:
            raise ValueError("fields.id: {n} counts rows, and rows that are gathered are one event")

    def is_of_item(self, name: str) -> bool:
        """Whether a field is one of the item that each row gives, and not of the whole event."""
        return self.gather is not None and name.startswith(f"{self.gather.into}.")

    def words_of_group(self, row: Mapping[str, str]) -> tuple[str, ...]:
        """What the rows that are gathered into one event have in common."""
        return tuple(row[column] for column in self.gather.by) if self.gather else ()

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column this event is made of or chosen by."""
        read = [name for value in self.fields.values() for name in value.columns]
        by = self.gather.by if self.gather else ()
        return tuple(dict.fromkeys([*self.where, *by, *read]))

    @cached_property
    def targets(self) -> dict[str, Target]:
        """What the contract takes in each mapped field."""
        return {name: target_of(field_of(self.type, name)) for name in self.fields}

    @cached_property
    def lists(self) -> tuple[str, ...]:
        """The paths that hold a list of parts, the inner ones first."""
        found = {path for name in self.fields for path in lists_of(self.type, name)}
        return tuple(sorted(found, key=len, reverse=True))

    def wants(self, row: Mapping[str, str]) -> bool:
        """Whether this row makes this event."""
        return _holds(self.where, row)


class TableMapping(PartOfMapping):
    """A whole mapping file: how the table is written, and the events each row makes."""

    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1, pattern=r'^[^"\r\n]$')] = ","
    quotes: bool = True
    line_breaks: bool = False
    trailing_delimiter: bool = False
    skip: Annotated[int, Field(ge=0, le=1_000)] = 0
    sheet: str | None = None
    zone: str | None = None
    decimal: Literal[".", ","] | None = None
    group: Literal[".", ",", "'", "’", " "] | None = None
    accounting: bool = False
    empty: list[str] = Field(default=[])
    ignore: list[Words] = Field(default=[])
    ids: dict[str, str] = Field(default={})
    events: Annotated[list[EventMapping], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        try:
            "".encode(self.encoding or "utf-8")
        except LookupError as error:
            raise ValueError(f"encoding: no such text encoding: {self.encoding!r}") from error
        of_text = {*_OF_TEXT} & self.model_fields_set
        if self.sheet is not None and of_text:
            raise ValueError(
                f"{min(of_text)}: for a file of text; a workbook has none, and a sheet"
            )
        if self.zone is not None:
            zone_named(self.zone)
        for name, id_ in self.ids.items():
            _check_id(name, id_)
        NumberSigns(self.decimal, self.group, self.accounting)
        return self

    @cached_property
    def dialect(self) -> Dialect:
        """How the file is written."""
        return Dialect(**{name: getattr(self, name) for name in Dialect._fields})

    @cached_property
    def signs(self) -> NumberSigns:
        """How its numbers are written."""
        return NumberSigns(self.decimal, self.group, self.accounting)

    @cached_property
    def place(self) -> ZoneInfo | None:
        """The zone of its days, where the mapping names one."""
        return None if self.zone is None else zone_named(self.zone)

    @cached_property
    def words_for_nothing(self) -> frozenset[str]:
        """What stands in a cell that is empty."""
        return frozenset(self.empty)

    def ignores(self, row: Mapping[str, str]) -> bool:
        """Whether this row is said to be no record."""
        return any(_holds(words, row) for words in self.ignore)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every column the mapping names."""
        ignored = [name for words in self.ignore for name in words]
        made = [name for each in self.events for name in each.columns]
        return tuple(dict.fromkeys([*made, *ignored]))


_OF_TEXT = ("encoding", "delimiter", "quotes", "line_breaks", "trailing_delimiter")


def _holds(words: Words, row: Mapping[str, str]) -> bool:
    return all(
        row[column] in ([given] if isinstance(given, str) else given)
        for column, given in words.items()
    )


def unsaid_fields(mapping: TableMapping) -> list[str]:
    """The fields for which a first mapping asks, and nobody has said a column yet."""
    return [
        name
        for each in mapping.events
        for name, value in each.fields.items()
        if UNSAID in value.columns
    ]


_EMPTY = (
    "the file is empty: the guess that should have written it failed; see what it told, and guess "
    "again"
)


def read_mapping(path: Path) -> TableMapping:
    """The mapping of a YAML file; raises `InvalidMapping` with file, key and reason."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_MAPPING + 1)
        if len(text) > LARGEST_MAPPING:
            raise InvalidMapping(f"{path}: a mapping of more than {LARGEST_MAPPING} bytes")
        if not text.strip():
            raise InvalidMapping(f"{path}: {_EMPTY}")
        return TableMapping.model_validate(yaml.safe_load(text))
    except ValidationError as error:
        raise InvalidMapping(f"{path}: {_first_fault(error)}") from error
    except InvalidMapping:
        raise
    except (OSError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidMapping(f"{path}: cannot be read as YAML: {error}") from error


def _no_such_type(name: str) -> str:
    near = get_close_matches(name, EVENTS, n=3, cutoff=0.6)
    nearest = f"; near it {'are' if near[1:] else 'is'} {', '.join(near)}" if near else ""
    return f"type: no such event type: {name!r}{nearest}; docs/contract/schemas has all of them"


_ANYWHERE = Manner(NumberSigns(), ZoneInfo("UTC"))


def _check_field(event_type: str, name: str, value: Value) -> None:
    """Refuses unknown fields, transforms that do not fit, and constants no row could use."""
    info = field_of(event_type, name)
    target = target_of(info)
    if (value.formats or value.offset) and not target.kinds & {date, datetime}:
        raise ValueError(f"fields.{name}: date and offset are for days and moments only")
    if value.slug and str not in target.kinds:
        raise ValueError(f"fields.{name}: slug is for ids only")
    if value.counts and name != "id":
        raise ValueError(f"fields.{name}: {{n}} counts rows of one id, and is for the id only")
    for word in (value.words or {}).values():
        _check_taken(info, Value(constant=word, words={word: word}), f"fields.{name}.words")
    if value.constant is not None:
        _check_taken(info, value, f"fields.{name}")


def _check_taken(info: FieldInfo, value: Value, where: str) -> None:
    """Refuses a value known beforehand that the contract would not take."""
    if value.constant == UNSAID:
        raise ValueError(f"{where}: still says {UNSAID!r}: say what is meant")
    try:
        given = read_cell(value, {}, target_of(info), _ANYWHERE)
        TypeAdapter(info.rebuild_annotation()).validate_json(json.dumps(given))
    except BadCell as bad:
        raise ValueError(f"{where}: {value.constant!r}: {bad}") from bad
    except ValidationError as error:
        why = error.errors()[-1]["msg"]
        raise ValueError(f"{where}: {value.constant!r}: {why}") from error


def _check_id(name: str, id_: str) -> None:
    try:
        spelt = identifier(id_)
    except InvalidIdentifier as error:
        raise ValueError(f"ids.{name}: {error}") from error
    if spelt != id_:
        raise ValueError(f"ids.{name}: {id_!r} is no id; it would be {spelt}")


def _first_fault(error: ValidationError) -> str:
    """The first thing wrong with a mapping: its key, and why."""
    fault = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    key = ".".join(map(str, fault["loc"])) or "the file"
    if fault["type"] == "extra_forbidden":
        return f"{key}: {_unknown_key(fault['loc'])}"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')}"


_BY_DEPTH: dict[int, type[PartOfMapping]] = {1: TableMapping, 3: EventMapping, 5: Value}
"""The part of a mapping that has a key, by how deep it is: as in events.0.fields.id.column."""


def _unknown_key(place: tuple[int | str, ...]) -> str:
    """What is told of a key that a mapping has not, with the nearest that it has."""
    kind = _BY_DEPTH.get(len(place))
    if kind is None:
        return "no such setting"
    if kind is TableMapping and place[-1] in EventMapping.model_fields:
        return "belongs beside an event's type, under `events`"
    known = [info.alias or name for name, info in kind.model_fields.items()]
    near = get_close_matches(str(place[-1]), known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"no such setting; {meant}there are {', '.join(known)}"
