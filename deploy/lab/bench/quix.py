"""The same fold in Quix Streams: one dataframe over the topics, and a state store of records."""

import pickle
import sys
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from quixstreams import Application, message_context

from deploy.lab.bench.peer import Kept, Peer, pickle_lightly
from deploy.lab.bench.stopwatch import Stopwatch
from events.data import INBOUND
from events.outcomes import Message
from streams.agreements import read_agreements
from streams.settings import Settings


class QuixStore:
    """The state of one key of Quix, as a peer's fold uses it."""

    def __init__(self, state: Any) -> None:
        self._state = state

    def get(self, key: str) -> Kept | None:
        """What is kept under a key, if anything."""
        pickled = self._state.get_bytes(key)
        return None if pickled is None else pickle.loads(pickled)

    def __setitem__(self, key: str, kept: Kept) -> None:
        """Keeps it."""
        self._state.set_bytes(key, pickle.dumps(kept, pickle.HIGHEST_PROTOCOL))


def main(events: int, folder: Path) -> None:
    """Folds until it is ended, and tells when so many events are folded."""
    settings, watch = Settings(), Stopwatch(events)
    agreed = read_agreements(settings.agreements, use_default=settings.default_agreement)
    peer = Peer(agreed, settings.partitions)
    pickle_lightly()
    app = Application(
        broker_address=settings.brokers,
        consumer_group=settings.group,
        auto_offset_reset="earliest",
        state_dir=folder,
        loglevel="WARNING",
    )

    def fold(value: bytes, key: bytes, timestamp: int, _headers: Any, state: Any) -> None:
        watch.begin()
        at = message_context()
        message = Message(at.topic, at.partition, at.offset, timestamp, key, value)
        peer.fold(message, QuixStore(state))
        watch.count(1)

    topics = [
        app.topic(name, key_deserializer="bytes", value_deserializer="bytes") for name in INBOUND
    ]
    frames = [app.dataframe(topic) for topic in topics]
    whole = reduce(lambda frame, other: frame.concat(other), frames)
    whole.update(fold, stateful=True, metadata=True)
    app.run()


if __name__ == "__main__":
    with TemporaryDirectory(prefix="bench-quix-") as temporary:
        main(int(sys.argv[1]), Path(temporary))
