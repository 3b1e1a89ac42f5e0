"""History: each past day as a worker showed it, taken and found by a real Prometheus."""

import asyncio
import json
import math
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from click.testing import CliRunner, Result
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as as_exposed

from alerts.kpis import KPIS
from deploy.backfill import JOB, backfill
from deploy.lab.demo import AGREEMENTS
from deploy.lab.demo.load import load
from deploy.lab.servers import LocalPrometheus
from deploy.lab.simulate.simulator import simulate
from events.data import OrderDelivered, OrderPlaced, ScheduleLine
from events.files import messages
from events.outcomes import Message
from streams.agreements import read_agreements
from streams.metrics.exposition import Exposed, page
from streams.replay import end_of
from streams.settings import Settings
from streams.shard import Shard
from tests.builders import pieces, told
from tests.deploy.lab.test_servers import alertmanager, installed

ROOT = Path(__file__).resolve().parents[2]
LAST = date(2024, 5, 31)
Shown = dict[tuple[str, frozenset[tuple[str, str]]], float]
"""Values by the name and the labels of their series."""


def run(*arguments: str, **given: Any) -> Result:
    return CliRunner().invoke(backfill, ["--agreements", str(AGREEMENTS), *arguments], **given)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two months of the simulated makers: late records, retractions and refusals included."""
    file = tmp_path_factory.mktemp("world") / "events.ndjson"
    until = datetime(LAST.year, LAST.month, LAST.day, 23, 59, 59, tzinfo=UTC)
    file.write_bytes(b"\n".join(simulate(3, months=2, until=until).events))
    return file


@pytest.fixture(scope="module")
def history(world: Path) -> Path:
    out = world.with_name("history.txt")
    result = run(str(world), "--out", str(out))
    assert result.exit_code == 1, result.output  # the world has events nobody can take
    return out


@pytest.fixture(scope="module")
def by_day(history: Path) -> dict[date, Shown]:
    """What strict readers of OpenMetrics make of it, by day."""
    found: dict[date, Shown] = {}
    strictly: Any = text_string_to_metric_families
    for family in strictly(history.read_text()):
        for sample in family.samples:
            day = datetime.fromtimestamp(math.floor(float(sample.timestamp)), UTC).date()
            labels = dict(sample.labels)
            assert labels.pop("job") == JOB
            found.setdefault(day, {})[sample.name, frozenset(labels.items())] = sample.value
    return found


def test_every_day_has_its_samples(by_day: dict[date, Shown]) -> None:
    first = LAST - timedelta(days=60)
    assert sorted(by_day) == [first + timedelta(days=n) for n in range(61)]


@pytest.mark.parametrize("back", [0, 1, 9, 23, 38, 52, 60])
def test_a_day_is_shown_as_a_worker_showed_it(
    world: Path, by_day: dict[date, Shown], back: int
) -> None:
    day = LAST - timedelta(days=back)
    assert by_day[day] == shown_by_a_worker(world, day)


def shown_by_a_worker(world: Path, day: date) -> Shown:
    """What a worker exposes of readings that has read all that was recorded by the day's end."""
    end = end_of(day.isoformat())
    shard = Shard(0, 1, read_agreements(AGREEMENTS, use_default=True))
    for message in messages(str(world)):
        assert isinstance(message, Message)
        if message.timestamp <= end.timestamp() * 1_000:
            shard.fold(message.topic, message.offset + 1, [message])
    assert list(shard.tick(end))
    text = page([Exposed(shard, True, 1.0, end)])
    names = kpi_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in as_exposed(text)
        for sample in family.samples
        if family.name in names
    }


def kpi_families(text: str) -> set[str]:
    """The families that tell of readings, and of nothing else a worker shows."""
    return {name for name in FAMILIES if f"# TYPE {name} gauge" in text}


FIGURES = "numerator", "denominator", "evidence", "doubtful", "low", "high"
PARTS = "state", "reading", *FIGURES, "limit"
FAMILIES = {*(f"cmo_kpi_{part}" for part in PARTS), *(kpi.series for kpi in KPIS)}


# --- in Prometheus


