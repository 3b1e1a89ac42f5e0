"""What holds once docs/adding.md is followed: run in a copy of the project by test_adding.py."""

import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from alerts.breaches import transitions
from alerts.kpis import BY_NAME
from alerts.ledger import Ledger
from alerts.readings import Reading, readings
from events.breaches import BREACH_EVENT, Breach
from events.data import CapaClosed, CapaOpened
from events.values import microseconds
from streams.metrics.exposition import Exposed, page
from streams.shard import Shard
from tests.builders import (
    Told,
    agreed,
    completed,
    decided,
    folded,
    log,
    looked_at,
    on,
    read,
    reading,
    released,
    retracted,
    started,
    told,
)

PROJECT = Path.cwd()
NEW = ("rework_rate", "lots_on_hold", "capas_overdue")
NOW = on(30)


def opened(
    told_so: Iterable[Told], kpi: str, now: datetime = NOW, ledger: Ledger | None = None
) -> list[Breach]:
    """What is due to be published of a KPI at a moment."""
    at = microseconds(now)
    cmo = looked_at(folded(told_so), at, ledger)
    found = transitions(cmo, readings(cmo, at), ledger or Ledger(), at)
    return [each.data for each in found if each.data.kpi == kpi]


def stands(told_so: Iterable[Told], kpi: str) -> Ledger:
    """A ledger in which the breach of a KPI stands."""
    at, ledger = microseconds(NOW), Ledger()
    cmo = looked_at(folded(told_so), at)
    for each in transitions(cmo, readings(cmo, at), ledger, at):
        ledger.fold(BREACH_EVENT.validate_json(each.json_line()))
    return ledger


