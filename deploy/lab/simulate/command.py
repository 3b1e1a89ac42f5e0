"""The command `cmowatch simulate`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from deploy.lab.simulate.errors import TooFewEvents
from deploy.lab.simulate.simulator import MONTHS, UNTIL
from deploy.lab.simulate.simulator import simulate as simulated


@click.command()
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed, another world.")
@click.option(
    "--events",
    type=click.IntRange(1, 2_000_000),
    help="Exactly so many events; about 39,000 when not given.",
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
    """Write the events of a simulated world of CMOs, one a line, and the truth about it.

    Exit code: 0 written, 2 wrong usage.
    """
    end = until.replace(tzinfo=UTC) + timedelta(days=1, seconds=-1)
    try:
        world = simulated(seed, events, months, end)
    except TooFewEvents as error:
        raise click.UsageError(str(error)) from error
    out.write_bytes(b"".join(line + b"\n" for line in world.events))
    if truth is not None:
        truth.write_text(world.truth.json(), encoding="utf-8")
    made = world.truth
    click.echo(
        f"{made.events} events of {made.makers} CMOs, {made.start} to {made.until}; "
        f"{len({each.trouble for each in made.troubles})} troubles",
        err=True,
    )
