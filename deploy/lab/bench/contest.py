"""The contest: the same events, one contestant at a time, in turn, several times over."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from threading import Timer
from typing import NamedTuple

from deploy.lab.bench.earlier import ROOT, agreements_in
from deploy.lab.bench.errors import ContestantEnded
from deploy.lab.demo.program import environment
from deploy.lab.process import free_port
from streams.settings import Settings

_TAIL = 20
_LONGEST = 600.0
_TO_END = 10.0


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that folds: with which Python, of which tree, and how many of the events."""

    name: str
    title: str
    module: str
    events: int
    python: Path = Path(sys.executable)
    tree: Path = ROOT


class Run(NamedTuple):
    """One contestant's run: so many events in so many seconds, and in so many of the processor."""

    name: str
    events: int
    seconds: float
    processor: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cost(self) -> float:
        """Microseconds of the processor an event."""
        return self.processor / self.events * 1e6


Hear = Callable[[Contestant, int], None]
"""Hears how many events a contestant has folded by now."""


def contest(
    contestants: Sequence[Contestant], repeats: int, settings: Settings, folder: Path, hear: Hear
) -> Iterator[Run]:
    """Lets each run in turn, `repeats` times over, each time in a group of its own.

    Raises `ContestantEnded`, with the last it said, when one does not come to its end.
    """
    for repeat in range(repeats):
        for each in contestants:
            group = f"bench-{each.name}-{repeat}"
            agreements = agreements_in(each.tree)
            own = settings.model_copy(update={"group": group, "agreements": agreements})
            yield run(each, own, folder / f"{group}.log", hear)


def run(contestant: Contestant, settings: Settings, log: Path, hear: Hear) -> Run:
    """One run of one contestant, in a process that is ended with it."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [str(contestant.python), "-m", contestant.module, str(contestant.events)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={
                **os.environ,
                **environment(settings, free_port(settings.web_port)),
                "PYTHONPATH": str(contestant.tree),
            },
            cwd=contestant.tree,
            start_new_session=True,
        )
    overdue = Timer(_LONGEST, process.kill)
    overdue.start()
    try:
        return _heard(contestant, process, log, hear)
    finally:
        overdue.cancel()
        _end(process)


def _heard(contestant: Contestant, process: subprocess.Popen[bytes], log: Path, hear: Hear) -> Run:
    assert process.stdout is not None
    for line in process.stdout:
        said = told(line)
        if "seconds" in said:
            return Run(contestant.name, int(said["events"]), said["seconds"], said["processor"])
        if "folded" in said:
            hear(contestant, int(said["folded"]))
    last = log.read_text(errors="replace").splitlines()[-_TAIL:]
    raise ContestantEnded(
        "\n".join([f"{contestant.title} ended, or did not within {_LONGEST:.0f} s:", *last])
    )


def told(line: bytes) -> dict[str, float]:
    """What a stopwatch told; nothing for a line that is none of its own."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def medians(runs: Sequence[Run]) -> dict[str, float]:
    """Each contestant's median rate, in the order they ran in."""
    names = dict.fromkeys(run.name for run in runs)
    return {name: median(run.rate for run in runs if run.name == name) for name in names}


def costs(runs: Sequence[Run]) -> dict[str, float]:
    """Each contestant's median cost in microseconds of the processor an event."""
    names = dict.fromkeys(run.name for run in runs)
    return {name: median(run.cost for run in runs if run.name == name) for name in names}


def dearer(runs: Sequence[Run]) -> dict[str, float]:
    """How many times the cost of the first each has: the median over those run in one turn."""
    first = [run.cost for run in runs if run.name == runs[0].name]
    own = {name: [run.cost for run in runs if run.name == name] for name in medians(runs)}
    return {
        name: median(cost / least for cost, least in zip(found, first, strict=True))
        for name, found in own.items()
    }


def as_json(rates: dict[str, float]) -> str:
    """The medians as `--json` writes them."""
    return json.dumps(
        [{"name": name, "events_per_s": round(rate, 1)} for name, rate in rates.items()]
    )
