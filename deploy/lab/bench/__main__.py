"""The command behind `make bench`."""

import asyncio
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from deploy.lab.bench.contest import Contestant, Run, as_json, contest, medians
from deploy.lab.bench.earlier import EARLIER, ROOT, tree_of, worker_of
from deploy.lab.bench.errors import BenchError
from deploy.lab.bench.fencing import sends, started
from deploy.lab.bench.fold import Pair, pairs
from deploy.lab.bench.footprint import footprints
from deploy.lab.bench.holds import Holds, holds
from deploy.lab.bench.latency import RATES, latencies
from deploy.lab.bench.paging import BREACHES, pages
from deploy.lab.bench.tables import (
    fencing_table,
    fold_table,
    footprint_table,
    holds_table,
    latency_table,
    paging_table,
    table,
)
from deploy.lab.bench.worlds import WORLDS
from deploy.lab.demo import AGREEMENTS
from deploy.lab.demo.errors import DemoError
from deploy.lab.demo.load import load
from deploy.lab.kafka import KAFKA, KafkaError, LocalKafka, cache_folder
from deploy.lab.process import LOOPBACK
from deploy.lab.servers import ServerError
from deploy.lab.simulate.simulator import simulate
from events.data import INBOUND
from streams.commands.configuration import settings_or_exit
from streams.errors import StreamError
from streams.kafka.topics import create_or_verify
from streams.settings import Settings

