"""A worker, Prometheus, Alertmanager and a webhook at a pace for tests, and what each shows."""

import asyncio
import json
import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer

from deploy.acknowledgements.service import Bridge
from deploy.alertmanager.receivers import ON_CALL, OWN
from deploy.alertmanager.routing import Pace, hears_of_clearings
from deploy.lab.servers import LocalAlertmanager, LocalPrometheus, LocalServer, NotInstalled
from deploy.lab.webhook import Alert, Webhook
from deploy.prometheus.rule import CLEARED, PAGE
from events import data as said
from events.data import ACTIONS, Data
from events.event import event
from events.partition import partition_of
from events.values import Quantity
from streams.agreements import read_agreements
from streams.settings import Settings
from tests.end_to_end.conftest import Worker, eventually

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
STOCK_OUT = "CmowatchDaysOfSupplyBreach"
ON_CALL_FOR_CLEARINGS = hears_of_clearings(ON_CALL, OWN[ON_CALL])
TAKEN = "cmo_breach_acknowledged_until_timestamp_seconds"


class Monitor(NamedTuple):
    """Everything from the worker to the webhook."""

    worker: Worker
    alertmanager: LocalAlertmanager
    prometheus: LocalPrometheus
    webhook: Webhook


@contextmanager
def watched(
    settings: Settings, start_worker: Callable[..., Worker], tmp_path: Path
) -> Iterator[Monitor]:
    """All of it, from when the worker is ready."""
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
        LocalPrometheus(folder, [f"127.0.0.1:{worker.port}"], alertmanager) as prometheus,
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
        for nth, (source, fact) in enumerate(facts):
            made = event(fact, id=f"{fact.TYPE}-{nth}-{now:%H%M%S%f}", source=source, time=now)
            place = partition_of(b"acme", settings.partitions)
            await producer.send_and_wait(made.topic, made.json_line(), key=b"acme", partition=place)
    finally:
        await producer.stop()


def needed(quantity: float, product: str = "pills") -> tuple[str, Data]:
    today = datetime.now(UTC).date()
    return "/sponsor", said.DemandForecast(
        product=product,
        version=1,
        quantity=Quantity(value=quantity, unit="EA"),
        start=today - timedelta(days=4),
        end=today + timedelta(days=5),
    )


def counted(quantity: float, product: str = "pills") -> tuple[str, Data]:
    return "/cmo/acme", said.StockCounted(
        site="one",
        product=product,
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


def clearings(webhook: Webhook, receiver: str) -> list[Alert]:
    """What a receiver was told is over, in order."""
    return told_of(webhook, CLEARED, PAGE, receiver)


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


def take_on(settings: Settings, monitor: Monitor, breach: str) -> None:
    """Saves the silence of a breach, and waits until the worker shows who has it."""
    silence(monitor.alertmanager, breach)
    (passed_on,) = Bridge(monitor.alertmanager.url, "/sponsor", settings).pass_on()
    assert passed_on.topic == ACTIONS
    eventually(
        lambda: monitor.worker.values(TAKEN, breach_id=breach, by="Ada"), "it shows who has it"
    )
