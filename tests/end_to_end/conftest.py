"""Workers as processes, waited for by what they answer."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from streams.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COUNTING = Path(__file__).with_name("counting_worker.py")
SLOWER = 2
"""How many times as long as on an idle machine something may take: tests run side by side."""


def eventually(condition: Callable[[], Any], what: str, deadline: float = 60.0) -> Any:
    """What `condition` returns as soon as it is true; fails after `deadline` idle seconds.

    The longer an answer takes the less often it is asked for: who answers has work to do.
    """
    until = time.monotonic() + deadline * SLOWER
    asked = time.monotonic()
    while not (found := condition()):
        now = time.monotonic()
        assert now < until, f"not within {deadline * SLOWER} s: {what}"
        time.sleep(min(max(0.05, 3 * (now - asked)), 0.5))
        asked = time.monotonic()
    return found


class Worker:
    """A worker in a process of its own, with settings, or their environment."""

    def __init__(self, given: Settings | Mapping[str, str], folder: Path, script: Path) -> None:
        given = environment(given) if isinstance(given, Settings) else given
        self._environment = {**os.environ, **given, "PYTHONPATH": str(ROOT)}
        self._script, self._folder = script, folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.errors = folder / f"worker-{self.port}.txt"

    def start(self) -> "Worker":
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [sys.executable, str(self._script)],
                env={**self._environment, "CMOWATCH_WEB_PORT": str(self.port)},
                cwd=self._folder,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        return self

    def signal(self, which: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(which)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def ended(self, deadline: float = 30.0) -> int:
        assert self.process is not None
        return self.process.wait(deadline)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read().decode()
        except OSError:
            return 0, ""

    def health(self) -> dict[str, Any]:
        status, body = self.get("/health/ready")
        return json.loads(body) if status else {"ready": False, "partitions": {}}

    def ready(self, partitions: int | None = None) -> bool:
        """Whether it is ready, with as many partitions as given."""
        assert self.process is None or self.process.poll() is None, self.errors.read_text()[-3000:]
        status, body = self.get("/health/ready")
        held = len(json.loads(body)["partitions"]) if status else 0
        return status == 200 and partitions in (None, held)

    def samples(self, name: str, **labels: str) -> list[Sample]:
        """The samples of a metric whose labels include the given ones, by one look at it.

        Only their lines are parsed: there are thousands, and waiting reads them again and again.
        """
        _, text = self.get("/metrics")
        lines = [line for line in text.split("\n") if line.startswith((f"{name}{{", f"{name} "))]
        return [
            sample
            for family in text_string_to_metric_families("\n".join(lines))
            for sample in family.samples
            if labels.items() <= sample.labels.items()
        ]

    def values(self, name: str, **labels: str) -> list[float]:
        return [sample.value for sample in self.samples(name, **labels)]

    def total(self, name: str, **labels: str) -> float:
        return sum(self.values(name, **labels))


def environment(settings: Settings) -> dict[str, str]:
    given = settings.model_dump(mode="json", exclude_unset=True)
    return {
        **{f"CMOWATCH_{name.upper()}": str(value) for name, value in given.items()},
        "CMOWATCH_WEB_HOST": "127.0.0.1",
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def start_worker(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts a worker on the test's settings; all that were started end with the test.

    What each said last is printed, which pytest shows of a test that failed.
    """
    started: list[Worker] = []

    def start(script: Path = COUNTING, **changed: Any) -> Worker:
        own = Settings(**{**settings.model_dump(exclude_unset=True), **changed})
        started.append(Worker(own, tmp_path, script).start())
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        sys.stdout.write(worker.errors.read_text(errors="replace")[-3_000:])
