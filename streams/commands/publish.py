"""The command `cmowatch publish`: events of a file, sent to Kafka."""

import sys
from collections.abc import Iterable
from pathlib import Path

import click
from rich.console import Console

from events.errors import Unaddressable
from events.event import Event
from events.files import events_in
from events.publish import Publisher
from streams.commands.configuration import security, settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import BROKERS, EVENTS, STATE
from streams.commands.refused import Refused
from streams.commands.tally import Tally
from streams.settings import Settings


@click.command()
@click.argument("file", type=EVENTS)
@BROKERS
@STATE
def publish(file: str, brokers: str | None, state: Path | None) -> None:
    """Send the events of FILE (NDJSON, plain or gzip; - is stdin) to Kafka.

    Each line is read by the contract first. One that is refused is told with its line number,
    field, value and reason, and the others are sent all the same. Whether a source may say what it
    says is for the monitor to judge.

    How to log in to the brokers is set in the environment: CMOWATCH_SECURITY, CMOWATCH_USERNAME,
    CMOWATCH_PASSWORD_FILE, CMOWATCH_CA_FILE.

    Exit code: 0 everything was sent, 1 something was refused or did not arrive, or the file of
    --state cannot be used, 2 wrong usage or settings, 77 the brokers do not let us in
    (docs/deploy.md).
    """
    tally = Tally(Console(stderr=True))
    sys.exit(send(events_in(file), settings_or_exit(brokers=brokers), state, tally))


def send(
    items: Iterable[Event | Refused], settings: Settings, state: Path | None, tally: Tally
) -> int:
    """Publishes the events among what was read, and says how many; returns the exit code."""
    with errors_end_the_command():
        publisher = Publisher(
            settings.brokers, state=state, report=tally.delivered, security=security(settings)
        )
        with publisher:
            for event in tally.taken_from(items):
                try:
                    publisher.publish(event)
                except Unaddressable as error:
                    tally.refuse(f"event {event.id}: {error}")
    click.echo(tally.summary(), err=True)
    return tally.exit_code
