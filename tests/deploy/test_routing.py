"""Who hears of which alert, when, in which words, and what keeps what quiet."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from alerts.agreements import Agreement, Agreements
from alerts.ladder import Contact, Role, Rung
from deploy.alertmanager import routing
from deploy.alertmanager.message import TEMPLATE
from deploy.alertmanager.receivers import GLOBAL, NOBODY, ON_CALL, SECRETS, SWITCH, TICKETS
from deploy.alertmanager.routing import Pace, configuration, documents
from deploy.as_yaml import as_yaml
from deploy.lab.demo import AGREEMENTS
from deploy.prometheus.pipeline import DEAD_MANS_SWITCH
from deploy.prometheus.rule import CLEARED, ESCALATED
from tests.builders import agreement
from tests.deploy.tools import tool

ROOT = Path(__file__).resolve().parents[2]
ROUTES = ROOT / routing.CONFIG
AURORA = "aurora-biologics-ltd"
HEAD = f"role:production-head:{AURORA}"
HEAD_OF_ALL = "role:external-manufacturing"
PLANNER = "role:supply-planner"
EVERY_WAY = (
    Contact(email="planner@sponsor.example"),
    Contact(slack="#supply"),
    Contact(pagerduty="pagerduty-planner"),
    Contact(teams="teams-planner"),
    Contact(webhook="webhook-planner"),
)


def someone(**terms: Any) -> Role:
    return Role(**{"side": "sponsor", "contacts": (Contact(email="a@b.example"),), **terms})


def on_a_ladder(cmo: str, **roles: Role) -> Agreement:
    ladder = tuple(Rung(role=role, warning=0) for role in roles)
    return agreement(cmo, roles=roles, ladder=ladder)


def receivers(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in made["receivers"]}


def test_what_is_committed_is_what_the_agreements_of_the_demo_say() -> None:
    made = documents(AGREEMENTS).items()
    differing = [path for path, text in made if (ROOT / path).read_text("utf-8") != text]
    assert differing == []


def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in tool("amtool", "check-config", ROUTES)


ESCALATION = f"alertname={ESCALATED} breach_id=b kpi=delivery_otif cmo={AURORA}"
BREACH = "alertname=CmowatchDeliveryOtifBreach nth=1"
OVER = f"alertname={CLEARED} nth=1 kpi=days_of_supply cleared_by=improved"
STOCK_OUT = "alertname=CmowatchDaysOfSupplyBreach nth=1"


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (f"{STOCK_OUT} severity=critical cmo={AURORA}", f"{PLANNER},{ON_CALL}"),
        (f"{STOCK_OUT} severity=critical cmo=without-a-ladder", ON_CALL),
        (f"{BREACH} severity=warning cmo={AURORA}", PLANNER),
        (f"{BREACH} severity=warning cmo=without-a-ladder", TICKETS),
        (f"alertname=CmowatchDeliveryOnTimeBreach severity=info cmo={AURORA}", NOBODY),
        (f"alertname=CmowatchTurnedUnknown severity=warning cmo={AURORA}", PLANNER),
        (f"{ESCALATION} severity=warning role=supply-planner tier=1", PLANNER),
        (f"{ESCALATION} severity=warning role=production-head tier=2", HEAD),
        (f"{ESCALATION} severity=critical role=production-head tier=2", HEAD),
        (
            f"{ESCALATION} severity=critical role=external-manufacturing",
            "role:external-manufacturing",
        ),
        (f"alertname={ESCALATED} severity=critical role=nobody-known cmo=other", ON_CALL),
        (f"alertname={ESCALATED} severity=warning role=nobody-known cmo=other", TICKETS),
        (f"{OVER} severity=critical cmo={AURORA}", f"{PLANNER},{ON_CALL}:cleared"),
        (f"{OVER} severity=warning cmo={AURORA}", PLANNER),
        (f"{OVER} severity=critical cmo={AURORA} role=supply-planner", NOBODY),
        (f"{OVER} severity=warning cmo={AURORA} role=supply-planner", NOBODY),
        (f"{OVER} severity=critical cmo={AURORA} role=production-head", HEAD),
        (f"{OVER} severity=warning cmo={AURORA} role=production-head", HEAD),
        (f"{OVER} severity=critical cmo=without-a-ladder", f"{ON_CALL}:cleared"),
        (f"{OVER} severity=warning cmo=without-a-ladder", TICKETS),
        (f"{OVER} severity=critical cmo={AURORA} role=nobody-known", f"{ON_CALL}:cleared"),
        ("alertname=CmowatchWorkerDown severity=critical", ON_CALL),
        ("alertname=CmowatchLagging severity=warning partition=0", TICKETS),
        (f"alertname={DEAD_MANS_SWITCH} severity=none", SWITCH),
    ],
)
def test_an_alert_is_routed_by_how_loud_it_is_and_to_the_roles_of_the_agreement(
    labels: str, receiver: str
) -> None:
    given = (f"--config.file={ROUTES}", *labels.split())
    assert tool("amtool", "config", "routes", "test", *given).split() == [receiver]


def test_a_cmos_alerts_are_one_message_said_once_and_repeated_only_for_who_must_act() -> None:
    route = yaml.safe_load(ROUTES.read_text("utf-8"))["route"]
    assert (route["group_by"], route["group_wait"]) == (["cmo"], "30s")
    assert route["repeat_interval"] == "30d"
    again = [each for each in route["routes"] if each.get("repeat_interval") == "4h"]
    assert [each["matchers"] for each in again] == [[f'alertname="{ESCALATED}"']]


def test_a_ticket_that_climbs_no_ladder_is_said_again_every_day() -> None:
    made = configuration([on_a_ladder("acme", planner=someone())])
    (first,) = [each for each in made["route"]["routes"] if "routes" in each and "nth" in str(each)]
    (rest,) = first["routes"]
    assert (rest["matchers"], rest["repeat_interval"]) == (['nth=""'], "1d")
    last = made["route"]["routes"][-1]
    assert (last["receiver"], last["repeat_interval"]) == (TICKETS, "1d")


def test_a_ticket_waits_for_the_hours_of_its_people_and_a_page_for_nobody() -> None:
    made = configuration([on_a_ladder("acme", planner=someone(hours=("08:00", "17:00")))])
    routes = made["route"]["routes"]
    climbed = next(each["routes"] for each in routes if each.get("group_by") == ["cmo", "role"])
    waiting = [(each["matchers"][-1], "active_time_intervals" in each) for each in climbed]
    expected = [('severity="critical"', False), ('cmo=~"acme"', True), ('severity="warning"', True)]
    assert waiting == expected
    paged, first = [each for each in routes if each["receiver"] == "role:planner"]
    assert (paged["continue"], "active_time_intervals" in paged) == (True, False)
    assert first["active_time_intervals"] == ["role:planner-at-work"]
    (page,) = [each for each in routes if each.get("matchers") == ['severity="critical"']]
    assert (page["receiver"], "active_time_intervals" in page) == (ON_CALL, False)


def test_the_hours_and_holidays_are_those_of_the_agreement_in_their_zone() -> None:
    who = someone(
        zone="Asia/Kolkata",
        working_days=("sun", "mon"),
        hours=("09:30", "18:00"),
        holidays=("2026-12-25",),
    )
    made = configuration([on_a_ladder("acme", planner=who)])
    work, off = (each for each in made["time_intervals"] if each["name"].startswith("role:"))
    assert work["time_intervals"] == [
        {
            "weekdays": ["sunday", "monday"],
            "times": [{"start_time": "09:30", "end_time": "18:00"}],
            "location": "Asia/Kolkata",
        }
    ]
    assert off["time_intervals"] == [
        {"years": ["2026"], "months": ["12"], "days_of_month": ["25"], "location": "Asia/Kolkata"}
    ]
    *_, first = (each for each in made["route"]["routes"] if each["receiver"] == "role:planner")
    assert first["mute_time_intervals"] == ["role:planner-on-holiday"]


def test_people_shared_by_cmos_are_one_receiver_and_others_of_that_role_another() -> None:
    shared, own = someone(), someone(contacts=(Contact(email="own@cmo.example"),))
    held = [on_a_ladder(cmo, planner=shared) for cmo in ("acme", "borealis")]
    made = configuration([*held, on_a_ladder("corvus", planner=own)])
    names = receivers(made)
    assert names["role:planner:acme"]["email_configs"][0]["to"] == "a@b.example"
    assert names["role:planner:corvus"]["email_configs"][0]["to"] == "own@cmo.example"
    *_, first = (
        each for each in made["route"]["routes"] if each["receiver"] == "role:planner:acme"
    )
    assert first["matchers"] == ['severity="warning"', 'cmo=~"acme|borealis"']


def test_no_role_of_an_agreement_takes_the_place_of_the_monitors_own_people() -> None:
    names = (ON_CALL, TICKETS, SWITCH, NOBODY)
    intruder = someone(contacts=(Contact(email="head@cmo.example"),))
    made = configuration([on_a_ladder("acme", **dict.fromkeys(names, intruder))])
    held = receivers(made)
    assert len(held) == len(made["receivers"]) == 2 * len(names) + 1
    assert not [name for name in names if "head@cmo.example" in str(held[name])]


def test_the_default_agreements_people_are_for_whoever_has_no_agreement_of_its_own(
    tmp_path: Path,
) -> None:
    default = Agreement(
        default=True,
        version="1",
        effective=date(2020, 1, 1),
        contingency="Call.",
        roles={"planner": someone(contacts=(Contact(email="all@b.example"),))},
        ladder=(Rung(role="planner", warning=0),),
    )
    made = configuration([on_a_ladder("acme", planner=someone()), default])
    file = tmp_path / "alertmanager.yml"
    file.write_text(as_yaml({**made, "templates": []}))
    ticket = "alertname=CmowatchDeliveryOtifBreach severity=warning nth=1"
    for cmo, receiver in (("acme", "role:planner:acme"), ("other", "role:planner:*")):
        given = (f"--config.file={file}", *ticket.split(), f"cmo={cmo}")
        assert tool("amtool", "config", "routes", "test", *given).split() == [receiver]


def test_the_people_are_those_of_the_version_in_force_on_the_day() -> None:
    now, later = on_a_ladder("acme", planner=someone()), on_a_ladder("acme", chief=someone())
    later = later.model_copy(update={"effective": date(2030, 1, 1)})
    held = Agreements([now, later])
    for day, role in ((date(2026, 1, 1), "planner"), (date(2031, 1, 1), "chief")):
        assert f"role:{role}" in receivers(configuration(held.in_force(day)))


def test_a_receiver_reaches_its_people_in_every_way_with_secrets_in_files_alone() -> None:
    made = configuration([on_a_ladder("acme", planner=someone(contacts=EVERY_WAY))])
    told = receivers(made)["role:planner"]
    assert told["pagerduty_configs"][0]["routing_key_file"] == f"{SECRETS}/pagerduty-planner"
    assert told["msteamsv2_configs"][0]["webhook_url_file"] == f"{SECRETS}/teams-planner"
    assert told["webhook_configs"] == [
        {"url_file": f"{SECRETS}/webhook-planner", "send_resolved": False}
    ]
    assert told["slack_configs"][0]["channel"] == "#supply"
    assert {name for name in GLOBAL if "password" in name or "url" in name} == {
        "smtp_auth_password_file",
        "slack_api_url_file",
    }


TEXT = {"type": "string", "minLength": 1}
TOLD = {"send_resolved": {"type": "boolean"}}


def of(required: str, *others: str) -> dict[str, Any]:
    """The settings of one way to be told, as Alertmanager 0.28 documents them."""
    known = dict.fromkeys((required, *others), TEXT)
    item = {
        "type": "object",
        "properties": {**known, **TOLD},
        "required": [required, "send_resolved"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": item, "minItems": 1}


RECEIVER = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "msteamsv2_configs": of("webhook_url_file", "title", "text"),
        "webhook_configs": of("url_file"),
        "slack_configs": of("channel", "title", "text"),
        "email_configs": {"type": "array"},
        "pagerduty_configs": {"type": "array"},
    },
    "required": ["name"],
    "additionalProperties": False,
}


def test_teams_and_webhook_are_set_as_newer_alertmanagers_document_them() -> None:
    """Debian's knows neither Teams nor a webhook's address in a file."""
    made = configuration([on_a_ladder("acme", planner=someone(contacts=EVERY_WAY))])
    schema = Draft202012Validator(RECEIVER)
    faults = list(schema.iter_errors(receivers(made)["role:planner"]))
    assert faults == []


def test_silence_keeps_quiet_that_readings_turned_unknown_and_no_breach() -> None:
    by_source = {
        rule["source_matchers"][0]: rule["target_matchers"]
        for rule in configuration([])["inhibit_rules"]
    }
    (silence,) = [source for source in by_source if "FeedSilence" in source]
    assert silence == 'alertname=~"CmowatchFeedSilenceBreach|CmowatchSequenceGap|CmowatchInDoubt"'
    assert by_source[silence] == ['alertname="CmowatchTurnedUnknown"']
    assert by_source['severity="critical"'] == ['severity="warning"']
    assert not any("Breach" in str(target) for target in by_source.values())


def test_a_clock_that_is_off_keeps_quiet_that_its_partition_is_not_ready() -> None:
    (rule,) = [
        rule
        for rule in configuration([])["inhibit_rules"]
        if rule["source_matchers"] == ['alertname="CmowatchClockOff"']
    ]
    assert rule["target_matchers"] == ['alertname="CmowatchShardNotReady"']
    assert rule["equal"] == ["partition"]


def said(
    template: str, alerts: list[dict[str, Any]], status: str, folder: Path, **common: str
) -> str:
    """What Alertmanager makes of alerts of one CMO."""
    data = {
        "receiver": "planner",
        "status": status,
        "alerts": alerts,
        "groupLabels": {"cmo": "acme"},
        "commonLabels": common,
        "commonAnnotations": {},
        "externalURL": "http://localhost:9093",
    }
    file = folder / "data.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    given = (f"--template.glob={ROOT / TEMPLATE}", f"--template.data={file}")
    return tool(
        "amtool", "template", "render", *given, f'--template.text={{{{ template "{template}" . }}}}'
    )


def an_alert(status: str = "firing", summary: str = "acme: late", **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "CmowatchDeliveryOtifBreach", "cmo": "acme", **labels},
        "annotations": {
            "summary": summary,
            "description": "What: late.\nTo do first: Call.\n",
            "acknowledge_url": "https://alertmanager.example/#/silences/new",
            "dashboard_url": "https://grafana.example/d/x",
            "runbook_url": "https://cmowatch.example/docs/runbook.md",
        },
        "startsAt": "2026-01-01T00:00:00Z",
        "endsAt": "2026-01-01T00:00:00Z",
    }


def test_a_message_of_one_alert_says_all_of_it_with_its_links(tmp_path: Path) -> None:
    subject = said("cmowatch.subject", [an_alert()], "firing", tmp_path)
    assert subject.strip() == "[1 firing] acme: acme: late"
    assert said("cmowatch.text", [an_alert()], "firing", tmp_path).splitlines()[:8] == [
        "acme: late",
        "",
        "What: late.",
        "To do first: Call.",
        "Acknowledge: https://alertmanager.example/#/silences/new",
        "Board: https://grafana.example/d/x",
        "Runbook: https://cmowatch.example/docs/runbook.md",
        "",
    ]


def test_the_subject_of_a_page_says_so(tmp_path: Path) -> None:
    subject = said("cmowatch.subject", [an_alert()], "firing", tmp_path, severity="critical")
    assert subject.strip() == "[PAGE, 1 firing] acme: acme: late"


def test_who_is_without_a_ladder_in_force_is_told_when_routes_are_made(tmp_path: Path) -> None:
    least = 'version: "1"\neffective: {day}\ncontingency: Call.\n'
    ladder = "roles: {head: {side: cmo, contacts: [{email: a@b.example}]}}\n"
    ladder += "ladder: [{role: head, warning: 0}]\n"
    (tmp_path / "a.yaml").write_text("cmo: acme\n" + least.format(day="2020-01-01") + ladder)
    (tmp_path / "b.yaml").write_text("cmo: borealis\n" + least.format(day="2020-01-01"))
    (tmp_path / "c.yaml").write_text("cmo: corvus\n" + least.format(day="2030-01-01") + ladder)
    left = least.format(day="2020-01-01") + "end: 2025-12-31\n"
    (tmp_path / "d.yaml").write_text("cmo: delphin\n" + left)
    assert routing.without_a_ladder(tmp_path, date(2026, 1, 1)) == ["borealis", "corvus"]
    assert "delphin" in routing.without_a_ladder(tmp_path, date(2025, 12, 31))


def test_a_meltdown_begins_with_a_line_for_each_of_its_alerts(tmp_path: Path) -> None:
    three = [an_alert(summary=f"acme: {what}") for what in ("late", "silent", "out of stock")]
    subject = said("cmowatch.subject", three, "firing", tmp_path)
    assert subject.strip() == "[3 firing] acme: 3 alerts"
    lines = said("cmowatch.text", three, "firing", tmp_path).splitlines()
    assert lines[:3] == ["- acme: late", "- acme: silent", "- acme: out of stock"]
    assert lines.count("What: late.") == 3


def test_the_subject_of_what_is_over_says_so_and_wakes_nobody(tmp_path: Path) -> None:
    over = {"severity": "critical", "alertname": CLEARED}
    subject = said("cmowatch.subject", [an_alert(summary="acme: over")], "firing", tmp_path, **over)
    assert subject.strip() == "[1 cleared] acme: acme: over"


def test_no_receiver_says_that_an_alert_is_resolved_for_it_ends_too_when_prometheus_is_lost() -> (
    None
):
    made = configuration([on_a_ladder("acme", planner=someone(contacts=EVERY_WAY))])
    ways = [
        way
        for each in made["receivers"]
        for ways in each.values()
        if isinstance(ways, list)
        for way in ways
    ]
    assert len(ways) > len(EVERY_WAY)
    assert [way for way in ways if way["send_resolved"]] == []


def test_that_a_breach_is_over_opens_no_incident_for_whoever_is_told_elsewhere() -> None:
    pager = someone(contacts=(Contact(pagerduty="pagerduty-planner"),))
    held = receivers(
        configuration([on_a_ladder("acme", planner=someone(contacts=EVERY_WAY), head=pager)])
    )
    assert "pagerduty_configs" in held["role:planner"]
    assert "pagerduty_configs" not in held["role:planner:cleared"]
    assert len(held["role:planner:cleared"]) == len(held["role:planner"]) - 1
    assert "role:head:cleared" not in held
    (way,) = held["role:head"]["pagerduty_configs"]
    assert way["severity"].startswith(f'{{{{ if eq .CommonLabels.alertname "{CLEARED}" }}}}info')


def test_what_runs_on_this_machine_waits_for_nobodys_hours() -> None:
    told = as_yaml(configuration([], Pace(at_any_hour=True)))
    assert "active_time_intervals" not in told
    assert "active_time_intervals" in as_yaml(configuration([]))
