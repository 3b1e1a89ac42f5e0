"""The rules: as loud as each KPI declares, over series that exist, as Prometheus reads them."""

import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from alerts.kpi import Kpi
from alerts.kpis import BY_NAME, KPIS
from alerts.ladder import Contact, Role, Rung
from deploy.prometheus import rules
from deploy.prometheus.pipeline import DEAD_MANS_SWITCH, WATCHED
from deploy.prometheus.rule import ESCALATED
from deploy.prometheus.rules import documents, rule_groups
from deploy.prometheus.wording import alert_name, scope
from events.data import ACTIONS, BREACHES, DEAD_LETTERS, LOTS
from events.outcomes import Message
from streams.metrics.exposition import Exposed, page
from streams.metrics.text_format import label
from streams.seals import Damage, Kind
from streams.shard import Shard
from tests.builders import (
    ACME,
    acknowledged,
    agreed,
    completed,
    delivered,
    heartbeat,
    log,
    on,
    promised,
    spoiled,
)
from tests.deploy.tools import program, tool

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / rules.RULES
CLAIMS = sorted((ROOT / "deploy" / "prometheus" / "tests").glob("*.yml"))
FIGURES = ("evidence", "numerator", "denominator", "low", "high")


def alerts(*kpis: Kpi) -> list[dict[str, Any]]:
    groups: Any = rule_groups(kpis or KPIS)["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def severities(kpi: Kpi) -> set[str]:
    name = alert_name(kpi)
    return {rule["labels"]["severity"] for rule in alerts(kpi) if rule["alert"] == name}


def test_what_is_committed_is_what_is_declared() -> None:
    made = documents().items()
    differing = [path for path, text in made if (ROOT / path).read_text("utf-8") != text]
    assert differing == []


@pytest.mark.parametrize(
    ("judged", "leads", "expected"),
    [
        ("page", True, {"critical", "warning"}),
        ("ticket", True, {"warning"}),
        ("ticket", False, {"info"}),
        ("page", False, {"info"}),
        ("review", False, {"info"}),
        ("never", False, set()),
    ],
)
def test_a_breach_is_as_loud_as_its_kpi_declares(
    judged: Any, leads: bool, expected: set[str]
) -> None:
    kpi = replace(BY_NAME["delivery_otif"], urgency=judged, leads=leads)
    assert severities(kpi) == expected


def test_no_rolling_rate_pages() -> None:
    paging = {kpi.name for kpi in KPIS if "critical" in severities(kpi)}
    assert paging == {"days_of_supply"}


def test_one_kpi_of_a_family_is_told() -> None:
    told = [kpi.family for kpi in KPIS if severities(kpi) & {"critical", "warning"}]
    assert told == [kpi.family for kpi in KPIS if kpi.notifies]
    assert sorted(told) == sorted(set(told)) == sorted({kpi.family for kpi in KPIS})


def test_every_alert_has_its_texts_and_links_and_one_prefix() -> None:
    for rule in alerts():
        assert re.fullmatch(r"Cmowatch([A-Z][a-z]+)+", rule["alert"])
        said = rule["annotations"]
        assert {"summary", "description", "runbook_url", "dashboard_url"} <= said.keys()
        assert "To do first: " in said["description"]
        page, _, heading = said["runbook_url"].rpartition("/")[2].partition("#")
        headings = re.findall(r"^## (.*)$", (ROOT / "docs" / page).read_text("utf-8"), re.M)
        assert heading in {each.lower() for each in headings}, rule["alert"]


def test_a_breach_is_told_with_what_its_kpi_says_to_do() -> None:
    for kpi in KPIS:
        for rule in alerts(kpi):
            if rule["alert"] == alert_name(kpi):
                assert kpi.action in rule["annotations"]["description"]


def test_no_alert_is_labelled_by_what_changes_when_a_worker_restarts() -> None:
    for rule in alerts():
        assert not {"breach_id", "instance", "pod"} & rule["labels"].keys()
        by, _, _ = rule["expr"].partition(")")
        assert ("breach_id" in by) == (rule["alert"] == ESCALATED)
        if "cmo_breach_" in rule["expr"]:
            assert by.startswith("max by (kpi, cmo")


def test_every_message_of_a_breach_has_a_link_that_takes_it_on() -> None:
    for rule in alerts():
        if rule["alert"].endswith("Breach") or rule["alert"] == ESCALATED:
            assert "/#/silences/new?filter=" in rule["annotations"]["acknowledge_url"]


COVERED = [("kind", b"covered"), ("cmo", ACME.encode())]


def exposed() -> set[str]:
    """The series of a worker that has judged late lines, refused a message and had a breach."""
    role = Role(side="cmo", contacts=(Contact(email="head@cmo.example"),))
    ladder = Rung(role="planner", critical=0), Rung(role="head", critical=86_400)
    shard = Shard(0, 1, agreed(roles={"planner": role, "head": role}, ladder=ladder))
    late = [told for n in range(40) for told in (promised(f"{n}/1"), delivered(f"{n}/1", 20))]
    late += [heartbeat(LOTS, on(39), sequence=1)]
    for topic, messages in log(late).items():
        shard.fold(topic, len(messages), messages)
    shard.fold(LOTS, 2, [Message(LOTS, 0, 1, 0, None, b"{")])
    assert set(shard.tick(on(40))) == {ACME}
    read_back(shard)
    taken = [acknowledged(each.breach.breach, on(40)) for each in shard.ledger.standing.values()]
    shard.fold(ACTIONS, len(taken), log(taken)[ACTIONS])
    taken_on = page_of(shard)
    assert set(shard.tick(on(40))) == {ACME}
    read_back(shard)
    standing = page_of(shard)
    assert set(shard.tick(on(400))) == {ACME}
    read_back(shard)
    lacking = Shard(0, 1, agreed("other"))
    lacking.fold(DEAD_LETTERS, 1, [Message(DEAD_LETTERS, 0, 0, 0, None, b"", COVERED)])
    lacking.fold(LOTS, 1, log([heartbeat(LOTS, on(1))])[LOTS])
    damaged = page([Exposed(lacking, False, 0.0, None, damages=[Damage(LOTS, Kind.TRUNCATED)])])
    doubted = Shard(0, 1, agreed())
    doubted.fold(LOTS, 1, log([spoiled(completed("L1"), actual=-1)])[LOTS])
    assert list(doubted.tick(on(40)))
    pages = taken_on, standing, page_of(shard, 400), page_of(lacking), damaged, page_of(doubted)
    return set[str]().union(*map(names, pages))


def read_back(shard: Shard) -> None:
    sent = [each for each in shard.to_send() if each.topic == BREACHES]
    at = shard.next[BREACHES]
    back = [Message(BREACHES, 0, n, 0, each.key, each.value) for n, each in enumerate(sent, at)]
    shard.fold(BREACHES, at + len(back), back)


def page_of(shard: Shard, day: float = 40) -> str:
    return page([Exposed(shard, True, 1.0, on(day), {LOTS: 0}, on(0), on(day), 0.0)])


def names(shown: str) -> set[str]:
    families = text_string_to_metric_families(shown)
    return {sample.name for family in families for sample in family.samples}


def test_every_series_that_a_rule_reads_is_exposed() -> None:
    text = RULES.read_text("utf-8")
    read = set(re.findall(r"(?<![:\w])cmo(?:watch)?_[a-z_]+(?=[{\[ )])", text))
    assert {"cmo_breach_open", "cmo_kpi_limit", "cmowatch_shard_ready"} < read
    assert read - exposed() == set()


def test_the_rules_are_as_prometheus_wants_them() -> None:
    tool("promtool", "check", "config", ROOT / rules.CONFIG)
    assert f"{RULES.name}\n  SUCCESS" in tool("promtool", "check", "rules", RULES)


def breach_of(kpi: Kpi) -> list[dict[str, str]]:
    """The series of a standing breach of a KPI."""
    labels = {"kpi": kpi.name, **dict.fromkeys(scope(kpi), "x")}
    if kpi.quantiles:
        labels["percentile"] = kpi.quantiles[-1]
    values = {
        "cmo_breach_open": {"breach_id": "id", "severity": "critical"},
        "cmo_breach_since_timestamp_seconds": {"breach_id": "id"},
        "cmo_breach_clears_on_timestamp_seconds": {"breach_id": "id"},
        "cmo_breach_acknowledged_until_timestamp_seconds": {"breach_id": "id", "by": "Ada"},
        "cmo_breach_next_escalation_timestamp_seconds": {"breach_id": "id", "role": "head"},
        "cmo_kpi_limit": {"severity": "warning"},
        **{f"cmo_kpi_{figure}": {} for figure in (*FIGURES, "state", "reading")},
    }
    told = [(series, {**labels, **more}) for series, more in values.items()]
    told += [("cmo_kpi_limit", {**labels, "severity": "critical"})]
    told += [("cmo_agreement_info", {"cmo": "x", "contingency": "Call."})]
    return [
        {"series": f"{series}{{{written(of)}}}", "values": "0" if "by" in of else "9"}
        for series, of in told
    ]


def written(labels: dict[str, str]) -> str:
    return ",".join(label(name, value) for name, value in labels.items())


def test_every_kpis_text_is_filled_in_whole(tmp_path: Path) -> None:
    judged = [kpi for kpi in KPIS if severities(kpi)]
    claims = {
        "rule_files": [str(RULES)],
        "tests": [
            {
                "input_series": breach_of(kpi),
                "alert_rule_test": [{"eval_time": "0m", "alertname": alert_name(kpi)}],
            }
            for kpi in judged
        ],
    }
    file = tmp_path / "texts.yml"
    file.write_text(yaml.safe_dump(claims))
    done = subprocess.run(
        [program("promtool"), "test", "rules", file], capture_output=True, text=True, check=False
    )
    texts = re.findall(r"Annotations:{(.*)}$", done.stdout + done.stderr, re.M)
    assert len(texts) == len(judged), done.stdout + done.stderr
    assert not [
        text
        for text in texts
        if re.search(r"unknown|error|no limit|gone|nobody|none is agreed|{{", text)
    ]


@pytest.fixture(scope="module")
def promtool_says() -> dict[str, str]:
    """What one run of promtool says of each file of tests, by its name."""
    done = subprocess.run(
        [program("promtool"), "test", "rules", *CLAIMS],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "GOGC": "800"},  # a fifth of its time would go into collecting garbage
    )
    _, *parts = re.split(r"^Unit Testing: +(.*)$", done.stdout, flags=re.M)
    said = {Path(path).name: text for path, text in zip(parts[::2], parts[1::2], strict=True)}
    assert (done.returncode == 0) == all("FAILED" not in text for text in said.values())
    return said


@pytest.mark.parametrize("file", CLAIMS, ids=lambda file: file.stem)
def test_the_rules_behave_as_their_tests_claim(file: Path, promtool_says: dict[str, str]) -> None:
    assert promtool_says[file.name].strip() == "SUCCESS", promtool_says[file.name]


def test_every_alert_about_ourselves_is_seen_to_fire_or_to_keep_quiet() -> None:
    claims = "".join(file.read_text("utf-8") for file in CLAIMS)
    own = {rule["alert"] for rule in alerts() if not rule["alert"].endswith("Breach")}
    assert [name for name in own if name not in claims] == []


def test_each_test_of_the_rules_is_named_for_what_it_claims() -> None:
    for file in CLAIMS:
        names = [test.get("name", "") for test in yaml.safe_load(file.read_text("utf-8"))["tests"]]
        assert len(set(names)) == len(names)
        assert all(name.count(" ") > 1 for name in names)


def test_only_alerts_that_exist_keep_another_quiet() -> None:
    names = {rule["alert"] for rule in alerts()}
    assert {*WATCHED, DEAD_MANS_SWITCH} <= names
