"""The pages of a worker: its metrics, and its last judgement as JSON."""

from collections.abc import Iterator
from typing import cast

from prometheus_client import REGISTRY, generate_latest

from streams.app import Pages
from streams.exposition import Exposed, page
from streams.following import Followers
from streams.replay import as_json
from streams.shard import Shard

_METRICS = "text/plain; version=0.0.4; charset=utf-8"


def pages(followers: Followers) -> Pages:
    """The pages over the shards a worker holds."""
    return {
        "/metrics": lambda: (_metrics(followers), _METRICS),
        "/readings": lambda: (_readings(followers), "application/json"),
    }


def exposed(followers: Followers) -> Iterator[Exposed]:
    """Each shard as it stands now; it may speak once it has caught up and judged."""
    for follower in followers:
        shard = cast(Shard, follower.shard)
        ready = follower.caught_up and shard.judged_at > 0
        yield Exposed(shard, ready, follower.read_ratio, follower.heard_until)


def _metrics(followers: Followers) -> bytes:
    return generate_latest(REGISTRY) + page(exposed(followers)).encode()


def _readings(followers: Followers) -> bytes:
    ready = (each.shard for each in exposed(followers) if each.ready)
    return as_json(reading for shard in ready for reading in shard.readings()).encode()
