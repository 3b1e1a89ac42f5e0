"""Workers whose clocks are wrong, or are set while they run: nothing false is said, and they go on.

A worker's clock is set by a file (`lying_worker`); the broker's and the publishers' are right.
"""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from deploy.lab.demo import AGREEMENTS
from deploy.lab.kafka import LocalKafka
from events.breaches import BREACH_EVENT, BreachEvent
from events.data import LOTS, Heartbeat
from events.partition import partition_of
from events.publish import Publisher
from streams.settings import Settings
from tests.chaos.conftest import check, share, stands
from tests.chaos.lying_worker import ahead
from tests.chaos.stock import ENOUGH, NONE, World
from tests.end_to_end.clean_pass import all_is_said, check_clearings, judged_by, own_topics
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.slow]

LYING = Path(__file__).with_name("lying_worker.py")
HOURS = 3 * 3_600.0
"""Longer than a CMO may say nothing."""

A_LITTLE = 20.0
"""As long as a worker goes on by a clock that is wrong, and longer than one is replaced in."""

Start = Callable[..., Worker]


@pytest.fixture
def start(start_worker: Start, tmp_path: Path) -> Start:
    def by_a_clock(seconds: float = 0.0, agreements: Path = AGREEMENTS) -> Worker:
        worker = start_worker(LYING, agreements=agreements, default_agreement=True)
        set_clock(worker, seconds, tmp_path)
        return worker

    return by_a_clock


def set_clock(worker: Worker, seconds: float, folder: Path) -> None:
    """Sets the clock of a worker so many seconds ahead of what it is."""
    new = folder / "new"
    new.write_text(str(seconds))
    new.rename(folder / ahead(worker.port))


@pytest.fixture
def spoken(settings: Settings, tmp_path: Path) -> Path:
    """Agreements of a CMO a partition, heard now, that has to be heard every ten minutes."""
    folder = tmp_path / "agreements"
    folder.mkdir()
    for partition in range(settings.partitions):
        names = (f"works-{number}" for number in range(1_000))
        cmo = next(n for n in names if partition_of(n.encode(), settings.partitions) == partition)
        terms = {
            "cmo": cmo,
            "version": "1",
            "effective": datetime.now(UTC).date().isoformat(),
            "cadence": {LOTS: 600},
            "contingency": "Call.",
        }
        (folder / f"{cmo}.yaml").write_text(json.dumps(terms))
        with Publisher(settings.brokers, source=f"/cmo/{cmo}", cmo=cmo) as publisher:
            publisher.send(Heartbeat(topic="cmo.lots"), id=str(uuid4()), time=datetime.now(UTC))
    return folder


def words(settings: Settings) -> Iterator[BreachEvent]:
    """Every word that was said of a breach."""
    for message in asyncio.run(own_topics(settings)).breaches:
        yield BREACH_EVENT.validate_json(message.value or b"")


def stock_outs(settings: Settings) -> Iterator[BreachEvent]:
    return (word for word in words(settings) if word.data.kpi == "days_of_supply")


def judges_nothing(worker: Worker, partitions: int, seconds: float) -> Callable[[], bool]:
    """Whether it holds so many partitions, shows by how much its clock is off, and no CMO."""

    def is_so() -> bool:
        skews = worker.values("cmowatch_clock_skew_seconds")
        waits = [each["waits_for"] for each in worker.health()["partitions"].values()]
        return (
            len(skews) == len(waits) == partitions
            and all(abs(skew - seconds) < 5 for skew in skews)
            and all(each.startswith("the clock, which is") for each in waits)
            and not worker.ready()
            and not judged_by(worker)
        )

    return is_so


def hears_all(worker: Worker, partitions: int) -> Callable[[], bool]:
    """Whether it is ready with so many partitions, and finds no CMO of them silent, as of now."""
    since = datetime.now(UTC)

    def is_so() -> bool:
        if not worker.ready(partitions):
            return False
        found = [each for each in judged_by(worker) if each["kpi"] == "feed_silence"]
        judged = [datetime.fromisoformat(each["as_of"]) for each in found]
        return [each["state"] for each in found] == ["ok"] * partitions and all(
            since < each <= datetime.now(UTC) for each in judged
        )

    return is_so


def test_a_worker_whose_clock_is_hours_off_says_nothing_while_the_other_is_killed(
    settings: Settings, start: Start, spoken: Path, tmp_path: Path
) -> None:
    off, right = start(HOURS, spoken), start(agreements=spoken)
    eventually(judges_nothing(off, 2, HOURS), "one judges nothing", 60)
    eventually(hears_all(right, 2), "the other does", 30)
    right.kill()
    eventually(judges_nothing(off, 4, HOURS), "nor does it judge what comes to it", 60)
    set_clock(off, 0.0, tmp_path)
    eventually(hears_all(off, 4), "it goes on once its clock is right", 15)
    assert list(words(settings)) == []
    said = off.errors.read_text()
    assert "s ahead of the broker's, beyond 60 s: it judges nothing" in said
    assert "Operator action: set the clock of this machine right" in said


def test_a_clock_that_is_set_while_the_group_rebalances_is_noticed_at_once(
    settings: Settings, start: Start, spoken: Path, tmp_path: Path
) -> None:
    stays, leaves = start(agreements=spoken), start(agreements=spoken)
    eventually(hears_all(stays, 2), "one judges", 60)
    eventually(hears_all(leaves, 2), "the other too", 30)
    set_clock(stays, HOURS, tmp_path)
    eventually(judges_nothing(stays, 2, HOURS), "one was set forward", 10)
    leaves.signal(signal.SIGTERM)
    eventually(judges_nothing(stays, 4, HOURS), "it judges nothing of what comes to it", 60)
    set_clock(stays, -HOURS, tmp_path)
    eventually(judges_nothing(stays, 4, -HOURS), "nor when it was put back", 10)
    set_clock(stays, 0.0, tmp_path)
    eventually(hears_all(stays, 4), "it goes on once its clock is right", 15)
    assert list(words(settings)) == []


def test_what_a_worker_said_ahead_of_time_is_taken_back_by_none_that_is_right_before_then(
    settings: Settings, broker: LocalKafka, start: Start, tmp_path: Path
) -> None:
    world, early, right = World(settings), start(A_LITTLE), start()
    eventually(share(4, early, right), "both hold their half", 60)
    world.begin()
    eventually(all_is_said(stands(settings), early, right), "all is said", 60)
    world.count(dict.fromkeys(world.cmos, NONE))
    eventually(lambda: len(list(stock_outs(settings))) == 4, "a stock-out of each is told", 30)
    set_clock(early, 0.0, tmp_path)
    broker.kill()
    eventually(lambda: is_stale(early) and not is_stale(right), "heard ahead of now is stale", 10)
    broker.start()
    world.count(dict.fromkeys(world.cmos, ENOUGH))
    early.kill()
    check(settings, right)
    check_clearings(settings)
    check_order(settings)


def is_stale(worker: Worker) -> bool:
    states = worker.health()["partitions"].values()
    return len(states) == 2 and all(each["stale"] for each in states)


def check_order(settings: Settings) -> None:
    """Each stock-out was opened and cleared, in this order by the times they have."""
    told: dict[str, list[tuple[datetime, str]]] = {}
    for word in stock_outs(settings):
        told.setdefault(word.data.breach, []).append((word.time, word.data.transition))
    in_time = [[transition for _, transition in sorted(each)] for each in told.values()]
    assert in_time == [["opened", "cleared"]] * 4
