"""The worker, without the guards that `CHAOS_WITHOUT` names, which hangs at a moment it is told of.

It stops itself as SIGSTOP from outside does, once, when a file names the moment it has come to.
"""

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from events.data import BREACHES
from streams.commands.watch import worker
from streams.kafka.followed import OutboxMessage
from streams.kafka.producer import PartitionProducer
from tests.chaos.unguarded_worker import GUARDS

JUDGED, UNCOMMITTED, UNSTARTED = "judged", "uncommitted", "unstarted"
"""Between judging and sending; amid a transaction; between being assigned and being a writer."""


def told(port: int | str) -> Path:
    """The file that tells a worker, by its port, at which moment to hang; in its own folder."""
    return Path(f"hangs-{port}")


def hang_at(moment: str) -> None:
    file = told(os.environ["CMOWATCH_WEB_PORT"])
    if file.exists() and file.read_text() == moment:
        file.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


def hanging(call: Callable[[], Any], moment: str) -> Callable[[], Any]:
    async def hangs() -> Any:
        hang_at(moment)
        return await call()

    return hangs


def hang_where_it_sends() -> None:
    whole = PartitionProducer.send

    async def send(
        self: PartitionProducer, outputs: Sequence[OutboxMessage], may_stand: Any
    ) -> None:
        if any(output.topic == BREACHES for output in outputs):
            hang_at(JUDGED)
            commit = self._producer.commit_transaction
            self._producer.commit_transaction = hanging(commit, UNCOMMITTED)
        await whole(self, outputs, may_stand)

    PartitionProducer.send = send  # type: ignore[method-assign,assignment]


def hang_where_it_starts() -> None:
    made = PartitionProducer.__init__

    def init(self: PartitionProducer, settings: Any, partition: int) -> None:
        made(self, settings, partition)
        self._producer.start = hanging(self._producer.start, UNSTARTED)

    PartitionProducer.__init__ = init  # type: ignore[method-assign]


if __name__ == "__main__":
    for name in os.environ.get("CHAOS_WITHOUT", "").split():
        GUARDS[name]()
    hang_where_it_sends()
    hang_where_it_starts()
    worker()
