"""The commands `cmowatch provision grafana` and `cmowatch provision annotations`."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from deploy.grafana.annotations import changes as annotation_changes
from deploy.grafana.api import Grafana, address
from deploy.grafana.errors import BadAddress, GrafanaError
from deploy.grafana.provision import Change, changes
from streams.commands.configuration import settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import BROKERS
from streams.kafka.whole_log import transitions


@click.group()
def provision() -> None:
    """Put what is generated here where it is seen."""


def _where(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that writes into a Grafana."""
    for option in (
        click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing."),
        click.option(
            "--organisation",
            envvar="CMOWATCH_GRAFANA_ORGANISATION",
            show_envvar=True,
            help="The organisation that is meant; a token of another one is refused. When not "
            "given it is that of the token.",
        ),
        click.option(
            "--token-file",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            required=True,
            envvar="CMOWATCH_GRAFANA_TOKEN_FILE",
            show_envvar=True,
            help="A file with the token of a service account of role Admin, and nothing else.",
        ),
        click.option(
            "--url",
            required=True,
            envvar="CMOWATCH_GRAFANA_URL",
            show_envvar=True,
            help="Where it is.",
        ),
    ):
        command = option(command)
    return command


@provision.command()
@_where
@click.option(
    "--prometheus-url",
    default="http://localhost:9090",
    show_default=True,
    envvar="CMOWATCH_PROMETHEUS_URL",
    show_envvar=True,
    help="Where Grafana finds Prometheus.",
)
def grafana(
    url: str, token_file: Path, organisation: str | None, dry_run: bool, prometheus_url: str
) -> None:
    """Put the data source, the folder and the boards into a Grafana, version 11 or later.

    What differs is shown before it is written; what is as it should be is left alone, so a second
    run changes nothing. What was changed by hand on a board made here is put back; nothing that
    was not made here is written over or deleted.

    Exit code: 0 all is as it should be, 1 Grafana refused or did not answer, 2 wrong usage.
    """
    try:
        address(prometheus_url)
    except BadAddress as error:
        raise click.UsageError(str(error)) from None

    def wanted(grafana: Grafana) -> Iterable[Change]:
        return changes(grafana, prometheus_url)

    _provision(url, token_file, organisation, wanted, dry_run=dry_run)


@provision.command()
@_where
@BROKERS
def annotations(
    url: str, token_file: Path, organisation: str | None, dry_run: bool, brokers: str | None
) -> None:
    """Put every breach into a Grafana as an annotation, from when it opened to when it cleared.

    The breaches are those of the topic cmo.breaches. One that stands is a point, and becomes a
    region at a run after it has cleared: run this as often as the boards shall know of it. What
    differs is shown before it is written. An annotation is known by its tags, cmowatch-made and
    that of its breach; with both, but of no breach on the topic, it is deleted. No other is
    touched.

    Exit code: 0 all is as it should be, 1 Grafana or Kafka refused or did not answer, 2 wrong
    usage or settings, 77 the brokers do not let us.
    """
    settings = settings_or_exit(brokers=brokers)

    def wanted(grafana: Grafana) -> Iterable[Change]:
        return annotation_changes(grafana, asyncio.run(transitions(settings)))

    _provision(url, token_file, organisation, wanted, dry_run=dry_run)


def _provision(
    url: str,
    token_file: Path,
    organisation: str | None,
    wanted: Callable[[Grafana], Iterable[Change]],
    *,
    dry_run: bool,
) -> None:
    with errors_end_the_command():
        try:
            grafana = Grafana(url, _token(token_file))
            name = grafana.log_in(organisation)
            _make(list(wanted(grafana)), name, dry_run=dry_run)
        except BadAddress as error:
            raise click.UsageError(str(error)) from None
        except GrafanaError as error:
            raise click.ClickException(str(error)) from None


def _token(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadAddress(f"{file} cannot be read: {type(error).__name__}") from None


def _make(found: list[Change], organisation: str, *, dry_run: bool) -> None:
    where = f"in the organisation {organisation}"
    for change in found:
        click.echo(change.what)
        click.echo(change.difference)
    if dry_run and found:
        click.echo(f"{len(found)} to change {where}; nothing was written")
        return
    for change in found:
        change.make()
    click.echo(f"{len(found)} changed {where}" if found else f"no change {where}")
