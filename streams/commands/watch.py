"""The commands that watch: worker, topics and replay."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from alerts.agreements import Agreements
from alerts.errors import InvalidAgreement
from alerts.readings import Reading
from events.decode import Accepted, Rejection
from events.errors import EventError
from events.files import replay as replayed
from streams.agreements import read_agreements
from streams.app import run_worker
from streams.commands.publish import printable
from streams.errors import StreamError
from streams.kafka.assignment import Assignment
from streams.kafka.topics import create_or_verify
from streams.kafka.whole_log import outcomes
from streams.metrics.pages import pages
from streams.replay import Pass, as_json, end_of
from streams.settings import Settings
from streams.shard import Shard, decoder_of

_FOLDER = click.Path(file_okay=False, path_type=Path)
BROKERS = click.option(
    "--brokers",
    envvar="CMOWATCH_BROKERS",
    show_envvar=True,
    help="Kafka brokers, host:port, with commas between; localhost:9092 when not given.",
)
AGREEMENTS = click.option(
    "--agreements",
    type=_FOLDER,
    envvar="CMOWATCH_AGREEMENTS",
    show_envvar=True,
    help="Folder of the agreement files; deploy/agreements when not given.",
)


def settings_or_exit(**given: object) -> Settings:
    """The settings, those given over the environment's; a bad one ends the program and is named."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        told = [
            f"CMOWATCH_{'_'.join(map(str, fault['loc'])).upper() or '…'}: {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
        raise click.ClickException("; ".join(told)) from None


def agreements_or_exit(folder: Path, *, use_default: bool) -> Agreements:
    """The agreements of a folder; a bad file ends the program with file, line and reason."""
    try:
        return read_agreements(folder, use_default=use_default)
    except InvalidAgreement as error:
        raise click.ClickException(str(error)) from error


@click.command()
@BROKERS
@AGREEMENTS
@click.option(
    "--web-port",
    type=click.IntRange(1, 65_535),
    envvar="CMOWATCH_WEB_PORT",
    show_envvar=True,
    help="Port of metrics and health; 6066 when not given.",
)
def worker(brokers: str | None, agreements: Path | None, web_port: int | None) -> None:
    """Watch: fold the topics into KPIs, publish breaches, expose metrics.

    Start as many as you like: they share the partitions. Each reads the log from its beginning,
    and says nothing of a CMO before it has read all. /health/ready tells what is still to read,
    /metrics is for Prometheus, /readings is the last judgement as JSON.

    Every setting can come from the environment: CMOWATCH_BROKERS, CMOWATCH_AGREEMENTS,
    CMOWATCH_DEFAULT_AGREEMENT, CMOWATCH_PARTITIONS, CMOWATCH_WEB_PORT and more (docs/settings.md).

    Exit code: 0 stopped by a signal, 1 wrong settings, agreements or topics, 69 no broker answered,
    70 something nobody foresaw: it ends at once, and says where.
    """
    settings = settings_or_exit(brokers=brokers, agreements=agreements, web_port=web_port)
    agreed = agreements_or_exit(settings.agreements, use_default=settings.default_agreement)
    assignment = Assignment(lambda partition: Shard(partition, settings.partitions, agreed))
    _refuse_a_taken_port(settings)
    where = f"http://{settings.web_host}:{settings.web_port}"
    click.echo(f"cmowatch reads {settings.brokers}; see {where}/health/ready", err=True)
    try:
        sys.exit(run_worker(settings, assignment, pages(assignment)))
    except StreamError as error:
        raise click.ClickException(str(error)) from error


def _refuse_a_taken_port(settings: Settings) -> None:
    with socket.socket() as mine:
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            mine.bind((settings.web_host, settings.web_port))
        except OSError as error:
            raise click.ClickException(
                f"{settings.web_host}:{settings.web_port} cannot be served: {error.strerror}; "
                "choose another --web-port"
            ) from error


