"""How a process ends that cannot go on: at once, and it says why."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from streams.errors import NoBroker, NotPermitted, NotWritable
from streams.kafka.rights import FORBIDDEN, forbidden
from streams.settings import Settings

UNAVAILABLE: Final = 69
"""How the process ends when no broker answered, or none that lets it write."""

UNEXPECTED: Final = 70
"""How the process ends when something was not foreseen."""

NO_PERMISSION: Final = 77
"""How it ends when the brokers do not let it go on; sysexits.h has it so."""


@contextmanager
def exit_on_unexpected_error(where: str, batch: Any = None) -> Iterator[None]:
    """Ends the process at an exception: Faust would acknowledge the batch and go on without it."""
    try:
        yield
    except (NotWritable, NoBroker) as error:
        _end(UNAVAILABLE, f"cmowatch ends: {error}\n")
    except Exception as error:
        offset = f" at offset {batch.begin} to {batch.end}" if batch is not None else ""
        _end(
            UNEXPECTED,
            f"{traceback.format_exc()}cmowatch ends: not foreseen in {where}{offset}: {error!r}. "
            "Operator action: restart it, which folds the log anew; if it ends here again, report "
            "this and hold the message.\n",
        )


@contextmanager
def exit_when_forbidden(settings: Settings, operation: str = "Read") -> Iterator[None]:
    """Ends the process when the brokers forbid something: it would try in vain for ever."""
    try:
        yield
    except FORBIDDEN as error:
        _end(NO_PERMISSION, f"cmowatch ends: {forbidden(settings, error, operation)}\n")
    except NotPermitted as error:
        _end(NO_PERMISSION, f"cmowatch ends: {error}\n")


def _end(exit_code: int, message: str) -> NoReturn:
    """Ends at once, and says why on the process's own stderr, which nobody redirects."""
    os.write(2, message.encode(errors="replace"))
    os._exit(exit_code)
