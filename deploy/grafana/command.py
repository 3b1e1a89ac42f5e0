"""The command `cmowatch provision grafana`."""

from pathlib import Path

import click

from deploy.grafana.api import Grafana, address
from deploy.grafana.errors import BadAddress, GrafanaError
from deploy.grafana.provision import changes


@click.group()
def provision() -> None:
    """Put what is generated here where it is seen."""


@provision.command()
@click.option(
    "--url", required=True, envvar="CMOWATCH_GRAFANA_URL", show_envvar=True, help="Where it is."
)
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    envvar="CMOWATCH_GRAFANA_TOKEN_FILE",
    show_envvar=True,
    help="A file with the token of a service account of role Admin, and nothing else.",
)
@click.option(
    "--prometheus-url",
    default="http://localhost:9090",
    show_default=True,
    envvar="CMOWATCH_PROMETHEUS_URL",
    show_envvar=True,
    help="Where Grafana finds Prometheus.",
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
def grafana(url: str, token_file: Path, prometheus_url: str, dry_run: bool) -> None:
    """Put the data source, the folder and the boards into a Grafana.

    What differs is shown before it is written; what is as it should be is left alone, so a second
    run changes nothing. What was changed by hand on a board made here is put back; nothing that
    was not made here is written over or deleted.

    Exit code: 0 all is as it should be, 1 Grafana refused or did not answer, 2 wrong usage.
    """
    try:
        address(prometheus_url)
        _provision(Grafana(url, _token(token_file)), prometheus_url, dry_run=dry_run)
    except BadAddress as error:
        raise click.UsageError(str(error)) from None
    except GrafanaError as error:
        raise click.ClickException(str(error)) from None


def _token(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadAddress(f"{file} cannot be read: {type(error).__name__}") from None


def _provision(grafana: Grafana, prometheus: str, *, dry_run: bool) -> None:
    found = list(changes(grafana, prometheus))
    for change in found:
        click.echo(change.what)
        click.echo(change.difference)
    if dry_run and found:
        click.echo(f"{len(found)} to change; nothing was written")
        return
    for change in found:
        change.make()
    click.echo(f"{len(found)} changed" if found else "no change")
