"""What Prometheus is shown: of whom, as what, and how much of it."""

import gzip
import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from alerts.agreements import Agreements
from alerts.kpis import KPIS
from alerts.ladder import Contact, Role, Rung
from events.breaches import BREACH_EVENT, Breach
from events.data import BREACHES, INBOUND
from events.outcomes import Message
from streams.app import _served
from streams.metrics.exposition import Exposed, page, render
from streams.metrics.text_format import Page, label
from streams.seals import Damage, Kind
from streams.shard import Shard
from tests.builders import (
    Told,
    acknowledged,
    adjusted,
    agreed,
    agreement,
    cancelled,
    completed,
    counted,
    decided,
    delivered,
    expected,
    forecast,
    heartbeat,
    log,
    on,
    promised,
    requested,
    retracted,
    started,
)

NOW = on(20)


def judged(events: list[Told], agreements: Agreements | None = None) -> Shard:
    shard = Shard(0, 1, agreements or agreed())
    for topic, messages in log(events).items():
        shard.fold(topic, len(messages), messages)
    assert list(shard.tick(NOW))
    return shard


def samples(shard: Shard, *, ready: bool = True) -> list[Sample]:
    text = page([Exposed(shard, ready, 1.0, NOW)])
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def values(found: list[Sample], name: str, **labels: str) -> list[float]:
    return [s.value for s in found if s.name == name and labels.items() <= s.labels.items()]


def test_a_reading_has_its_value_and_what_it_rests_on() -> None:
    lines = [told for n in range(4) for told in (promised(f"A/{n}"), delivered(f"A/{n}"))]
    found = samples(judged([*lines, delivered("A/0", 15), promised("B/late")]))
    assert values(found, "cmo_delivery_on_time_ratio", cmo="acme") == [0.8]
    assert values(found, "cmo_kpi_numerator", kpi="delivery_on_time") == [4]
    assert values(found, "cmo_kpi_denominator", kpi="delivery_on_time") == [5]
    assert values(found, "cmo_kpi_evidence", kpi="delivery_on_time") == [2]  # two orders
    assert values(found, "cmo_kpi_limit", kpi="delivery_on_time", severity="critical") == [0.9]
    assert values(found, "cmo_kpi_state", kpi="delivery_on_time") == [-1]


def test_days_of_supply_are_seconds() -> None:
    found = samples(judged([counted("pills", 30), forecast("pills", 100, end=99)]))
    assert values(found, "cmo_supply_cover_seconds", product="pills", site="") == []
    (cover,) = [s for s in found if s.name == "cmo_supply_cover_seconds" and "site" not in s.labels]
    assert cover.value == 30 * 86_400


def test_a_shard_that_is_not_ready_shows_nothing_of_any_cmo() -> None:
    found = samples(judged([promised("1"), started("L")]), ready=False)
    assert [sample.name for sample in found if not sample.name.startswith("cmowatch_")] == []
    assert [sample for sample in found if "cmo" in sample.labels] == []
    assert values(found, "cmowatch_shard_ready") == [0]


HOSTILE = 'a"b\\c\nd} 1\n# TYPE x counter'


def test_whatever_a_label_holds_it_is_one_label() -> None:
    lot = Page()
    lot.family("x", "gauge", "h")(label("lot", HOSTILE), 1)
    ((sample,),) = [family.samples for family in text_string_to_metric_families(lot.text())]
    assert sample.labels == {"lot": HOSTILE}


def test_a_hostile_lot_number_adds_no_series_of_its_own() -> None:
    number = " ".join(HOSTILE.split())  # the contract refuses line breaks
    plain, hostile = samples(judged([started("L")])), samples(judged([started(number)]))
    assert [s.name for s in hostile] == [s.name for s in plain]
    assert {s.labels["lot"] for s in hostile if "lot" in s.labels} == {number}


STOCK_OUT = [counted("pills", 0), forecast("pills", 100, end=99)]


def read_back(shard: Shard) -> list[Breach]:
    """Folds what a shard has to say of breaches, which it returns."""
    outputs = [output for output in shard.to_send() if output.topic == BREACHES]
    for output in outputs:
        at = shard.next[output.topic]
        message = Message(output.topic, 0, at, 0, output.key, output.value)
        shard.fold(output.topic, at + 1, [message])
    return [BREACH_EVENT.validate_json(output.value).data for output in outputs]


