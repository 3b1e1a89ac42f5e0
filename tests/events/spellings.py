"""How values may be spelt in a message: as declared, at the bounds, beyond them, and oddly."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from hypothesis import strategies as st

from events.data import Data

Schema = Mapping[str, Any]
Pair = tuple[str, str]
"""A key and the JSON text of its value."""

MOMENT: Final = "2024-05-02T10:00:00.25Z"

ODD: Final = (
    *("null", "true", "false", "0", "-0", "5", "-1", "5.0", "0.5", "-0.0", "1e2", "5e-1", "NaN"),
    *("Infinity", "-Infinity", "1e400", "1" * 30, "1" * 400, "01", "+1", ".5", "1.", "'x'", ""),
    *('""', '" "', '"5"', '"0.5"', '"true"', '"null"', '"x\\u0041"', '"a\\nb"', '"\\ud800"'),
    *(
        '"é"',
        '"e\u0301"',
        '" x"',
        '"x "',
        '"x\u00a0"',
        '"a\tb"',
        '"a\x01b"',
        '"\x7f"',
        '"\U0001f9ea"',
    ),
    *("[]", "{}", "[null]", '[""]', '["x", 5]', '{"value": 1}', '{"value": 1, "unit": "EA"}'),
    *('"type"', '"EA"', '"ea"', '"E"', '"cmo.lots"', '"pills"', '"Pills Ltd."', '"1970"'),
)
"""What may stand anywhere, and is right almost nowhere."""

_DAYS = (
    *("2024-05-02", "2000-01-01", "2100-12-31", "1999-12-31", "2101-01-01", "2024-02-30"),
    *("2024-5-2", "20240502", "2024-W18-4", "2024-05-02T00:00:00Z", " 2024-05-02", "0001-01-01"),
    *("2024-05-02 ", "٢٠٢٤-05-02", "1714600000", "-2024-05-02", "2024-02-29", "2023-02-29"),
)
MOMENTS: Final = (
    *(MOMENT, "2024-05-02T10:00:00Z", "2024-05-02T10:00:00+00:00", "2024-05-02T10:00:00-00:00"),
    *(
        "2024-05-02T10:00:00.123456Z",
        "2024-05-02T10:00:00.1234567Z",
        "2024-05-02T10:00:00.9999999Z",
    ),
    *("2024-05-02T10:00:00.123456789+02:00", "2024-05-02T10:00:00.000001-11:30"),
    *("2024-05-02t10:00:00z", "2024-05-02 10:00:00Z", "2024-05-02T10:00Z", "2024-05-02T10Z"),
    *("2024-05-02T10:00:00", "2024-05-02", "2024-05-02T24:00:00Z", "2024-05-02T23:59:60Z"),
    *("2024-05-02T10:00:00+23:59", "2024-05-02T10:00:00+24:00", "2024-05-02T10:00:00+0200"),
    *("2024-05-02T10:00:00+02", "2024-05-02T10:00:00,5Z", "2024-05-02T10:00:00.Z"),
    *("2000-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00+00:01"),
    *("2100-12-31T23:59:59.999999Z", "2101-01-01T00:00:00Z", "2100-12-31T23:59:59-00:01"),
    *("0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "1714600000", "1714600000.5"),
    *("2024-02-30T10:00:00Z", "2024-05-02T10:00:00 Z", "2024-05-02T10:00:00+02:60", ""),
    *(
        "2024-05-02T10:00:00+00:00:30",
        "20240502T100000Z",
        "2024-05-02T\u0661\u0660:00:00Z",
        "2024-05-03T12:00:00.000001Z",
        "2024-05-02T10:00:00.1234567Z",
        "2024-05-02T10:00:59.9999999Z",
        "2024-05-02T10:00:00.000000000000000000000000000001Z",
    ),
    *(
        "2024-05-03T12:00:00Z",
        "2024-05-02T10:00:00Z ",
        "2024-05-02T10:60:00Z",
        "2024-13-02T10:00:00Z",
    ),
)
_WORDS = (
    *("pills", "plant-1", "Plant One", "PILLS", "pílls", " pills ", "-", "a--b", "-a", "L1", "L/1"),
    *("L 1", "ﬁne", "\uff11\uff12", "ẞ", "x\u200b", "\ufeffx", "a" * 64, "b" * 65, "K\u212a"),
)


@cache
def schema_of(data: type[Data]) -> Schema:
    """The schema of an event type's data."""
    schema: Schema = data.model_json_schema()
    return schema


def text(value: Any) -> str:
    """A value as JSON, what is not ASCII as it is."""
    return json.dumps(value, ensure_ascii=False)


def written(pairs: Iterable[Pair]) -> str:
    """An object of these pairs, whatever they are."""
    return "{" + ", ".join(f"{text(key)}: {value}" for key, value in pairs) + "}"


def plain(schema: Schema, defs: Schema, which: int = 0) -> str:
    """What is plainly right, with fractions where there may be; of several forms the one named."""
    schema = _resolved(schema, defs)
    if "anyOf" in schema:
        forms = [form for form in schema["anyOf"] if form.get("type") != "null"]
        return plain(forms[which % len(forms)], defs, which)
    if "const" in schema or "enum" in schema:
        every = schema.get("enum", [schema.get("const")])
        return text(every[which % len(every)])
    if schema["type"] == "object":
        return written(every_field(schema, defs, which))
    if schema["type"] == "array":
        return f"[{plain(schema['items'], defs, which)}]"
    if schema["type"] == "string":
        return text(_plain_text(schema))
    return {"boolean": "true", "integer": "5", "number": "0.75"}[schema["type"]]


