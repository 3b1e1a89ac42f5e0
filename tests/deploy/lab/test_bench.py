import asyncio
import json
import pickle
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from alerts.cmo import Cmo
from alerts.kpis import KPIS
from alerts.windows import Window
from deploy.lab.bench.__main__ import MEASURES, bench
from deploy.lab.bench.contest import Contestant, Run, as_json, contest, dearer, medians, report_of
from deploy.lab.bench.earlier import tree_of, worker_of
from deploy.lab.bench.errors import ContestantEnded, FoldEnded, NoSuchCommit
from deploy.lab.bench.fencing import SIZES, Fenced, sends, started
from deploy.lab.bench.fold import Folded, Pair, pairs, ratios, write
from deploy.lab.bench.fold import folded as refolded
from deploy.lab.bench.footprint import FACTS, footprints
from deploy.lab.bench.footprint import life as life_of
from deploy.lab.bench.holds import AIM, Holds, Longest, holds
from deploy.lab.bench.latency import nearest_rank
from deploy.lab.bench.maker import Maker, agreements
from deploy.lab.bench.peer import Kept, Peer, pickle_lightly
from deploy.lab.bench.stopwatch import Stopwatch
from deploy.lab.bench.tables import fencing_table, fold_table, footprint_table, holds_table, table
from deploy.lab.bench.variants import VARIANTS, batches
from deploy.lab.bench.worlds import (
    WORLDS,
    World,
    long_lots,
    open_lots,
    products,
    wide_deviations,
)
from deploy.lab.bench.worlds import (
    retracted as taken_back,
)
from deploy.lab.demo import AGREEMENTS
from deploy.lab.demo.load import load
from deploy.lab.process import free_port
from deploy.lab.simulate.simulator import simulate
from events.data import LotStarted, ReleaseDecided
from events.values import microseconds
from streams.agreements import read_agreements
from streams.settings import Settings
from streams.shard import Shard
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
from tests.worlds import world as simulated

ROOT = Path(__file__).resolve().parents[3]
a_clone = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone")


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
    found: dict[object, object] = {}
    for kpi in KPIS:
        for scope, window in cmo.windows(kpi.name).items() if kpi.kinds else ():
            at = microseconds(on(30))
            if isinstance(window, Window):
                found[kpi.name, scope] = window.total(90, at)
            else:
                found[kpi.name, scope] = window.values(90, at)
    return found


def test_what_a_peer_keeps_is_what_was_said() -> None:
    for each in life():
        data = accepted(each, 0).data
        assert pickle.loads(pickle.dumps(data)) == data


def test_the_watch_tells_once_when_all_is_folded(capfd: pytest.CaptureFixture[str]) -> None:
    watch = Stopwatch(3)
    for _ in range(5):
        watch.begin()
        watch.count(1)
    (line,) = capfd.readouterr().out.splitlines()
    assert report_of(line.encode())["events"] == 3


def test_a_line_that_is_no_figure_is_passed_over() -> None:
    assert report_of(b"INFO started") == report_of(b"[1]") == {}


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
    events.write_bytes(b"".join(line + b"\n" for line in simulated(1, 3_000).events))
    own = settings.model_copy(update={"agreements": AGREEMENTS, "web_port": free_port()})
    asyncio.run(load(own, events, lambda _: None))
    contestants = [
        Contestant("cmowatch", "cmowatch", worker_of(ROOT), 3_000),
        Contestant("faust", "plain Faust", "deploy.lab.bench.plain_faust", 500),
    ]
    runs = list(contest(contestants, 1, own, tmp_path, lambda *_: None))
    assert [run.name for run in runs] == ["cmowatch", "faust"]
    assert all(run.rate > 0 for run in runs)


@a_clone
def test_a_contestant_runs_the_modules_of_its_own_tree(tmp_path: Path) -> None:
    said = 'import sys; print(f\'{{"events": {sys.argv[1]}, "seconds": 2, "processor": 1}}\')'
    bench = tmp_path / "deploy" / "old" / "bench"
    bench.mkdir(parents=True)
    for package in (bench, bench.parent, bench.parent.parent):
        (package / "__init__.py").touch()
    (bench / "own.py").write_text(said, encoding="utf-8")
    (bench / "agreements").mkdir()
    (bench / "agreements" / "acme.yaml").touch()
    assert worker_of(tmp_path) == "deploy.old.bench.own"
    own = Contestant("earlier", "an earlier one", worker_of(tmp_path), 7, tree=tmp_path)
    settings = Settings(agreements=AGREEMENTS)
    assert list(contest([own], 1, settings, tmp_path, lambda *_: None)) == [Run("earlier", 7, 2, 1)]


