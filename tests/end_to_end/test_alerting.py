"""From an event to a message at a webhook, and back, whatever happens to the worker meanwhile."""

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer

from deploy.alertmanager.routing import ON_CALL, SWITCH, Pace
from deploy.prometheus.pipeline import DEAD_MANS_SWITCH
from deploy.prometheus.rule import PAGE, TICKET
from deploy.servers import LocalAlertmanager, LocalPrometheus, LocalServer, NotInstalled
from deploy.webhook import Alert, Webhook
from events import data as said
from events.data import Data
from events.event import event
from events.partition import partition_of
from events.values import Quantity
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
contingency: Call the planner.
limits:
  days_of_supply: {warning: 20, critical: 10}
"""
STOCK_OUT = "CmowatchDaysOfSupplyBreach"
HELD = "30s"
"""Longer than a killed worker takes to be replaced and ready, at these tests' session timeout."""


class Monitor(NamedTuple):
    """Everything from the worker to the webhook."""

    worker: Worker
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
    pace = Pace(wait="1s", interval="1s", repeat="1h", switch="1s")
    with (
        Webhook() as webhook,
        LocalAlertmanager(
            tmp_path / "alerting", webhook.address("on-call"), webhook.address("switch"), pace=pace
        ) as alertmanager,
        LocalPrometheus(
            tmp_path / "alerting", [f"127.0.0.1:{worker.port}"], alertmanager, held=HELD
        ) as prometheus,
    ):
        eventually(worker.ready, "the worker is ready", 60)
        yield Monitor(worker, prometheus, webhook)


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


def told_of(webhook: Webhook, name: str, severity: str = PAGE) -> list[Alert]:
    """What the people on call were told of an alert of a severity, in order."""
    return [
        alert
        for message in webhook.received
        if message.receiver == ON_CALL
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


def test_a_stock_out_is_told_once_with_its_text_whatever_happens_to_the_worker_until_it_clears(
    settings: Settings, monitor: Monitor
) -> None:
    worker, prometheus, webhook = monitor
    tell(settings, needed(50), counted(0))
    eventually(lambda: told_of(webhook, STOCK_OUT), "the stock-out is told", 30)
    [told] = told_of(webhook, STOCK_OUT)
    assert told.status == "firing"
    assert told.labels == {
        "alertname": STOCK_OUT,
        "severity": "critical",
        "kpi": "days_of_supply",
        "cmo": "acme",
        "product": "pills",
    }
    assert told.annotations["breach_id"] == "days_of_supply:acme:pills:1"
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

    since = active(prometheus)
    for ending in (signal.SIGTERM, signal.SIGKILL):
        worker.signal(ending)
        worker.ended()
        eventually(lambda: ask(prometheus, "query?query=up==0")["result"], "its absence is seen")
        worker.start()
        eventually(scraped_again(monitor), "it is ready and scraped again")
        assert active(prometheus) == since
    assert len(told_of(webhook, STOCK_OUT)) == 1

    tell(settings, counted(500))
    eventually(lambda: len(told_of(webhook, STOCK_OUT)) > 1, "it is told as resolved", 60)
    assert [alert.status for alert in told_of(webhook, STOCK_OUT)] == ["firing", "resolved"]
    assert not any(alert.firing for alert in told_of(webhook, STOCK_OUT, TICKET)), "not inhibited"
    assert [alert.name for alert in webhook.standing(SWITCH)] == [DEAD_MANS_SWITCH]
