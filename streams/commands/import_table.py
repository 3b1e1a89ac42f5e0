"""The command `cmowatch import`: events made of the rows of a table."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Final
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from events.adapters.guess import guess
from events.adapters.table import Table
from events.event import Event
from streams.commands.configuration import agreements_or_exit, settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import AGREEMENTS, BROKERS, FILE, STATE
from streams.commands.publish import send
from streams.commands.refused import Refused, printable
from streams.commands.tally import NOT_ALL, Tally

_SHOWN: Final = 2  # events of each kind that --check shows, besides the last
_AS_CLOCKS_SHOW: Final = (
    "those of the clocks at each place; --out and --publish write the same moments in UTC"
)
_LISTED: Final = 5  # of what rows hold that no event wants


@click.command("import")
@click.argument("file", type=FILE)
@click.option("--mapping", type=FILE, help="Which column is what: a YAML file.")
@click.option("--out", type=click.File("wb", lazy=True), help="Write events here; - is stdout.")
@click.option("--publish", "sends", is_flag=True, help="Send the events to Kafka.")
@click.option(
    "--check", is_flag=True, help="Show the first and last events of each kind; write nothing."
)
@click.option("--guess", "guesses", is_flag=True, help="Write a first mapping of FILE to stdout.")
@AGREEMENTS
@BROKERS
@STATE
def import_table(
    file: Path,
    mapping: Path | None,
    out: IO[bytes] | None,
    sends: bool,
    check: bool,
    guesses: bool,
    agreements: Path | None,
    brokers: str | None,
    state: Path | None,
) -> None:
    """Make events of the rows of FILE, as a mapping file says which column is what.

    FILE is a CSV or TSV, plain or gzip, or a sheet of an XLSX or ODS workbook. A cell no event can
    be made of is told with its row, column, value and reason; the other rows become events all the
    same. Rows that give one id twice, and names that would become one id, stop the whole file.

    \b
    Begin with what the file shows:     cmowatch import --guess t.csv > map.yaml
    Edit it, and see what it makes:     cmowatch import --mapping map.yaml t.csv --check
    Write the events, or send them:     cmowatch import --mapping map.yaml t.csv --out e.ndjson

    Types of events and their fields: docs/events.md and docs/contract/schemas, which cmowatch
    contract writes. docs/import.md has every setting of a mapping, with examples.

    A day is one at its place: in the zone of the mapping, else in that of the CMO's agreement.

    Exit code: 0 every row was used or matched by no event, 1 something was refused or did not
    arrive, or nothing was written, 2 wrong usage or settings, 77 the brokers do not let us in
    (docs/deploy.md).
    """  # noqa: D301
    if guesses:
        if mapping or out or sends or check:
            raise click.UsageError("--guess takes a FILE alone")
        with errors_end_the_command():
            click.echo(guess(file), nl=False)
        return
    if mapping is None:
        raise click.UsageError("give --mapping MAP.yaml; --guess writes a first one")
    if (out is not None) + sends + check != 1:
        raise click.UsageError("give one of --out EVENTS.ndjson, --publish and --check")
    tally = Tally(Console(stderr=True))
    zone_of = _zones(agreements)
    with errors_end_the_command():
        table = Table(mapping, file, zone_of=zone_of, share=tally.done)
    if sends:
        code = send(table, settings_or_exit(brokers=brokers), state, tally)
    else:
        code = _shown(table, tally) if out is None else _written(table, out, tally)
    sys.exit(_closed(table, out, tally) or code)


def _zones(folder: Path | None) -> Callable[[str], ZoneInfo | None]:
    """The zone agreed with a CMO, None where none is, or another before."""
    if folder is None:
        return lambda _: None
    agreed = agreements_or_exit(settings_or_exit(agreements=folder))

    def zone_of(cmo: str) -> ZoneInfo | None:
        zones = {each.zone for each in agreed.versions(cmo) if not each.default}
        return ZoneInfo(zones.pop()) if len(zones) == 1 else None

    return zone_of


def _written(items: Iterable[Event | Refused], out: IO[bytes], tally: Tally) -> int:
    with errors_end_the_command():
        for event in tally.taken_from(items):
            out.write(event.json_line() + b"\n")
    click.echo(f"events written {tally.taken:,}, faults found {tally.refused:,}", err=True)
    return tally.exit_code


def _shown(table: Table, tally: Tally) -> int:
    """Shows the first events of each kind and the last, and how many there would be."""
    made, last = Counter[str](), dict[str, Event]()
    with errors_end_the_command():
        for event in tally.taken_from(table):
            made[event.type] += 1
            if made[event.type] <= _SHOWN:
                click.echo(_as_shown(event, table))
            else:
                last[event.type] = event
    for event in last.values():
        click.echo(_as_shown(event, table))
    for type_, count in made.items():
        click.echo(f"would write {count:,} {type_}", err=True)
    if made:
        click.echo(f"times above are {_AS_CLOCKS_SHOW}", err=True)
    return tally.exit_code


def _as_shown(event: Event, table: Table) -> str:
    """An event as JSON, its time that of the clocks at its place."""
    shown = event.model_dump(mode="json", exclude_none=True, by_alias=True)
    shown["time"] = event.time.astimezone(table.place(event)).isoformat()
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _of_before(out: IO[bytes] | None) -> str:
    """Where a file of an earlier import still stands, that it is none of this one."""
    if out is None or out.name == "-" or not Path(out.name).exists():
        return ""
    return f": {out.name} is the one of before"


def _closed(table: Table, out: IO[bytes] | None, tally: Tally) -> int:
    """Tells what became of the rows; returns the exit code that this alone asks for."""
    counts = table.counts
    for line in table.days:
        click.echo(printable(line), err=True)
    click.echo(
        f"rows read {counts.read:,} = used {counts.used:,} + matched by no event "
        f"{counts.unmatched:,} + refused {counts.refused:,}",
        err=True,
    )
    for held, count in counts.found.most_common(_LISTED):
        click.echo(f"matched by no event: {printable(held)}: {count:,}", err=True)
    for note in counts.notes:
        click.echo(f"note: {printable(note)}", err=True)
    if counts.withheld:
        click.echo(
            f"nothing is made of a table whose rows conflict; {counts.withheld:,} of the refused "
            "are good, and withheld until the others are settled",
            err=True,
        )
    if not counts.add_up:
        click.echo("the rows do not add up: some were lost on the way", err=True)
        return NOT_ALL
    if not tally.taken:
        click.echo(f"nothing was written{_of_before(out)}", err=True)
        return NOT_ALL
    return 0
