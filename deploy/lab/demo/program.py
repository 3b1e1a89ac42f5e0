"""The monitor's own commands, run beside the demo as anyone would run them."""

import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Self

from deploy.lab.demo.errors import WorkerEnded
from deploy.lab.demo.snapshot import About
from deploy.lab.process import LOOPBACK, Child, free_port
from streams.settings import Settings

_COMMAND = (sys.executable, "-c", "from deploy.cli import main; main()")
_PATIENCE = 15.0


def environment(settings: Settings, port: int) -> dict[str, str]:
    """This process's environment, with what the demo's settings say over it."""
    given = {
        "BROKERS": settings.brokers,
        "GROUP": settings.group,
        "PARTITIONS": str(settings.partitions),
        "AGREEMENTS": str(settings.agreements),
        "DEFAULT_AGREEMENT": "true",
        "WEB_HOST": settings.web_host,
        "WEB_PORT": str(port),
    }
    return {**os.environ, **{f"CMOWATCH_{name}": value for name, value in given.items()}}


class Worker:
    """`cmowatch worker` as a process of its own, ended with this object's `with`."""

    def __init__(self, settings: Settings, log: Path) -> None:
        """What the worker says goes into the file `log`."""
        self._settings, self._log, self._port = settings, log, settings.web_port
        self._process: Child | None = None

    @property
    def metrics(self) -> str:
        """Where it shows what it knows."""
        return f"http://{LOOPBACK}:{self._port}/metrics"

    def check(self) -> None:
        """Raises `WorkerEnded`, with the last it said, when it runs no more."""
        if self._process is not None and (code := self._process.exit_code) is not None:
            raise WorkerEnded(
                f"the worker ended with exit code {code}:\n{self._process.last_words}"
            )

    def __enter__(self) -> Self:
        """Starts it, on a free port where the usual one is taken."""
        self._port = free_port(self._settings.web_port)
        environ = environment(self._settings, self._port)
        self._process = Child([*_COMMAND, "worker"], self._log, environment=environ)
        return self

    def __exit__(self, *_: object) -> None:
        """Asks it to end, and ends it when it takes too long."""
        if self._process is not None:
            self._process.stop(_PATIENCE)


class Earlier:
    """`cmowatch replay` of the story as of an earlier moment, for the board's arrows."""

    def __init__(self, settings: Settings, events: Path, as_of: datetime) -> None:
        """Its answer goes into a file beside the events."""
        self._settings, self._events, self._as_of = settings, events, as_of
        self._answer = events.with_name("earlier.json")
        self._process: Child | None = None
        self._values: dict[tuple[About, str], float] = {}

    @property
    def values(self) -> Mapping[tuple[About, str], float]:
        """The values by what they are about and percentile; none until they are known."""
        if self._process is not None and self._process.pid is None:
            self._process = None
            self._values = _values(self._answer)
        return self._values

    @property
    def known(self) -> bool:
        """Whether the answer has come, or will not come any more."""
        return self._process is None or self._process.pid is None

    def __enter__(self) -> Self:
        """Starts it."""
        command = [*_COMMAND, "replay", str(self._events), "--json"]
        with self._answer.open("wb") as answer:
            self._process = Child(
                [*command, "--as-of", self._as_of.isoformat()],
                self._answer.with_suffix(".log"),
                environment=environment(self._settings, self._settings.web_port),
                output=answer,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it, when it still runs."""
        if self._process is not None:
            self._process.kill()


def _values(answer: Path) -> dict[tuple[About, str], float]:
    try:
        readings = json.loads(answer.read_bytes())
    except ValueError:
        return {}  # the arrows are left out
    return {
        (About.named(reading), reading["quantile"] or ""): value
        for reading in readings
        if (value := reading["value"]) is not None
    }
