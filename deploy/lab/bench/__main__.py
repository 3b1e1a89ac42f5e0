"""The command behind `make bench`."""

import asyncio
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.lab.bench.contest import Contestant, Run, as_json, contest, costs, medians
from deploy.lab.bench.errors import BenchError
from deploy.lab.bench.footprint import footprint
from deploy.lab.bench.latency import MARKERS, RATES, Seen, latencies, nearest_rank
from deploy.lab.bench.paging import BREACHES, Paged, pages
from deploy.lab.demo import AGREEMENTS
from deploy.lab.demo.errors import DemoError
from deploy.lab.demo.load import load
from deploy.lab.kafka import KAFKA, KafkaError, LocalKafka, cache_folder
from deploy.lab.process import LOOPBACK
from deploy.lab.servers import ServerError
from deploy.lab.simulate.simulator import simulate
from events.data import INBOUND
from streams.agreements import read_agreements
from streams.commands.configuration import settings_or_exit
from streams.errors import StreamError
from streams.kafka.topics import create_or_verify
from streams.settings import Settings

PARTITIONS = 4
_LOTS = 10_000
_HISTORY = 10_000
_NAMES = ("cmowatch", "faust", "quix")


@click.command()
@click.option("--events", type=click.IntRange(2_000, 2_000_000), default=500_000, show_default=True)
@click.option(
    "--peer-events",
    type=click.IntRange(1_000, 2_000_000),
    default=60_000,
    show_default=True,
    help="The peers are slower: they fold the first so many, while what they keep is still small.",
)
@click.option("--repeats", type=click.IntRange(1, 20), default=3, show_default=True)
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
@click.option("--latency", is_flag=True, help="Measure how soon an event is seen, and no rates.")
@click.option("--paging", is_flag=True, help="Measure how soon somebody is told, and no rates.")
@click.option("--memory", is_flag=True, help="Measure how much a lot takes, and no rates.")
@click.option("--json", "json_", type=click.Path(dir_okay=False, path_type=Path))
def bench(
    events: int,
    peer_events: int,
    repeats: int,
    only: tuple[str, ...],
    quix_python: Path,
    latency: bool,
    paging: bool,
    memory: bool,
    json_: Path | None,
) -> None:
    """Measure events a second of one worker beside plain Faust and Quix Streams.

    All fold the same simulated events from the same broker on this machine, which is started for
    this and ended with it.
    """
    console = Console()
    if latency:
        with _told():
            _latency(console)
        return
    if paging:
        with _told():
            _paging(console)
        return
    if memory:
        _memory(events, console)
        return
    fewer = min(events, peer_events)
    contestants = [
        Contestant("cmowatch", "cmowatch", "deploy.lab.bench.own", events),
        Contestant("faust", "plain Faust", "deploy.lab.bench.plain_faust", fewer),
        Contestant("quix", "Quix Streams", "deploy.lab.bench.quix", fewer, quix_python.absolute()),
    ]
    chosen = [each for each in contestants if not only or each.name in only]
    if absent := [each.python for each in chosen if not each.python.exists()]:
        raise click.UsageError(f"there is no {absent[0]}: run this by `make bench`, which makes it")
    world = simulate(1, events).events
    with _told(), _loaded(world, console) as (settings, folder):
        runs = list(_shown(chosen, repeats, settings, folder, console))
    console.print(table(chosen, runs))
    console.print(about())
    if json_ is not None:
        json_.write_text(as_json(medians(runs)) + "\n", encoding="utf-8")


@contextmanager
def _told() -> Iterator[None]:
    """Our errors end the command with their message and exit code 1."""
    try:
        yield
    except (BenchError, DemoError, KafkaError, ServerError, StreamError) as error:
        raise click.ClickException(str(error)) from error


def _memory(events: int, console: Console) -> None:
    agreed = read_agreements(AGREEMENTS, use_default=True)
    found = footprint(simulate(1, events).events, agreed, _LOTS)
    console.print(
        f"{found.lots:,} lots with {found.facts:,} facts: {found.bytes / found.lots:,.0f} bytes a "
        f"lot, {found.bytes / found.facts:,.0f} a fact",
        highlight=False,
    )


def _latency(console: Console) -> None:
    needed = sum(RATES) * 100
    world = simulate(1, _HISTORY + needed).events
    with _loaded(world[:_HISTORY], console) as (settings, folder):
        console.print(f"publishing at {' and '.join(map(str, RATES))} events a second")
        found = asyncio.run(latencies(settings, iter(world[_HISTORY:]), folder / "worker.log"))
    console.print(latency_table(found))
    console.print(about())


def _paging(console: Console) -> None:
    with _loaded(simulate(1, _HISTORY).events, console) as (settings, folder):
        console.print(f"running {BREACHES} products out of stock")
        found = asyncio.run(pages(settings, folder))
    console.print(paging_table(found))
    console.print(about())


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
                f"{titles[each.name]:>14}: {each.events:,} events in {each.seconds:.1f} s, "
                f"{each.rate:,.0f}/s, {each.cost:.0f} µs of the processor each",
                highlight=False,
            )
            yield each


def table(contestants: Sequence[Contestant], runs: Sequence[Run]) -> Table:
    """Median rates and costs, and how many times slower and dearer than the first each is."""
    found = Table(title=f"One process; medians of {len(runs) // len(contestants)} runs in turn")
    rated = "events/s", "lowest", "highest", "slower"
    for heading in ("", "events", *rated, "CPU µs/event", "dearer"):
        found.add_column(heading, justify="right" if heading else "left")
    rates, spent = medians(runs), costs(runs)
    first, least = next(iter(rates.values())), next(iter(spent.values()))
    for each in contestants:
        own = [run.rate for run in runs if run.name == each.name]
        figures = (rates[each.name], min(own), max(own))
        found.add_row(
            each.title,
            f"{each.events:,}",
            *(f"{figure:,.0f}" for figure in figures),
            f"{first / rates[each.name]:.1f} ×",
            f"{spent[each.name]:.0f}",
            f"{spent[each.name] / least:.1f} ×",
        )
    return found


def latency_table(found: Sequence[Seen]) -> Table:
    """Seconds until a published event was seen, by rate."""
    shown = Table(title=f"Seconds from publishing to being seen, {MARKERS} events each")
    for heading in ("events/s", "seen as", "p50", "p95", "p99"):
        shown.add_column(heading, justify="right")
    for each in found:
        for what, seconds in (("/metrics", each.metrics), ("breach", each.breaches)):
            quantiles = (f"{nearest_rank(seconds, q):.2f}" for q in (50, 95, 99))
            shown.add_row(f"{each.rate:,}", what, *quantiles)
    return shown


def paging_table(found: Paged) -> Table:
    """Seconds until a breach was shown, and until somebody was told of it."""
    shown = Table(title=f"Seconds from publishing to a breach, {BREACHES} of them")
    for heading in ("seen as", "p50", "p95", "longest"):
        shown.add_column(heading, justify="right")
    for what, seconds in (("/metrics", found.metrics), ("webhook", found.webhook)):
        quantiles = (f"{nearest_rank(seconds, q):.2f}" for q in (50, 95, 100))
        shown.add_row(what, *quantiles)
    return shown


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