def test_a_cmo_that_nothing_is_agreed_with_any_more_is_shown_with_what_is_refused_of_it() -> None:
    shard = Shard(0, 1, agreed("other"))
    covered = [("kind", b"covered"), ("cmo", b"acme")]
    shard.fold("cmo.dead-letters", 1, [Message("cmo.dead-letters", 0, 0, 0, None, b"", covered)])
    held = log([started("L1"), completed("L1"), started("L1", cmo="stranger")])
    shard.fold("cmo.lots", 3, held["cmo.lots"])
    found = samples(shard, ready=False)
    missing = [s for s in found if s.name == "cmowatch_cmo_without_agreement_messages"]
    assert [(s.labels, s.value) for s in missing] == [({"partition": "0", "cmo": "acme"}, 2)]


def test_a_standing_breach_is_shown_with_its_severity() -> None:
    shard = judged(STOCK_OUT)
    (opened,) = read_back(shard)
    found = samples(shard)
    (breach,) = [s for s in found if s.name == "cmo_breach_open"]
    assert breach.labels["breach_id"] == opened.breach
    assert breach.labels["severity"] == "critical"
    assert values(found, "cmo_breach_since_timestamp_seconds") == [opened.since.timestamp()]


def test_who_was_told_of_a_breach_who_is_next_and_who_took_it_on_are_shown() -> None:
    role = Role(side="cmo", contacts=(Contact(email="head@cmo.example"),))
    ladder = Rung(role="planner", critical=0), Rung(role="head", critical=3_600)
    terms = agreed(roles={"planner": role, "head": role}, ladder=ladder)
    shard = judged(STOCK_OUT, terms)
    opened, escalated = read_back(shard)
    assert (escalated.transition, escalated.tier, escalated.role) == ("escalated", 1, "planner")
    found, where = samples(shard), {"breach_id": opened.breach, "product": "pills"}
    tier = "cmo_breach_escalation_tier"
    assert values(found, tier, role="planner", severity="critical", **where) == [1]
    assert values(found, tier, role="head") == []
    after = NOW.timestamp() + 3_600
    upcoming = "cmo_breach_next_escalation_timestamp_seconds"
    assert values(found, upcoming, role="head", tier="2", **where) == [after]
    until = "cmo_breach_acknowledged_until_timestamp_seconds"
    assert values(found, until) == []
    for given, shown in ((on(30), on(30).timestamp()), (None, float("inf"))):
        said = acknowledged(opened.breach, NOW if given else on(20.1), until=given)
        shard.fold("cmo.actions", shard.next["cmo.actions"] + 1, log([said])["cmo.actions"])
        assert list(shard.tick(on(20.2)))
        read_back(shard)
        assert values(samples(shard), until, by="Ada", **where) == [shown]
        assert values(samples(shard), upcoming) == ([shown] if given else [])


def test_a_breach_that_was_given_back_shows_nobody_who_has_it() -> None:
    shard = judged(STOCK_OUT)
    (opened,) = read_back(shard)
    said = acknowledged(opened.breach, on(20.1), until=on(20.3))
    shard.fold("cmo.actions", 1, log([said])["cmo.actions"])
    until = "cmo_breach_acknowledged_until_timestamp_seconds"
    for now, shown in ((20.2, 1), (20.3, 0)):
        assert list(shard.tick(on(now)))
        read_back(shard)
        assert len(values(samples(shard), until)) == shown


def stocked(shard: Shard, pieces: float, day: float) -> list[Breach]:
    """What becomes of the breaches of a shard by a count of its pills."""
    topic = "cmo.inventory"
    message = log([counted("pills", pieces, day=day)])[topic]
    shard.fold(topic, shard.next[topic] + 1, message)
    assert list(shard.tick(on(day + 0.1)))
    return read_back(shard)


