"""The command `cmowatch render`: what is generated for those who watch, written or compared."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from alerts.errors import InvalidAgreement
from deploy import compose
from deploy.alertmanager import routing
from deploy.grafana import boards
from deploy.kubernetes import objects
from deploy.prometheus import rules
from streams.commands.configuration import WrongConfiguration

AGREEMENTS: Final = Path(__file__).parent / "lab" / "demo" / "agreements"
"""Those of the demo: the routes that are committed, as an example, are theirs."""

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


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a file is out of date.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="here",
    help="The project's folder, or an empty one of yours.",
)
@click.option(
    "--agreements",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=AGREEMENTS,
    show_default="those of the demo",
    envvar="CMOWATCH_AGREEMENTS",
    show_envvar=True,
    help="Whose roles, contacts and hours Alertmanager's routes are made of.",
)
def render(check: bool, folder: Path, agreements: Path) -> None:
    """Write what is made from the catalogue and the agreements for those who watch.

    That is Prometheus' rules, their tests and its configuration, Alertmanager's routes and words,
    Grafana's boards, what Kubernetes gets of them, and the runbook. Addresses are in
    deploy/links.py. Run it again on the day an agreement names other people.

    Exit code: 0 written or, with --check, as they would be; 1 one is out of date; 2 wrong usage or
    agreements.
    """
    try:
        _render(folder, agreements, check=check)
    except InvalidAgreement as error:
        raise WrongConfiguration(str(error)) from None


def _render(folder: Path, agreements: Path, *, check: bool) -> None:
    for cmo in routing.without_a_ladder(agreements):
        click.echo(f"{cmo}: no ladder is in force today; the monitor's own people hear", err=True)
    if not check:
        write(folder, agreements)
    elif lines := differences(folder, agreements):
        for line in lines:
            click.echo(line, err=True)
        raise click.ClickException("run cmowatch render, and commit what it wrote")