PARTITIONS = 4
_HISTORY = 10_000
_NAMES = ("cmowatch", "earlier", "faust", "quix")
_WHAT = {
    "fold": "what an event costs without Kafka, beside an earlier commit",
    "rates": "events a second through Kafka, beside it and the peers",
    "memory": "how many bytes a lot and a refusal take",
    "holds": "for how long the loop is held",
    "fencing": "what it costs that each partition has one writer",
    "latency": "how soon an event is seen",
    "paging": "how soon somebody is told",
}
_BY_DEFAULT = ("fold", "rates", "memory", "holds")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured, and how thoroughly."""

    events: int
    peer_events: int
    fold_events: int
    repeats: int
    only: tuple[str, ...]
    against: str
    quix_python: Path
    json: Path | None
    console: Console

    def has(self, name: str) -> bool:
        """Whether a contestant is to run."""
        return not self.only or name in self.only


def _measures(command: Callable[..., None]) -> Callable[..., None]:
    """A flag for each thing there is to measure."""
    for name, help_ in reversed(_WHAT.items()):
        command = click.option(f"--{name}", is_flag=True, help=f"Measure {help_}.")(command)
    return command


@click.command()
@_measures
@click.option("--events", type=click.IntRange(2_000, 2_000_000), default=500_000, show_default=True)
@click.option(
    "--peer-events",
    type=click.IntRange(1_000, 2_000_000),
    default=60_000,
    show_default=True,
    help="The peers are slower: they fold the first so many, while what they keep is still small.",
)
@click.option(
    "--fold-events",
    type=click.IntRange(2_000, 2_000_000),
    default=100_000,
    show_default=True,
    help="So many are folded without Kafka.",
)
@click.option("--repeats", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--against", default=EARLIER, show_default=True, help="The commit to measure beside.")
@click.option(
    "--only", type=click.Choice(_NAMES), multiple=True, help="Run these alone; all by default."
)
@click.option(
    "--quix-python",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(".venv-bench/bin/python"),
    show_default=True,
    help="A Python that has Quix Streams; `make bench` makes one.",
)
@click.option("--json", type=click.Path(dir_okay=False, path_type=Path), help="For the rates.")
def bench(**given: Any) -> None:
    """Measure how fast it is, how soon it shows, how much it holds.

    Named measures are taken alone; by default fencing, latency and paging are left out. Each that
    needs a broker or another server starts it on this machine, and ends it.
    """
    named = [name for name in _WHAT if given.pop(name)]
    asked = Asked(**given, console=Console())
    with _told():
        for name in named or (["rates"] if asked.only else _BY_DEFAULT):
            MEASURES[name](asked)
    asked.console.print(about())


def _fold(asked: Asked) -> None:
    lines = simulate(1, asked.fold_events).events
    with tree_of(asked.against) as there, TemporaryDirectory(prefix="bench-") as name:
        found = list(_paired(pairs(lines, ROOT, there, asked.repeats, Path(name)), asked))
    asked.console.print(fold_table(found, asked.against))


def _paired(found: Iterator[Pair], asked: Asked) -> Iterator[Pair]:
    for each in found:
        asked.console.print(
            f"{each.variant:>14}: {each.here.cost:.1f} µs here, {each.there.cost:.1f} µs at "
            f"{asked.against}, ratio {each.ratio:.2f}",
            highlight=False,
        )
        yield each


def _rates(asked: Asked) -> None:
    with tree_of(asked.against) if asked.has("earlier") else nullcontext(ROOT) as there:
        chosen = [each for each in _contestants(asked, there) if asked.has(each.name)]
        _contest(chosen, asked)


def _contest(chosen: Sequence[Contestant], asked: Asked) -> None:
    if absent := [each.python for each in chosen if not each.python.exists()]:
        raise click.UsageError(f"there is no {absent[0]}: run this by `make bench`, which makes it")
    world = simulate(1, asked.events).events
    with _loaded(world, asked.console) as (settings, folder):
        runs = list(_shown(chosen, asked.repeats, settings, folder, asked.console))
    asked.console.print(table(chosen, runs))
    if asked.json is not None:
        asked.json.write_text(as_json(medians(runs)) + "\n", encoding="utf-8")


def _contestants(asked: Asked, there: Path) -> Iterator[Contestant]:
    events, fewer, quix = asked.events, min(asked.events, asked.peer_events), asked.quix_python
    yield Contestant("cmowatch", "cmowatch", worker_of(ROOT), events)
    title = f"cmowatch {asked.against}"
    yield Contestant("earlier", title, worker_of(there), events, tree=there)
    yield Contestant("faust", "plain Faust", "deploy.lab.bench.plain_faust", fewer)
    yield Contestant("quix", "Quix Streams", "deploy.lab.bench.quix", fewer, quix.absolute())


def _memory(asked: Asked) -> None:
    found = []
    for each in footprints():
        asked.console.print(f"{each.what}: {each.bytes:,.0f} bytes", highlight=False)
        found.append(each)
    asked.console.print(footprint_table(found))


def _holds(asked: Asked) -> None:
    found = dict[str, Holds]()
    for title, made in WORLDS.items():
        asked.console.print(title)
        found[title] = holds(made())
    asked.console.print(holds_table(found))


def _fencing(asked: Asked) -> None:
    with _loaded([], asked.console) as (settings, _):
        asyncio.run(started(settings, PARTITIONS))  # Kafka makes its topic of transactions
        taken = asyncio.run(started(settings, PARTITIONS))
        found = asyncio.run(sends(settings))
    asked.console.print(f"{PARTITIONS} producers started in {taken * 1e3:.0f} ms", highlight=False)
    asked.console.print(fencing_table(found))


def _latency(asked: Asked) -> None:
    needed = sum(RATES) * 100
    world = simulate(1, _HISTORY + needed).events
    with _loaded(world[:_HISTORY], asked.console) as (settings, folder):
        asked.console.print(f"publishing at {' and '.join(map(str, RATES))} events a second")
        found = asyncio.run(latencies(settings, iter(world[_HISTORY:]), folder / "worker.log"))
    asked.console.print(latency_table(found))


def _paging(asked: Asked) -> None:
    with _loaded(simulate(1, _HISTORY).events, asked.console) as (settings, folder):
        asked.console.print(f"running {BREACHES} products out of stock")
        found = asyncio.run(pages(settings, folder))
    asked.console.print(paging_table(found))


MEASURES: dict[str, Callable[[Asked], None]] = {
    "fold": _fold,
    "rates": _rates,
    "memory": _memory,
    "holds": _holds,
    "fencing": _fencing,
    "latency": _latency,
    "paging": _paging,
}


@contextmanager
def _told() -> Iterator[None]:
    """Our errors end the command with their message and exit code 1."""
    try:
        yield
    except (BenchError, DemoError, KafkaError, ServerError, StreamError) as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _loaded(lines: Sequence[bytes], console: Console) -> Iterator[tuple[Settings, Path]]:
    """A broker with these events on its topics, and a folder; both are gone afterwards."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=cache_folder()) as name:
        folder = Path(name)
        file = folder / "events.ndjson"
        file.write_bytes(b"".join(line + b"\n" for line in lines))
        with LocalKafka(folder / "kafka", port=None, progress=console.print) as kafka:
            settings = settings_or_exit(
                brokers=kafka.brokers,
                partitions=PARTITIONS,
                agreements=AGREEMENTS,
                default_agreement=True,
                web_host=LOOPBACK,
            )
            asyncio.run(create_or_verify(settings))
            with _progress(console) as progress:
                task = progress.add_task("loading", total=len(lines))
                asyncio.run(load(settings, file, lambda more: progress.advance(task, more)))
            yield settings, folder


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:>14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _shown(
    contestants: Sequence[Contestant],
    repeats: int,
    settings: Settings,
    folder: Path,
    console: Console,
) -> Iterator[Run]:
    titles = {each.name: each.title for each in contestants}
    with _progress(console) as progress:
        task = progress.add_task("", total=None)

        def hear(contestant: Contestant, folded: int) -> None:
            progress.update(
                task,
                description=contestant.title,
                total=contestant.events,
                completed=folded,
            )

        for each in contest(contestants, repeats, settings, folder, hear):
            console.print(
                f"{titles[each.name]:>16}: {each.events:,} events in {each.seconds:.1f} s, "
                f"{each.rate:,.0f}/s, {each.cost:.0f} µs of the processor each",
                highlight=False,
            )
            yield each


def about() -> str:
    """The machine and the versions."""
    packages = ("faust-streaming", "aiokafka", "pydantic")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return (
        f"{cpu_count()} cores, {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}, Apache Kafka {KAFKA} on the same machine, "
        f"{PARTITIONS} partitions of {len(INBOUND)} topics, {versions}"
    )


if __name__ == "__main__":
    sys.exit(bench())