def test_a_breach_taken_on_is_shown_as_bad_as_it_was_then() -> None:
    shard = judged(
        [counted("pills", 15), *STOCK_OUT[1:]],
        agreed(limits={"days_of_supply": {"warning": 20, "critical": 10}}),
    )
    (opened,) = read_back(shard)
    until = "cmo_breach_acknowledged_until_timestamp_seconds"
    said = acknowledged(opened.breach, on(20.1))
    shard.fold("cmo.actions", 1, log([said])["cmo.actions"])
    assert list(shard.tick(on(20.2)))
    read_back(shard)
    assert values(samples(shard), until, severity="warning") == [float("inf")]
    assert [each.severity for each in stocked(shard, 0, 20.3)] == ["critical"]
    assert values(samples(shard), until, severity="warning") == [float("inf")]
    again = acknowledged(opened.breach, on(20.5))
    shard.fold("cmo.actions", 2, log([again])["cmo.actions"])
    assert list(shard.tick(on(20.6)))
    read_back(shard)
    assert values(samples(shard), until, severity="critical") == [float("inf")]
    assert values(samples(shard), until, severity="warning") == []


def test_a_breach_that_cleared_is_shown_for_four_days_as_bad_as_it_was_to_each_who_was_told() -> (
    None
):
    role = Role(side="cmo", contacts=(Contact(email="head@cmo.example"),))
    limits = {"days_of_supply": {"warning": 20, "critical": 10}}
    terms = agreed(limits=limits, roles={"head": role}, ladder=(Rung(role="head", critical=0),))
    shard = judged(STOCK_OUT, terms)
    opened, _ = read_back(shard)
    series = "cmo_breach_cleared_timestamp_seconds"
    assert [each.transition for each in stocked(shard, 15, 20.1)] == ["eased"]
    assert values(samples(shard), series) == []
    (cleared,) = stocked(shard, 70, 20.3)
    assert cleared.severity == "warning"
    how = {"breach_id": opened.breach, "severity": "critical", "cleared_by": "improved", "nth": "1"}
    found = [s for s in samples(shard) if s.name == series]
    assert [s.value for s in found] == [on(20.4).timestamp()] * 2
    assert all(how.items() <= s.labels.items() for s in found)
    assert [s.labels.get("role") for s in found] == [None, "head"]
    for day, shown in ((24.3, 2), (24.5, 0)):
        assert list(shard.tick(on(day)))
        assert len(values(samples(shard), series)) == shown


def test_a_breach_of_a_kpi_nobody_is_told_of_has_nobody_next() -> None:
    role = Role(side="cmo", contacts=(Contact(email="head@cmo.example"),))
    late = [told for n in range(30) for told in (promised(f"{n}/1"), delivered(f"{n}/1", 12))]
    shard = judged(late, agreed(roles={"head": role}, ladder=(Rung(role="head", warning=3_600),)))
    read_back(shard)
    upcoming = "cmo_breach_next_escalation_timestamp_seconds"
    told = {s.labels["kpi"] for s in samples(shard) if s.name == upcoming}
    assert told == {"delivery_otif"}


def test_the_name_of_whoever_has_a_breach_is_one_short_line_that_passes_for_nothing_else() -> None:
    shard = judged(STOCK_OUT)
    (opened,) = read_back(shard)
    name = "Ada\n\nResolved: all is well <!channel> https://evil.example/ " + "x" * 500
    said = acknowledged(opened.breach, on(20.1))
    data = said.event.data.model_copy(update={"by": name})
    said = said._replace(event=said.event.model_copy(update={"data": data}))
    shard.fold("cmo.actions", 1, log([said])["cmo.actions"])
    assert list(shard.tick(on(20.2)))
    read_back(shard)
    taken = "cmo_breach_acknowledged_until_timestamp_seconds"
    (by,) = (s.labels["by"] for s in samples(shard) if s.name == taken)
    assert re.fullmatch("Ada Resolved all is well channel https evil.example x+", by)
    assert len(by) == 64


def test_a_breach_is_shown_with_the_day_it_clears_by_itself() -> None:
    late = [told for n in range(30) for told in (promised(f"{n}/1"), delivered(f"{n}/1", 12))]
    shard = judged(late)
    opened = {each.kpi: each for each in read_back(shard)}
    clears = opened["delivery_otif"].clears_on
    assert clears is not None
    shown = values(samples(shard), "cmo_breach_clears_on_timestamp_seconds", kpi="delivery_otif")
    assert shown == [datetime.combine(clears, time(), UTC).timestamp()]