def metrics(told_so: Iterable[Told]) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The samples of the exposition page by series."""
    shard = Shard(0, 1, agreed())
    for topic, messages in log(told_so).items():
        shard.fold(topic, len(messages), messages)
    list(shard.tick(NOW))
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(page([Exposed(shard, True, 1.0, NOW)])):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


# --- a ratio of which less is better


def reworked(lot: str) -> list[Told]:
    return [
        *(started(lot), completed(lot, 5), decided(lot, "rework", 6)),
        *(completed(lot, 8), decided(lot, "released", 10)),
    ]


def thirty_released_and_six_reworked() -> list[Told]:
    good = [each for n in range(30) for each in released(f"good-{n}")]
    return good + [each for n in range(6) for each in reworked(f"again-{n}")]


def reworks(events: Iterable[Told]) -> set[str]:
    return {each.id for each in events if getattr(each.event.data, "decision", "") == "rework"}


def test_the_share_of_reworked_lots_is_read() -> None:
    found = reading(thirty_released_and_six_reworked(), "rework_rate", NOW)
    assert (found.numerator, found.denominator, found.n) == (6, 36, 36)
    assert found.state == 1, "16.7 % is beyond both limits, its interval only beyond the milder"


def test_its_breach_lists_the_reworked_lots_and_no_released_one() -> None:
    story = thirty_released_and_six_reworked()
    (breach,) = opened(story, "rework_rate")
    assert breach.transition == "opened"
    assert set(breach.events) == reworks(story)
    assert (len(breach.events), breach.omitted) == (6, 0)


def test_a_rework_that_is_withdrawn_is_no_evidence_any_more() -> None:
    story = thirty_released_and_six_reworked()
    withdrawn = [retracted(each, on(20)) for each in story if each.id in sorted(reworks(story))[:5]]
    found = reading([*story, *withdrawn], "rework_rate", NOW)
    assert (found.numerator, found.denominator) == (1, 36)
    (breach,) = opened([*story, *withdrawn], "rework_rate", ledger=stands(story, "rework_rate"))
    assert breach.transition == "cleared"


@pytest.mark.parametrize(("by", "ends"), [("cmo", None), ("sponsor", "corrected")])
def test_a_cmo_does_not_end_its_critical_breach_by_withdrawing_reworks(
    by: str, ends: str | None
) -> None:
    story = [each for n in range(16) for each in released(f"good-{n}")]
    story += [each for n in range(14) for each in reworked(f"again-{n}")]
    ledger = stands(story, "rework_rate")
    assert {each.severity for each in opened(story, "rework_rate")} == {"critical"}
    again = [each for each in story if each.id in sorted(reworks(story))[:13]]
    story += [retracted(each, on(31), by) for each in again]
    assert reading(story, "rework_rate", on(32)).numerator == 1
    found = opened(story, "rework_rate", on(32), ledger)
    assert [breach.cleared_by for breach in found] == ([ends] if ends else [])


def test_its_series_are_on_the_page() -> None:
    found = metrics(thirty_released_and_six_reworked())
    assert found["cmo_rework_rate_ratio"] == [({"cmo": "acme"}, 6 / 36)]


# --- a count of exceptions


def on_hold(lot: str, day: float) -> list[Told]:
    return [started(lot), completed(lot, 2), decided(lot, "on_hold", day)]


def test_none_is_nought_and_ok() -> None:
    found = reading([started("L"), completed("L")], "lots_on_hold", NOW)
    assert (found.value, found.n, found.state) == (0, 1, 0)
    assert opened([started("L"), completed("L")], "lots_on_hold") == []


def test_its_breach_lists_the_worst_first_and_clears_when_none_is_left() -> None:
    story = [*on_hold("late", 9), *on_hold("long", 3), *on_hold("mid", 6)]
    (breach,) = opened(story, "lots_on_hold")
    assert (breach.transition, breach.severity, breach.value) == ("opened", "warning", 3)
    assert breach.events == (story[5].id, story[8].id, story[2].id)
    ended = [decided(lot, "released", 31) for lot in ("late", "long", "mid")]
    ledger = stands(story, "lots_on_hold")
    assert opened([*story, *ended[:2]], "lots_on_hold", on(32), ledger) == []
    (breach,) = opened([*story, *ended], "lots_on_hold", on(32), ledger)
    assert (breach.transition, breach.cleared_by) == ("cleared", "improved")


def test_a_count_is_on_the_page() -> None:
    found = metrics(on_hold("L", 5))
    assert found["cmo_lots_on_hold_count"] == [({"cmo": "acme"}, 1)]


# --- a record kind with a KPI and a dimension of its own


def capa(name: str, due: date, deviation: str | None = None) -> Told:
    return told(CapaOpened(capa=name, due=due, deviation=deviation), on(1))


def closed(name: str, day: float) -> Told:
    return told(CapaClosed(capa=name), on(day))


STORY = [
    capa("little", date(2024, 1, 28), "D1"),
    capa("much", date(2024, 1, 10)),
    capa("not-yet", date(2024, 2, 10)),
    closed("done", 20),
    capa("done", date(2024, 1, 5)),
]


def overdue(events: Iterable[Told], **scope: str) -> Reading:
    return read(folded(events), NOW, "capas_overdue", **scope)


def test_the_events_of_a_new_kind_fold_in_any_order() -> None:
    assert (overdue(STORY).value, overdue(STORY).n, overdue(STORY).state) == (2, 3, 1)
    assert (overdue(reversed(STORY)).value, overdue(reversed(STORY)).n) == (2, 3)
    assert overdue([*STORY, *STORY[:2]]).value == 2
    assert overdue([*STORY, closed("much", 25)]).value == 1


def test_the_kpi_of_a_new_kind_breaches_with_the_worst_first() -> None:
    (breach,) = opened(STORY, "capas_overdue")
    assert breach.events == (STORY[1].id, STORY[0].id)
    (breach,) = opened(
        [*STORY, closed("much", 25), closed("little", 25)],
        "capas_overdue",
        ledger=stands(STORY, "capas_overdue"),
    )
    assert breach.transition == "cleared"


def test_a_new_dimension_breaks_a_kpi_down() -> None:
    assert overdue(STORY, origin="deviation").value == 1
    assert overdue(STORY, origin="other").value == 1
    found = {labels.get("origin"): n for labels, n in metrics(STORY)["cmo_capas_overdue_count"]}
    assert found == {None: 2, "deviation": 1, "other": 1}


# --- what is generated


def generated(path: str) -> Any:
    return yaml.safe_load((PROJECT / path).read_text(encoding="utf-8"))


def test_each_has_its_rules() -> None:
    groups = generated("deploy/prometheus/rules/cmowatch.yml")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    alerts = {rule["alert"] for rule in rules if "alert" in rule}
    assert {"CmowatchReworkRateBreach", "CmowatchLotsOnHoldBreach"} <= alerts
    assert "CmowatchCapasOverdueBreach" in alerts
    (standing,) = (rule for rule in rules if rule.get("record") == "breach:cmo_breach_open:max")
    assert "topic, origin, partition" in standing["expr"]


def test_each_has_its_tests_of_the_rules() -> None:
    names = [
        test["name"] for test in generated("deploy/prometheus/tests/breaches_test.yml")["tests"]
    ]
    for kpi in NEW:
        assert any(f"A breach of {kpi} is a ticket, once" in name for name in names), kpi


def test_each_has_its_columns_and_panels() -> None:
    folder = PROJECT / "deploy/grafana/dashboards"
    board = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}
    for kpi in NEW:
        title = BY_NAME[kpi].title
        assert title in {panel["title"] for panel in board["cmo"]["panels"]}
        assert f'"{kpi}": "{title}"' in json.dumps(board["overview"])
    of_lots = {panel["title"] for panel in board["lots"]["panels"]}
    assert {"Lots reworked", "Lots on hold", "Shares", "Counts"} <= of_lots
    assert "Is (count)" in json.dumps(board["overview"])


def test_each_is_on_its_pages() -> None:
    kpis, runbook = (
        (PROJECT / "docs" / name).read_text("utf-8") for name in ("kpis.md", "runbook.md")
    )
    for kpi in NEW:
        assert f"## {kpi}\n" in kpis
        assert BY_NAME[kpi].example.story in kpis
        assert BY_NAME[kpi].action in runbook
    assert "1, none" in kpis.split("## lots_on_hold\n")[1].split("\n## ")[0]
