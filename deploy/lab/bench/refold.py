"""Folds a file of messages with whatever tree stands on the path, and tells what that took.

It is run by its path in trees of other commits, too: it uses only what all of them have.
"""

import gc
import json
import pickle
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time
from typing import Any

from events.outcomes import Message
from streams.agreements import read_agreements
from streams.shard import Shard

Batch = tuple[str, list[Message]]
"""Messages of one topic."""

_TURN = 4_000
_AT_ONCE = 250  # as the worker folds
_COLLECTED = 1_000  # as the worker's collector


def main(file: Path, agreements: Path) -> None:
    """Folds a turn for each line on stdin, and answers it with what that took, as JSON.

    An answer has the events of the turn, the processor's seconds, and how many are refused by now.
    """
    shard = Shard(0, 1, read_agreements(agreements, use_default=True))
    turns = _turns(_read(file))
    gc.set_threshold(100_000, 50, 50)
    gc.collect()
    gc.freeze()
    refused = set[str]()
    for _ in sys.stdin:
        batches = next(turns, [])
        spent, events = _folded(shard, batches), sum(len(batch) for _, batch in batches)
        refused.update(letter.id for letter in shard.to_send())
        said = {"events": events, "processor": spent, "refused": len(refused)}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def _turns(batches: list[Batch]) -> Iterator[list[Batch]]:
    turn: list[Batch] = []
    for batch in batches:
        turn.append(batch)
        if sum(len(messages) for _, messages in turn) >= _TURN:
            yield turn
            turn = []
    yield turn


def _read(file: Path) -> list[Batch]:
    given: list[tuple[str, int, list[Any]]] = pickle.loads(file.read_bytes())
    return [(topic, [Message(*each) for each in made]) for topic, _, made in given]


def _folded(shard: Shard, batches: Sequence[Batch]) -> float:
    since, began = 0, process_time()
    for topic, messages in batches:
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
