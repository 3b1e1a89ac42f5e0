"""The contest: the same events, one contestant at a time, in turn, several times over."""

import json
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
from deploy.lab.process import Child, free_port
from streams.settings import Settings

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
    child = Child(
        [str(contestant.python), "-m", contestant.module, str(contestant.events)],
        log,
        environment={
            **environment(settings, free_port(settings.web_port)),
            "PYTHONPATH": str(contestant.tree),
        },
        output=subprocess.PIPE,
        folder=contestant.tree,
    )
    overdue = Timer(_LONGEST, child.process.kill)
    overdue.start()
    try:
        return _heard(contestant, child, hear)
    finally:
        overdue.cancel()
        child.stop(_TO_END)


def _heard(contestant: Contestant, child: Child, hear: Hear) -> Run:
    assert child.process.stdout is not None
    for line in child.process.stdout:
        report = report_of(line)
        if "seconds" in report:
            return Run(
                contestant.name, int(report["events"]), report["seconds"], report["processor"]
            )
        if "folded" in report:
            hear(contestant, int(report["folded"]))
    raise ContestantEnded(
        f"{contestant.title} ended, or did not within {_LONGEST:.0f} s:\n{child.last_words}"
    )


def report_of(line: bytes) -> dict[str, float]:
    """What a stopwatch told; nothing for a line that is none of its own."""
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}


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
