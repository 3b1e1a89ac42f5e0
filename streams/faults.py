"""Every fault of a declaration: what is wrong is set aside, to see what is wrong besides."""

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_json

from alerts.declaration import Declaration, Fault, Faulty, Step

Path = tuple[Step, ...]
D = TypeVar("D", bound=Declaration)

_ROUNDS: Final = 8
"""How often something is set aside: values, what they leave empty, parts, then what holds them."""

_STAND_INS: Final[Mapping[str, Any]] = {
    "version": "1",
    "effective": "2000-01-01",
    "contingency": "Call.",
    "unit": "EA",
}
"""For what must be there and is wrong or missing: values with which nothing else is wrong."""

_PLAINLY: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "there is no such field here; is it misspelt, or too deep or too high?",
    "string_type": "no text; put it in quotes",
}


class _Found(NamedTuple):
    """A fault, what it would not be without, and what to set aside so as to see further."""

    fault: Fault
    rests_on: tuple[Path, ...]
    aside: Path
    is_missing: bool = False


def every_fault(model: type[D], document: Any) -> tuple[D | None, list[Fault]]:
    """A document as the model it declares, and everything that is wrong with it.

    Where something is wrong, the declaration is what is left of it, or None.
    """
    told: dict[Fault, None] = {}
    aside: list[Path] = []
    for _ in range(_ROUNDS):
        declared, found = _validated(model, document)
        told |= {each.fault: None for each in _without_those_on(aside, found)}
        if declared is not None or not isinstance(document, dict):
            return declared, list(told)
        document = deepcopy(document)
        aside += [_set_aside(document, each) for each in found]
    return None, list(told)


def _without_those_on(aside: Iterable[Path], found: Iterable[_Found]) -> Iterator[_Found]:
    """What does not rest on anything set aside, on a part of that, or on what that is part of."""
    exactly = set(aside)
    whole = exactly | _wholes(exactly)
    for each in found:
        parts = {rest[:n] for rest in each.rests_on for n in range(len(rest) + 1)}
        if whole.isdisjoint(each.rests_on) and exactly.isdisjoint(parts):
            yield each


def _wholes(paths: Iterable[Path]) -> set[Path]:
    """Everything that these are parts of."""
    return {path[:n] for path in paths for n in range(len(path))}


def _validated(model: type[D], document: Any) -> tuple[D | None, list[_Found]]:
    try:
        return model.model_validate_json(to_json(document)), []
    except ValidationError as error:
        declared: D | None = None
        found: dict[object, _Found] = {}
        for detail in error.errors(include_url=False):
            cause = detail.get("ctx", {}).get("error")
            if isinstance(cause, Faulty):
                if isinstance(cause.declaration, model):
                    declared = cause.declaration
                found |= {each.fault: each for each in _between(detail["loc"], cause.faults)}
            else:
                each = _of_value(model, document, detail)
                # Of the kinds a value may be of, the one declared last is the widest.
                found[each.aside, _KEY in detail["loc"]] = each
        # That a list is too short only follows where what is in it is wrong.
        wholes = _wholes(each.aside for each in found.values())
        return declared, [each for each in found.values() if each.aside not in wholes]


_KEY: Final = "[key]"
"""The last step that pydantic gives where the key is wrong, and not what it leads to."""


def _between(at: Path, faults: Iterable[Fault]) -> Iterator[_Found]:
    for fault in faults:
        where = (*at, *fault.where)
        rests_on = where, *((*at, name) for name in fault.rests_on)
        yield _Found(Fault(where, fault.reason), rests_on, where)


def _of_value(model: type[Declaration], document: Any, detail: ErrorDetails) -> _Found:
    where = _place(document, detail["loc"])
    is_missing = detail["type"] == "missing"
    if is_missing:
        where = (*where, detail["loc"][-1])
    fault = Fault(where, _reason(model, detail))
    return _Found(fault, (where,), where, is_missing)


def _reason(model: type[Declaration], detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden" and len(detail["loc"]) == 1:
        return model.ELSEWHERE.get(str(detail["loc"][0]), _PLAINLY["extra_forbidden"])
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return _PLAINLY.get(detail["type"], detail["msg"])


def _place(document: Any, steps: Path) -> Path:
    """Those of the steps that lead through a document; the others name kinds of values."""
    node, place = document, []
    for step in steps:
        if not _has(node, step):
            break
        node = node[step]
        place.append(step)
    return tuple(place)


def _has(node: Any, step: Step) -> bool:
    if isinstance(node, list):
        return isinstance(step, int) and step < len(node)
    return isinstance(node, dict) and step in node


def _set_aside(document: dict[str, Any], found: _Found) -> Path:
    """Take a part out of a document; what must be there is replaced, or what it is part of goes."""
    path = found.aside
    if found.is_missing:
        *above, name = path
        if str(name) in _STAND_INS:
            _part(document, above)[name] = _STAND_INS[str(name)]
            return path
        path = tuple(above)
    path = _within_mappings(document, path)
    if path:
        _part(document, path[:-1]).pop(path[-1], None)
    else:
        document.clear()
    return path


def _within_mappings(document: Any, path: Path) -> Path:
    """The path as far as it leads through mappings: a list is taken out whole."""
    for length in range(1, len(path)):
        if isinstance(_part(document, path[:length]), list):
            return path[:length]
    return path


def _part(document: Any, path: Iterable[Step]) -> Any:
    for step in path:
        document = document.get(step, {}) if isinstance(document, dict) else document[step]
    return document
