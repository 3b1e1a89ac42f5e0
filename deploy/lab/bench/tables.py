"""What was measured, as tables."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from rich.table import Table

from deploy.lab.bench.contest import Contestant, Run, costs, dearer, medians
from deploy.lab.bench.fencing import Fenced
from deploy.lab.bench.fold import Pair, ratios
from deploy.lab.bench.footprint import LOTS_MADE, Footprint
from deploy.lab.bench.holds import AIM, Holds
from deploy.lab.bench.latency import MARKERS, Seen, nearest_rank
from deploy.lab.bench.paging import BREACHES, Paged


def fold_table(found: Sequence[Pair], against: str) -> Table:
    """Microseconds of the processor an event, of both trees and as a ratio, by variant."""
    shown = Table(title=f"CPU µs/event without Kafka; medians of {_repeats(found)} pairs in turn")
    shown.add_column("events", no_wrap=True)
    for heading in ("here", against, "ratio", "lowest", "highest", "refused"):
        shown.add_column(heading, justify="right")
    for each in ratios(found):
        shown.add_row(
            each.variant,
            f"{each.here:.1f}",
            f"{each.there:.1f}",
            *(f"{ratio:.2f}" for ratio in (each.ratio, each.lowest, each.highest)),
            " / ".join(f"{refused:,}" for refused in each.refused),
        )
    return shown


def _repeats(found: Sequence[Pair]) -> int:
    return len(found) // len({pair.variant for pair in found})


def table(contestants: Sequence[Contestant], runs: Sequence[Run]) -> Table:
    """Median rates and costs, and how many times slower and dearer than the first each is."""
    repeats = len(runs) // len(contestants)
    found = Table(title=f"One process, CPU µs an event; medians of {repeats} runs in turn")
    found.add_column("", no_wrap=True)
    rated = "events/s", "lowest", "highest", "slower"
    for heading in ("events", *rated, "CPU µs", "dearer"):
        found.add_column(heading, justify="right")
    rates, spent = medians(runs), costs(runs)
    first, shares = next(iter(rates.values())), dearer(runs)
    for each in contestants:
        own = [run.rate for run in runs if run.name == each.name]
        figures = (rates[each.name], min(own), max(own))
        found.add_row(
            each.title,
            f"{each.events:,}",
            *(f"{figure:,.0f}" for figure in figures),
            f"{first / rates[each.name]:.1f} ×",
            f"{spent[each.name]:.0f}",
            f"{shares[each.name]:.2f} ×",
        )
    return found


def footprint_table(found: Iterable[Footprint]) -> Table:
    """Bytes of each thing, beside those aimed at."""
    shown = Table(title=f"Bytes of one of {LOTS_MADE:,}")
    shown.add_column("what", no_wrap=True)
    for heading in ("bytes", "aim"):
        shown.add_column(heading, justify="right")
    for each in found:
        shown.add_row(each.what, f"{each.bytes:,.0f}", f"{each.aim:,}")
    return shown


def holds_table(found: Mapping[str, Holds]) -> Table:
    """Milliseconds of the processor for which the loop was held at the longest, by world."""
    shown = Table(title=f"The longest hold of the loop in ms; aim {AIM * 1e3:.0f}")
    shown.add_column("world", no_wrap=True)
    for heading in ("events", "tick", "scrape", "fold", "gc"):
        shown.add_column(heading, justify="right")
    for title, each in found.items():
        held = each.tick, each.scrape, each.fold, each.collector
        shown.add_row(title, f"{each.events:,}", *(f"{hold * 1e3:.1f}" for hold in held))
    return shown


def fencing_table(found: Iterable[Fenced]) -> Table:
    """Milliseconds of a send in a transaction and without, by how many outputs it has."""
    shown = Table(title="ms of a send, in a transaction and without, medians in turn")
    for heading in ("outputs", "fenced", "unfenced", "dearer", "ratio", "outputs/s"):
        shown.add_column(heading, justify="right")
    for each in found:
        seconds = median(each.fenced), median(each.unfenced), each.dearer
        shown.add_row(
            f"{each.size:,}",
            *(f"{of * 1e3:.1f}" for of in seconds),
            f"{each.ratio:.1f}",
            f"{each.rate:,.0f}",
        )
    return shown


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
