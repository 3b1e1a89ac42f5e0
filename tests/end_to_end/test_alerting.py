"""From an event to a message at a webhook, and back, whatever happens to the worker meanwhile."""

import asyncio
import json
import os
import re
import signal
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer

from deploy.acknowledgements.service import Bridge
from deploy.alertmanager.receivers import ON_CALL, SWITCH
from deploy.alertmanager.routing import Pace
from deploy.lab.servers import LocalAlertmanager, LocalPrometheus, LocalServer, NotInstalled
from deploy.lab.webhook import Alert, Webhook
from deploy.prometheus.pipeline import DEAD_MANS_SWITCH
from deploy.prometheus.rule import PAGE, TICKET
from deploy.prometheus.rules import ESCALATED
from events import data as said
from events.data import ACTIONS, Data
from events.event import event
from events.partition import partition_of
from events.values import Quantity
from streams.agreements import read_agreements
from streams.settings import Settings
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
]

WATCHING = Path(__file__).with_name("watching_worker.py")
AGREEMENT = """\
cmo: acme
version: "1"
effective: 2020-01-01
contingency: |
  Call the planner.
  The planner reallocates stock.
limits:
  days_of_supply: {warning: 20, critical: 10}
roles:
  planner: {side: sponsor, contacts: [{email: planner@sponsor.example}]}
  head: {side: cmo, contacts: [{email: head@acme.example}]}
ladder:
  - {role: planner, critical: 1}
  - {role: head, critical: 25}
"""
TOP = timedelta(seconds=25)
"""The age at which a critical breach is told to the last role, if nobody takes it on."""
STOCK_OUT = "CmowatchDaysOfSupplyBreach"
KEEP_FIRING_FOR = "2s"
"""Less than a killed worker takes to be replaced and ready: what stands is kept without it."""


class Monitor(NamedTuple):
    """Everything from the worker to the webhook."""

    worker: Worker
    alertmanager: LocalAlertmanager
    prometheus: LocalPrometheus
    webhook: Webhook


@pytest.fixture
def monitor(
    settings: Settings, start_worker: Callable[..., Worker], tmp_path: Path
) -> Iterator[Monitor]:
    _installed(LocalPrometheus, LocalAlertmanager)
    agreements = tmp_path / "agreements"
    agreements.mkdir()
    (agreements / "acme.yaml").write_text(AGREEMENT)
    worker = start_worker(WATCHING, agreements=agreements)
    agreed = read_agreements(agreements, use_default=False).in_force(datetime.now(UTC).date())
    folder, pace = tmp_path / "alerting", Pace("1s", "1s", "1h", "2s", "1h", "1s", at_any_hour=True)
    with (
        Webhook() as webhook,
        LocalAlertmanager(folder, webhook.address, agreed, pace=pace) as alertmanager,
        LocalPrometheus(
            folder, [f"127.0.0.1:{worker.port}"], alertmanager, keep_firing_for=KEEP_FIRING_FOR
        ) as prometheus,
    ):
        eventually(worker.ready, "the worker is ready", 60)
        yield Monitor(worker, alertmanager, prometheus, webhook)


def _installed(*servers: type[LocalServer]) -> None:
    try:
        for server in servers:
            server.program()
    except NotInstalled as missing:
        pytest.fail(str(missing)) if os.environ.get("CI") else pytest.skip(str(missing))


def tell(settings: Settings, *facts: tuple[str, Data]) -> None:
    asyncio.run(_publish(settings, facts))


async def _publish(settings: Settings, facts: tuple[tuple[str, Data], ...]) -> None:
    producer = AIOKafkaProducer(**settings.client(), acks="all")
    await producer.start()
    try:
        now = datetime.now(UTC)
        for source, fact in facts:
            made = event(fact, id=f"{fact.TYPE}-{now:%H%M%S%f}", source=source, time=now)
            place = partition_of(b"acme", settings.partitions)
            await producer.send_and_wait(made.topic, made.json_line(), key=b"acme", partition=place)
    finally:
        await producer.stop()


def needed(quantity: float) -> tuple[str, Data]:
    today = datetime.now(UTC).date()
    return "/sponsor", said.DemandForecast(
        product="pills",
        quantity=Quantity(value=quantity, unit="EA"),
        start=today - timedelta(days=4),
        end=today + timedelta(days=5),
    )


def counted(quantity: float) -> tuple[str, Data]:
    return "/cmo/acme", said.StockCounted(
        site="one",
        product="pills",
        status="unrestricted",
        quantity=Quantity(value=quantity, unit="EA"),
    )


def told_of(
    webhook: Webhook, name: str, severity: str = PAGE, receiver: str = ON_CALL
) -> list[Alert]:
    """What the people on call were told of an alert of a severity, in order."""
    return [
        alert
        for message in webhook.received
        if message.receiver == receiver
        for alert in message.alerts
        if (alert.name, alert.severity) == (name, severity)
    ]


def active(prometheus: LocalPrometheus) -> dict[tuple[str, str], str]:
    """Since when each alert is active, by its name and severity."""
    found = ask(prometheus, "alerts")["alerts"]
    return {
        (each["labels"]["alertname"], each["labels"]["severity"]): each["activeAt"]
        for each in found
        if each["state"] == "firing"
    }


def ask(prometheus: LocalPrometheus, what: str) -> Any:
    with urllib.request.urlopen(f"{prometheus.url}/api/v1/{what}", timeout=5) as answer:
        return json.load(answer)["data"]


