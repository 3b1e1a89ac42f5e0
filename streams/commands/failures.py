"""Our own errors as the end of a command: their message, and its exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

from events.errors import EventError
from events.errors import NotPermitted as NotPermittedToPublish
from streams.errors import NotPermitted, StreamError
from streams.exits import NO_PERMISSION


class Forbidden(click.ClickException):
    """The brokers do not let us in, or not do it; the message says what to do."""

    exit_code = NO_PERMISSION


@contextmanager
def errors_end_the_command() -> Iterator[None]:
    """Ends the command at an error of ours, or of the system, with its message.

    The exit code is 77 for what the brokers do not permit, else 1.
    """
    try:
        yield
    except (NotPermitted, NotPermittedToPublish) as error:
        raise Forbidden(str(error)) from error
    except (EventError, StreamError, OSError) as error:
        raise click.ClickException(str(error)) from error
