"""What the contract says of an event's fields, by their dotted paths."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import AfterValidator, BaseModel
from pydantic.fields import FieldInfo

from events.data import Data
from events.event import EVENTS
from events.values import UnitCode, exact_text, slug_text


@dataclass(frozen=True, slots=True)
class Target:
    """What a field takes: plain types; `exact` a number that counts as written, `named` a name.

    `unit` is a unit's code; `needed` what an event is not made without; `unsaid` what it says when
    it is left out, None where that is nothing.
    """

    kinds: frozenset[Any]
    exact: bool
    named: bool
    unit: bool
    needed: bool
    unsaid: object


_UNIT = FieldInfo.from_annotation(UnitCode)


def target_of(info: FieldInfo) -> Target:
    """What the contract takes in a field."""
    rules = {*_rules(info.annotation), *_functions(info.metadata)}
    unsaid = None if info.is_required() else info.get_default(call_default_factory=False)
    return Target(
        kinds_of(info.annotation),
        exact=exact_text in rules,
        named=slug_text in rules,
        unit=info.metadata == _UNIT.metadata,
        needed=info.is_required(),
        unsaid=unsaid,
    )


def _rules(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _functions(get_args(annotation)[1:])
    for part in get_args(annotation):
        yield from _rules(part)


def _functions(metadata: Any) -> Iterator[Any]:
    for each in metadata:
        if isinstance(each, AfterValidator):
            yield each.func
        elif isinstance(each, FieldInfo):
            yield from _functions(each.metadata)


def field_of(event_type: str, name: str) -> FieldInfo:
    """The declaration of a field by its dotted path; raises `ValueError` for an unknown one."""
    model: type[BaseModel] = EVENTS[event_type]
    *parents, last = name.split(".")
    for parent in parents:
        parts = models_of(_named(model, parent, name))
        if not parts:
            raise ValueError(f"fields.{name}: {parent} has no parts")
        model = parts[0]
    info = _named(model, last, name)
    if models_of(info):
        inner = next(iter(models_of(info)[0].model_fields))
        raise ValueError(f"fields.{name}: has parts of its own, as in {name}.{inner}")
    return info


def data_of(event_type: str) -> type[Data]:
    """The declaration of what an event of a type says."""
    return cast("type[Data]", models_of(EVENTS[event_type].model_fields["data"])[0])


def lists_of(event_type: str, name: str) -> Iterator[str]:
    """The paths along a field's own that hold a list, of which a row gives the one item."""
    model: type[BaseModel] = EVENTS[event_type]
    parents = name.split(".")[:-1]
    for depth, parent in enumerate(parents, start=1):
        info = _named(model, parent, name)
        if tuple in kinds_of(info.annotation):
            yield ".".join(parents[:depth])
        model = models_of(info)[0]


def _named(model: type[BaseModel], part: str, path: str) -> FieldInfo:
    known = {info.alias or name: info for name, info in model.model_fields.items()}
    if part not in known or path in ("specversion", "type", "datacontenttype"):
        raise ValueError(f"fields.{path}: not to be set; there are {', '.join(known)}")
    return known[part]


def models_of(info: FieldInfo) -> list[type[BaseModel]]:
    """The models a field may hold, alone or as items of a list: none for a plain value."""
    kinds = _kinds(info.annotation, items=True)
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]


def kinds_of(annotation: Any) -> frozenset[Any]:
    """The plain types behind Annotated, Union and Literal."""
    return _kinds(annotation, items=False)


def _kinds(annotation: Any, *, items: bool) -> frozenset[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0], items=items)
    if origin in (Union, UnionType):
        parts = (_kinds(part, items=items) for part in get_args(annotation))
        return frozenset().union(*parts) - {NoneType}
    if origin is Literal:
        return frozenset({str})
    if origin is tuple and items:
        return _kinds(get_args(annotation)[0], items=items)
    return frozenset({origin or annotation})


def fields_below(event_type: str, *, required: bool) -> Iterator[str]:
    """The dotted paths of an event's data, all of them or those that must be given."""
    return _below(EVENTS[event_type].model_fields["data"], "data", required=required)


def _below(info: FieldInfo, path: str, *, required: bool) -> Iterator[str]:
    for name, part in models_of(info)[0].model_fields.items():
        inner = f"{path}.{part.alias or name}"
        if required and not part.is_required():
            continue
        if models_of(part):
            yield from _below(part, inner, required=required)
        else:
            yield inner
