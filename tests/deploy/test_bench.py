import json
import pickle
import random

import pytest

from alerts.state import Cmo
from deploy.bench.contest import Run, as_json, medians, told
from deploy.bench.peer import Kept, Peer, pickle_lightly
from deploy.bench.stopwatch import Stopwatch
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
    runs = [Run("a", 10, 1.0), Run("b", 10, 5.0), Run("a", 10, 0.1), Run("a", 10, 2.0)]
    assert json.loads(as_json(medians(runs))) == [
        {"name": "a", "events_per_s": 10.0},
        {"name": "b", "events_per_s": 2.0},
    ]