def test_an_open_line_is_shown_with_the_days_it_is_due_and_expected_at_its_place() -> None:
    told = [promised("1", 30), expected("1", 33), promised("2", 31), promised("3", 9)]
    told += [delivered("3"), promised("4", 10), cancelled("4", "sponsor")]
    found = samples(judged(told, agreed(zone="America/New_York")))
    due = [s for s in found if s.name == "cmo_open_order_line_due_timestamp_seconds"]
    assert {s.labels["line"]: s.labels["due"] for s in due} == {
        "1": "2024-01-31",
        "2": "2024-02-01",
    }
    first = next(s for s in due if s.labels["line"] == "1")
    assert first.value == datetime(2024, 2, 1, 5, tzinfo=UTC).timestamp()
    (coming,) = (s for s in found if s.name == "cmo_open_order_line_expected_timestamp_seconds")
    assert (coming.labels["line"], coming.labels["expected"]) == ("1", "2024-02-03")
    assert values(found, "cmo_open_order_lines", cmo="acme") == [2]


def test_a_line_that_is_retracted_or_comes_after_all_is_open_no_more() -> None:
    first, second = promised("1", 30), promised("2", 30)
    told = [first, second, retracted(first, on(1), "sponsor"), delivered("2")]
    assert values(samples(judged(told)), "cmo_open_order_lines") == [0]


def test_open_lines_and_lots_beyond_the_bound_are_counted() -> None:
    many = [promised(f"{n}", 30) for n in range(1_003)] + [started(f"L{n}") for n in range(1_002)]
    found = samples(judged(many))
    assert len(values(found, "cmo_open_order_line_due_timestamp_seconds")) == 1_000
    assert values(found, "cmo_open_order_lines") == [1_003]
    assert values(found, "cmo_open_order_lines_omitted") == [3]
    assert len(values(found, "cmo_open_lot_progress_timestamp_seconds")) == 1_000
    assert values(found, "cmo_open_lots_omitted") == [2]


def test_an_open_lot_is_shown_with_its_progress_and_the_day_its_release_is_due() -> None:
    found = samples(judged([started("L", 1), completed("L", 4), requested("L", 25)]))
    lot = {"lot": "L", "lot_state": "completed", "product": "pills"}
    assert values(found, "cmo_open_lot_progress_timestamp_seconds", **lot) == [on(5).timestamp()]
    due = values(found, "cmo_open_lot_release_due_timestamp_seconds", due="2024-01-26", **lot)
    assert due == [datetime(2024, 1, 27, tzinfo=UTC).timestamp()]


def test_stock_is_shown_by_status_where_the_books_can_be_believed() -> None:
    told = [counted("pills", 70), counted("pills", 5, "blocked"), adjusted("pills", -10)]
    told += [adjusted("drops", 3)]
    found = samples(judged(told))
    name, where = "cmo_stock_quantity", {"product": "pills", "unit": "EA"}
    assert values(found, name, status="unrestricted", **where) == [60]
    assert values(found, name, status="blocked", **where) == [5]
    assert values(found, name, product="drops") == []


def test_the_agreement_in_force_is_shown_with_what_to_do_first() -> None:
    (info,) = (s for s in samples(judged([])) if s.name == "cmo_agreement_info")
    assert info.labels["contingency"] == "Call."
    assert (info.labels["cmo"], info.labels["version"]) == ("acme", "1")


def test_how_far_behind_the_log_a_shard_is_when_a_broker_answered_and_its_clock_are_shown() -> None:
    shard = judged([])
    first = Exposed(shard, False, 0.5, None, {"cmo.lots": 7}, on(1), on(2))
    second = Exposed(shard, False, 0.5, None, {}, on(1), on(3), skew=-7.5)
    families = text_string_to_metric_families(page([first, second]))
    found = [sample for family in families for sample in family.samples]
    assert values(found, "cmowatch_lag_events", topic="cmo.lots") == [7]
    held = values(found, "cmowatch_shard_held_since_timestamp_seconds")
    assert held == [on(1).timestamp()] * 2
    assert values(found, "cmowatch_clock_skew_seconds") == [-7.5]
    answered = values(found, "cmowatch_broker_answered_timestamp_seconds")
    assert answered == [on(3).timestamp()]


