"""The command `cmowatch topics`: the topics, created where they are missing, else compared.

And the decision to go on from a log that is damaged.
"""

import asyncio
import sys

import click

from streams.commands.configuration import settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import BROKERS
from streams.kafka.repair import Repaired, repair
from streams.kafka.topics import create_or_verify


@click.command()
@BROKERS
@click.option(
    "--repair",
    "why",
    metavar="WHY",
    help="Go on from what a damaged log holds now, and keep why on cmo.dead-letters. What was lost "
    "counts nowhere; docs/runbook.md, CmowatchLogDamaged, says when to do this.",
)
def topics(brokers: str | None, why: str | None) -> None:
    """Create the topics that are missing, and say what differs in those that are there.

    Exit code: 0 all are as they must be, 1 something differs (told) or no broker answers, 2 wrong
    usage or settings, 77 the brokers do not let us (docs/deploy.md).
    """
    settings = settings_or_exit(brokers=brokers)
    with errors_end_the_command():
        if why is not None and not why.strip():
            raise click.UsageError("--repair needs a reason that others understand later")
        found = asyncio.run(create_or_verify(settings))
        repaired = asyncio.run(repair(settings, why.strip())) if why is not None else None
    for difference in found:
        click.echo(str(difference))
    if repaired is not None:
        _tell(repaired)
    if not found:
        click.echo("every topic is as it must be")
    sys.exit(1 if any(difference.found is not None for difference in found) else 0)


def _tell(repaired: Repaired) -> None:
    for partition, damages in sorted(repaired.items()):
        click.echo(f"partition {partition}: goes on, though {'; '.join(map(str, damages))}")
    if not repaired:
        click.echo("no damage was found: nothing is changed")
