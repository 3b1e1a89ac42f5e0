"""Folds a file of messages with whatever tree stands on the path, and tells what that took.

It is run by its path in trees of other commits, too: it uses only what all of them have.
"""

import gc
import json
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from typing import Any

from events.decode import Message
from streams.agreements import read_agreements
from streams.shard import Shard

_AT_ONCE = 250  # as the worker folds
_COLLECTED = 1_000  # as the worker's collector


def main(file: Path, agreements: Path) -> None:
    """Writes events, processor time in seconds and how many were refused, as JSON on stdout."""
    shard = Shard(0, 1, read_agreements(agreements, use_default=True))
    batches = _read(file)
    gc.set_threshold(100_000, 50, 50)
    gc.collect()
    gc.freeze()
    spent = _folded(shard, batches)
    events = sum(len(messages) for _, _, messages in batches)
    refused = len(_to_send(shard)())
    sys.stdout.write(json.dumps({"events": events, "processor": spent, "refused": refused}))


def _to_send(shard: Any) -> Any:
    """What a shard has to send, which before any tick is a dead letter a refusal."""
    return shard.to_send if hasattr(shard, "to_send") else shard.outputs  # its name till ce665c9


def _read(file: Path) -> list[tuple[str, int, list[Message]]]:
    given: list[tuple[str, int, list[Any]]] = pickle.loads(file.read_bytes())
    return [(topic, end, [Message(*each) for each in made]) for topic, end, made in given]


def _folded(shard: Shard, batches: Sequence[tuple[str, int, list[Message]]]) -> float:
    since, began = 0, process_time()
    for topic, _, messages in batches:
        for first in range(0, len(messages), _AT_ONCE):
            slice_ = messages[first : first + _AT_ONCE]
            shard.fold(topic, slice_[-1].offset + 1, slice_)
            since += len(slice_)
        if since >= _COLLECTED:
            since = 0
            gc.collect(1)
            gc.freeze()
    return process_time() - began


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
