"""The command `cmowatch replay`: every reading as of a moment."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from alerts.readings import Reading
from events.files import replay as events_of
from events.outcomes import AcceptedEvent, Rejection
from streams.commands.configuration import agreements_or_exit, settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import one_of, reads_events
from streams.commands.refused import tell_refused
from streams.commands.replayed import Replayed
from streams.kafka.whole_log import outcomes
from streams.replay import Pass, as_json, end_of
from streams.shard import decoder_of


@click.command()
@reads_events
@click.option(
    "--as-of",
    "as_of",
    required=True,
    metavar="TIME|DATE",
    help="Read as of this moment of event time; a DATE is the end of that day, in UTC.",
)
@click.option("--json/--table", "as_json_", default=None, help="How to print; a table by default.")
def replay(
    file: str | None,
    from_topics: bool,
    as_of: str,
    as_json_: bool | None,
    agreements: Path | None,
    brokers: str | None,
) -> None:
    """Print every reading as of a moment, from FILE (NDJSON; - is stdin) or from the topics.

    Nothing that happened after the moment is known, and nothing is written anywhere. For a file
    the default agreement covers every CMO without one of its own, and --agreements may be left out.

    \b
    cmowatch replay events.ndjson --as-of 2026-06-30 --table
    cmowatch replay --topics --as-of 2026-06-30T12:00:00Z --json

    What is refused is told on stderr, and at the end how many events were read, and how fast; on a
    terminal also how long it still takes.

    Exit code: 0 all was read, 1 something in the FILE was refused or no broker answers, 2 wrong
    usage, settings or agreements, 77 the brokers do not let us (docs/deploy.md).
    """  # noqa: D301
    one_of(file, from_topics)
    settings = settings_or_exit(brokers=brokers, agreements=agreements)
    agreed = agreements_or_exit(settings, of_file=file is not None)
    clean = Pass(agreed, _moment(as_of))
    with errors_end_the_command(), Replayed(Console(stderr=True)) as replayed:
        if file is not None:
            decoder, position = decoder_of(agreed, 1), replayed.of_file(file)
            for part in replayed.slices(events_of(file, decoder, position=position)):
                clean.fold(part)
        else:
            decoder = decoder_of(agreed, settings.partitions)
            asyncio.run(_fold(clean, outcomes(settings, decoder, replayed.at), replayed))
    _print(clean.readings(), as_json_ or False)
    tell_refused(clean.refused)
    click.echo(replayed.summary(), err=True)
    sys.exit(1 if clean.refused and file is not None else 0)


async def _fold(
    clean: Pass, found: AsyncIterator[AcceptedEvent | Rejection], replayed: Replayed
) -> None:
    async for part in replayed.slices_of(found):
        clean.fold(part)


def _moment(text: str) -> datetime:
    try:
        return end_of(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}; give 2026-06-30 or 2026-06-30T12:00:00Z") from error


def _print(found: Iterator[Reading], json_: bool) -> None:
    if json_:
        click.echo(as_json(found))
        return
    table = Table("KPI", "CMO", "scope", "value", "of", "n", "95 %", "state")
    for each in found:
        table.add_row(*_row(each))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _row(reading: Reading) -> tuple[str, ...]:
    scope = " ".join(part for part in (*reading.scope, reading.quantile) if part)
    low_high = f"{reading.interval.low:.3f}–{reading.interval.high:.3f}" if reading.interval else ""
    of = "" if reading.denominator is None else f"{reading.numerator:,g}/{reading.denominator:,g}"
    value = "" if reading.value is None else f"{reading.value:,.4g}"
    state = "" if reading.state is None else str(reading.state)
    state = ": ".join(part for part in (state, reading.words) if part)
    return reading.kpi.name, reading.cmo, scope, value, of, f"{reading.n:,}", low_high, state
