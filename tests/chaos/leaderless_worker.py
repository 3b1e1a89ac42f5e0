"""The worker, without the guards that `CHAOS_WITHOUT` names, for which leaders get lost.

Of which partitions the brokers say so is read from a file named after its port; it finds that out
in seconds, not in a minute.
"""

import os
from pathlib import Path
from typing import Any

from events.data import LOTS
from streams.commands.watch import worker
from streams.kafka import assignment
from streams.kafka.extents import Extents
from tests.chaos.unguarded_worker import GUARDS

SOON = 3.0
"""Seconds after which it takes nobody's telling for something to be said."""


def file_of(port: int | str) -> str:
    """The name of the file with the partitions that have no leader."""
    return f"without-a-leader-{port}"


async def metadata(self: Extents) -> Any:
    answer = await _METADATA(self)
    file = Path(file_of(os.environ["CMOWATCH_WEB_PORT"]))
    gone = set(map(int, file.read_text().split())) if file.exists() else set()
    for _, topic, _, _, partitions, *_ in answer.topics:
        if topic == LOTS:
            partitions[:] = [
                (code, number, -1 if number in gone else leader, *more)
                for code, number, leader, *more in partitions
            ]
    return answer


_METADATA = Extents._metadata

if __name__ == "__main__":
    for name in os.environ.get("CHAOS_WITHOUT", "").split():
        GUARDS[name]()
    Extents._metadata = metadata  # type: ignore[method-assign]
    vars(assignment)["UNSEEN"] = SOON
    worker()
