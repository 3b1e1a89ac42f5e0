"""What Prometheus is shown: of whom, as what, and how much of it."""

import gzip
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from alerts.agreements import Agreements
from events.breaches import BREACH_EVENT
from events.data import INBOUND
from events.decode import Message
from streams.app import _served
from streams.exposition import Exposed, Page, label, page, render
from streams.shard import Shard
from tests.builders import (
    Told,
    agreed,
    agreement,
    completed,
    counted,
    decided,
    delivered,
    forecast,
    heartbeat,
    log,
    on,
    promised,
    requested,
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
    lines = [told for n in range(4) for told in (promised(f"{n}"), delivered(f"{n}"))]
    found = samples(judged([*lines, delivered("0", 15), promised("late")]))
    assert values(found, "cmo_delivery_on_time_ratio", cmo="acme") == [0.8]
    assert values(found, "cmo_kpi_numerator", kpi="delivery_on_time") == [4]
    assert values(found, "cmo_kpi_denominator", kpi="delivery_on_time") == [5]
    assert values(found, "cmo_kpi_evidence", kpi="delivery_on_time") == [5]
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
    plain, hostile = samples(judged([started("L")])), samples(judged([started(HOSTILE)]))
    assert [s.name for s in hostile] == [s.name for s in plain]
    assert [s.labels["lot"] for s in hostile if "lot" in s.labels] == [HOSTILE]


def test_a_standing_breach_is_shown_with_its_severity() -> None:
    shard = judged([counted("pills", 0), forecast("pills", 100, end=99)])
    for at, output in enumerate(shard.outputs()):
        message = Message(output.topic, 0, at, 0, output.key, output.value)
        shard.fold(output.topic, at + 1, [message])
        opened = BREACH_EVENT.validate_json(output.value).data
    found = samples(shard)
    (breach,) = [s for s in found if s.name == "cmo_breach_open"]
    assert breach.labels["breach_id"] == opened.breach
    assert breach.labels["severity"] == "critical"
    assert values(found, "cmo_breach_since_timestamp_seconds") == [opened.since.timestamp()]


def series_of_a_cmo(
    products: int, sites: int, states: int, cadences: int, topics: int, lots: int, breaches: int
) -> int:
    """The formula of docs/performance.md, for a CMO of which every KPI is known."""
    supply = products * (1 + sites) * 10
    return 79 + 7 * products + supply + 6 * (states + cadences) + 9 * topics + lots + 2 * breaches


def life(products: int, sites: int, open_lots: int) -> list[Told]:
    told = [heartbeat(topic, on(19)) for topic in INBOUND]
    for product in range(products):
        name = f"p{product}"
        told += [promised(f"{name}", product=name), delivered(f"{name}")]
        for site in range(sites):
            told += [
                counted(name, 100, site=f"s{site}"),
                counted(name, 5, "blocked", site=f"s{site}"),
            ]
            told.append(forecast(name, 100, site=f"s{site}", end=99))
    told += [started("L"), completed("L"), requested("L", 10), decided("L", "released")]
    return told + [started(f"O{lot}") for lot in range(open_lots)]


@pytest.mark.parametrize(("products", "sites", "lots"), [(1, 1, 1), (5, 2, 7), (3, 4, 2)])
def test_the_number_of_series_is_that_of_the_formula(products: int, sites: int, lots: int) -> None:
    terms = agreed(cadence=dict.fromkeys(INBOUND, 1e8), time_in_state={"in_process": 1e8})
    found = samples(judged(life(products, sites, lots), terms))
    of_cmos = [sample for sample in found if "cmo" in sample.labels]
    assert len(of_cmos) == series_of_a_cmo(products, sites, 1, 4, 4, lots, 0)


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
