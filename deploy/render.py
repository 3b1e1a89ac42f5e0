"""Everything that is generated from the catalogue for those who watch: written, or compared."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy import compose
from deploy.alertmanager import routing
from deploy.alertmanager.routing import AGREEMENTS
from deploy.grafana import boards
from deploy.kubernetes import objects
from deploy.prometheus import rules

PRODUCERS: Final[tuple[Callable[[], dict[Path, str]], ...]] = (
    boards.documents,
    rules.documents,
    compose.documents,
)
"""What gives each file's text by its path in the project."""


def documents(agreements: Path = AGREEMENTS) -> dict[Path, str]:
    """Every generated file, by its path in the project, with its text.

    Alertmanager's routes are those of the agreements in a folder. Raises `InvalidAgreement` for one
    that cannot be used.
    """
    made = {path: text for producer in PRODUCERS for path, text in producer().items()}
    return {**made, **routing.documents(agreements), **objects.documents(made)}


def write(project: Path, agreements: Path = AGREEMENTS) -> None:
    """Write every generated file into a project's folder."""
    for path, text in documents(agreements).items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")


def differences(project: Path, agreements: Path = AGREEMENTS) -> list[str]:
    """What is not as `write` would leave it: a line for each file."""
    return [
        f"{path}: differs from the declarations"
        for path, text in documents(agreements).items()
        if not (project / path).exists() or (project / path).read_text("utf-8") != text
    ]
