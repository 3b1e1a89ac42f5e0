"""The same fold in plain Faust: an agent that takes an event at a time, and a table of records."""

import pickle
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import faust
from faust.serializers import codecs

from deploy.lab.bench.peer import Peer, pickle_lightly
from deploy.lab.bench.stopwatch import Stopwatch
from events.data import INBOUND
from events.outcomes import Message
from streams.agreements import read_agreements
from streams.settings import Settings


class Pickled(codecs.Codec):
    """Pickle as it is, without the base64 that Faust's own codec adds."""

    def _dumps(self, given: Any) -> bytes:
        return pickle.dumps(given, pickle.HIGHEST_PROTOCOL)

    def _loads(self, given: bytes) -> Any:
        return pickle.loads(given)


def main(events: int, folder: Path) -> None:
    """Folds until it is ended, and tells when so many events are folded."""
    settings, watch = Settings(), Stopwatch(events)
    agreed = read_agreements(settings.agreements, use_default=settings.default_agreement)
    peer = Peer(agreed, settings.partitions)
    pickle_lightly()
    codecs.register("pickled", Pickled())
    app = faust.App(
        settings.group,
        broker=f"kafka://{settings.brokers}",
        store="memory://",
        topic_partitions=settings.partitions,
        topic_replication_factor=1,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
        datadir=str(folder),
    )
    source = app.topic(
        *INBOUND, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )
    records: Any = app.Table("records", partitions=settings.partitions)
    records.value_serializer = "pickled"

    @app.agent(source)
    async def fold(stream: Any) -> None:
        async for event in stream.events():
            watch.begin()
            peer.fold(_message(event.message), records)
            watch.count(1)

    worker = faust.Worker(app, quiet=True, override_logging=False, loglevel="WARNING")
    worker.spinner = None
    worker.execute_from_commandline()


def _message(read: Any) -> Message:
    milliseconds = round(read.timestamp * 1_000)
    return Message(read.topic, read.partition, read.offset, milliseconds, read.key, read.value)


if __name__ == "__main__":
    with TemporaryDirectory(prefix="bench-faust-") as temporary:
        main(int(sys.argv[1]), Path(temporary))
