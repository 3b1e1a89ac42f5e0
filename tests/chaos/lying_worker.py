"""The worker, without the guards that `CHAOS_WITHOUT` names, by a clock that a file sets.

All of the process reads the time so, as if somebody had set the clock of its machine.
"""

import os
import time
from pathlib import Path

from streams.commands.watch import worker
from tests.chaos.unguarded_worker import GUARDS


def ahead(port: int | str) -> Path:
    """The file that says for how many seconds a worker's clock is ahead, in its own folder."""
    return Path(f"ahead-{port}")


def lie() -> None:
    true, file = time.time, ahead(os.environ["CMOWATCH_WEB_PORT"])

    def told() -> float:
        return true() + (float(file.read_text()) if file.exists() else 0.0)

    time.time = told


if __name__ == "__main__":
    for name in os.environ.get("CHAOS_WITHOUT", "").split():
        GUARDS[name]()
    lie()
    worker()
