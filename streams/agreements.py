"""Agreement files: YAML read into agreements, with file and line for whatever is wrong."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import to_json

from alerts.agreements import Agreement, Agreements
from alerts.catalogue import BY_NAME
from alerts.errors import InvalidAgreement

_LARGEST_FILE = 1 << 20


def read_agreements(folder: Path, *, use_default: bool) -> Agreements:
    """Every agreement in the `*.yaml` files of a folder; the default one only when asked for.

    Raises `InvalidAgreement` with file, line and reason for the first that cannot be used.
    """
    if not folder.is_dir():
        raise InvalidAgreement(f"{folder}: no such folder; name one that holds agreement files")
    return Agreements(_agreements(sorted(folder.glob("*.yaml"))), use_default=use_default)


def _agreements(paths: Iterable[Path]) -> Iterator[Agreement]:
    for path in paths:
        yield read_agreement(path)


def read_agreement(path: Path) -> Agreement:
    """The agreement in a file; raises `InvalidAgreement` with file, line and reason."""
    text = _text(path)
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise InvalidAgreement(f"{path}{line}: not YAML: {problem}") from error
    try:
        agreement = Agreement.model_validate_json(to_json(said))
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in fault["loc"]) or "the whole file"
        line_number = _line(tree, fault["loc"])
        raise InvalidAgreement(f"{path}:{line_number}: {where}: {fault['msg']}") from error
    for name in agreement.limits:
        if name not in BY_NAME:
            known = ", ".join(BY_NAME)
            line_number = _line(tree, ("limits", name))
            raise InvalidAgreement(
                f"{path}:{line_number}: limits.{name}: no such KPI; there are {known}"
            )
    return agreement


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