def blocks(history: Path, folder: Path) -> None:
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", AT_MOST]
    given = [str(history), str(folder)]
    done = subprocess.run([*command, *given], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


AT_MOST = "--max-block-duration=2232h"


def asked(prometheus: LocalPrometheus, query: str, at: date) -> list[float]:
    """The values a query finds at the last moment of a day."""
    given = urlencode({"query": query, "time": end_of(at.isoformat()).timestamp()})
    with urlopen(f"{prometheus.url}/api/v1/query?{given}", timeout=10) as answer:
        found = json.load(answer)["data"]["result"]
    return [float(each["value"][1]) for each in found]


def order(number: int, day: date) -> str:
    """A line promised for a day; every other one is delivered."""
    due = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    line, quantity = str(number), pieces(5)
    wanted = ScheduleLine(date=day, quantity=quantity)
    promise = OrderPlaced(order="O", line=line, product="pills", schedule=(wanted,))
    said = [told(promise, due - timedelta(days=30), "sponsor")]
    if number % 2:
        delivery = OrderDelivered(order="O", line=line, quantity=quantity)
        said.append(told(delivery, due - timedelta(days=1)))
    return "".join(f"{each.event.json_line().decode()}\n" for each in said)


def test_promtool_takes_the_whole_history(history: Path, tmp_path: Path) -> None:
    installed(LocalPrometheus)
    blocks(history, tmp_path / "data")
    assert list((tmp_path / "data").glob("*/meta.json"))


def test_a_value_of_twelve_months_ago_is_found(tmp_path: Path) -> None:
    installed(LocalPrometheus)
    last = datetime.now(UTC).date() - timedelta(days=1)
    then = last - timedelta(days=365)
    events, out = tmp_path / "events.ndjson", tmp_path / "h.txt"
    events.write_text("".join(order(number, then - timedelta(days=1)) for number in range(6)))
    days = ["--from", f"{then - timedelta(days=1)}", "--to", f"{last}"]
    result = CliRunner().invoke(backfill, [str(events), "--out", str(out), *days])
    assert result.exit_code == 0, result.output
    prometheus = LocalPrometheus(tmp_path, [], alertmanager(tmp_path))
    blocks(out, prometheus.data)
    query = f'max(last_over_time(cmo_delivery_on_time_ratio{{cmo="acme",job="{JOB}"}}[1d]))'
    with prometheus:
        assert asked(prometheus, query, then) == [0.5]
        assert asked(prometheus, "count(cmo_kpi_evidence)", last)


@pytest.mark.broker
def test_the_topics_have_the_history_of_their_events(
    settings: Settings, world: Path, tmp_path: Path
) -> None:
    """The first that were told of, by an import, and none of them refused."""
    events, out = tmp_path / "events.ndjson", tmp_path / "history.txt"
    events.write_bytes(b"".join(world.read_bytes().splitlines(keepends=True)[:800]))
    days = ["--from", "2024-04-01", "--to", "2024-04-20"]
    from_file = run(str(events), "--out", str(out), *days)
    assert from_file.exit_code == 0, from_file.output
    asyncio.run(load(settings, events, lambda _: None))
    environment = {"CMOWATCH_PARTITIONS": "4", "CMOWATCH_DEFAULT_AGREEMENT": "true"}
    arguments = ["--topics", "--brokers", settings.brokers, "--out", "-", *days]
    from_topics = run(*arguments, env=environment)
    assert from_topics.exit_code == 0, from_topics.output
    assert from_topics.stderr.splitlines()[-1].startswith("read 800 events in ")
    assert sorted(from_topics.stdout.splitlines()) == sorted(out.read_text().splitlines())


# --- usage


def test_what_is_no_whole_day_of_the_past_is_wrong_usage(world: Path, tmp_path: Path) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    for days, why in (
        (["--to", today], "is not over yet"),
        (["--from", "2024-05-02", "--to", "2024-05-01"], "is after"),
        (["--from", "soon"], "does not match"),
    ):
        result = run(str(world), "--out", str(tmp_path / "out"), *days)
        assert (result.exit_code, why in result.output) == (2, True), result.output


def test_a_file_or_the_topics_are_read_and_nothing_else(world: Path) -> None:
    assert run("--out", "-").exit_code == 2
    assert run(str(world), "--topics", "--out", "-").exit_code == 2


def test_only_the_days_asked_for_are_written(world: Path) -> None:
    result = run(str(world), "--out", "-", "--from", "2024-05-02", "--to", "2024-05-03")
    assert result.stdout.endswith("# EOF\n")
    at = {line.split()[-1] for line in result.stdout.splitlines() if line[0] != "#"}
    assert at == {"1714694399.999", "1714780799.999"}


def test_a_file_without_an_event_has_no_history(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").write_text("{}\n")
    result = run(str(tmp_path / "events.ndjson"), "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "no event was taken" in result.output


def test_what_was_only_recorded_today_has_no_history(tmp_path: Path) -> None:
    (tmp_path / "events.ndjson").write_text(order(0, datetime.now(UTC).date() + timedelta(days=30)))
    result = run(str(tmp_path / "events.ndjson"), "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "nothing was recorded before" in result.output


def test_where_no_broker_answers_is_told() -> None:
    result = run("--topics", "--out", "-", "--brokers", "127.0.0.1:9")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert "127.0.0.1:9" in result.output
