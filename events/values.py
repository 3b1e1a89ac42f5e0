"""The values events are made of: instants, civil dates, ids, quantities."""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Self

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    WithJsonSchema,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, core_schema

from events.errors import InvalidIdentifier, InvalidNumber
from events.exact import unclear
from events.spelling import spelt

FIRST_YEAR, LAST_YEAR = 2000, 2100
LARGEST = 10**12
MILLION = 10**6
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FINER = re.compile(r"\.\d{7}").search


class StrictModel(BaseModel):
    """Base of everything read from a partner: strict, frozen, finite; unknown fields are kept."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="allow",
        allow_inf_nan=False,
        validate_by_name=True,
        serialize_by_alias=True,
    )


class Fitting(StrictModel):
    """What has fields that must fit together; `misfit` says why they do not, if so.

    It is asked of what was read by the model, and of its struct.
    """

    @staticmethod
    def misfit(said: Any) -> str:
        """Why the fields do not fit together; empty where they do."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if why := self.misfit(self):
            raise PydanticCustomError("misfit", "{why}", {"why": why})
        return self


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone, as RFC 3339 writes it; what is finer than a microsecond is rounded."""


def _rounded(text: str) -> str | datetime:
    """A time finer than a microsecond as every way of reading rounds it; any other as it is."""
    try:
        return msgspec.convert(text, datetime) if _FINER(text) else text
    except msgspec.ValidationError:
        return text


def _instant(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    # The pattern comes first: pydantic reads "1700000000" as a moment even in strict mode.
    text = core_schema.no_info_after_validator_function(
        _rounded, core_schema.str_schema(pattern=r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d")
    )
    moment = core_schema.datetime_schema(
        strict=False,
        tz_constraint="aware",
        ge=datetime(FIRST_YEAR, 1, 1, tzinfo=UTC),
        lt=datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC),
    )
    read = core_schema.chain_schema([text, moment])
    given = core_schema.union_schema([{**moment, "strict": True}, read])
    return core_schema.no_info_after_validator_function(
        _in_utc, core_schema.json_or_python_schema(read, given)
    )


def _civil_date(_source: Any, _handler: Any) -> core_schema.CoreSchema:
    text = core_schema.str_schema(pattern=r"^\d{4}-\d\d-\d\d$")
    day = core_schema.date_schema(
        strict=False, ge=date(FIRST_YEAR, 1, 1), le=date(LAST_YEAR, 12, 31)
    )
    read = core_schema.chain_schema([text, day])
    given = core_schema.union_schema([{**day, "strict": True}, read])
    return core_schema.json_or_python_schema(read, given)


Instant = Annotated[
    datetime,
    GetPydanticSchema(_instant),
    WithJsonSchema({"type": "string", "format": "date-time", "description": "With its zone."}),
]
"""An aware datetime in UTC, years 2000–2100; a time without a zone is refused."""

CivilDate = Annotated[
    date, GetPydanticSchema(_civil_date), WithJsonSchema({"type": "string", "format": "date"})
]
"""A day at its place, years 2000–2100."""


def microseconds(moment: datetime) -> int:
    """The whole microseconds from the epoch to an aware datetime."""
    gap = moment - EPOCH
    return (gap.days * 86_400 + gap.seconds) * MILLION + gap.microseconds


class Identifier(str):
    """The id of a CMO, site, product or market, `[a-z0-9-]{1,128}`; `name` is the text as given."""

    __slots__ = ("name",)
    name: str


@lru_cache(maxsize=65_536)
def identifier(text: str) -> Identifier:
    """The id a name stands for, as `events.spelling` has it; the test vectors are in the contract.

    Raises `InvalidIdentifier` when nothing is left, or more than 128 characters.
    """
    slug = Identifier(spelt(text))
    slug.name = text.strip()
    if not slug:
        raise InvalidIdentifier(f"{text!r} has no letter or digit an id could be made of")
    if len(slug) > 128:
        begin = repr(text[:40])
        raise InvalidIdentifier(f"{begin}… makes an id of {len(slug)} characters; 128 is the most")
    return slug


def slug_text(text: str) -> str:
    """The id a name stands for; a fault is pydantic's."""
    try:
        return identifier(text)
    except InvalidIdentifier as error:
        raise PydanticCustomError("identifier", "{why}", {"why": str(error)}) from error


def exact_text(text: str) -> str:
    """A number as it counts: NFC, trimmed, not empty, and nothing in it that is not seen."""
    trimmed = unicodedata.normalize("NFC", text).strip() if not text.isascii() else text.strip()
    if not trimmed:
        raise PydanticCustomError("number_empty", "a number or id cannot be empty")
    if why := unclear(trimmed):
        raise PydanticCustomError("number_unclear", "{why}", {"why": why})
    return trimmed