@click.command()
@BROKERS
def topics(brokers: str | None) -> None:
    """Create the topics that are missing, and say what differs in those that are there.

    Exit code: 0 all are as they must be, 1 something differs (told), 2 wrong usage.
    """
    settings = settings_or_exit(brokers=brokers)
    try:
        found = asyncio.run(create_or_verify(settings))
    except StreamError as error:
        raise click.ClickException(str(error)) from error
    for difference in found:
        click.echo(str(difference))
    if not found:
        click.echo("every topic is as it must be")
    sys.exit(1 if any(difference.found is not None for difference in found) else 0)


@click.command()
@click.argument(
    "file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--topics", "from_topics", is_flag=True, help="Replay the topics instead of a file.")
@click.option(
    "--as-of",
    "as_of",
    required=True,
    metavar="TIME|DATE",
    help="Read as of this moment of event time; a DATE is the end of that day, in UTC.",
)
@click.option("--json/--table", "as_json_", default=None, help="How to print; a table by default.")
@AGREEMENTS
@BROKERS
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
    the default agreement covers every CMO without one of its own.

    \b
    cmowatch replay events.ndjson --as-of 2026-06-30 --table
    cmowatch replay --topics --as-of 2026-06-30T12:00:00Z --json

    What is refused is told on stderr.

    Exit code: 0 all was read, 1 something in the FILE was refused, 2 wrong usage.
    """  # noqa: D301
    if (file is None) is not from_topics:
        raise click.UsageError("give either a FILE or --topics")
    settings = settings_or_exit(brokers=brokers, agreements=agreements)
    moment = _moment(as_of)
    agreed = agreements_or_exit(
        settings.agreements, use_default=file is not None or settings.default_agreement
    )
    clean = Pass(agreed, moment)
    try:
        if file is not None:
            clean.fold(replayed(file, decoder_of(agreed, 1)))
        else:
            asyncio.run(_fold(clean, outcomes(settings, decoder_of(agreed, settings.partitions))))
    except (EventError, StreamError, OSError) as error:
        raise click.ClickException(str(error)) from error
    _print(clean.readings(), as_json_ or False)
    refused = tell_refused(clean.refused)
    sys.exit(refused if file is not None else 0)


async def _fold(clean: Pass, found: AsyncIterator[Accepted | Rejection]) -> None:
    async for outcome in found:
        clean.fold([outcome])


def _moment(text: str) -> datetime:
    try:
        return end_of(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}; give 2026-06-30 or 2026-06-30T12:00:00Z") from error


def tell_refused(refused: list[Rejection]) -> int:
    """Tell on stderr what was refused and why; 1 when anything was, else 0."""
    for rejection in refused:
        message = rejection.message
        where = f"{message.topic or 'line'} {message.partition}/{message.offset}"
        about = f"{rejection.field} = {rejection.value!r}: " if rejection.field else ""
        told = f"{where}: {rejection.reason}: {about}{rejection.detail}"
        click.echo(printable(told), err=True)
    if refused:
        click.echo(f"refused {len(refused):,}", err=True)
    return 1 if refused else 0


def _print(found: Iterator[Reading], json_: bool) -> None:
    if json_:
        click.echo(as_json(found))
        return
    table = Table("KPI", "CMO", "scope", "value", "of", "n", "95 %", "state")
    for reading in found:
        table.add_row(*_row(reading))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _row(reading: Reading) -> tuple[str, ...]:
    scope = " ".join(part for part in (*reading.scope, reading.quantile) if part)
    low_high = f"{reading.interval.low:.3f}–{reading.interval.high:.3f}" if reading.interval else ""
    of = "" if reading.denominator is None else f"{reading.numerator:,g}/{reading.denominator:,g}"
    value = "" if reading.value is None else f"{reading.value:,.4g}"
    state = "" if reading.state is None else str(reading.state)
    state = f"{state}: {reading.why}" if state and reading.why else state
    return reading.kpi.name, reading.cmo, scope, value, of, f"{reading.n:,}", low_high, state
