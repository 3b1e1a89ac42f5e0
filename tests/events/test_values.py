"""Instants, civil dates, ids and quantities hold what they say, or are refused."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from events import forms
from events.errors import InvalidIdentifier, InvalidNumber
from events.forms import Doubtful
from events.values import (
    EPOCH,
    LARGEST,
    CivilDate,
    Instant,
    NonNegativeQuantity,
    PositiveQuantity,
    Quantity,
    Reference,
    Slug,
    identifier,
    microseconds,
    millionths,
)

INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)
CIVIL_DATE: TypeAdapter[date] = TypeAdapter(CivilDate)


def of(annotation: Any, value: object) -> Any:
    return TypeAdapter(annotation).validate_python(value)


@pytest.mark.parametrize(
    ("text", "id_"),
    [
        ("Aurobindo Unit III, India", "aurobindo-unit-iii-india"),
        ("  Ärzte & Söhne GmbH ", "arzte-sohne-gmbh"),
        ("acme", "acme"),
        ("--A--B--", "a-b"),
        ("№ 5", "no-5"),
        ("a_b", "a-b"),
    ],
)
def test_a_name_becomes_an_id_and_is_kept(text: str, id_: str) -> None:
    assert identifier(text) == id_
    assert identifier(text).name == text.strip()


@given(st.text(min_size=1, max_size=100))
def test_an_id_is_its_own_id_and_a_key_kafka_and_grafana_take(text: str) -> None:
    try:
        made = identifier(text)
    except InvalidIdentifier:
        return
    assert set(made) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert identifier(made) == made
    assert not made.startswith("-")
    assert not made.endswith("-")


@pytest.mark.parametrize("text", ["", " ", "\u200b", "--", "a" * 129])
def test_a_name_that_leaves_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidIdentifier):
        identifier(text)


def test_an_id_out_of_an_event_keeps_its_name() -> None:
    assert of(Slug, "Acme Ltd.").name == "Acme Ltd."


def test_a_number_is_exact_trimmed_and_composed() -> None:
    assert of(Reference, " LOT-1a ") == "LOT-1a"
    assert of(Reference, "Cafe\u0301") == "Café"
    assert of(Reference, "LOT-1a") != of(Reference, "LOT-1A")


@pytest.mark.parametrize("text", ["", " ", "L" * 129])
def test_a_number_that_is_empty_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        of(Reference, text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *(("4.17E+08", "shortened"), ("1E-06", "shortened"), ("#N/A", "no value")),
        *(("#DIV/0!", "no value"), ("####", "no value"), ('="00417"', "mark for text")),
        *(("'00417", "mark for text"), ("LOT\n3", "line break"), ("LOT\u20283", "line break")),
        *(("LOT\u00a01", r"U\+00A0"), ("LOT\u200b1", r"U\+200B"), ("LOT\x001", r"U\+0000")),
        *(("LOT\u31641", r"U\+3164"), ("LOT\u202e1", r"U\+202E"), ("LOT\ufe0f", r"U\+FE0F")),
    ],
)
def test_a_number_that_nobody_could_tell_from_another_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        of(Reference, text)
    with pytest.raises(Doubtful):
        forms.reference(text)


@pytest.mark.parametrize("text", ["12E5", "LOT #3", "A'1", "=1", "417.0", "Ω-1", "批 1", "#A"])
def test_a_number_that_only_looks_strange_is_taken(text: str) -> None:
    assert of(Reference, text) == text


@pytest.mark.parametrize(
    "text", ["2024-05-02T10:00:00+02:00", "2024-05-02T08:00:00Z", "2024-05-02 08:00:00.000Z"]
)
def test_an_instant_is_kept_in_utc(text: str) -> None:
    instant = INSTANT.validate_python(text)
    assert instant == datetime(2024, 5, 2, 8, tzinfo=UTC)
    assert instant.tzinfo == UTC


@pytest.mark.parametrize(
    "given",
    [
        *("1700000000", 1_700_000_000, 1.7e9, "2024-05-02", "2024-05-02T10:00:00", ""),
        *("1999-12-31T00:00:00Z", "2101-01-01T00:00:00Z", "2024-02-30T00:00:00Z", date(2024, 5, 2)),
        datetime(2024, 5, 2),
    ],
    ids=str,
)
def test_what_is_no_instant_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(given)


@pytest.mark.parametrize("given", ["2024-5-2", "20240502", 20_000, "2024-02-30", "1999-12-31", ""])
def test_what_is_no_civil_date_is_refused(given: object) -> None:
    with pytest.raises(ValidationError):
        CIVIL_DATE.validate_python(given)


def test_a_civil_date_is_read_from_text_and_from_a_date() -> None:
    assert CIVIL_DATE.validate_python("2024-05-02") == date(2024, 5, 2)
    assert CIVIL_DATE.validate_python(date(2024, 5, 2)) == date(2024, 5, 2)


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 12, 31)))
def test_microseconds_count_exactly_whatever_the_zone(naive: datetime) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert EPOCH + timedelta(microseconds=microseconds(moment)) == moment


@given(st.integers(-(10**15), 10**15))
def test_millionths_are_exact(count: int) -> None:
    amount = count / 1_000_000
    if round(amount * 1_000_000) == count and len(repr(amount)) < 17:
        assert millionths(amount) == count


@pytest.mark.parametrize("amount", [0.0000001, 1.23456789, -1e-7])
def test_a_quantity_finer_than_a_millionth_is_refused(amount: float) -> None:
    with pytest.raises(InvalidNumber):
        millionths(amount)
    with pytest.raises(ValidationError, match="millionth"):
        Quantity(value=amount, unit="KGM")


@pytest.mark.parametrize(
    "value", [LARGEST + 1, -LARGEST - 1, float("nan"), float("inf"), True, "5"]
)
def test_a_quantity_beyond_its_bounds_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        Quantity(value=value, unit="EA")


@pytest.mark.parametrize("unit", ["", "e", "ea", "TABLETS", "E A", "EA\n"])
def test_a_unit_that_is_no_code_is_refused(unit: str) -> None:
    with pytest.raises(ValidationError):
        Quantity(value=1, unit=unit)


def test_stock_may_be_nothing_and_an_order_may_not() -> None:
    nothing, less = {"value": 0, "unit": "EA"}, {"value": -1, "unit": "EA"}
    assert of(NonNegativeQuantity, nothing).value == 0
    for annotation, refused in (
        (NonNegativeQuantity, less),
        (PositiveQuantity, nothing),
        (PositiveQuantity, less),
    ):
        with pytest.raises(ValidationError):
            of(annotation, refused)


def test_a_whole_float_is_an_integer() -> None:
    assert isinstance(Quantity(value=5.0, unit="EA").value, int)
