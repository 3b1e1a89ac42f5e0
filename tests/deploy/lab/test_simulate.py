"""The simulated world: the same every time, taken by the contract, and as its truth says."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from alerts.agreements import DEFAULT_SOURCES
from deploy.cli import main
from deploy.lab.demo import AGREEMENTS
from deploy.lab.simulate.errors import TooFewEvents
from deploy.lab.simulate.feed import CADENCE
from deploy.lab.simulate.simulator import UNTIL, simulate
from deploy.lab.simulate.troubles import TROUBLES
from deploy.lab.simulate.truth import Trouble
from deploy.lab.simulate.world import MAKERS, Chance, Rates, pieces
from events.data import DATA, INBOUND, Speaker
from events.decode import Decoder
from events.event import EVENTS
from events.outcomes import AcceptedEvent, Message, Reason, Rejection
from events.partition import partition_of
from streams.agreements import read_agreements, read_folder
from streams.replay import Pass, as_dict
from tests.worlds import world

NOT_SIMULATED = {"cmo.breach.acknowledged.v1"}  # it answers a breach, which only the monitor opens


@cache
def said(seed: int = 1, events: int | None = None) -> list[dict[str, Any]]:
    return [json.loads(line) for line in world(seed, events).events]


def topic_of(event: dict[str, Any]) -> str:
    return EVENTS[event["type"]].model_fields["data"].annotation.TOPIC or event["data"]["topic"]  # type: ignore[union-attr, no-any-return]


@cache
def decoded(seed: int = 1, events: int | None = None) -> list[AcceptedEvent | Rejection]:
    decoder = Decoder(lambda cmo, recorded: DEFAULT_SOURCES, 4)
    return [
        decoder.decode(
            Message(
                topic_of(event),
                partition_of(event["partitionkey"].encode(), 4),
                offset,
                int(datetime.fromisoformat(event["recordedtime"]).timestamp() * 1000),
                event["partitionkey"].encode(),
                line,
            )
        )
        for offset, (event, line) in enumerate(
            zip(said(seed, events), world(seed, events).events, strict=True)
        )
    ]


def of(cmo: str, kind: str, seed: int = 1) -> list[dict[str, Any]]:
    wanted = f"cmo.{kind}.v1"
    return [e for e in said(seed) if e["partitionkey"] == cmo and e["type"] == wanted]


def due_days(cmo: str, kind: str) -> dict[tuple[str, str], str]:
    told = [event["data"] for event in of(cmo, kind)]
    return {(data["order"], data["line"]): data["schedule"][0]["date"] for data in told}


def when(event: dict[str, Any], name: str = "time") -> datetime:
    return datetime.fromisoformat(event[name])


def expected(name: str) -> dict[str, str]:
    return {t.kpi: t.expected for t in world().truth.troubles if t.trouble == name}


def test_the_same_arguments_give_the_same_bytes() -> None:
    first, again = world(7, 3_000), simulate(7, 3_000)
    assert first.events == again.events
    assert first.truth.json() == again.truth.json()


def test_unlike_seeds_tell_unlike_worlds() -> None:
    assert world(7, 3_000).events != simulate(8, 3_000).events


@pytest.mark.parametrize("seed", [1, 2])
def test_every_event_is_taken_but_those_meant_to_be_refused(seed: int) -> None:
    refused = [each for each in decoded(seed) if isinstance(each, Rejection)]
    assert len(refused) == world(seed).truth.invalid > 20
    assert {each.reason for each in refused} == {Reason.INVALID_VALUE}
    assert {each.cmo for each in refused} == {"granite-peak-packaging-llc"}
    assert None not in {each.sequence for each in refused}


@pytest.mark.slow
def test_events_of_further_makers_are_taken_too() -> None:
    refused = [each for each in decoded(1, 45_000) if isinstance(each, Rejection)]
    assert world(1, 45_000).truth.makers > 8
    assert len(refused) == world(1, 45_000).truth.invalid


def test_every_event_type_occurs() -> None:
    assert {data.TYPE for data in DATA} - {e["type"] for e in said()} == NOT_SIMULATED


def test_every_speaker_speaks_as_an_import() -> None:
    assert {event["onbehalfof"] for event in said()} == set(Speaker)
    assert {event["source"] for event in said()} == {"/import"}
    assert all(event["timely"] is True for event in said())


def test_lines_stand_in_the_order_of_recording() -> None:
    recorded = [event["recordedtime"] for event in said()]
    assert recorded == sorted(recorded)


def test_every_event_lies_in_the_thirteen_months_before_the_end() -> None:
    first = UNTIL.replace(year=2025, month=5, day=30)
    assert all(first <= when(event) <= UNTIL for event in said())
    assert all(when(event, "recordedtime") <= UNTIL for event in said())
    assert min(when(event) for event in said()) < first + timedelta(days=3)


def test_identities_are_unique() -> None:
    identities = {(e["partitionkey"], e["source"], e["id"]) for e in said()}
    assert len(identities) == len(said())


def test_sequences_are_contiguous_but_for_the_gaps_declared_and_injected() -> None:
    numbers: dict[tuple[str, str], set[int]] = {}
    for event in said():
        held = numbers.setdefault((event["partitionkey"], topic_of(event)), set())
        held.add(event["sequence"])
        if event["type"] == "cmo.feed.gap_declared.v1":
            held |= set(range(event["data"]["first"], event["data"]["last"] + 1))
    missing = {
        key: len(set(range(max(held) + 1)) - held)
        for key, held in numbers.items()
        if set(range(max(held) + 1)) != held
    }
    assert missing == {("fjordline-actives-as", "cmo.releases"): 3}


@pytest.mark.parametrize("events", [1_000, 5_000, 20_000, 45_000])
def test_a_world_has_exactly_the_events_asked_for(events: int) -> None:
    assert len(world(1, events).events) == events == world(1, events).truth.events


def test_a_world_too_small_for_its_troubles_is_refused() -> None:
    with pytest.raises(TooFewEvents, match="ask for"):
        simulate(1, 400)


def test_a_world_can_end_at_any_moment() -> None:
    now = datetime(2027, 3, 9, 10, 41, 7, tzinfo=UTC)
    recorded = [json.loads(line)["recordedtime"] for line in simulate(1, 5_000, until=now).events]
    last = datetime.fromisoformat(max(recorded))
    assert timedelta() <= now - last < timedelta(hours=2)


def test_a_shorter_world_begins_later() -> None:
    short = simulate(1, 4_000, months=3)
    assert short.truth.start == "2026-03-31T00:00:00Z"
    assert min(json.loads(line)["time"] for line in short.events) >= short.truth.start


# --- rates


def test_a_chance_keeps_its_rate_and_its_distance() -> None:
    chance = Chance(Random(3), 20)
    came = [at for at in range(20_000) if chance.comes()]
    assert len(came) == pytest.approx(1_000, rel=0.05)
    assert min(b - a for a, b in pairwise(came)) >= 10


def test_a_chance_of_none_never_comes() -> None:
    assert not any(Chance(Random(3), 0).comes() for _ in [None] * 1_000)


@pytest.mark.parametrize(
    ("fault", "kind", "per"),
    [
        ("lot_cancelled", "lot.cancelled", "lot.planned"),
        ("lot_replanned", "lot.replanned", "lot.planned"),
        ("line_changed", "order.changed", "order.placed"),
        ("line_cancelled", "order.cancelled", "order.placed"),
        ("oos", "oos.opened", "lot.completed"),
    ],
)
def test_the_rates_stated_are_those_that_come_about(fault: str, kind: str, per: str) -> None:
    kinds = Counter(event["type"] for event in said())
    realised = kinds[f"cmo.{kind}.v1"] / kinds[f"cmo.{per}.v1"]
    assert realised == pytest.approx(world().truth.rates[fault], rel=0.3)


def test_deliveries_of_healthy_makers_are_late_as_often_as_stated() -> None:
    late = total = 0
    for cmo in world().truth.healthy:
        due = due_days(cmo, "order.placed")
        due |= due_days(cmo, "order.changed")
        for event in of(cmo, "order.delivered"):
            total += 1
            late += event["time"][:10] > due[event["data"]["order"], event["data"]["line"]]
    assert late / total == pytest.approx(world().truth.rates["line_late"], rel=0.4)


def test_more_is_ordered_in_the_season() -> None:
    months = Counter(
        e["data"]["schedule"][0]["date"][5:7] for e in of("delphin-sterile-sa", "order.placed")
    )
    assert months["01"] > months["08"] * 1.2


def test_a_sparse_world_states_that_it_has_no_faults() -> None:
    assert world(1, 5_000).truth.rates["line_late"] == 0
    assert world().truth.rates["line_late"] == 0.01
    assert Rates().sparse is False


# --- troubles and truth


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_a_trouble_no_kpi_is_beyond_its_limit(seed: int) -> None:
    truth = world(seed).truth
    troubled = {(each.cmo, each.kpi) for each in truth.troubles}
    beyond = [
        (cmo, kpi, kept)
        for cmo, kpis in truth.evidence.items()
        for kpi, kept in kpis.items()
        if (cmo, kpi) not in troubled and kept.state(kpi) != "ok"
    ]
    assert beyond == []


def test_makers_without_trouble_are_named_healthy() -> None:
    assert set(world().truth.healthy) == {maker.cmo for maker in MAKERS} - set(TROUBLES)
    assert {each.cmo for each in world().truth.troubles} == set(TROUBLES)


def test_each_trouble_shows_in_its_kpi() -> None:
    assert expected("late_deliveries") == dict.fromkeys(
        ("delivery_otif", "delivery_on_time"), "critical"
    )
    assert expected("rejects") == {"lot_acceptance_dispositioned": "warning"}
    assert expected("release_backlog") == dict.fromkeys(
        ("release_on_time", "release_cycle_time", "open_lot_age"), "critical"
    )
    assert expected("stock_out") == {"days_of_supply": "critical"}
    assert expected("silent_feed")["feed_silence"] == "critical"
    assert expected("silent_feed")["delivery_otif"] == "unknown"
    assert expected("late_data") == {"data_timeliness": "critical"}
    assert expected("invalid_events") == {
        "feed_validity": "critical",
        "days_of_supply": "unknown",
    }
    assert expected("stuck_lot") == {"open_lot_age": "critical"}
    assert expected("deviations") == {"right_first_time": "warning"}
    assert expected("sequence_gap")["release_on_time"] == "unknown"


def test_a_world_with_too_little_evidence_says_so() -> None:
    troubles = world(1, 1_000).truth.troubles
    states = {(each.trouble, each.kpi): each.expected for each in troubles}
    assert states["rejects", "lot_acceptance_dispositioned"] == "insufficient"
    assert states["silent_feed", "feed_silence"] == "critical"


def test_late_deliveries_begin_on_their_day() -> None:
    since = datetime.fromisoformat(world().truth.troubles[0].since).date().isoformat()
    cmo = "aurora-biologics-ltd"
    due = due_days(cmo, "order.placed")
    late = [
        due[event["data"]["order"], event["data"]["line"]]
        for event in of(cmo, "order.delivered")
        if event["time"][:10] > due[event["data"]["order"], event["data"]["line"]]
    ]
    assert sum(day > since for day in late) > 10 > sum(day <= since for day in late) - 20


def test_the_stock_that_is_out_is_counted_as_nothing_last() -> None:
    counts = [
        event["data"]
        for event in of("boreal-fill-finish-gmbh", "stock.counted")
        if event["data"]["product"] == "nivolex-2ml-syringe" and "status" not in event["data"]
    ]
    assert counts[-1]["quantity"]["value"] == 0 < counts[-2]["quantity"]["value"]


BOOKED = {f"cmo.stock.{word}.v1" for word in ("counted", "adjusted", "consumed")}


def test_every_count_agrees_with_the_book() -> None:
    book: dict[tuple[str, ...], int] = {}
    for event in sorted(said(), key=lambda each: each["time"]):
        data, kind = event["data"], event["type"]
        if kind not in BOOKED or data.get("quantity", pieces(0)) != pieces(
            data.get("quantity", pieces(0))["value"]
        ):
            continue
        place = (event["partitionkey"], data["site"], data["product"], data.get("status", ""))
        if kind == "cmo.stock.counted.v1":
            if place in book and not place[3]:
                assert book[place] == data["quantity"]["value"], event
            book[place] = data["quantity"]["value"]
        elif place in book:
            moved = data["delta"] if kind == "cmo.stock.adjusted.v1" else data["quantity"]
            sign = 1 if kind == "cmo.stock.adjusted.v1" else -1
            book[place] += sign * moved["value"]


def test_the_silent_feed_is_silent_and_the_others_are_not() -> None:
    last: dict[tuple[str, str], datetime] = {}
    for event in said():
        if event["onbehalfof"] == "cmo":
            last[event["partitionkey"], topic_of(event)] = when(event, "recordedtime")
    eight = {maker.cmo for maker in MAKERS}
    silent = {
        key
        for key, heard in last.items()
        if key[0] in eight and key[1] != "cmo.actions" and UNTIL - heard > timedelta(days=1)
    }
    assert silent == {("ember-vale-pharma-services-ltd", "cmo.inventory")}
    assert UNTIL - last["ember-vale-pharma-services-ltd", "cmo.inventory"] > timedelta(days=9)


def test_late_data_is_recorded_more_than_a_day_after_it_happened() -> None:
    recent = [
        when(event, "recordedtime") - when(event)
        for event in said()
        if event["partitionkey"] == "fjordline-actives-as"
        and event["onbehalfof"] == "cmo"
        and when(event) > UNTIL - timedelta(days=7)
    ]
    assert sum(delay > timedelta(days=1) for delay in recent) > len(recent) / 2


def test_the_stuck_lot_says_nothing_after_its_step() -> None:
    told = [event for event in said() if event["data"].get("lot") == "EMB-S00001"]
    facts = sorted(told, key=when)
    assert [event["type"] for event in facts] == ["cmo.lot.started.v1", "cmo.lot.progressed.v1"]
    assert UNTIL - when(facts[-1]) == timedelta(days=55)


# --- as the monitor reads it


@cache
def read_by_the_monitor(events: int | None = None) -> list[dict[str, Any]]:
    agreements = read_agreements(AGREEMENTS, use_default=True)
    one_pass = Pass(agreements, UNTIL)
    one_pass.fold(decoded(1, events))
    return [as_dict(reading) for reading in one_pass.readings()]


@pytest.mark.parametrize("events", [None, 1_000])
def test_the_monitor_shows_every_trouble_as_the_truth_says(events: int | None) -> None:
    readings = read_by_the_monitor(events)
    missed = [
        (each, states)
        for each in world(1, events).truth.troubles
        if each.expected not in (states := shown(readings, each))
    ]
    assert missed == []


def shown(readings: list[dict[str, Any]], trouble: Trouble) -> set[str | None]:
    wanted = {"cmo": trouble.cmo, "kpi": trouble.kpi, **trouble.scope}.items()
    return {reading["state"] for reading in readings if wanted <= reading.items()}


def test_the_monitor_finds_nothing_else() -> None:
    troubled = {(each.cmo, each.kpi) for each in world().truth.troubles}
    other = [
        (reading["cmo"], reading["kpi"], reading["product"], reading["state"])
        for reading in read_by_the_monitor()
        if (reading["cmo"], reading["kpi"]) not in troubled and reading["state"] not in ("ok", None)
    ]
    assert other == []


def test_no_healthy_maker_alarms_in_a_sparse_world() -> None:
    troubled = {(each.cmo, each.kpi) for each in world(1, 1_000).truth.troubles}
    alarms = [
        (reading["cmo"], reading["kpi"])
        for reading in read_by_the_monitor(1_000)
        if reading["state"] in ("warning", "critical")
        and (reading["cmo"], reading["kpi"]) not in troubled
    ]
    assert alarms == []


# --- the command


def test_the_command_writes_events_and_truth_up_to_the_end_of_a_day(tmp_path: Path) -> None:
    out, truth = tmp_path / "events.ndjson", tmp_path / "truth.json"
    arguments = ["simulate", "--seed=7", "--events=3000", "--until=2026-06-30"]
    run = CliRunner().invoke(main, [*arguments, f"--out={out}", f"--truth={truth}"])
    assert run.exit_code == 0, run.output
    assert out.read_bytes().splitlines() == world(7, 3_000).events
    assert json.loads(truth.read_text())["until"] == "2026-06-30T23:59:59Z"


def test_the_command_says_how_many_events_a_world_takes(tmp_path: Path) -> None:
    run = CliRunner().invoke(main, ["simulate", "--events=10", f"--out={tmp_path / 'x'}"])
    assert run.exit_code == 2
    assert "ask for" in run.output
    assert not (tmp_path / "x").exists()


# --- agreements


def test_there_is_an_agreement_for_each_of_the_eight_and_a_default() -> None:
    agreements, products = read_folder(AGREEMENTS)
    assert {each.cmo: each.name for each in agreements} == {
        maker.cmo: maker.name for maker in MAKERS
    }
    [declared] = products
    assert {*declared.products} == {product for maker in MAKERS for product in maker.products}
    default = read_agreements(AGREEMENTS, use_default=True).of("", UNTIL.date())
    assert default is not None
    assert default.default
    assert default.cadence == {}
    assert {source.source for source in default.sources if source.imports} == {"/import"}


def test_the_agreements_hold_the_cadence_that_is_simulated() -> None:
    for path in AGREEMENTS.glob("*-*.yaml"):
        cadence = yaml.safe_load(path.read_text())["cadence"]
        assert cadence == {topic: days * 86_400 for topic, days in CADENCE.items()}
        assert set(cadence) < set(INBOUND)
