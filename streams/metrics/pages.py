"""The pages of a worker: its metrics, and its last judgement as JSON."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import cast

from prometheus_client import REGISTRY, generate_latest

from alerts.readings import Reading
from streams.app import Pages
from streams.kafka.assignment import Assignment, PartitionProgress
from streams.metrics.exposition import Exposed, render
from streams.metrics.text_format import Page
from streams.replay import as_array, as_line
from streams.shard import Shard

_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_AT_ONCE = 200  # readings written before others have their turn on the loop


def pages(assignment: Assignment) -> Pages:
    """The pages over the shards a worker holds."""

    async def metrics() -> tuple[bytes, str]:
        out = Page()
        for _ in render(out, exposed(assignment)):
            await asyncio.sleep(0)
        return generate_latest(REGISTRY) + out.text().encode(), _METRICS

    async def readings() -> tuple[bytes, str]:
        lines = []
        for reading in _readings(assignment):
            lines.append(as_line(reading))
            if len(lines) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return as_array(lines).encode(), "application/json"

    return {"/metrics": metrics, "/readings": readings}


def exposed(assignment: Assignment) -> Iterator[Exposed]:
    """Each shard as it stands now; it shows its CMOs once it has caught up and judged."""
    for progress in assignment:
        shard = cast(Shard, progress.shard)
        ready = not progress.why_not_shown and shard.judged_at > 0
        yield Exposed(
            shard,
            ready,
            progress.read_ratio,
            progress.watermark,
            progress.lag,
            progress.held_since,
            progress.answered,
            progress.clocks.skew,
            progress.integrity.damages,
            unknown_of(progress),
            progress.unseen_for,
        )


def unknown_of(progress: PartitionProgress) -> list[Reading]:
    """The readings of a shard whose log is damaged: unknown, and why."""
    if not progress.integrity.damages:
        return []
    shard = cast(Shard, progress.shard)
    return list(shard.unknown(progress.integrity.words, datetime.now(UTC)))


def _readings(assignment: Assignment) -> Iterator[Reading]:
    for each in exposed(assignment):
        yield from each.shard.readings() if each.ready else each.unknown
