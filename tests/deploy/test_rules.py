"""The rules: as loud as each KPI declares, over series that exist, as Prometheus reads them."""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from alerts.catalogue import BY_NAME, KPIS, Kpi
from deploy.alertmanager import routing
from deploy.alertmanager.routing import NOBODY, ON_CALL, SWITCH
from deploy.prometheus import rules
from deploy.prometheus.pipeline import DEAD_MANS_SWITCH, WATCHED
from deploy.prometheus.rules import alert_name, documents, rule_groups
from deploy.prometheus.wording import scope
from events.data import BREACHES, LOTS
from events.decode import Message
from streams.exposition import Exposed, page
from streams.series import label
from streams.shard import Shard
from tests.builders import ACME, agreed, delivered, log, on, promised

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / rules.RULES
TESTS = ROOT / "deploy" / "prometheus" / "tests"
ROUTES = ROOT / routing.CONFIG
FIGURES = ("evidence", "numerator", "denominator", "low", "high")


def program(name: str) -> str:
    """Where a tool lies; only in CI it has to be there."""
    if found := shutil.which(name):
        return found
    missing = f"{name} is not here: apt-get install prometheus prometheus-alertmanager"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def tool(name: str, *given: object) -> str:
    """What a tool says; it must be content."""
    done = subprocess.run(
        [program(name), *map(str, given)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts(*kpis: Kpi) -> list[dict[str, Any]]:
    groups: Any = rule_groups(kpis or KPIS)["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def severities(kpi: Kpi) -> set[str]:
    name = alert_name(kpi)
    return {rule["labels"]["severity"] for rule in alerts(kpi) if rule["alert"] == name}


def test_what_is_committed_is_what_is_declared() -> None:
    made = {**documents(), **routing.documents()}
    differing = [path for path, text in made.items() if (ROOT / path).read_text("utf-8") != text]
    assert differing == []


@pytest.mark.parametrize(
    ("judged", "leads", "expected"),
    [
        ("page", True, {"critical", "warning"}),
        ("ticket", True, {"warning"}),
        ("ticket", False, {"info"}),
        ("page", False, {"info"}),
        ("review", True, {"info"}),
        ("never", True, set()),
    ],
)
def test_a_breach_is_as_loud_as_its_kpi_declares(
    judged: Any, leads: bool, expected: set[str]
) -> None:
    kpi = replace(BY_NAME["delivery_otif"], judged=judged, leads=leads)
    assert severities(kpi) == expected


def test_no_rolling_rate_pages() -> None:
    paging = {kpi.name for kpi in KPIS if "critical" in severities(kpi)}
    assert paging == {"days_of_supply"}


def test_one_kpi_of_a_family_is_told() -> None:
    told = [kpi.family for kpi in KPIS if severities(kpi) & {"critical", "warning"}]
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
        if "cmo_breach_open" in rule["expr"]:
            assert rule["expr"].startswith("max by (kpi, cmo")
            assert rule["keep_firing_for"] == rules.HELD


def exposed() -> set[str]:
    """The series of a worker that has judged late lines, refused a message and has a breach."""
    shard = Shard(0, 1, agreed())
    late = [told for n in range(40) for told in (promised(f"{n}"), delivered(f"{n}", 20))]
    for topic, messages in log(late).items():
        shard.fold(topic, len(messages), messages)
    shard.fold(LOTS, 1, [Message(LOTS, 0, 0, 0, None, b"{")])
    assert list(shard.tick(on(40))) == [ACME]
    sent = [each for each in shard.outputs() if each.topic == BREACHES]
    back = [Message(BREACHES, 0, n, 0, each.key, each.value) for n, each in enumerate(sent)]
    shard.fold(BREACHES, len(back), back)
    shown = page([Exposed(shard, True, 1.0, on(40))])
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
        "cmo_kpi_limit": {"severity": "warning"},
        **{f"cmo_kpi_{figure}": {} for figure in (*FIGURES, "state", "reading")},
    }
    told = [(series, {**labels, **more}) for series, more in values.items()]
    told += [("cmo_kpi_limit", {**labels, "severity": "critical"})]
    return [{"series": f"{series}{{{written(of)}}}", "values": "9"} for series, of in told]


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
    assert not [text for text in texts if re.search(r"unknown|error|no limit|gone|{{", text)]


@pytest.mark.parametrize("file", sorted(TESTS.glob("*.yml")), ids=lambda file: file.stem)
def test_the_rules_behave_as_their_tests_claim(file: Path) -> None:
    assert "SUCCESS" in tool("promtool", "test", "rules", file)


def test_every_alert_about_ourselves_is_seen_to_fire_or_to_keep_quiet() -> None:
    claims = "".join(file.read_text("utf-8") for file in TESTS.glob("*.yml"))
    own = [rule["alert"] for rule in alerts() if not rule["alert"].endswith("Breach")]
    assert [name for name in own if name not in claims] == []


def test_each_test_of_the_rules_is_named_for_what_it_claims() -> None:
    for file in TESTS.glob("*.yml"):
        names = [test.get("name", "") for test in yaml.safe_load(file.read_text("utf-8"))["tests"]]
        assert len(set(names)) == len(names)
        assert all(name.count(" ") > 1 for name in names)


def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in tool("amtool", "check-config", ROUTES)


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=CmowatchDaysOfSupplyBreach severity=critical cmo=acme", ON_CALL),
        ("alertname=CmowatchDeliveryOtifBreach severity=warning cmo=acme", ON_CALL),
        ("alertname=CmowatchDeliveryOnTimeBreach severity=info cmo=acme", NOBODY),
        ("alertname=CmowatchWorkerDown severity=critical", ON_CALL),
        (f"alertname={DEAD_MANS_SWITCH} severity=none", SWITCH),
    ],
)
def test_an_alert_is_routed_by_how_loud_it_is(labels: str, receiver: str) -> None:
    given = (f"--config.file={ROUTES}", *labels.split())
    assert tool("amtool", "config", "routes", "test", *given).split() == [receiver]


def test_a_cmos_alerts_are_one_message() -> None:
    shown = tool("amtool", "config", "routes", "show", f"--config.file={ROUTES}")
    assert "receiver: on-call" in shown
    assert yaml.safe_load(ROUTES.read_text("utf-8"))["route"]["group_by"] == ["cmo"]


def test_only_alerts_that_exist_keep_another_quiet() -> None:
    names = {rule["alert"] for rule in alerts()}
    assert {*WATCHED, DEAD_MANS_SWITCH} <= names
