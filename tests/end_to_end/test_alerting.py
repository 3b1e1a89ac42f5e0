"""From an event to a message at a webhook, and back, whatever happens to the worker meanwhile."""

import re
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.alertmanager.receivers import SWITCH
from deploy.lab.webhook import Alert
from deploy.prometheus.pipeline import DEAD_MANS_SWITCH
from deploy.prometheus.rule import ESCALATED, PAGE, TICKET
from streams.settings import Settings
from tests.end_to_end.alerting import (
    ON_CALL_FOR_CLEARINGS,
    STOCK_OUT,
    Monitor,
    active,
    ask,
    clearings,
    counted,
    heard_until,
    needed,
    scraped_again,
    take_on,
    tell,
    tiers,
    told_of,
    watched,
)
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
]

TOP = timedelta(seconds=25)
"""The age at which a critical breach is told to the last role, if nobody takes it on."""


@pytest.fixture
def monitor(
    settings: Settings, start_worker: Callable[..., Worker], tmp_path: Path
) -> Iterator[Monitor]:
    with watched(settings, start_worker, tmp_path) as everything:
        yield everything


def test_a_stock_out_is_told_climbs_is_taken_on_and_clears_whatever_happens_to_the_worker(
    settings: Settings, monitor: Monitor
) -> None:
    worker, _, prometheus, webhook = monitor
    tell(settings, needed(50), counted(0))
    eventually(lambda: told_of(webhook, STOCK_OUT), "the stock-out is told", 30)
    (told,) = told_of(webhook, STOCK_OUT)
    assert told.status == "firing"
    nth = told.labels["nth"]
    assert told.labels == {
        "alertname": STOCK_OUT,
        "severity": "critical",
        "kpi": "days_of_supply",
        "cmo": "acme",
        "product": "pills",
        "nth": nth,
    }
    breach = told.annotations["breach_id"]
    assert breach == f"days_of_supply:acme:pills:{nth}"
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

    take_on(settings, monitor, breach)
    eventually(lambda: (STOCK_OUT, PAGE) not in active(prometheus), "it is told no more")
    repeated = len(repeats())
    for ending in (signal.SIGTERM, signal.SIGKILL):
        worker.signal(ending)
        worker.ended()
        eventually(lambda: ask(prometheus, "query?query=up==0")["result"], "its absence is seen")
        worker.start()
        eventually(scraped_again(monitor), "it is ready and scraped again")
        assert (STOCK_OUT, PAGE) not in active(prometheus)
    assert len(told_of(webhook, STOCK_OUT)) == 1

    (opened,) = worker.values("cmo_breach_since_timestamp_seconds", breach_id=breach)
    eventually(
        lambda: heard_until(worker) > opened + TOP.total_seconds() + 1, "the last age is past", 90
    )
    assert tiers(worker) == {("planner", 1)}, "it climbs no further once somebody has taken it on"
    assert told_of(webhook, ESCALATED, PAGE, "role:head") == []
    assert len(repeats()) == repeated

    tell(settings, counted(500))
    eventually(lambda: clearings(webhook, "role:planner"), "the planner is told that it is over")
    eventually(lambda: clearings(webhook, ON_CALL_FOR_CLEARINGS), "and who is on call")
    (over,) = clearings(webhook, "role:planner")
    assert over.summary == "acme pills: days of supply is cleared, for newer evidence is better"
    assert (over.severity, over.labels["nth"]) == (PAGE, nth)
    assert [alert.status for alert in told_of(webhook, STOCK_OUT)] == ["firing"]
    assert not told_of(webhook, STOCK_OUT, TICKET), "not inhibited"
    assert [alert.name for alert in webhook.standing(SWITCH)] == [DEAD_MANS_SWITCH]
