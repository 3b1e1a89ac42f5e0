import asyncio
import json
import pickle
import random
from pathlib import Path

import pytest

from alerts.state import Cmo
from deploy.lab.bench.contest import Contestant, Run, as_json, contest, medians, told
from deploy.lab.bench.errors import ContestantEnded
from deploy.lab.bench.footprint import footprint
from deploy.lab.bench.latency import nearest_rank
from deploy.lab.bench.peer import Kept, Peer, pickle_lightly
from deploy.lab.bench.stopwatch import Stopwatch
from deploy.lab.demo.load import load
from deploy.lab.process import free_port
from streams.agreements import read_agreements
from streams.settings import Settings
from tests.builders import (
    ACME,
    Told,
    accepted,
    agreed,
    counted,
    delivered,
    deviation,
    folded,
    message,
    on,
    promised,
    received,
    released,
    retracted,
)
from tests.worlds import world

ROOT = Path(__file__).resolve().parents[3]
AGREEMENTS = ROOT / "deploy" / "agreements"


class Pickles:
    """A store that keeps what a state on disk would keep: bytes."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def get(self, key: str) -> Kept | None:
        return pickle.loads(self.held[key]) if key in self.held else None

    def __setitem__(self, key: str, kept: Kept) -> None:
        self.held[key] = pickle.dumps(kept)


def life() -> list[Told]:
    late, wrong = delivered("2", 12), deviation("D1", "major", "L1", "L2")
    return [
        *released("L1"),
        *released("L2"),
        promised("1"),
        promised("2"),
        received("1"),
        late,
        wrong,
        counted("pills", 10),
        retracted(wrong, on(20)),
        retracted(late, on(21), by="sponsor"),
    ]


@pytest.fixture(autouse=True)
def light() -> None:
    pickle_lightly()


def peer_after(events: list[Told]) -> Cmo:
    peer, store = Peer(agreed(), 1), Pickles()
    for offset, each in enumerate(events):
        peer.fold(message(each, offset), store)
    assert peer.accepted == len(events)
    assert peer.rejected == 0
    return peer.cmos[ACME]


@pytest.mark.parametrize("seed", range(5))
def test_a_peer_comes_to_the_same_sums_as_the_monitor_in_any_order(seed: int) -> None:
    events = life()
    random.Random(seed).shuffle(events)
    own, peers = folded(events), peer_after(events)
    assert sums(peers) == sums(own)


def sums(cmo: Cmo) -> dict[object, object]:
    return {
        where: dict(window._held)
        for where, window in cmo.windows.items()
        if window and where[0] != "feed_validity"
    }


def test_what_a_peer_keeps_is_what_was_said() -> None:
    for each in life():
        fact = accepted(each, 0).event.data
        again = pickle.loads(pickle.dumps(fact))
        assert again == fact
        assert again.model_dump_json() == fact.model_dump_json()


def test_the_watch_tells_once_when_all_is_folded(capfd: pytest.CaptureFixture[str]) -> None:
    watch = Stopwatch(3)
    for _ in range(5):
        watch.begin()
        watch.count(1)
    (line,) = capfd.readouterr().out.splitlines()
    assert told(line.encode())["events"] == 3


def test_a_line_that_is_no_figure_is_passed_over() -> None:
    assert told(b"INFO started") == told(b"[1]") == {}


def test_the_figure_of_a_contestant_is_the_median_of_its_runs() -> None:
    runs = [
        Run(*each)
        for each in (("a", 10, 1, 1), ("b", 10, 5, 1), ("a", 10, 0.1, 4), ("a", 10, 2, 2))
    ]
    assert json.loads(as_json(medians(runs))) == [
        {"name": "a", "events_per_s": 10.0},
        {"name": "b", "events_per_s": 2.0},
    ]


@pytest.mark.parametrize(("hundredth", "value"), [(50, 50), (95, 95), (99, 99)])
def test_a_quantile_of_latencies_is_by_nearest_rank(hundredth: int, value: float) -> None:
    assert nearest_rank(range(100, 0, -1), hundredth) == value
    assert nearest_rank([7.0], hundredth) == 7.0


def test_the_lock_of_the_peers_names_a_hash_for_every_version_and_no_host() -> None:
    lock = (ROOT / "bench-requirements.txt").read_text(encoding="utf-8")
    entries = [entry for entry in lock.replace("\\\n", " ").splitlines() if "==" in entry]
    assert entries
    assert "://" not in lock
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.broker
@pytest.mark.slow
def test_the_worker_and_plain_faust_come_to_their_end(settings: Settings, tmp_path: Path) -> None:
    events = tmp_path / "events.ndjson"
    events.write_bytes(b"".join(line + b"\n" for line in world(1, 3_000).events))
    own = settings.model_copy(update={"agreements": AGREEMENTS, "web_port": free_port()})
    asyncio.run(load(own, events, lambda _: None))
    contestants = [
        Contestant("cmowatch", "cmowatch", "deploy.lab.bench.own", 3_000),
        Contestant("faust", "plain Faust", "deploy.lab.bench.plain_faust", 500),
    ]
    runs = list(contest(contestants, 1, own, tmp_path, lambda *_: None))
    assert [run.name for run in runs] == ["cmowatch", "faust"]
    assert all(run.rate > 0 for run in runs)


def test_a_contestant_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    broken = Contestant("x", "a broken one", "deploy.lab.bench.absent", 1)
    with pytest.raises(ContestantEnded, match="No module named"):
        list(contest([broken], 1, Settings(agreements=AGREEMENTS), tmp_path, lambda *_: None))


def test_memory_is_measured_of_as_many_lots_as_wanted() -> None:
    agreements = read_agreements(AGREEMENTS, use_default=True)
    found = footprint(world(1, 3_000).events, agreements, 20)
    assert found.lots == 20
    assert found.facts >= 20
    assert found.bytes > 0
