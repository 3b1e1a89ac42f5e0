"""The command `cmowatch`: what moves the stream, and what runs it and is seen of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from alerts.errors import InvalidAgreement
from deploy import render as rendering
from deploy.alertmanager import routing
from deploy.alertmanager.acknowledgements import command as acknowledgements
from deploy.alertmanager.routing import AGREEMENTS
from deploy.backfill import backfill
from deploy.grafana.command import provision
from deploy.lab.demo.command import demo
from deploy.lab.simulate.errors import TooFewEvents
from deploy.lab.simulate.simulator import MONTHS, UNTIL
from deploy.lab.simulate.simulator import simulate as simulated
from streams.cli import main

__all__ = ["main"]


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another world.")
@click.option(
    "--events",
    type=click.IntRange(1, 2_000_000),
    help="Exactly so many events; about 38,000 when not given.",
)
@click.option("--months", type=click.IntRange(1, 60), default=MONTHS, show_default=True)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    default=f"{UNTIL:%Y-%m-%d}",
    show_default=True,
    help="The last day told of, to its end in UTC.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option(
    "--truth", type=click.Path(dir_okay=False, path_type=Path), help="Where its truth goes."
)
def simulate(
    seed: int, events: int | None, months: int, until: datetime, out: Path, truth: Path | None
) -> None:
    """Write the events of a simulated world of CMOs, one a line, and the truth about it."""
    end = until.replace(tzinfo=UTC) + timedelta(days=1, seconds=-1)
    try:
        world = simulated(seed, events, months, end)
    except TooFewEvents as error:
        raise click.UsageError(str(error)) from error
    out.write_bytes(b"".join(line + b"\n" for line in world.events))
    if truth is not None:
        truth.write_text(world.truth.json(), encoding="utf-8")
    told = world.truth
    click.echo(
        f"{told.events} events of {told.makers} CMOs, {told.start} to {told.until}; "
        f"{len({each.trouble for each in told.troubles})} troubles",
        err=True,
    )


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
    """
    try:
        _render(folder, agreements, check=check)
    except InvalidAgreement as error:
        raise click.ClickException(str(error)) from None


def _render(folder: Path, agreements: Path, *, check: bool) -> None:
    for cmo in routing.without_a_ladder(agreements):
        click.echo(f"{cmo}: no ladder is in force today; the monitor's own people hear", err=True)
    if not check:
        rendering.write(folder, agreements)
    elif differences := rendering.differences(folder, agreements):
        for line in differences:
            click.echo(line, err=True)
        raise click.ClickException("run cmowatch render, and commit what it wrote")


main.add_command(acknowledgements)
main.add_command(backfill)
main.add_command(simulate)
main.add_command(demo)
main.add_command(render)
main.add_command(provision)