def series_of_a_cmo(
    products: int, sites: int, states: int, cadences: int, topics: int, lots: int, lines: int
) -> int:
    """The formula of docs/performance.md, for a CMO of which every KPI is known and kept."""
    supply, stock = products * (10 + sites * 5), products * sites * 2
    feeds = 6 * (states + cadences) + 9 * topics
    return 82 + 7 * products + supply + stock + feeds + 2 * lots + lines


def life(products: int, sites: int, open_lots: int, open_lines: int) -> list[Told]:
    told = [heartbeat(topic, on(19)) for topic in INBOUND]
    for product in range(products):
        name = f"p{product}"
        told += [promised(f"{name}", product=name), delivered(f"{name}")]
        for site in range(sites):
            told += [
                counted(name, 100, site=f"s{site}"),
                counted(name, 5, "blocked", site=f"s{site}"),
            ]
        told.append(forecast(name, 100, end=99))
    told += [promised(f"open{line}", 60, product="p0") for line in range(open_lines)]
    told += [started("L"), completed("L"), requested("L", 10), decided("L", "released")]
    return told + [started(f"O{lot}") for lot in range(open_lots)]


@pytest.mark.parametrize(("products", "sites", "lots"), [(1, 1, 1), (5, 2, 7), (3, 4, 2)])
def test_the_number_of_series_is_that_of_the_formula(products: int, sites: int, lots: int) -> None:
    terms = agreed(cadence=dict.fromkeys(INBOUND, 1e8), time_in_state={"in_process": 1e8})
    found = samples(judged(life(products, sites, lots, 3), terms))
    of_cmos = [sample for sample in found if "cmo" in sample.labels]
    assert len(of_cmos) == series_of_a_cmo(products, sites, 1, 4, 4, lots, 3)


def test_a_page_of_many_is_put_together_in_slices() -> None:
    many = Agreements([agreement(f"cmo-{n}") for n in range(50)])
    shard = judged([started("L", cmo="cmo-1")], many)
    assert len(list(render(Page(), [Exposed(shard, True, 1.0, NOW)]))) > 50


class View:
    """Faust's view, as far as a page uses it."""

    def bytes(self, body: bytes, headers: Mapping[str, str]) -> Any:
        return SimpleNamespace(body=body, headers=headers)


async def test_a_page_is_compressed_for_whom_asks_for_it() -> None:
    async def some() -> tuple[bytes, str]:
        return b"metrics", "text/plain"

    plain = await _served(some)(View(), SimpleNamespace(headers={}))
    assert (plain.body, plain.headers) == (b"metrics", {"Content-Type": "text/plain"})
    small = await _served(some)(View(), SimpleNamespace(headers={"Accept-Encoding": "gzip, br"}))
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.body) == b"metrics"


def test_a_move_nobody_foresaw_and_a_name_as_given_are_shown() -> None:
    shipped = decided("L", "released", 9)
    found = samples(judged([started("L"), shipped]))
    assert values(found, "cmo_lot_unexpected_moves", cmo="acme") == [1]
    assert values(samples(judged([started("L")])), "cmo_lot_unexpected_moves") == []
    shard = judged([counted("pills", 3)])
    shard.cmos["acme"].names["pills"] = "Pills, 10 mg"
    (named,) = [s for s in samples(shard) if s.name == "cmo_name_info"]
    assert (named.labels["id"], named.labels["name"]) == ("pills", "Pills, 10 mg")


def test_of_a_log_that_is_damaged_everything_is_unknown_and_nothing_has_a_value() -> None:
    shard, found = judged([started("L1")]), (Damage("cmo.lots", Kind.RECREATED),)
    unknown = list(shard.unknown("the log is damaged", NOW))
    exposed = Exposed(shard, False, 1.0, NOW, damages=found, unknown=unknown)
    families = {each.name: each for each in text_string_to_metric_families(page([exposed]))}
    (damaged,) = families["cmowatch_log_damaged"].samples
    assert damaged.labels == {"partition": "0", "topic": "cmo.lots", "kind": "recreated"}
    states = families["cmo_kpi_state"].samples
    assert {(each.labels["kpi"], each.labels["cmo"]) for each in states} == {
        (kpi.name, "acme") for kpi in KPIS
    }
    assert {each.value for each in states} == {-2}
    assert "cmo_kpi_reading" not in families
    assert {each.value for each in families["cmo_kpi_evidence"].samples} == {0}
