"""What a refused message claims to be about, as far as its own fields can be read one by one."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Annotated, Any, Final, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import to_json

from events.compact import COMPACT, Said
from events.data import DATA, Data, StockCounted
from events.data.base import Names
from events.outcomes import Message
from events.reading import fields
from events.values import Reference, Slug

_STRICT: Final = ConfigDict(strict=True)


class Claim(NamedTuple):
    """The type of a refused message, None for one that is unknown, and what it names.

    `names` has an attribute for each field by which events name what they are about: the value by
    the field's own type, the default where the field is left out, and none where it is invalid.
    """

    said: type[Said] | None
    names: Any


class _Naming(NamedTuple):
    """A field that names something: how it is read, and what it is where it is left out."""

    read: TypeAdapter[Any]
    default: tuple[Any, ...]


def _naming(annotation: Any, metadata: tuple[Any, ...], default: tuple[Any, ...]) -> _Naming:
    made: Any = Annotated[(annotation, *metadata)] if metadata else annotation
    return _Naming(TypeAdapter(made, config=_STRICT), default)


_NAMES: Final[Mapping[str, Any]] = {
    "lot": Reference | None,
    "lots": Names,
    "maker": Slug | None,
    "order": Reference | None,
    "line": Reference | None,
    "site": Slug | None,
    "product": Slug | None,
    "market": Reference | None,
    "status": StockCounted.model_fields["status"].annotation,
}
"""The fields by which events name what they are about."""

_OF_ANY: Final = {name: _naming(type_, (), (None,)) for name, type_ in _NAMES.items()}


def _of(data: type[Data]) -> dict[str, _Naming]:
    """The naming fields of a declared type."""
    found = {}
    for name, field in data.model_fields.items():
        if name in _NAMES:
            default = () if field.is_required() else (field.default,)
            found[name] = _naming(field.annotation, tuple(field.metadata), default)
    return found


_TYPES: Final = {data.TYPE: (COMPACT[data], _of(data)) for data in DATA}


def claim(message: Message, cmo: str, given: Mapping[str, Any] | None = None) -> Claim:
    """What a message under the key of a CMO claims; of what is no JSON nothing can be read.

    `given` is what was read of it already, if it was.
    """
    given = fields(message) if given is None else given
    type_, data = given.get("type"), given.get("data")
    said, naming = _TYPES.get(type_ if isinstance(type_, str) else "", (None, _OF_ANY))
    names = SimpleNamespace()
    if isinstance(data, dict):
        for name, field in naming.items():
            _read(names, name, field, data)
        if getattr(names, "maker", None) == cmo:
            names.maker = None  # which says the same
    return Claim(said, names)


def _read(names: SimpleNamespace, name: str, field: _Naming, data: Mapping[str, Any]) -> None:
    """Have a name that is in order; the default stands for one that is left out."""
    if name not in data:
        for default in field.default:
            setattr(names, name, default)
        return
    value, read = data[name], field.read
    try:
        held = read.validate_python(value) if type(value) is str else _as_json(read, value)
    except ValidationError:
        return  # nothing is read of a field that is itself invalid
    setattr(names, name, held)


def _as_json(read: TypeAdapter[Any], value: Any) -> Any:
    """A value as JSON has it: a list stands for a tuple."""
    return read.validate_json(to_json(value))
