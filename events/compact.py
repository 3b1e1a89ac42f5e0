"""Facts in few bytes: what each event type says as a struct made from its declared model.

The declared models stay the contract, and the source of every error.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from sys import intern
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple, Union, get_args, get_origin

import msgspec
from annotated_types import Ge, Gt, Le, Len, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo
from pydantic.functional_validators import AfterValidator

from events.data import DATA, Data, Speaker
from events.forms import (
    SHARED,
    Doubtful,
    Normalize,
    amount,
    civil_date,
    instant_field,
    reference,
    short,
    slug,
    unit,
    whole,
)
from events.values import (
    MILLION,
    PIECES,
    Fitting,
    Moment,
    Quantity,
    StrictModel,
    exact_text,
    millionths,
    not_negative,
    positive,
    slug_text,
    whole_as_int,
)


class Said(msgspec.Struct, gc=False):
    """What an event says; it has the fields of the declared model it is made from."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str | None]
    SPEAKERS: ClassVar[frozenset[Speaker]]
    PLAN: ClassVar[bool]

    @property
    def topic_of(self) -> str:
        """The inbound topic it belongs on."""
        return self.TOPIC or self.topic  # type: ignore[attr-defined]


class Amount(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A quantity: its value, and its unit."""

    value: int | float
    unit: str

    @property
    def millionths(self) -> int:
        """The value in whole millionths of its unit."""
        return self.value * MILLION if type(self.value) is int else millionths(self.value)


class _Field(NamedTuple):
    """How a field is decoded, and brought to its one form where decoding leaves it open."""

    type: Any
    normalize: Normalize | None = None


class _NoQuickWay(Exception):
    """A field whose declaration has no counterpart here."""


# --- from a declaration to a field


_AFTER: Final[Mapping[Any, Normalize]] = {
    slug_text: slug,
    exact_text: reference,
    whole_as_int: whole,
}
_LEAST: Final[Mapping[Any, float]] = {not_negative: 0, positive: 1 / MILLION}
"""The least quantity that is in order: none is finer than a millionth."""


def _field(annotation: Any, metadata: tuple[Any, ...] = ()) -> _Field:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _field(inner, (*_flat(more), *metadata))
    if origin in (Union, UnionType):
        return _union(get_args(annotation), metadata)
    if origin is tuple:
        return _tuple(get_args(annotation)[0], metadata)
    if origin is Literal or annotation is bool:
        return _Field(annotation)
    if annotation is str:
        return _text(metadata)
    if annotation in (int, float):
        return _Field(_number(annotation, metadata))
    if annotation is date:
        return _Field(str, civil_date)
    if annotation is datetime:
        return _Field(Moment, instant_field)
    if annotation is Quantity:
        return _quantity(metadata)
    if isinstance(annotation, type) and issubclass(annotation, StrictModel):
        return _nested(annotation)
    if isinstance(annotation, type) and issubclass(annotation, str):
        return _Field(annotation)
    raise _NoQuickWay(annotation)


def _flat(metadata: Any) -> tuple[Any, ...]:
    """The constraints of a declaration; those a `Field` holds are its own metadata."""
    found: list[Any] = []
    for each in metadata:
        found += each.metadata if isinstance(each, FieldInfo) else [each]
    return tuple(found)


def _after(metadata: tuple[Any, ...]) -> list[Any]:
    return [each.func for each in metadata if isinstance(each, AfterValidator)]


def _length(metadata: tuple[Any, ...]) -> tuple[int, int | None]:
    least, most = 0, None
    for each in metadata:
        if isinstance(each, MinLen | Len):
            least = each.min_length
        if isinstance(each, MaxLen | Len):
            most = each.max_length
    return least, most


def _text(metadata: tuple[Any, ...]) -> _Field:
    least, most = _length(metadata)
    made = Annotated[str, msgspec.Meta(min_length=least, max_length=most)]
    functions = _after(metadata)
    if not functions:
        return _Field(made, short)
    if len(functions) > 1 or functions[0] not in _AFTER:
        raise _NoQuickWay(metadata)
    return _Field(made, _AFTER[functions[0]])


def _number(kind: Any, metadata: tuple[Any, ...]) -> Any:
    """A number within its bounds."""
    least, most = _bounds(metadata)
    return Annotated[kind, msgspec.Meta(ge=least, le=most)]


def _bounds(metadata: tuple[Any, ...]) -> tuple[Any, Any]:
    if any(isinstance(each, Gt | Lt) for each in metadata):
        raise _NoQuickWay(metadata)
    lowest: list[Any] = [each.ge for each in metadata if isinstance(each, Ge)]
    highest: list[Any] = [each.le for each in metadata if isinstance(each, Le)]
    return max(lowest, default=None), min(highest, default=None)


def _union(members: tuple[Any, ...], metadata: tuple[Any, ...]) -> _Field:
    """The members as they are told apart by JSON's own types: null, text, number, one object."""
    if set(members) == {int, float}:
        made: Any = _number(int, metadata) | _number(float, metadata)
        return _Field(made, whole if _after(metadata) else None)
    fields = [_field(each, metadata) for each in members if each is not NoneType]
    optional = (None,) if NoneType in members else ()
    made = Union[(*(each.type for each in fields), *optional)]
    if len(fields) == 1:
        return _Field(made, fields[0].normalize)
    texts = [each for each in fields if _is_text(each)]
    others = [each for each in fields if not _is_text(each)]
    if len(texts) != 1 or len(others) != 1:
        raise _NoQuickWay(members)

    def either(value: Any) -> Any:
        chosen = texts[0] if type(value) is str else others[0]
        return chosen.normalize(value) if chosen.normalize else value

    return _Field(made, either)


def _is_text(field: _Field) -> bool:
    inner = get_args(field.type)[0] if get_origin(field.type) is Annotated else field.type
    return inner is str


def _tuple(member: Any, metadata: tuple[Any, ...]) -> _Field:
    field, (least, most) = _field(member), _length(metadata)
    whole: Any = tuple[field.type, ...]  # type: ignore[name-defined]
    made = Annotated[whole, msgspec.Meta(min_length=least, max_length=most)]
    if (normalize := field.normalize) is None:
        return _Field(made)
    return _Field(made, lambda values: tuple([normalize(value) for value in values]))


def _quantity(metadata: tuple[Any, ...]) -> _Field:
    least, most = _bounds(_metadata(Quantity, "value"))
    least = max([least, *(_LEAST[each] for each in _after(metadata))])

    def quantity(given: Amount) -> Amount:
        value = given.value
        if type(value) is float:
            given.value = value = amount(value)
            if type(value) is float and given.unit in PIECES:
                raise Doubtful
        if not least <= value <= most:
            raise Doubtful
        given.unit = unit(given.unit)
        return given

    return _Field(Amount, quantity)


def _metadata(model: type[StrictModel], name: str) -> tuple[Any, ...]:
    return _flat(model.model_fields[name].metadata)


@cache
def _nested(model: type[StrictModel]) -> _Field:
    """The one struct of a model, wherever that is a part."""
    struct, settle = _struct(model, model.__name__)
    return _Field(struct, settle)


def _struct(model: type[StrictModel], name: str) -> tuple[Any, Normalize]:
    """The struct of a model, and what brings one to its one form."""
    decorators = model.__pydantic_decorators__
    misfit = model.misfit if issubclass(model, Fitting) else None
    known = {"_fits"} if misfit else set()
    if decorators.model_validators.keys() - known or decorators.field_validators:
        raise _NoQuickWay(model)
    required, optional, normal = [], [], []
    for field_name, declared in model.model_fields.items():
        field = _field(declared.annotation, _flat(declared.metadata))
        if declared.is_required():
            required.append((field_name, field.type))
        else:
            optional.append((field_name, field.type, declared.default))
        if field.normalize is not None:
            normal.append((field_name, field.normalize))
    renamed = {n: field.alias for n, field in model.model_fields.items() if field.alias}
    is_data = issubclass(model, Data)
    made = msgspec.defstruct(
        name,
        [*required, *optional],
        bases=(Said,) if is_data else None,
        namespace=_class_attributes(model) if is_data else None,
        gc=False,
        forbid_unknown_fields=True,
        rename=renamed or None,
    )
    NESTED[model] = made
    return made, _settling(tuple(normal), misfit)


def _class_attributes(model: Any) -> dict[str, Any]:
    return {
        "__doc__": model.__doc__,
        "TYPE": model.TYPE,
        "TOPIC": model.TOPIC,
        "SPEAKERS": model.SPEAKERS,
        "PLAN": model.PLAN,
    }


def _settling(
    normal: tuple[tuple[str, Normalize], ...], misfit: Callable[[Any], str] | None
) -> Normalize:
    """What brings each of these fields to its one form, one after another without a loop.

    Where fields must fit together it doubts what does not.
    """
    lines = ["def settle(said):"]
    for name, _ in normal:
        lines += [f"    if said.{name} is not None:", f"        said.{name} = _{name}(said.{name})"]
    made: dict[str, Any] = {f"_{name}": normalize for name, normalize in normal}
    exec("\n".join([*lines, "    return said"]), made)  # names of declared fields
    settle: Normalize = made["settle"]
    if misfit is None:
        return settle

    def settle_what_fits(said: Any) -> Any:
        if misfit(settle(said)):
            raise Doubtful
        return said

    return settle_what_fits


NESTED: Final[dict[type[StrictModel], Any]] = {Quantity: Amount}
"""The struct of each declared model, those within data included."""

COMPACT: Final[dict[type[Data], type[Said]]] = {}
"""The struct of each declared data."""

SETTLE: Final[dict[type[Said], Normalize]] = {}

for _model in DATA:
    COMPACT[_model], SETTLE[COMPACT[_model]] = _struct(_model, _model.__name__)

NAMING_A_MAKER: Final = frozenset(each for each in SETTLE if "maker" in each.__struct_fields__)
"""What is said of a lot that may be another CMO's."""


def compact(data: Data) -> Said:
    """What a model that was judged says, as its struct."""
    made: Said = _as_struct(data)
    return made


def _as_struct(model: StrictModel) -> Any:
    values = {name: _value(getattr(model, name)) for name in type(model).model_fields}
    return NESTED[type(model)](**values)


def _value(value: Any) -> Any:
    if isinstance(value, StrictModel):
        return _as_struct(value)
    if type(value) is tuple:
        return tuple(_value(each) for each in value)
    return intern(value) if type(value) is str and len(value) <= SHARED else value


_ENCODE = msgspec.msgpack.Encoder(enc_hook=str).encode


def content(said: Said, time: int, unknown: bytes = b"") -> int:
    """64 bits of what an event says: type, time, data in one form, and `unknown` fields besides.

    They are the same by whichever way the event was read, and in this process alone: Python keys
    them with a secret of the process, so that nobody can write two events of one content.
    """
    return hash(_ENCODE((said.TYPE, time, said)) + unknown)
