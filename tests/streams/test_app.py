"""When a shard is judged, what a worker says of itself, and how it waits for a broker."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from events.data import LOTS, TOPICS
from events.decode import Message
from streams import app
from streams.app import (
    _refuse_beyond,
    judge,
    refuse_other_settings,
    wait_for_topics,
)
from streams.errors import NoBroker, TopicRefused, WrongPartitions
from streams.kafka.assignment import HighWatermark, PartitionProgress
from streams.kafka.topics import Difference
from streams.settings import Settings

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


class Judged:
    """A shard that remembers when it was judged."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.next: dict[str, int] = {}
        self.at: list[datetime] = []
        self.heard_again: list[datetime | None] = []

    def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
        self.next[topic] = end

    def tick(self, now: datetime, heard_again: datetime | None = None) -> Iterator[str]:
        yield "one of two"
        self.at.append(now)
        self.heard_again.append(heard_again)
        yield "two of two"

    def to_send(self) -> tuple[()]:
        return ()


def heard(shard: Judged, *, at: datetime = NOON, left: int = 0) -> PartitionProgress:
    progress = PartitionProgress(shard)
    progress.assigned(dict.fromkeys(TOPICS, 0), {**dict.fromkeys(TOPICS, 0), LOTS: left})
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


async def test_a_broker_that_comes_late_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "_SHORTEST_WAIT", 0.001)
    answers: list[NoBroker | list[Difference]] = [NoBroker("none"), NoBroker("none"), []]

    async def verify(_: Settings) -> list[Difference]:
        if isinstance(answer := answers.pop(0), NoBroker):
            raise answer
        return answer

    assert await wait_for_topics(Settings(), verify) == []
    assert caplog.text.count("Next attempt in") == 2


async def test_waiting_for_a_broker_has_an_end() -> None:
    async def verify(_: Settings) -> list[Difference]:
        raise NoBroker("none")

    with pytest.raises(NoBroker):
        await wait_for_topics(Settings(broker_wait=0), verify)


async def test_a_topic_with_other_partitions_is_not_waited_for() -> None:
    async def verify(_: Settings) -> list[Difference]:
        raise WrongPartitions("no")

    with pytest.raises(WrongPartitions):
        await wait_for_topics(Settings(), verify)


def test_what_was_not_foreseen_ends_the_process_with_70_and_says_where() -> None:
    script = (
        "import io, sys\nfrom streams.app import exit_on_unexpected_error\n"
        "from streams.kafka.transport import Batch\nsys.stderr = io.StringIO()\n"
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


def test_a_topic_that_is_set_otherwise_is_not_followed() -> None:
    created = Difference("cmo.lots", "partitions", "8", None)
    refuse_other_settings([created])
    other = Difference("cmo.lots", "message.timestamp.type", "LogAppendTime", "CreateTime")
    with pytest.raises(TopicRefused, match=r"must be LogAppendTime.*Operator action"):
        refuse_other_settings([created, other])
