"""Agreements that are wrong at one start and right at the next, among other faults."""

import asyncio
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.lab.demo import AGREEMENTS
from events.data import DEAD_LETTERS
from events.outcomes import Rejection
from streams.dead_letters import Word, read_back
from streams.letters import Letters
from streams.settings import Settings
from tests.chaos.conftest import EVENTS, Telling, all_told, check, share
from tests.end_to_end.clean_pass import log_read, own_topics
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.slow]

Watch = Callable[..., Worker]
Tell = Callable[..., Telling]
GONE = "cascadia-solid-dose-inc"
"""The CMO whose file is not there."""


@pytest.fixture
def without(tmp_path: Path) -> Path:
    """The demo's agreements, but for one; and for the default, which each test leaves out."""
    folder = tmp_path / "agreements"
    shutil.copytree(AGREEMENTS, folder)
    (folder / f"{GONE}.yaml").unlink()
    return folder


def standing(settings: Settings) -> Counter[str]:
    """How many dead letters stand, by reason; and how many are withdrawn."""
    letters: dict[int, Letters] = {}
    last: dict[tuple[int, object], str] = {}
    for message in asyncio.run(own_topics(settings)).dead_letters:
        word, mine = read_back(message.headers), letters.setdefault(message.partition, Letters())
        if isinstance(word, Word) and mine.is_news(word, awaited=False):
            mine.read(word, folded=False)
            last[message.partition, word.where] = word.reason or "withdrawn"
    return Counter(last.values())


def kill_once_more_is_said(settings: Settings, worker: Worker) -> None:
    """Kills a worker as soon as there is one more message on the topic of dead letters."""

    async def more() -> None:
        consumer = AIOKafkaConsumer(**settings.client())
        await consumer.start()
        places = [TopicPartition(DEAD_LETTERS, p) for p in range(settings.partitions)]
        try:
            before = await consumer.end_offsets(places)
            async with asyncio.timeout(90):
                while await consumer.end_offsets(places) == before:
                    worker.ready()
        finally:
            worker.kill()
            await consumer.stop()

    asyncio.run(more())


def test_a_file_that_was_missing_leaves_nothing_though_workers_are_killed_as_they_take_it_back(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes], without: Path
) -> None:
    all_told(tell(history[: EVENTS // 2]))
    bad = watch(agreements=without, default_agreement=False)
    eventually(lambda: standing(settings)["unknown_cmo"] > 1_000, "all of it is refused", 90)
    bad.kill()
    refused = standing(settings)["unknown_cmo"]
    one, two = watch(), watch()
    telling = tell(history[EVENTS // 2 : EVENTS])
    kill_once_more_is_said(settings, one)
    two.kill()
    one.start()
    two.start()
    all_told(telling)
    eventually(share(4, one, two), "both hold their half", 120)
    check(settings, one, two)
    stands = standing(settings)
    assert (stands["unknown_cmo"], stands["withdrawn"] >= refused) == (0, True)


def test_a_start_without_the_file_of_a_cmo_that_was_covered_says_so_until_it_is_back(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes], without: Path
) -> None:
    all_told(tell(history[: EVENTS // 2]))
    good = watch()
    check(settings, good)
    good.kill()
    bad = watch(agreements=without, default_agreement=False)
    check_missed(settings, bad, starts=1)
    bad.kill()
    bad.start()
    check_missed(settings, bad, starts=2)
    bad.kill()
    refused = [each for each in asyncio.run(log_read(settings)) if isinstance(each, Rejection)]
    assert not refused, "a replay goes by its agreements, though letters stand"
    good.start()
    eventually(good.ready, "it is as before", 90)
    check(settings, good)
    assert standing(settings)["unknown_cmo"] == 0


def missed(worker: Worker) -> dict[str, int]:
    """Whom a worker misses, once it has read and said all."""
    due = worker.values("cmowatch_outputs_due")
    ready = worker.values("cmowatch_shard_ready")
    settled = len(ready) == 4 and all(ready) and not any(due)
    return dict(worker.health()["without_agreement"]) if settled else {}


def check_missed(settings: Settings, worker: Worker, starts: int) -> None:
    found = eventually(lambda: missed(worker), "it is missed", 90)
    assert sum(found.values()) == standing(settings)["unknown_cmo"]
    assert worker.get("/health/ready")[0] == 503
    assert worker.total("cmowatch_cmo_without_agreement_messages", cmo=GONE) == found[GONE]
    error = rf"ERROR .*: nothing is agreed .* messages of {GONE}"
    eventually(lambda: len(re.findall(error, worker.errors.read_text())) == starts, "it is said")
