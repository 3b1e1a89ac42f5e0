"""The monitor's own commands, run beside the demo as anyone would run them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Self

from deploy.lab.demo.errors import WorkerEnded
from deploy.lab.demo.snapshot import Scope
from deploy.lab.process import LOOPBACK, dying_with_us, end, free_port
from streams.settings import Settings

_COMMAND = (sys.executable, "-c", "from deploy.cli import main; main()")
_TAIL = 20
_PATIENCE = 15.0


def environment(settings: Settings, port: int) -> dict[str, str]:
    """This process's environment, with what the demo's settings say over it."""
    told = {
        "BROKERS": settings.brokers,
        "GROUP": settings.group,
        "PARTITIONS": str(settings.partitions),
        "AGREEMENTS": str(settings.agreements),
        "DEFAULT_AGREEMENT": "true",
        "WEB_HOST": settings.web_host,
        "WEB_PORT": str(port),
    }
    return {**os.environ, **{f"CMOWATCH_{name}": value for name, value in told.items()}}


class Worker:
    """`cmowatch worker` as a process of its own, ended with this object's `with`."""

    def __init__(self, settings: Settings, log: Path) -> None:
        """What the worker says goes into the file `log`."""
        self._settings, self._log, self._port = settings, log, settings.web_port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def metrics(self) -> str:
        """Where it shows what it knows."""
        return f"http://{LOOPBACK}:{self._port}/metrics"

    def check(self) -> None:
        """Raises `WorkerEnded`, with the last it said, when it runs no more."""
        code = self._process.poll() if self._process else None
        if code is not None:
            lines = self._log.read_text(errors="replace").splitlines()[-_TAIL:]
            raise WorkerEnded("\n".join([f"the worker ended with exit code {code}:", *lines]))

    def __enter__(self) -> Self:
        """Starts it, on a free port where the usual one is taken."""
        self._port = free_port(self._settings.web_port)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*dying_with_us(), *_COMMAND, "worker"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(self._settings, self._port),
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Asks it to end, and ends it when it takes too long."""
        if self._process is None:
            return
        end(self._process, _PATIENCE)


class Earlier:
    """`cmowatch replay` of the story as of an earlier moment, for the board's arrows."""

    def __init__(self, settings: Settings, events: Path, as_of: datetime) -> None:
        """Its answer goes into a file beside the events."""
        self._settings, self._events, self._as_of = settings, events, as_of
        self._answer = events.with_name("earlier.json")
        self._process: subprocess.Popen[bytes] | None = None
        self._values: dict[tuple[Scope, str], float] = {}

    @property
    def values(self) -> Mapping[tuple[Scope, str], float]:
        """The values by scope and percentile; none until they are known."""
        if self._process is not None and self._process.poll() is not None:
            self._process = None
            self._values = _values(self._answer)
        return self._values

    @property
    def known(self) -> bool:
        """Whether the answer has come, or will not come any more."""
        return self._process is None or self._process.poll() is not None

    def __enter__(self) -> Self:
        """Starts it."""
        with self._answer.open("wb") as answer:
            moment = self._as_of.isoformat()
            self._process = subprocess.Popen(
                [*_COMMAND, "replay", str(self._events), "--json", "--as-of", moment],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                env=environment(self._settings, self._settings.web_port),
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it, when it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def _values(answer: Path) -> dict[tuple[Scope, str], float]:
    try:
        readings = json.loads(answer.read_bytes())
    except ValueError:
        return {}  # the arrows are left out
    return {
        (Scope(*(said[name] or "" for name in Scope._fields)), said["quantile"] or ""): value
        for said in readings
        if (value := said["value"]) is not None
    }