def test_dearer_is_by_the_runs_of_one_turn() -> None:
    runs = [
        Run(name, 1, 1, processor)
        for name, processor in (("a", 1), ("b", 2), ("a", 10), ("b", 30), ("a", 1), ("b", 1))
    ]
    assert dearer(runs) == {"a": 1.0, "b": 2.0}
    shown = table([Contestant("a", "A", "", 1), Contestant("b", "B", "", 1)], runs)
    assert list(shown.columns[-1].cells) == ["1.00 ×", "2.00 ×"]


@a_clone
@pytest.mark.broker
@pytest.mark.slow
def test_the_worker_of_another_tree_comes_to_its_end(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in simulate(1, 2_000).events))
    asyncio.run(load(settings, file, lambda _: None))
    with tree_of("HEAD") as there:
        earlier = Contestant("earlier", "an earlier one", worker_of(there), 2_000, tree=there)
        (run,) = contest([earlier], 1, settings, tmp_path, lambda *_: None)
    assert run.events == 2_000


@pytest.mark.broker
async def test_sends_are_measured_in_transactions_and_without_in_turn(settings: Settings) -> None:
    assert await started(settings, settings.partitions) > 0
    found = await sends(settings, turns=2)
    assert [each.size for each in found] == list(SIZES)
    assert [(len(each.fenced), len(each.unfenced)) for each in found] == [(2, 2)] * len(SIZES)
    assert found[0].ratio > 1


def test_what_a_transaction_costs_is_of_the_medians() -> None:
    found = Fenced(20, [0.011, 0.010, 0.1], [0.002, 0.004, 0.004])
    assert (round(found.dearer, 6), round(found.ratio, 6)) == (0.007, 2.75)
    assert round(found.rate) == 1_818
    shown = fencing_table([found])
    cells = [next(iter(column.cells)) for column in shown.columns]
    assert cells == ["20", "11.0", "4.0", "7.0", "2.8", "1,818"]


def test_every_measure_can_be_asked_for_by_itself() -> None:
    flags = {option for each in bench.params for option in each.opts}
    assert {f"--{name}" for name in MEASURES} <= flags


def test_a_contestant_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    broken = Contestant("x", "a broken one", "deploy.lab.bench.absent", 1)
    with pytest.raises(ContestantEnded, match="No module named"):
        list(contest([broken], 1, Settings(agreements=AGREEMENTS), tmp_path, lambda *_: None))


def test_bytes_are_measured_of_lots_and_of_refusals() -> None:
    found = list(footprints(30, months=2))
    assert [each.aim for each in found] == [7_000, 1_500, 200]
    assert min(each.bytes for each in found) > 0
    assert footprint_table(found).row_count == len(found)


def test_a_lot_that_is_measured_has_its_twelve_facts_and_real_ids() -> None:
    make = Maker()
    for settled in (False, True):
        messages = list(make.messages(life_of(make, 0.5, settled=settled)))
        said = [json.loads(message.value or b"") for message in messages]
        assert len(said) == FACTS
        assert {UUID(event["id"]).version for event in said} == {4}
        assert {len(event["data"]["lot"]) for event in said} <= set(range(8, 13))
        assert [message.timestamp for message in messages] == sorted(
            message.timestamp for message in messages
        )
        shard = Shard(0, 1, agreements())
        for topic, end, batch in batches(messages):
            shard.fold(topic, end, batch)
        assert shard.to_send() == []


def test_sequences_are_numbered_by_source_and_topic_in_order_of_time() -> None:
    make = Maker()
    said = [make.say(LotStarted, make.now - at, lot=f"L{at}", product="p") for at in range(3)]
    said.append(make.say(ReleaseDecided, make.now, lot="L1", decision="released"))
    found = [json.loads(message.value or b"") for message in make.messages(said)]
    assert [(event["data"]["lot"], event["sequence"]) for event in found] == [
        ("L2", 0),
        ("L1", 1),
        ("L0", 2),
        ("L1", 0),
    ]


def shard_of(variant: str, lines: list[bytes]) -> Shard:
    shard = Shard(0, 1, read_agreements(AGREEMENTS, use_default=True))
    for topic, end, messages in batches(map(VARIANTS[variant], lines), 500):
        shard.fold(topic, end, messages)
    return shard


@pytest.fixture(scope="module")
def world() -> list[bytes]:
    return simulate(1, 2_000).events


def meaning(variant: str, lines: list[bytes]) -> tuple[int, list[object]]:
    shard = shard_of(variant, lines)
    list(shard.tick(datetime(2026, 6, 30, tzinfo=UTC)))
    return len(shard.to_send()), [(r.kpi, r.scope, r.n, r.state) for r in shard.readings()]


@pytest.fixture(scope="module")
def plainly(world: list[bytes]) -> tuple[int, list[object]]:
    return meaning("as simulated", world)


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "as simulated"])
def test_events_mean_the_same_however_they_are_written(
    variant: str, world: list[bytes], plainly: tuple[int, list[object]]
) -> None:
    assert meaning(variant, world) == plainly