def every_field(schema: Schema, defs: Schema, which: int = 0) -> list[Pair]:
    """An object with all its fields, plainly right."""
    return [(name, plain(form, defs, which)) for name, form in schema["properties"].items()]


def _plain_text(schema: Schema) -> str:
    if "pattern" in schema:
        return "KGM"
    return {"date": "2024-05-02", "date-time": MOMENT}.get(schema.get("format", ""), "pills")


def _resolved(schema: Schema, defs: Schema) -> Schema:
    ref = schema.get("$ref")
    return defs[ref.rsplit("/", 1)[-1]] if ref else schema


@st.composite
def objects(draw: st.DrawFn, schema: Schema, defs: Schema) -> str:
    """An object most of whose fields are plain: some missing, odd, twice there, or not declared."""
    pairs = dict(every_field(schema, defs, draw(st.integers(0, 3))))
    return written(draw(_disturbed(pairs, schema, defs)))


@st.composite
def _disturbed(draw: st.DrawFn, pairs: dict[str, str], schema: Schema, defs: Schema) -> list[Pair]:
    names = sorted(pairs)
    for name in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
        pairs[name] = draw(spellings(schema["properties"][name], defs))
    optional = [name for name in names if name not in schema.get("required", ())]
    leaving = optional if draw(st.integers(0, 9)) else names
    for name in draw(st.lists(st.sampled_from(leaving), max_size=3)) if leaving else ():
        pairs.pop(name, None)
    return draw(repeated(list(pairs.items()), schema, defs))


@st.composite
def repeated(draw: st.DrawFn, pairs: list[Pair], schema: Schema, defs: Schema) -> list[Pair]:
    """Pairs in another order, seldom with one twice or one nobody declared."""
    pairs = draw(st.permutations(pairs))
    how = draw(st.integers(0, 9))
    if how == 0 and pairs:
        name, _ = draw(st.sampled_from(pairs))
        form = schema["properties"].get(name)
        again = spellings(form, defs) if form else st.sampled_from(ODD)
        pairs = [*pairs, (name, draw(again))]
    elif how == 1:
        pairs = [*pairs, (draw(st.sampled_from(["note", "class_", "", "Type"])), draw(_odd))]
    return pairs


_odd = st.sampled_from(ODD)


def spellings(schema: Schema, defs: Schema) -> st.SearchStrategy[str]:
    """Whatever may stand where a value is declared."""
    return st.one_of(_declared(_resolved(schema, defs), defs), _odd)


def _declared(schema: Schema, defs: Schema) -> st.SearchStrategy[str]:
    if "anyOf" in schema:
        return st.one_of(*(_declared(_resolved(form, defs), defs) for form in schema["anyOf"]))
    if "const" in schema or "enum" in schema:
        every = schema.get("enum", [schema.get("const")])
        return st.sampled_from([*map(text, every), text(str(every[0]).upper())])
    if schema["type"] == "object":
        return objects(schema, defs)
    if schema["type"] == "array":
        return _arrays(schema, defs)
    if schema["type"] == "string":
        return _texts(schema).map(text)
    return _numbers(schema) if schema["type"] in ("integer", "number") else _odd


def _arrays(schema: Schema, defs: Schema) -> st.SearchStrategy[str]:
    few = st.lists(spellings(schema["items"], defs), max_size=3)
    most: int = schema["maxItems"]
    many = st.sampled_from([most, most + 1]).map(lambda n: [plain(schema["items"], defs)] * n)
    return st.one_of(few, many).map(lambda each: f"[{', '.join(each)}]")


def _texts(schema: Schema) -> st.SearchStrategy[str]:
    shaped = {"date": _DAYS, "date-time": MOMENTS}.get(schema.get("format", ""))
    if shaped is not None:
        return st.sampled_from([*shaped, shaped[0] + "\n"])
    if "pattern" in schema:
        return st.sampled_from(["EA", "KGM", "C62", "E", "EACH", "ea", "ÉA", "EA\n", "E A", "٣٣"])
    most = schema.get("maxLength", 512)
    long = [letter * n for n in (most, most + 1, 128, 129) for letter in ("a", "é")]
    free = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    return st.one_of(st.sampled_from([*_WORDS, *long, ""]), free)


def _numbers(schema: Schema) -> st.SearchStrategy[str]:
    bounds = [schema[name] for name in ("minimum", "maximum") if name in schema]
    near = [f"{bound + step}{end}" for bound in bounds for step in (-1, 0, 1) for end in ("", ".0")]
    fine = [f"{bound + step}" for bound in bounds for step in (-0.5, 0.5, -1e-6, 1e-6, 1e-7)]
    digits = st.from_regex(
        r"-?(0|[1-9][0-9]{0,13})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?", fullmatch=True
    )
    few = st.from_regex(r"(0|[1-9][0-9]{0,5})\.[0-9]{1,8}", fullmatch=True)
    return st.one_of(st.sampled_from([*near, *fine, "0", "1"]), few, digits)
