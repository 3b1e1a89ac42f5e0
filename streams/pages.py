"""The pages of a worker: its metrics, and its last judgement as JSON."""

import asyncio
from collections.abc import Iterator
from typing import cast

from prometheus_client import REGISTRY, generate_latest

from alerts.readings import Reading
from streams.app import Pages
from streams.exposition import Exposed, render
from streams.following import Followers
from streams.replay import as_array, as_line
from streams.series import Page
from streams.shard import Shard

_METRICS = "text/plain; version=0.0.4; charset=utf-8"
_AT_ONCE = 200  # readings written before others have their turn on the loop


def pages(followers: Followers) -> Pages:
    """The pages over the shards a worker holds."""

    async def metrics() -> tuple[bytes, str]:
        out = Page()
        for _ in render(out, exposed(followers)):
            await asyncio.sleep(0)
        return generate_latest(REGISTRY) + out.text().encode(), _METRICS

    async def readings() -> tuple[bytes, str]:
        told = []
        for reading in _readings(followers):
            told.append(as_line(reading))
            if len(told) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return as_array(told).encode(), "application/json"

    return {"/metrics": metrics, "/readings": readings}


def exposed(followers: Followers) -> Iterator[Exposed]:
    """Each shard as it stands now; it may speak once it has caught up and judged."""
    for follower in followers:
        shard = cast(Shard, follower.shard)
        ready = follower.caught_up and shard.judged_at > 0
        yield Exposed(
            shard,
            ready,
            follower.read_ratio,
            follower.heard_until,
            follower.lag,
            follower.held_since,
            follower.answered,
        )


def _readings(followers: Followers) -> Iterator[Reading]:
    for each in exposed(followers):
        if each.ready:
            yield from each.shard.readings()
