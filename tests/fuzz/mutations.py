"""Inputs made of others by seeded chance: of bytes, of JSON and of lines."""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

LARGEST: Final = 64_000
"""The most bytes a made input has."""

_BYTES: Final = (
    *(b"\0", b"\n", b"\r\n", b'"', b"\\", b"\\u0000", b"\\ud800", b",", b";", b"\t", b"{", b"}"),
    *(b"[" * 300, b"\xff\xfe", b"\xef\xbb\xbf", b"\xc0\x80", b"=", b"-"),
    *("−".encode(), "µ".encode(), "\u200b".encode(), "\u00a0".encode(), "\u2028".encode()),
    *(b"1e999", b"NaN", b"null", b"9" * 40, b"2024-02-30", b"A" * 600, b"#N/A", b"0.0000001"),
)
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 1.0, 1.5, 1e300, 10**12, 10**30, 2**53, 2**63, -0.0, 1e-7),
    *("", " ", "a", "L1", "7", "٣", "1.0", "N/A", "#N/A", "4.17E+08", "µ", "A" * 129, "é" * 600),
    *("2024-05-02", "2024-02-30", "2024-05-02T10:00:00Z", "2024-05-02T10:00:00+23:59", "US", "us"),
    *("2024-05-02T24:00:00Z", "2024-05-02t10:00z", "2024-05-02T10:00:60Z", "1700000000", "cmo"),
    *("e30=", "eyJsb3QiOiAiTDEifQ==", "e30", "cmo.lot.started.v1", "cmo.order.placed.v1", "EA"),
    *([], {}, [None], ["L1"] * 101, {"value": 1, "unit": "EA"}, {"lot": "L1"}, [[[[[]]]]]),
)
_NAMES: Final = (
    *("data", "data_base64", "sequence", "timely", "subject", "datacontenttype", "recordedtime"),
    *("onbehalfof", "partitionkey", "dataschema", "lot", "lots", "part", "parts", "schedule", "x"),
)


def mutated(given: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Another input, made of one by a few changes."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        given = random.choice(_CHANGES)(given, others, random)[:LARGEST]
    return given


def _insert(given: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(given))
    return given[:at] + random.choice(_BYTES) + given[at:]


def _flip(given: bytes, _: Sequence[bytes], random: Random) -> bytes:
    if not given:
        return given
    at = random.randrange(len(given))
    return given[:at] + bytes([random.randrange(256)]) + given[at + 1 :]


def _cut(given: bytes, _: Sequence[bytes], random: Random) -> bytes:
    first, last = sorted(random.randint(0, len(given)) for _ in range(2))
    return given[:first] + given[last:]


def _repeat(given: bytes, _: Sequence[bytes], random: Random) -> bytes:
    first, last = sorted(random.randint(0, len(given)) for _ in range(2))
    return given[:last] + given[first:last] * random.choice((1, 1, 2, 50)) + given[last:]


def _splice(given: bytes, others: Sequence[bytes], random: Random) -> bytes:
    other = random.choice(others)
    return given[: random.randint(0, len(given))] + other[random.randint(0, len(other)) :]


def _swap_lines(given: bytes, _: Sequence[bytes], random: Random) -> bytes:
    lines = given.splitlines(keepends=True)
    random.shuffle(lines)
    return b"".join(lines)


def _say_otherwise(given: bytes, _: Sequence[bytes], random: Random) -> bytes:
    """The same JSON with one of its values, or one more, by chance; what is no JSON as it is."""
    try:
        whole = json.loads(given)
    except (ValueError, RecursionError):
        return given
    parts = list(_parts(whole))
    if not parts:
        return given
    part = random.choice(parts)
    value = random.choice(_VALUES)
    if isinstance(part, list):
        part.insert(random.randint(0, len(part)), value)
    elif random.random() < 0.7 and part:
        part[random.choice(list(part))] = value
    else:
        part[random.choice(_NAMES)] = value
    return json.dumps(whole, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _parts(value: Any) -> list[Any]:
    """The objects and lists of a JSON value, itself first."""
    if not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(part for each in inner for part in _parts(each))]


_CHANGES: Final[tuple[Callable[[bytes, Sequence[bytes], Random], bytes], ...]] = (
    *(_insert, _flip, _cut, _repeat, _splice, _swap_lines),
    *(_say_otherwise,) * 8,
)
