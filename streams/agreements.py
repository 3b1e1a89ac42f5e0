"""Agreement files: YAML read into agreements, with file and line for whatever is wrong."""

from collections.abc import Iterable, Iterator
from datetime import date
from math import inf
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_core import to_json
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError

from alerts.agreements import Agreement, Agreements, Limit
from alerts.errors import InvalidAgreement
from alerts.judge import beyond
from alerts.kpis import BY_NAME

_LARGEST_FILE = 1 << 20
_DEEPEST = 20

_DEFAULT: Final = Path(__file__).with_name("default_agreement.yaml")


def read_agreements(folder: Path | None, *, use_default: bool) -> Agreements:
    """Every agreement in the `*.yaml` files of a folder; the default one only when asked for.

    That is the folder's own, else the one that comes with the program. Raises `InvalidAgreement`
    with file, line and reason for the first that cannot be used.
    """
    found = list(_agreements(_files(folder))) if folder is not None else []
    if use_default and not any(each.default for each in found):
        found.append(read_agreement(_DEFAULT))
    return Agreements(found, use_default=use_default)


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InvalidAgreement(f"{folder}: no such folder; name one that holds agreement files")
    for path in sorted(folder.glob("*.yml")):
        raise InvalidAgreement(f"{path}: would be passed over; name it {path.stem}.yaml")
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise InvalidAgreement(f"{folder}: holds no agreement, *.yaml; nobody could be watched")
    return paths


_Reader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's reader in C where it has one, which is fifteen times as fast."""


class _Loader(_Reader):  # type: ignore[misc]
    """YAML without keys given twice, which mislead a reader."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConstructorError(None, None, "a key that is no text", key.start_mark)
            if key.value in seen:
                raise ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _refuse_what_unfolds(text: str) -> None:
    """Aliases, by which little text is very much, and parts in parts without an end."""
    depth = 0
    for event in yaml.parse(text, Loader=_Reader):
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


def _read(text: str) -> tuple[Any, bytes]:
    """A document as YAML's tree, which knows its lines, and as JSON."""
    _refuse_what_unfolds(text)
    loader = _Loader(text)
    try:
        tree = loader.get_single_node()
        return tree, to_json(None if tree is None else loader.construct_document(tree))
    finally:
        loader.dispose()


def _agreements(paths: Iterable[Path]) -> Iterator[Agreement]:
    said_in: dict[tuple[str | None, date], Path] = {}
    for path in paths:
        agreement = read_agreement(path)
        other = said_in.setdefault((agreement.cmo, agreement.effective), path)
        if other is not path:
            raise InvalidAgreement(
                f"{path}:1: effective: {other.name} has a version of the same day; "
                "give each its own effective date"
            )
        yield agreement


def read_agreement(path: Path) -> Agreement:
    """The agreement in a file; raises `InvalidAgreement` with file, line and reason."""
    text = _text(path)
    try:
        tree, document = _read(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # The reader in C finds what is missing at the end on the line after the last.
        line = f":{min(mark.line + 1, len(text.splitlines()))}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise InvalidAgreement(f"{path}{line}: not YAML: {problem}") from error
    except (ValueError, RecursionError, OverflowError) as error:
        raise InvalidAgreement(f"{path}: a value in it cannot be read: {error}") from error
    try:
        agreement = Agreement.model_validate_json(document)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "the whole file"
        line_number = _line(tree, fault["loc"])
        raise InvalidAgreement(f"{path}:{line_number}: {where}: {fault['msg']}") from error
    for name, limit in agreement.limits.items():
        if reason := _fault(name, limit):
            line_number = _line(tree, ("limits", name))
            raise InvalidAgreement(f"{path}:{line_number}: limits.{name}: {reason}")
    return agreement


def _fault(name: str, limit: Limit) -> str:
    """What keeps a limit from being judged by, empty for nothing."""
    kpi = BY_NAME.get(name)
    if kpi is None:
        return f"no such KPI; there are {', '.join(BY_NAME)}"
    if limit.quantile is not None and limit.quantile not in kpi.quantiles:
        return f"{limit.quantile} is none of its quantiles; it has {kpi.quantiles or 'none'}"
    if limit.window_days is not None and kpi.window_days is None:
        return "it is read as of now and has no window; leave window_days out"
    most = 1 if kpi.unit == "ratio" else inf
    for threshold in (limit.warning, limit.critical):
        if threshold is not None and not 0 <= threshold <= most:
            return f"{threshold} cannot be reached; it is a {kpi.unit}"
    warning = kpi.warning if limit.warning is None else limit.warning
    critical = kpi.critical if limit.critical is None else limit.critical
    if beyond(warning or 0.0, critical, higher_is_better=kpi.higher_is_better) and warning:
        return f"critical {critical} is on the better side of warning {warning}; give both"
    return ""


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InvalidAgreement(
                f"{path}: larger than {_LARGEST_FILE} bytes; is it an agreement?"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidAgreement(f"{path}: cannot be read as UTF-8 text: {error}") from error


def _line(tree: Any, steps: Iterable[int | str]) -> int:
    """The line of the innermost part of a YAML tree that these steps lead to."""
    node, line = tree, 1
    for step in steps:
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return line


def _child(node: Any, step: int | str) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line + 1, node.value[step]
    return None