def test_fractions_stand_in_times_and_quantities() -> None:
    told = [counted("pills", 10), counted("pills", 20)]
    lines = [each.event.model_copy(update={"partitionkey": ACME}).json_line() for each in told]
    said = [json.loads(VARIANTS["fractions"](line).value or b"") for line in lines]
    fractions = {each["time"].partition(".")[2] for each in said}
    assert len(fractions) == 2
    assert all(re.fullmatch(r"\d{6}Z", each) for each in fractions)
    assert said[0]["data"]["quantity"] == {"value": 10.01, "unit": "KGM"}


def test_messages_are_folded_a_topic_at_a_time_without_a_gap(world: list[bytes]) -> None:
    heard = dict[str, int]()
    for topic, end, messages in batches(map(VARIANTS["as simulated"], world), 100):
        offsets = [message.offset for message in messages]
        assert offsets == list(range(heard.get(topic, 0), end))
        heard[topic] = end
    assert sum(heard.values()) == len(world)


@a_clone
@pytest.mark.slow
def test_a_commit_folds_the_same_messages_in_a_tree_of_its_own(
    world: list[bytes], tmp_path: Path
) -> None:
    with tree_of("HEAD") as there:
        found = list(pairs(world, ROOT, there, 1, tmp_path))
    assert not there.exists()
    assert [pair.variant for pair in found] == list(VARIANTS)
    assert all(pair.here.refused == pair.there.refused for pair in found)
    assert all(pair.ratio > 0 for pair in found)


@a_clone
def test_a_commit_that_is_not_there_is_told_with_what_to_do() -> None:
    with pytest.raises(NoSuchCommit, match="name a commit"), tree_of("0" * 40):
        pass


def test_a_fold_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    agreed = tmp_path / "deploy" / "agreements"
    agreed.mkdir(parents=True)
    (agreed / "acme.yaml").touch()
    write([], file := tmp_path / "none.pickle")
    with pytest.raises(FoldEnded, match="InvalidAgreement"):
        refolded([tmp_path], file)


def test_the_figure_of_a_variant_is_the_median_of_its_pairs() -> None:
    costs = [(title, here) for title in VARIANTS for here in (30.0, 10.0, 20.0)]
    found = [Pair(title, Folded(here, 1), Folded(40.0, 2)) for title, here in costs]
    first = ratios(found)[0]
    assert (first.here, first.there, first.ratio) == (20.0, 40.0, 0.5)
    assert (first.lowest, first.highest, first.refused) == (0.25, 0.75, (1, 2))
    assert fold_table(found, "abc").row_count == len(VARIANTS)


SMALL: dict[str, tuple[Callable[[], World], int]] = {
    "open": (lambda: open_lots(30), 60),
    "retracted": (lambda: taken_back(400, 48, 40), 1_240),
    "products": (lambda: products(20, 3), 120),
    "long": (lambda: long_lots(2, 30), 60),
    "wide": (lambda: wide_deviations(30, 4, 10), 98),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_world_is_folded_whole_and_nothing_of_it_is_refused(name: str) -> None:
    made, events = SMALL[name]
    found = holds(made())
    assert found.events == events
    assert not [each for each in (*found.said, *found.due) if "/0/" in each]
    assert min(found.tick, found.scrape) > 0


def test_many_lots_on_each_of_many_deviations_do_not_hold_the_loop() -> None:
    assert holds(wide_deviations(1_000, 125, 100)).fold < 4 * AIM


def test_a_critical_breach_stands_though_the_cmo_takes_back_what_made_it() -> None:
    found = holds(taken_back(400, 48, 40))
    breach = "lot_acceptance_dispositioned:acme:1"
    assert f"{breach}/1" in found.said
    assert not [each for each in found.due if each.startswith(breach)]


def test_a_tenth_of_the_products_run_short() -> None:
    found = holds(products(20, 3))
    short = [f"days_of_supply:acme:product-{n}:1/1" for n in (0, 10)]
    assert sorted(found.said) == ["covered/acme", *short]


def test_every_step_is_taken_and_the_longest_counts() -> None:
    steps, longest = iter(range(3)), Longest()
    longest.over(steps)
    before = longest.seconds
    assert next(steps, None) is None
    assert longest.of(lambda: 7) == 7
    assert longest.seconds >= before > 0


def test_holds_are_shown_in_milliseconds_a_world_a_row() -> None:
    shown = holds_table(dict.fromkeys(WORLDS, Holds(0.05, 0.01, 0.02, 0.0, 7, (), ())))
    assert shown.row_count == len(WORLDS)
    assert list(shown.columns[2].cells) == ["50.0"] * len(WORLDS)
