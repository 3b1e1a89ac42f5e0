"""The options that several commands take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

BROKERS: Final = click.option(
    "--brokers",
    envvar="CMOWATCH_BROKERS",
    show_envvar=True,
    help="Kafka brokers, host:port, with commas between; localhost:9092 when not given.",
)
AGREEMENTS: Final = click.option(
    "--agreements",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="CMOWATCH_AGREEMENTS",
    show_envvar=True,
    help="Folder of the agreement files, one a CMO.",
)
STATE: Final = click.option(
    "--state",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CMOWATCH_STATE",
    show_envvar=True,
    help="Number the events, contiguously over runs, by this file; one that has a sequence keeps "
    "it.",
)
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
EVENTS: Final = click.Path(exists=True, dir_okay=False, allow_dash=True)


def reads_events(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments of a command that reads events, from a file or from the topics."""
    topics = click.option(
        "--topics", "from_topics", is_flag=True, help="Read the topics instead of a FILE."
    )
    file = click.argument("file", required=False, type=EVENTS)
    return file(topics(AGREEMENTS(BROKERS(command))))


def one_of(file: str | None, from_topics: bool) -> None:
    """Raises click's `UsageError` unless events are read from one place."""
    if (file is None) is not from_topics:
        raise click.UsageError("give either a FILE or --topics")
