"""The boards, held to the types that Grafana itself publishes of its boards."""

import json
import types
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args, get_origin

import pytest
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.boards import boards

plugins.register_default_plugins()

MADE = {str(board["uid"]): json.loads(json.dumps(board)) for board in boards()}
each_board = pytest.mark.parametrize("board", MADE.values(), ids=[*MADE])

Place = str

NEWER = {"wrapHeaderText"}
"""What Grafana has since 12; earlier ones take no notice of it."""


def lost(given: Any, kept: Any, at: Place = "") -> Iterator[Place]:
    """Where something given is not among what the types kept; nulls say nothing."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            if value is not None:
                yield from lost(value, kept.get(name), f"{at}.{name}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for index, (value, found) in enumerate(zip(given, kept, strict=True)):
            yield from lost(value, found, f"{at}[{index}]")
    elif given != kept:
        yield at


def misfits(value: Any, hint: Any, at: Place) -> Iterator[Place]:
    """Where a value, or something in it, is not of its declared type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or hint is object:
        yield from parts(value, at)
    elif origin in (typing.Union, types.UnionType):
        found = [[*misfits(value, each, at)] for each in arguments]
        if all(found):
            # The alternative that was meant fails deepest inside.
            yield from max(found, key=lambda each: len(each[0].partition(":")[0]))
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{at}: {value!r} is none of {arguments}"
    elif origin is list and isinstance(value, list):
        for index, each in enumerate(value):
            yield from misfits(each, arguments[0], f"{at}[{index}]")
    elif origin is dict and isinstance(value, dict):
        for name, each in value.items():
            yield from misfits(each, arguments[1], f"{at}.{name}")
    elif isinstance(value, dict) and hasattr(hint, "from_json"):
        # What the types left as it was given.
        yield from parts(hint.from_json(value), at)
    elif not is_a(value, origin or hint):
        yield f"{at}: {value!r} is no {hint}"
    else:
        yield from parts(value, at)


def is_a(value: Any, kind: Any) -> bool:
    if issubclass(kind, Enum):
        return value in [each.value for each in kind]
    if kind is float:
        kind = (int, float)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def parts(value: Any, at: Place) -> Iterator[Place]:
    """The misfits among the attributes of a value of the published types."""
    if type(value).__module__.startswith("grafana_foundation_sdk.models"):
        for name, hint in typing.get_type_hints(type(value)).items():
            yield from misfits(getattr(value, name), hint, f"{at}.{name}")


@each_board
def test_a_board_has_no_key_that_grafana_does_not_know(board: dict[str, Any]) -> None:
    read = Dashboard.from_json(board)
    unknown = lost(board, json.loads(JSONEncoder().encode(read)))
    assert [place for place in unknown if place.rpartition(".")[2] not in NEWER] == []


@each_board
def test_everything_on_a_board_is_of_the_type_grafana_declares(board: dict[str, Any]) -> None:
    assert [*parts(Dashboard.from_json(board), str(board["uid"]))] == []


def test_an_unknown_key_and_a_wrong_type_are_found() -> None:
    board = json.loads(json.dumps(MADE["cmowatch-overview"]))
    stat = next(panel for panel in board["panels"] if panel["type"] == "stat")
    stat["fieldConfig"]["defaults"]["colour"] = "red"
    stat["options"]["textMode"] = "values"
    stat["gridPos"]["h"] = "4"
    read = Dashboard.from_json(board)
    unknown = lost(board, json.loads(JSONEncoder().encode(read)))
    assert {place.rpartition(".")[2] for place in unknown} - NEWER == {"colour"}
    wrong = [place.partition(":")[0].rpartition(".")[2] for place in parts(read, "")]
    assert sorted(wrong) == ["h", "text_mode"]
