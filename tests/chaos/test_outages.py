"""Our outage is not their silence: what a CMO is accused of after we, or Kafka, were away."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.lab.kafka import LocalKafka
from events.data import LOTS, Heartbeat
from events.publish import Publisher
from streams.settings import Settings
from tests.chaos.conftest import share
from tests.end_to_end.clean_pass import judged_by, nothing_is_due, own_topics
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.slow]

Watch = Callable[..., Worker]
STEADY, SILENT = "steady-works", "silent-works"
CADENCE = 6.0
TOO_LONG = 1.5 * CADENCE + 1
STALE = 5.0


@pytest.fixture
def agreements(tmp_path: Path) -> Path:
    """Two CMOs that have agreed to be heard every few seconds."""
    folder = tmp_path / "agreements"
    folder.mkdir()
    for cmo in (STEADY, SILENT):
        terms = {
            "cmo": cmo,
            "version": "1",
            "effective": datetime.now(UTC).date().isoformat(),
            "cadence": {LOTS: CADENCE},
            "contingency": "Call.",
        }
        (folder / f"{cmo}.yaml").write_text(json.dumps(terms))
    return folder


class Voice:
    """A CMO that says it is there, when it is asked to."""

    def __init__(self, settings: Settings, cmo: str) -> None:
        self._brokers, self._cmo = settings.brokers, cmo
        self.spoke = 0.0

    def speak(self) -> None:
        with Publisher(self._brokers, source=f"/cmo/{self._cmo}", cmo=self._cmo) as publisher:
            publisher.send(Heartbeat(topic="cmo.lots"), id=str(uuid4()), time=datetime.now(UTC))
        self.spoke = time.monotonic()

    def until(self, condition: Callable[[], Any], what: str, deadline: float = 60.0) -> None:
        """Speaks on until something is so."""

        def spoken() -> Any:
            if time.monotonic() - self.spoke > CADENCE / 6:
                self.speak()
            return condition()

        eventually(spoken, what, deadline)


def silences(settings: Settings) -> Iterator[tuple[str, str]]:
    """Every word published of a silence: its transition, and whose it is."""
    for message in asyncio.run(own_topics(settings)).breaches:
        breach = json.loads(message.value or b"")["data"]
        if breach["kpi"] == "feed_silence":
            yield breach["transition"], breach["cmo"]


def silence(cmo: str, *workers: Worker) -> dict[str, Any]:
    """The reading of a CMO's silence, empty while nobody judges it."""
    found = judged_by(*workers)
    return next((r for r in found if (r["cmo"], r["kpi"]) == (cmo, "feed_silence")), {})


def judged_since(moment: datetime, cmo: str, *workers: Worker) -> bool:
    as_of = silence(cmo, *workers).get("as_of")
    return as_of is not None and datetime.fromisoformat(as_of) > moment


def test_a_backlog_that_came_while_all_workers_were_down_is_nobodys_silence(
    settings: Settings, watch: Watch, agreements: Path
) -> None:
    steady, silent = Voice(settings, STEADY), Voice(settings, SILENT)
    steady.speak()
    silent.speak()
    workers = [watch(agreements=agreements) for _ in range(2)]
    steady.until(share(4, *workers), "all is held", 90)
    silent.speak()
    for worker in workers:
        worker.kill()
    steady.until(lambda: time.monotonic() - silent.spoke > TOO_LONG, "one is silent for long")
    for worker in workers:
        worker.start()
    steady.until(share(4, *workers), "all is held again", 90)
    steady.until(lambda: ("opened", SILENT) in list(silences(settings)), "the silent one is told")
    steady.until(lambda: nothing_is_due(*workers), "all is said")
    assert {cmo for _, cmo in silences(settings)} == {SILENT}


def test_a_broker_away_for_longer_than_a_cadence_is_nobodys_silence(
    settings: Settings, broker: LocalKafka, watch: Watch, agreements: Path
) -> None:
    steady = Voice(settings, STEADY)
    steady.speak()
    workers = [watch(agreements=agreements, stale_after=STALE) for _ in range(2)]
    steady.until(share(4, *workers), "all is held", 90)
    began = datetime.now(UTC)
    steady.until(lambda: judged_since(began, STEADY, *workers), "judged")
    broker.kill()
    try:
        eventually(lambda: time.monotonic() - steady.spoke > TOO_LONG, "away for long")
    finally:
        broker.start()
    back = datetime.now(UTC)
    eventually(lambda: judged_since(back, STEADY, *workers), "judged again", 90)
    assert silence(STEADY, *workers)["state"] in ("warning", "critical")
    judged = datetime.now(UTC)
    eventually(lambda: judged_since(judged, STEADY, *workers), "and once more")
    steady.speak()
    eventually(lambda: silence(STEADY, *workers)["state"] == "ok", "it is heard again")
    eventually(lambda: nothing_is_due(*workers), "all is said")
    assert STEADY not in {cmo for _, cmo in silences(settings)}
