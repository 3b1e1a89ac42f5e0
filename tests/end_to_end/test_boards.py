"""Every question of every board, asked of a Prometheus that scraped a worker on the demo's data."""

import asyncio
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from alerts.kpis import KPIS
from deploy.alertmanager.routing import Pace
from deploy.cli import main
from deploy.grafana.boards import boards
from deploy.lab.demo import AGREEMENTS
from deploy.lab.demo.load import load
from deploy.lab.demo.story import SEED
from deploy.lab.servers import LocalAlertmanager, LocalPrometheus
from deploy.lab.simulate.simulator import simulate
from deploy.lab.webhook import Webhook
from streams.settings import Settings
from tests.deploy.tools import tool
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
]

WATCHING = Path(__file__).with_name("watching_worker.py")
STEP = 300
BACK = timedelta(days=2)
MONTHS = 4
UNLIMITED = "no agreement of the demo sets a limit"
ALL_BEFORE = "all was folded before the first scrape"
A_COUNT = "what is refused in the demo and names a thing is a count of stock"
RIGHTLY_EMPTY = {
    "cmo: Delivered in full: critical": UNLIMITED,
    "cmo: Delivered in full: warning": UNLIMITED,
    "cmo: Stock blocked: critical": UNLIMITED,
    "cmo: Stock blocked: warning": UNLIMITED,
    "deliveries: Delivered in full: critical": UNLIMITED,
    "deliveries: Delivered in full: warning": UNLIMITED,
    "inventory: Shares: critical": UNLIMITED,
    "inventory: Shares: warning": UNLIMITED,
    "inventory: Stock blocked: critical": UNLIMITED,
    "inventory: Stock blocked: warning": UNLIMITED,
    "inventory: Stock by status: in_transit": "nobody in the demo says what is on its way",
    "monitor: Events folded: B": ALL_BEFORE,
    "monitor: Events folded: C": ALL_BEFORE,
    **{f"monitor: In doubt: {kind}": A_COUNT for kind in ("demand", "lines", "lots")},
}
ALL_IS_SCRAPED = (
    "sum(cmowatch_shard_ready) == {partitions} and sum(cmowatch_outputs_due) == 0 "
    "and count(cmo_breach_open) > 0 and count(rate(cmowatch_events_accepted_total[1m])) > 0"
)


class Asked(NamedTuple):
    """A query of a panel, as Grafana asks it once everything is chosen."""

    board: str
    panel: str
    ref: str
    expression: str
    over_time: bool

    @property
    def name(self) -> str:
        return f"{self.board.removeprefix('cmowatch-')}: {self.panel}: {self.ref}"


def asked() -> Iterator[Asked]:
    for board in json.loads(json.dumps(boards())):
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                expression = target["expr"].replace("$__rate_interval", "1m")
                for name in ("cmo", "site", "product"):
                    expression = expression.replace(f"${name}", ".*")
                yield Asked(
                    board["uid"], panel["title"], target["refId"], expression, target["range"]
                )


@pytest.fixture
def prometheus(
    settings: Settings, start_worker: Callable[..., Worker], tmp_path: Path
) -> Iterator[LocalPrometheus]:
    """A Prometheus that has scraped all of the demo's data, and was given its last days."""
    events = tmp_path / "events.ndjson"
    now = datetime.now(UTC)
    events.write_bytes(b"\n".join(simulate(SEED, months=MONTHS, until=now).events) + b"\n")
    asyncio.run(load(settings, events, lambda _: None))
    worker = start_worker(WATCHING, agreements=AGREEMENTS, default_agreement=True)
    folder = tmp_path / "monitor"
    with (
        Webhook() as webhook,
        LocalAlertmanager(folder, webhook.address, pace=Pace("1s", "1s")) as alertmanager,
    ):
        server = LocalPrometheus(folder, [f"127.0.0.1:{worker.port}"], alertmanager)
        fill_in(events, now, server.data, tmp_path)
        with server:
            scraped = ALL_IS_SCRAPED.format(partitions=settings.partitions)
            eventually(lambda: found(server, scraped), "all the worker has to say is scraped")
            yield server


def fill_in(events: Path, now: datetime, data: Path, folder: Path) -> None:
    history = folder / "history.txt"
    first = f"{now - BACK:%Y-%m-%d}"
    given = ["backfill", str(events), "--from", first, "--out", str(history)]
    done = CliRunner().invoke(main, [*given, "--agreements", str(AGREEMENTS)])
    assert history.read_text().endswith("# EOF\n"), done.output
    data.mkdir(parents=True)
    whole = "--max-block-duration=2232h"
    tool("promtool", "tsdb", "create-blocks-from", "openmetrics", whole, history, data)


def found(prometheus: LocalPrometheus, expression: str, **span: float) -> list[Any]:
    """The series of an answer; the moment of asking without a span."""
    given = urllib.parse.urlencode({"query": expression, **span}).encode()
    url = f"{prometheus.url}/api/v1/query{'_range' if span else ''}"
    with urllib.request.urlopen(url, given, timeout=30) as answer:
        result: list[Any] = json.load(answer)["data"]["result"]
    return result


def answer(prometheus: LocalPrometheus, each: Asked) -> list[Any]:
    if not each.over_time:
        return found(prometheus, each.expression)
    end = time.time()
    start = end - BACK.total_seconds()
    return found(prometheus, each.expression, start=start, end=end, step=STEP)


def test_every_panel_has_data_or_a_reason_to_have_none(prometheus: LocalPrometheus) -> None:
    every = list(asked())
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda each: answer(prometheus, each), every))
    of_each = list(zip(every, answers, strict=True))
    assert {each.name for each, series in of_each if not series} == set(RIGHTLY_EMPTY)
    titles = {kpi.title for kpi in KPIS}
    old = time.time() - 3_600
    histories = {
        (each.board, each.panel): max(sum(at < old for at, _ in one["values"]) for one in series)
        for each, series in of_each
        if each.over_time and each.panel in titles and each.ref == "A"
    }
    assert len(histories) == 2 * len(KPIS)
    assert [panel for panel, steps in histories.items() if steps < 0.8 * 86_400 / STEP] == []
