"""What was fetched of one partition at once, and how much of it is folded before others go on."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from faust.types import TP

from events.outcomes import Message
from streams.errors import CutBack

_AT_ONCE = 250  # events folded before others have their turn on the loop


class Batch(NamedTuple):
    """One fetch of one partition: all there was from `begin` up to, not including, `end`.

    The bounds are the consumer's positions before and after the fetch, so that a batch without
    records passes over the markers and the aborted records of transactions.
    """

    begin: int
    end: int
    records: Sequence[Any]


def slices(batch: Batch) -> Iterator[Batch]:
    """A batch as batches of few enough events to fold at once; one without records as it is."""
    begin, records = batch.begin, batch.records
    for first in range(0, max(1, len(records)), _AT_ONCE):
        beyond = first + _AT_ONCE
        end = records[beyond].offset if beyond < len(records) else batch.end
        yield Batch(begin, end, records[first:beyond])
        begin = end


def message_of(record: Any) -> Message:
    """What a record of aiokafka is to us."""
    return Message(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        record.headers,
    )


def bounded(tp: TP, start: int | None, stop: int | None, records: Sequence[Any]) -> Batch | None:
    """A fetch as a batch; without a `start`, for it straddled a seek, it begins at its records.

    Raises `CutBack` when the consumer's position went back though nobody sought.
    """
    if start is not None and stop is not None and stop < start:
        raise cut_back(tp, start)
    if not records:
        if start is None or stop is None or stop == start:
            return None
        return Batch(start, stop, ())
    first, end = records[0].offset, records[-1].offset + 1
    if start is None:
        return Batch(first, end, records)
    return Batch(min(start, first), max(stop or 0, end), records)


def cut_back(tp: TP, folded: int) -> CutBack:
    """The error of a log that ends before what was already read of it."""
    return CutBack(
        f"{tp.topic}[{tp.partition}] was read up to {folded} and now ends before: the log lost "
        "what was folded. Operator action: see CmowatchLogDamaged in docs/runbook.md."
    )
