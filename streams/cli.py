"""The command line: each command hands its arguments to the module that does the work."""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click
from pydantic import ValidationError
from rich.console import Console

from events.adapters.table import read_table
from events.errors import EventError
from events.event import Event
from events.files import events_in
from events.publish import Publisher
from streams import documents
from streams.commands.publish import Refused, Tally, security, send
from streams.commands.watch import replay, topics, worker
from streams.settings import Settings

NOT_ALL = 1
"""Exit code when something was refused or did not arrive; 2 is wrong usage, as click has it."""

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_STATE = click.Path(dir_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cmowatch", prog_name="cmowatch")
def main() -> None:
    """Watches contract manufacturers (CMOs) of medicines as closely as a plant of one's own.

    Events come in over Kafka, as CloudEvents keyed by the id of the CMO; rolling KPIs and breaches
    of what was agreed go out to Kafka and Prometheus.

    \b
    See what an event looks like:      cmowatch contract, then docs/contract/
    Send events, one JSON a line:      cmowatch publish events.ndjson
    Make events of a table you have:   cmowatch import --mapping m.yaml t.csv --out events.ndjson
    Create the topics, then watch:     cmowatch topics, then cmowatch worker
    Ask how things stood on a day:     cmowatch replay events.ndjson --as-of 2026-06-30

    Every option with an environment variable shows it; a command's own --help says more.
    """  # noqa: D301
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # each fault is told once, by us


def _connection(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that publishes."""
    for option in (
        click.option(
            "--state",
            type=_STATE,
            envvar="CMOWATCH_STATE",
            show_envvar=True,
            help="Number the events, contiguously over runs, by this file; one that has a sequence "
            "keeps it.",
        ),
        click.option(
            "--brokers",
            default="localhost:9092",
            envvar="CMOWATCH_BROKERS",
            show_default=True,
            show_envvar=True,
            help="Kafka brokers, host:port, with commas between.",
        ),
    ):
        command = option(command)
    return command


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a document is out of date.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="here",
    help="The project's folder.",
)
def contract(check: bool, folder: Path) -> None:
    """Write what is made from the declarations.

    That is a JSON Schema per event type and an AsyncAPI document of the topics in docs/contract,
    the schema of an agreement file beside them, the KPIs and the settings as pages in docs.
    """
    if not check:
        documents.write(folder)
    elif differences := documents.differences(folder):
        for line in differences:
            click.echo(line, err=True)
        raise click.ClickException("run cmowatch contract, and commit what it wrote")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@_connection
def publish(file: str, brokers: str, state: Path | None) -> None:
    """Send the events of FILE (NDJSON, plain or gzip; - is stdin) to Kafka.

    Each line is read by the contract first. One that is refused is told with its line number,
    field, value and reason, and the others are sent all the same. Whether a source may say what it
    says is for the monitor to judge.

    How to log in to the brokers is set in the environment: CMOWATCH_SECURITY, CMOWATCH_USERNAME,
    CMOWATCH_PASSWORD_FILE, CMOWATCH_CA_FILE.

    Exit code: 0 everything was sent, 1 something was refused or did not arrive, 2 wrong usage.
    """
    _publish(events_in(file), _settings(brokers), state)


@main.command("import")
@click.argument("file", type=_FILE)
@click.option("--mapping", type=_FILE, required=True, help="Which column is what: a YAML file.")
@click.option("--out", type=click.File("wb", lazy=True), help="Write events here; - is stdout.")
@click.option("--publish", "sends", is_flag=True, help="Send the events to Kafka.")
@_connection
def import_table(
    file: Path,
    mapping: Path,
    out: IO[bytes] | None,
    sends: bool,
    brokers: str,
    state: Path | None,
) -> None:
    """Make events of the rows of FILE, as a mapping file says which column is what.

    A cell no event can be made of is told with its row, column, value and reason; the other rows
    become events all the same.

    Exit code: 0 every row was taken, 1 something was refused or did not arrive, 2 wrong usage.
    """
    if (out is None) is not sends:
        raise click.UsageError("give either --out EVENTS.ndjson or --publish")
    with _told():
        items = read_table(mapping, file)
    if out is None:
        _publish(items, _settings(brokers), state)
    else:
        _write(items, out)


def _settings(brokers: str) -> Settings:
    """The settings; what is wrong with them is told without any value, which may be a secret."""
    try:
        return Settings(brokers=brokers)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_context=False, include_url=False)
        told = (f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip() for fault in faults)
        raise click.UsageError("; ".join(told)) from None


def _publish(items: Iterable[Event | Refused], settings: Settings, state: Path | None) -> None:
    tally = Tally(Console(stderr=True))
    with _told():
        secured = security(settings)
        publisher = Publisher(
            settings.brokers, state=state, report=tally.delivered, security=secured
        )
        send(publisher, items, tally)
    click.echo(tally.summary(), err=True)
    sys.exit(0 if tally.faultless else NOT_ALL)


def _write(items: Iterable[Event | Refused], out: IO[bytes]) -> None:
    tally = Tally(Console(stderr=True))
    with _told():
        out.writelines(event.json_line() + b"\n" for event in tally.taken_from(items))
    click.echo(f"wrote {tally.taken:,}, refused {tally.refused:,}", err=True)
    sys.exit(0 if tally.faultless else NOT_ALL)


@contextmanager
def _told() -> Iterator[None]:
    """Our errors end a command with their message and exit code 1."""
    try:
        yield
    except EventError as error:
        raise click.ClickException(str(error)) from error


for _command in (worker, topics, replay):
    main.add_command(_command)
