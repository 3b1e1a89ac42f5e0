"""The command `cmowatch import`: events made of the rows of a table."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import click
from rich.console import Console

from events.adapters.table import read_table
from events.event import Event
from streams.commands.configuration import settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import BROKERS, FILE, STATE
from streams.commands.publish import send
from streams.commands.refused import Refused
from streams.commands.tally import Tally


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--mapping", type=FILE, required=True, help="Which column is what: a YAML file.")
@click.option("--out", type=click.File("wb", lazy=True), help="Write events here; - is stdout.")
@click.option("--publish", "sends", is_flag=True, help="Send the events to Kafka.")
@BROKERS
@STATE
def import_table(
    file: Path,
    mapping: Path,
    out: IO[bytes] | None,
    sends: bool,
    brokers: str | None,
    state: Path | None,
) -> None:
    """Make events of the rows of FILE, as a mapping file says which column is what.

    A cell no event can be made of is told with its row, column, value and reason; the other rows
    become events all the same.

    Exit code: 0 every row was taken, 1 something was refused or did not arrive, 2 wrong usage or
    settings, 77 the brokers do not let us in (docs/deploy.md).
    """
    if (out is None) is not sends:
        raise click.UsageError("give either --out EVENTS.ndjson or --publish")
    with errors_end_the_command():
        items = read_table(mapping, file)
    if out is None:
        sys.exit(send(items, settings_or_exit(brokers=brokers), state))
    sys.exit(_write(items, out))


def _write(items: Iterable[Event | Refused], out: IO[bytes]) -> int:
    tally = Tally(Console(stderr=True))
    with errors_end_the_command():
        out.writelines(event.json_line() + b"\n" for event in tally.taken_from(items))
    click.echo(f"wrote {tally.taken:,}, refused {tally.refused:,}", err=True)
    return tally.exit_code
