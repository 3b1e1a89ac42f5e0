"""Prometheus and Alertmanager lost with all they had: nothing is told that is not so, nor twice."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.alertmanager.receivers import SWITCH
from deploy.lab.servers import LocalAlertmanager
from deploy.lab.webhook import Alert, Notification, Webhook
from deploy.prometheus.rule import CLEARED, ESCALATED, PAGE
from streams.settings import Settings
from tests.end_to_end.alerting import (
    ON_CALL_FOR_CLEARINGS,
    STOCK_OUT,
    Monitor,
    active,
    ask,
    clearings,
    counted,
    needed,
    scraped_again,
    take_on,
    tell,
    watched,
)
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
]


@pytest.fixture
def monitor(
    settings: Settings, start_worker: Callable[..., Worker], tmp_path: Path
) -> Iterator[Monitor]:
    with watched(settings, start_worker, tmp_path) as everything:
        yield everything


def run_out(settings: Settings, webhook: Webhook, *products: str) -> None:
    """Each product is out of stock, and people were told so."""
    for product in products:
        tell(settings, needed(50, product), counted(0, product))
    eventually(lambda: {*products} <= told(webhook.received), "each stock-out is told", 30)


def one_of_two_is_taken_on(settings: Settings, monitor: Monitor) -> None:
    """Two products are out of stock, people were told, and somebody has taken on the first."""
    run_out(settings, monitor.webhook, "pills", "drops")
    pages = [alert for message in monitor.webhook.received for alert in message.alerts]
    pills = next(a for a in pages if a.name == STOCK_OUT and a.labels["product"] == "pills")
    take_on(settings, monitor, pills.annotations["breach_id"])
    eventually(scraped_again(monitor), "Prometheus knows who has it")


def told(messages: tuple[Notification, ...]) -> set[str]:
    """The products whose stock-out, or its climbing, these messages are about."""
    return {
        alert.labels["product"]
        for message in messages
        for alert in message.alerts
        if alert.name in (STOCK_OUT, ESCALATED)
    }


def over(webhook: Webhook) -> list[Alert]:
    """Whatever anybody was told is over: by a notice, or as resolved."""
    every = [alert for message in webhook.received for alert in message.alerts]
    return [alert for alert in every if alert.name == CLEARED or not alert.firing]


def firing(alertmanager: LocalAlertmanager) -> set[str]:
    """The alerts that fire for an Alertmanager."""
    with urllib.request.urlopen(f"{alertmanager.url}/api/v2/alerts", timeout=5) as answer:
        return {each["labels"]["alertname"] for each in json.load(answer)}


def said_on(webhook: Webhook) -> None:
    """Waits for all that Alertmanager says of what it knows: it says so each second."""
    seen = len(switches(webhook))
    eventually(lambda: len(switches(webhook)) > seen + 3, "the switch is told", 30)


def switches(webhook: Webhook) -> list[Notification]:
    return [message for message in webhook.received if message.receiver == SWITCH]


def test_a_prometheus_that_lost_all_while_no_worker_ran_tells_nobody_that_a_breach_is_over(
    settings: Settings, monitor: Monitor
) -> None:
    worker, alertmanager, prometheus, webhook = monitor
    run_out(settings, webhook, "pills")
    since = active(prometheus)[STOCK_OUT, PAGE]
    worker.kill()
    eventually(lambda: ask(prometheus, "query?query=up==0")["result"], "its absence is seen")
    worker.start()
    eventually(scraped_again(monitor), "the worker is ready and scraped again")
    assert active(prometheus)[STOCK_OUT, PAGE] == since, "nothing is lost with a worker"

    worker.kill()
    prometheus.wipe()
    prometheus.start()
    eventually(lambda: STOCK_OUT not in firing(alertmanager), "for Alertmanager it has ended", 60)
    said_on(webhook)
    assert over(webhook) == []

    worker.start()
    eventually(scraped_again(monitor), "the worker is ready and scraped again")
    eventually(lambda: STOCK_OUT in firing(alertmanager), "it fires again")
    said_on(webhook)
    assert over(webhook) == []

    tell(settings, counted(500))
    eventually(lambda: clearings(webhook, ON_CALL_FOR_CLEARINGS), "it is told that it is over")
    said_on(webhook)
    assert {(each.name, each.status) for each in over(webhook)} == {(CLEARED, "firing")}
    assert len(clearings(webhook, ON_CALL_FOR_CLEARINGS)) == 1


def test_an_alertmanager_that_lost_all_tells_again_only_what_nobody_has_taken_on(
    settings: Settings, monitor: Monitor
) -> None:
    _, alertmanager, _, webhook = monitor
    one_of_two_is_taken_on(settings, monitor)
    alertmanager.wipe()
    before = len(webhook.received)
    alertmanager.start()
    eventually(lambda: "drops" in told(webhook.received[before:]), "the other is told again")
    said_on(webhook)
    assert told(webhook.received[before:]) == {"drops"}


def test_what_is_taken_on_is_told_by_nobody_though_all_three_are_lost_until_it_is_over(
    settings: Settings, monitor: Monitor
) -> None:
    worker, alertmanager, prometheus, webhook = monitor
    one_of_two_is_taken_on(settings, monitor)
    worker.kill()
    prometheus.wipe()
    alertmanager.wipe()
    before = len(webhook.received)
    alertmanager.start()
    prometheus.start()
    said_on(webhook)
    assert told(webhook.received[before:]) == set()
    worker.start()
    eventually(lambda: "drops" in told(webhook.received[before:]), "the other is told again")
    said_on(webhook)
    assert told(webhook.received[before:]) == {"drops"}
    assert over(webhook) == []

    tell(settings, counted(500))
    eventually(lambda: clearings(webhook, "role:planner"), "the planner is told that it is over")
    assert {alert.labels["product"] for alert in over(webhook)} == {"pills"}
