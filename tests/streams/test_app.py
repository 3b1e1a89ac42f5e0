"""When a shard is judged, and how the process ends at what nobody foresaw."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from events.data import LOTS, OWN, TOPICS
from events.outcomes import Message
from streams.app import (
    _refuse_beyond,
    judge,
)
from streams.errors import WrongPartitions
from streams.kafka.assignment import PartitionProgress
from streams.kafka.clocks import Clocks, Stamp
from streams.kafka.hearing import HighWatermark
from streams.seals import Seal

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
ROOT = Path(__file__).resolve().parents[2]


class Judged:
    """A shard that remembers when it was judged."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.next: dict[str, int] = {}
        self.lacking: dict[str, int] = {}
        self.seal: Seal | None = None
        self.names: set[str] = set()
        self.at: list[datetime] = []
        self.heard_again: list[datetime | None] = []
        self.begun = 0

    def remember(self, names: Collection[str]) -> None:
        self.names = {*self.names, *names}

    def propose(self, seal: Seal) -> None:
        self.seal = seal

    def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        self.next[topic] = end

    def tick(self, now: datetime, heard_again: datetime | None = None) -> Iterator[str]:
        yield "one of two"
        self.at.append(now)
        self.heard_again.append(heard_again)
        yield "two of two"

    def to_send(self) -> tuple[()]:
        return ()

    def start_over(self) -> None:
        self.begun += 1


def heard(
    shard: Judged, *, at: datetime = NOON, left: int = 0, ahead: float = 0
) -> PartitionProgress:
    """A partition that was heard up to a moment, by a clock so many seconds ahead of a broker's."""
    progress = PartitionProgress(shard, clock=lambda: LATER)
    now, stamp = time.monotonic(), LATER.timestamp() - ahead
    progress.clocks.measured(dict.fromkeys(OWN, Stamp(now, now, stamp, stamp)))
    progress.assigned(dict.fromkeys(TOPICS, 0), {**dict.fromkeys(TOPICS, 0), LOTS: left})
    progress.integrity.begun = 7
    for topic in TOPICS:
        progress.heard(topic, HighWatermark(at, 0))
    return progress


async def test_a_shard_is_judged_at_the_instant_up_to_which_it_heard() -> None:
    await judge(heard(shard := Judged()), 60, NOON + timedelta(seconds=5))
    assert shard.at == [NOON]


async def test_a_shard_that_heard_nothing_for_long_is_told_when_it_heard_again() -> None:
    followed = heard(shard := Judged())
    await judge(followed, 60, NOON)
    for after in (60, 121, 122):
        for topic in TOPICS:
            followed.heard(topic, HighWatermark(NOON + timedelta(seconds=after), 0))
        await judge(followed, 60, NOON + timedelta(seconds=after))
    again = NOON + timedelta(seconds=121)
    assert shard.heard_again == [None, None, again, again]


async def test_a_stale_shard_is_not_judged() -> None:
    await judge(heard(shard := Judged()), 60, NOON + timedelta(seconds=61))
    assert shard.at == []


async def test_a_shard_that_is_not_caught_up_is_not_judged() -> None:
    await judge(heard(shard := Judged(), left=1), 60, NOON)
    assert shard.at == []


@pytest.mark.parametrize("hours", [-3, 3])
async def test_by_a_clock_that_is_off_nothing_is_judged(hours: int) -> None:
    followed = heard(shard := Judged(), ahead=hours * 3_600)
    await judge(followed, 60, NOON)
    assert shard.at == []


async def test_before_the_clock_was_measured_nothing_is_judged() -> None:
    followed = heard(shard := Judged())
    followed.clocks = Clocks()
    await judge(followed, 60, NOON)
    assert shard.at == []


async def test_by_a_clock_that_is_a_little_off_a_shard_is_judged() -> None:
    await judge(heard(shard := Judged(), ahead=50), 60, NOON)
    assert shard.at == [NOON]


async def test_what_was_judged_while_its_partition_was_opened_is_judged_anew() -> None:
    followed = heard(shard := Judged())
    judging = asyncio.create_task(judge(followed, 60, NOON))
    await asyncio.sleep(0)
    followed.opened({})
    await judging
    assert (len(shard.at), shard.begun) == (1, 2)
    await judge(followed, 60, NOON)
    assert (len(shard.at), shard.begun) == (2, 2)


def test_a_worker_that_no_broker_lets_write_ends_with_69_and_says_what_to_do() -> None:
    script = (
        "from streams.app import exit_on_unexpected_error\n"
        "from streams.errors import NotWritable\n"
        "with exit_on_unexpected_error('x'):\n    raise NotWritable('Operator action: grant it')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    said = "cmowatch ends: Operator action: grant it\n"
    assert (ended.returncode, ended.stderr) == (69, said)


def test_what_was_not_foreseen_ends_the_process_with_70_and_says_where() -> None:
    script = (
        "import io, sys\nfrom streams.exits import exit_on_unexpected_error\n"
        "from streams.kafka.batches import Batch\nsys.stderr = io.StringIO()\n"
        "with exit_on_unexpected_error('cmo.lots[3]', Batch(7, 9, ())):\n    1 / 0\n"
        "print('went on')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (70, "")
    assert "cmo.lots[3] at offset 7 to 9: ZeroDivisionError" in ended.stderr
    assert "Operator action" in ended.stderr


def test_a_partition_beyond_the_pinned_ones_is_refused() -> None:
    _refuse_beyond({0, 3}, 4)
    with pytest.raises(WrongPartitions, match=r"more than the pinned 4 .* Operator action"):
        _refuse_beyond({0, 4}, 4)
