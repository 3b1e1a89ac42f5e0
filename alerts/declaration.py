"""What people declare in files: strict, and told of everything that is wrong with it at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from events.errors import InvalidIdentifier
from events.values import StrictModel, identifier

Step = int | str
"""A name in a mapping, or a place in a list counted from 0."""


class Fault(NamedTuple):
    """What is wrong with a part of a declaration: the steps that lead to the part, and why.

    `rests_on` names further parts without which nothing is wrong.
    """

    where: tuple[Step, ...]
    reason: str
    rests_on: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.where)) or 'the whole file'}: {self.reason}"


class Faulty(ValueError):
    """Parts of a declaration, each right by itself, that do not fit together."""

    def __init__(self, declaration: "Declaration", faults: Iterable[Fault]) -> None:
        self.declaration, self.faults = declaration, tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


class Declaration(StrictModel, extra="forbid"):
    """Base of what people declare: a field that is not known is refused.

    `ELSEWHERE` names fields that are looked for here and stand elsewhere, each with where.
    """

    ELSEWHERE: ClassVar[Mapping[str, str]] = {}

    def faults(self) -> Iterator[Fault]:
        """What does not fit together here; within its parts each says it itself."""
        yield from ()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if found := tuple(self.faults()):
            raise Faulty(self, found)
        return self


KEPT: Final = "Kept; no figure uses it yet."


def kept(description: str) -> Any:
    """The description of a field that is read and checked, and that nothing is worked out by."""
    return Field(description=f"{description} {KEPT}")


def _is_an_id(text: str) -> str:
    try:
        id = identifier(text)
    except InvalidIdentifier as error:
        raise PydanticCustomError("no_id", "{why}", {"why": str(error)}) from error
    if id != text:
        raise PydanticCustomError("no_id", "{text} is no id; write {id}", {"text": text, "id": id})
    return text


Id = Annotated[
    str,
    Field(min_length=1, max_length=128),
    AfterValidator(_is_an_id),
    WithJsonSchema({"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "maxLength": 128}),
]
"""An id as it is on the wire; unlike a name, no two that differ are one."""


T = TypeVar("T")


def twice(values: Iterable[T]) -> list[T]:
    """Those that stand there more than once, each told once."""
    seen: dict[T, int] = {}
    for value in values:
        seen[value] = seen.get(value, 0) + 1
    return [value for value, times in seen.items() if times > 1]