def scraped_again(monitor: Monitor) -> Callable[[], bool]:
    """Whether Prometheus has evaluated what the worker shows now that it is ready again."""
    ready_at: list[float] = []

    def is_scraped() -> bool:
        if not ready_at and monitor.worker.ready():
            ready_at.append(datetime.now(UTC).timestamp())
        groups = ask(monitor.prometheus, "rules")["groups"] if ready_at else []
        shown = ask(monitor.prometheus, "query?query=cmo_breach_open")["result"] if ready_at else []
        return bool(shown) and all(
            datetime.fromisoformat(each["lastEvaluation"]).timestamp() > ready_at[0] + 1
            for each in groups
        )

    return is_scraped


def silence(alertmanager: LocalAlertmanager, breach: str) -> None:
    """What somebody does who follows the link of a message, and gives a name and why."""
    now = datetime.now(UTC)
    given = {
        "matchers": [{"name": "breach_id", "value": breach, "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "Ada",
        "comment": "reallocating stock",
    }
    request = urllib.request.Request(
        f"{alertmanager.url}/api/v2/silences",
        json.dumps(given).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status == 200


def tiers(worker: Worker) -> set[tuple[str, float]]:
    """The roles that were notified of the breach, each with its tier."""
    return {
        (sample.labels["role"], sample.value)
        for sample in worker.samples("cmo_breach_escalation_tier")
    }


def heard_until(worker: Worker) -> float:
    return min(worker.values("cmowatch_shard_heard_until_timestamp_seconds"), default=0)


def test_a_stock_out_is_told_climbs_is_taken_on_and_clears_whatever_happens_to_the_worker(
    settings: Settings, monitor: Monitor
) -> None:
    worker, alertmanager, prometheus, webhook = monitor
    tell(settings, needed(50), counted(0))
    eventually(lambda: told_of(webhook, STOCK_OUT), "the stock-out is told", 30)
    (told,) = told_of(webhook, STOCK_OUT)
    assert told.status == "firing"
    assert told.labels == {
        "alertname": STOCK_OUT,
        "severity": "critical",
        "kpi": "days_of_supply",
        "cmo": "acme",
        "product": "pills",
        "nth": "1",
    }
    breach = told.annotations["breach_id"]
    assert breach == "days_of_supply:acme:pills:1"
    assert told.annotations["summary"] == (
        "acme pills: days of supply is 0.0 days, agreed was at least 20.0 days, "
        "critical below 10.0 days and at 0"
    )
    text = told.annotations["description"].splitlines()
    assert text[1:5] == [
        "Agreed: at least 20.0 days, critical below 10.0 days and at 0",
        "Is: 0.0 days",
        "Judged: critical",
        "Evidence: n = 1",
    ]
    assert text[5].startswith(f"Since: {datetime.now(UTC):%Y-%m-%d}")
    assert text[6].startswith("To do first: Call the supply planner on duty")
    assert text[7:9] == [
        "Contingency: Call the planner. The planner reallocates stock.",
        "Taken on: by nobody",
    ]
    assert re.match(r"Next: (planner|head) is notified at ", text[9])
    assert text[10] == "Clears by itself: not before something new comes"
    assert told.annotations["acknowledge_url"].endswith(f"breach_id%3D%22{breach}%22%7D")

    def repeats() -> list[Alert]:
        return told_of(webhook, ESCALATED, PAGE, "role:planner")

    eventually(lambda: len(repeats()) > 1, "it is repeated to the planner")
    climbed = repeats()[0]
    assert climbed.labels.items() >= {"breach_id": breach, "tier": "1", "role": "planner"}.items()
    assert climbed.summary.startswith("Tier 1, planner: acme pills: days of supply is 0.0 days")

    silence(alertmanager, breach)
    (passed_on,) = Bridge(alertmanager.url, "/sponsor", settings).pass_on()
    assert passed_on.topic == ACTIONS
    taken = "cmo_breach_acknowledged_until_timestamp_seconds"
    eventually(lambda: worker.values(taken, breach_id=breach, by="Ada"), "it shows who has it")
    repeated = len(repeats())

    since = active(prometheus)[STOCK_OUT, PAGE]
    for ending in (signal.SIGTERM, signal.SIGKILL):
        worker.signal(ending)
        worker.ended()
        eventually(lambda: ask(prometheus, "query?query=up==0")["result"], "its absence is seen")
        worker.start()
        eventually(scraped_again(monitor), "it is ready and scraped again")
        assert active(prometheus)[STOCK_OUT, PAGE] == since
    assert len(told_of(webhook, STOCK_OUT)) == 1

    (opened,) = worker.values("cmo_breach_since_timestamp_seconds", breach_id=breach)
    eventually(
        lambda: heard_until(worker) > opened + TOP.total_seconds() + 1, "the last age is past", 90
    )
    assert tiers(worker) == {("planner", 1)}, "it climbs no further once somebody has taken it on"
    assert told_of(webhook, ESCALATED, PAGE, "role:head") == []
    assert len(repeats()) == repeated

    tell(settings, counted(500))
    eventually(lambda: len(told_of(webhook, STOCK_OUT)) > 1, "it is told as resolved", 60)
    assert [alert.status for alert in told_of(webhook, STOCK_OUT)] == ["firing", "resolved"]
    assert not any(alert.firing for alert in told_of(webhook, STOCK_OUT, TICKET)), "not inhibited"
    assert [alert.name for alert in webhook.standing(SWITCH)] == [DEAD_MANS_SWITCH]
