"""The command `cmowatch topics`: the topics, created where they are missing, else compared."""

import asyncio
import sys

import click

from streams.commands.configuration import settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import BROKERS
from streams.kafka.topics import create_or_verify


@click.command()
@BROKERS
def topics(brokers: str | None) -> None:
    """Create the topics that are missing, and say what differs in those that are there.

    Exit code: 0 all are as they must be, 1 something differs (told) or no broker answers, 2 wrong
    usage or settings, 77 the brokers do not let us (docs/deploy.md).
    """
    settings = settings_or_exit(brokers=brokers)
    with errors_end_the_command():
        found = asyncio.run(create_or_verify(settings))
    for difference in found:
        click.echo(str(difference))
    if not found:
        click.echo("every topic is as it must be")
    sys.exit(1 if any(difference.found is not None for difference in found) else 0)