Slug = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(slug_text)]
"""The id of a CMO, site, product or market, made from the name as given."""

Reference = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(exact_text)]
"""A lot, order or document number: exact, NFC, trimmed, of characters that are seen."""

_JSON_MEDIA_TYPE = (
    r"^[\w!#$&^.+-]+/([\w!#$&^.+-]+\+)?[Jj][Ss][Oo][Nn]"
    r'([ \t]*;[ \t]*[\w!#$&^.+-]+=([\w!#$&^.+-]+|"[^"]*"))*[ \t]*$'
)
_SHAPE = re.compile(_JSON_MEDIA_TYPE, re.ASCII)
_CHARSET = re.compile(r';[ \t]*charset="?([^\s;"]*)', re.IGNORECASE)


def media_type_fault(text: str) -> str | None:
    """What is wrong with the media type of data that have to be JSON, None for one of JSON."""
    if not _SHAPE.fullmatch(text):
        return "data are wanted as JSON: application/json, or a type that ends in +json"
    charset = _CHARSET.search(text)
    if charset and charset[1].lower() not in ("utf-8", "us-ascii"):
        return "JSON is wanted in UTF-8: charset=utf-8, or none"
    return None


def _media_type_of_json(text: str) -> str:
    if why := media_type_fault(text):
        raise PydanticCustomError("media_type", "{why}", {"why": why})
    return text


JsonMediaType = Annotated[
    str,
    Field(max_length=256, json_schema_extra={"pattern": _JSON_MEDIA_TYPE}),
    AfterValidator(_media_type_of_json),
]
"""A media type whose data are JSON, with its parameters, in upper or lower case."""

Text = Annotated[str, Field(max_length=4_000)]
"""Words for people."""


def whole_as_int(amount: int | float) -> int | float:
    """A whole number as an int, however it is written."""
    return int(amount) if isinstance(amount, float) and amount.is_integer() else amount


Amount = Annotated[
    int | float,
    Field(ge=-LARGEST, le=LARGEST),
    AfterValidator(whole_as_int),
    WithJsonSchema({"type": "number", "minimum": -LARGEST, "maximum": LARGEST}),
]
"""A finite number, at most 10¹² either way."""


def millionths(amount: int | float) -> int:
    """The amount in whole millionths, so that sums are exact; `InvalidNumber` if it is finer."""
    if isinstance(amount, int):
        return amount * MILLION
    whole, _, part = (written := repr(amount)).partition(".")
    if len(part) <= 6 and part.isdigit():
        return int(whole + part.ljust(6, "0"))
    exact = Decimal(written) * MILLION
    rounded = int(exact)
    if rounded != exact:
        raise InvalidNumber(f"{amount!r} is finer than a millionth")
    return rounded


UnitCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,3}$")]
"""A unit's UN/ECE Recommendation 20 code."""


PIECES = frozenset(("EA", "H87"))
"""The units that are counted: each, and piece. There is no part of one."""


class Quantity(StrictModel):
    """A number of a unit, by its UN/ECE Recommendation 20 code; pieces (EA, H87) are whole."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"unit": {"enum": [*sorted(PIECES)]}}},
            "then": {"properties": {"value": {"type": "integer"}}},
        }
    )

    value: Amount
    unit: UnitCode

    @model_validator(mode="after")
    def _holds(self) -> Self:
        if not isinstance(self.value, float):
            return self
        if self.unit in PIECES:
            why = f"{self.value} {self.unit}: pieces are whole; what is measured has another unit"
            raise PydanticCustomError("part_of_a_piece", "{why}", {"why": why})
        try:
            millionths(self.value)
        except InvalidNumber as error:
            fine = {"why": str(error)}
            raise PydanticCustomError("number_too_fine", "{why}", fine) from error
        return self

    @property
    def millionths(self) -> int:
        """The value in whole millionths of its unit."""
        return millionths(self.value)


def not_negative(quantity: Quantity) -> Quantity:
    """A quantity of 0 or more."""
    if quantity.value < 0:
        raise PydanticCustomError("negative_quantity", "a quantity cannot be negative here")
    return quantity


def positive(quantity: Quantity) -> Quantity:
    """A quantity above 0."""
    if quantity.value <= 0:
        raise PydanticCustomError("quantity_not_positive", "a quantity above 0 is needed here")
    return quantity


def _value(bound: str) -> FieldInfo:
    """The same bound in the published schema."""
    said: FieldInfo = Field(json_schema_extra={"properties": {"value": {bound: 0}}})
    return said


NonNegativeQuantity = Annotated[Quantity, AfterValidator(not_negative), _value("minimum")]
"""A quantity of 0 or more."""

PositiveQuantity = Annotated[Quantity, AfterValidator(positive), _value("exclusiveMinimum")]
"""A quantity above 0."""
