"""Our own errors as the end of a command: their message, and exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from events.errors import EventError
from streams.errors import StreamError


@contextmanager
def errors_end_the_command() -> Iterator[None]:
    """Ends the command at an error of ours, or of the system, with its message and exit code 1."""
    try:
        yield
    except (EventError, StreamError, OSError) as error:
        raise click.ClickException(str(error)) from error
