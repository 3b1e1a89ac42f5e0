"""Files of declarations in YAML: each fault of one, with file and line, and all of them at once."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import yaml
from pydantic_core import from_json, to_json
from yaml.composer import ComposerError

from alerts.declaration import Declaration, Fault, Step
from alerts.errors import InvalidAgreement
from streams.faults import every_fault

_LARGEST_FILE = 1 << 20
_DEEPEST = 20
_MOST_TOLD: Final = 100
"""Faults of one file; who has more of them has another mistake."""

_Reader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's reader in C where it has one, which is fifteen times as fast."""


class _Loader(_Reader):  # type: ignore[misc]
    """YAML in which a date is the text that it is, so that a wrong one is refused at its line."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, Any]]]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in _Reader.yaml_implicit_resolvers.items()
    }


D = TypeVar("D", bound=Declaration)


def read_declaration(
    path: Path, model: type[D], further: Callable[[D], Iterable[Fault]] = lambda _: ()
) -> D:
    """What a file declares.

    `further` says what else is wrong with it. Raises `InvalidAgreement` that tells every fault, one
    a line, with file, line and reason.
    """
    tree, document, keys = _read(path)
    declared, found = every_fault(model, document)
    found += [] if declared is None else further(declared)
    if faults := sorted({(line, str(f)) for line, f in (*keys, *_with_lines(tree, found))}):
        raise InvalidAgreement("\n".join(_told(path, faults)))
    assert declared is not None
    return declared


def _told(path: Path, faults: list[tuple[int, str]]) -> Iterator[str]:
    for line, fault in faults[:_MOST_TOLD]:
        yield f"{path}:{line}: {fault}"
    if more := len(faults[_MOST_TOLD:]):
        yield f"{path}: and {more} more"


def _with_lines(tree: Any, faults: Iterable[Fault]) -> Iterator[tuple[int, Fault]]:
    """Each with the line of its innermost part that is there."""
    lines = dict(_lines(tree, ())) if faults else {}
    for fault in faults:
        steps = tuple(map(str, fault.where))
        there = (steps[:n] for n in range(len(steps), 0, -1) if steps[:n] in lines)
        yield lines.get(next(there, ()), 1), fault


def _lines(node: Any, where: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    for key, value in _children(node):
        mark = key.start_mark if isinstance(key, yaml.Node) else value.start_mark
        part = *where, str(key.value if isinstance(key, yaml.Node) else key)
        yield part, mark.line + 1
        yield from _lines(value, part)


class _Parsed(NamedTuple):
    """A file as YAML's tree, which knows its lines, and as plain values; its keys given twice."""

    tree: Any
    document: Any
    keys: list[tuple[int, Fault]]


def _read(path: Path) -> _Parsed:
    text = _text(path)
    try:
        return _parsed(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # The reader in C finds what is missing at the end on the line after the last.
        line = f":{min(mark.line + 1, len(text.splitlines()))}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise InvalidAgreement(f"{path}{line}: not YAML: {problem}") from error
    except (ValueError, RecursionError, OverflowError) as error:
        raise InvalidAgreement(f"{path}: a value in it cannot be read: {error}") from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InvalidAgreement(
                f"{path}: larger than {_LARGEST_FILE} bytes; is it an agreement?"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidAgreement(f"{path}: cannot be read as UTF-8 text: {error}") from error


def _parsed(text: str) -> _Parsed:
    _refuse_what_unfolds(text)
    loader = _Loader(text)
    try:
        tree = loader.get_single_node()
        keys = list(_faults_of_keys(tree, ()))
        document = None if tree is None else loader.construct_document(tree)
    finally:
        loader.dispose()
    return _Parsed(tree, from_json(to_json(document)), keys)


def _refuse_what_unfolds(text: str) -> None:
    """Aliases, by which little text is very much, and parts in parts without an end."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise _fault_at(event, "an alias; write out what it stands for")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise _fault_at(event, f"more than {_DEEPEST} parts within each other")


def _fault_at(event: Any, problem: str) -> ComposerError:
    return ComposerError(None, None, problem, event.start_mark)


def _faults_of_keys(node: Any, where: tuple[Step, ...]) -> Iterator[tuple[int, Fault]]:
    """Keys given twice, of which the reader of YAML would take the last; none but text is one."""
    seen = set()
    for key, value in _children(node):
        if isinstance(key, yaml.Node) and not isinstance(key, yaml.ScalarNode):
            raise _fault_at(key, "a key that is no text")
        step = key.value if isinstance(key, yaml.Node) else key
        if step in seen:
            yield key.start_mark.line + 1, Fault((*where, step), "is given twice; once is enough")
        seen.add(step)
        if not isinstance(value, yaml.ScalarNode):
            yield from _faults_of_keys(value, (*where, step))


def _children(node: Any) -> Iterable[tuple[Any, Any]]:
    """The parts of a part, each with its key or its place."""
    if isinstance(node, yaml.MappingNode):
        return list(node.value)
    return list(enumerate(node.value)) if isinstance(node, yaml.SequenceNode) else []
