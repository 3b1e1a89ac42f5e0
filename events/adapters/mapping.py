"""A mapping file: which column of a table is what, and which events a row makes."""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from events.adapters.cells import BadCell, PartOfMapping, Value, read_cell
from events.adapters.fields import field_of, kinds_of, lists_of, required_below
from events.errors import InvalidMapping
from events.event import EVENTS

LARGEST_MAPPING = 2**20
"""The most bytes a mapping file may have."""

_ENVELOPE = ("id", "source", "time", "partitionkey")


class EventMapping(PartOfMapping):
    """How a row becomes one event: its type, the rows it is made of, and each field's value."""

    type: Annotated[str, Field(json_schema_extra={"enum": list(EVENTS)})]
    where: dict[str, str] = Field(default={})
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

    @cached_property
    def lists(self) -> tuple[str, ...]:
        """The paths that hold a list of parts, the inner ones first."""
        found = {path for name in self.fields for path in lists_of(self.type, name)}
        return tuple(sorted(found, key=len, reverse=True))

    def wants(self, row: Mapping[str, str]) -> bool:
        """Whether this row makes this event."""
        return all(row[column].strip() == value for column, value in self.where.items())


class TableMapping(PartOfMapping):
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
        given = read_cell(value, {}, kinds, timedelta())
        TypeAdapter(info.rebuild_annotation()).validate_json(json.dumps(given))
    except BadCell as bad:
        raise ValueError(f"fields.{name}: {value.constant!r}: {bad}") from bad
    except ValidationError as error:
        why = error.errors()[-1]["msg"]
        raise ValueError(f"fields.{name}: {value.constant!r}: {why}") from error


def _first_fault(error: ValidationError) -> str:
    """The first thing wrong with a mapping: its key, and why."""
    fault = error.errors()[0]
    key = ".".join(map(str, fault["loc"])) or "the file"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')}"
