"""The live board: one moment of the monitor, for people, in a terminal of any width."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from alerts.judge import Verdict
from alerts.kpi import Kpi
from alerts.kpis import BY_NAME, KPIS
from alerts.kpis.feed import FEED_SILENCE
from deploy.lab.demo.snapshot import About, Figure, OpenBreach, Snapshot
from deploy.lab.webhook import Alert
from deploy.prometheus.rule import PAGE, TICKET
from events.data import INBOUND
from events.dimensions import Scope

_LOOKS: dict[Verdict | None, tuple[str, str, str]] = {
    Verdict.CRITICAL: ("✖", "bold red", "critical"),
    Verdict.WARNING: ("▲", "yellow", "warning"),
    Verdict.UNKNOWN: ("?", "bold magenta", "unknown"),
    Verdict.INSUFFICIENT: ("◌", "cyan", "too few"),
    Verdict.OK: ("●", "green", "ok"),
    None: (" ", "dim", "no limit"),
}
_NAME_WIDTH = 16
_CELL_WIDTH = 12
_WIDE, _ROOMY = 180, 120
_MOST_BREACHES, _FEWEST_BREACHES = 200, 5
_MOST_ALERTS = 6
_LINES_AROUND, _HEADER = 11, 3
_DURATIONS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
_STILL = 0.005
"""The share of the former value that a value moves by before an arrow says so."""


def render(snapshot: Snapshot, rows: int | None = None) -> RenderableType:
    """The board of a moment, fitted to the console's width and, when given, to `rows` lines."""
    return _Board(snapshot, rows)


@dataclass(frozen=True)
class _Board:
    snapshot: Snapshot
    rows: int | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, snapshot = options.max_width, self.snapshot
        columns = max(1, (width - _NAME_WIDTH) // _CELL_WIDTH)
        blocks = _evenly(KPIS, -(-len(KPIS) // columns))
        cmos = _neediest_first(snapshot)
        alerts = _alerts(snapshot, None if self.rows is None else _MOST_ALERTS)
        rows = None if self.rows is None else self.rows - len(alerts)
        most, most_breaches = _room(rows, len(cmos), len(blocks), wide=width >= _WIDE)
        yield from _head(snapshot)
        if not snapshot.figures:
            return
        name_width = max(_NAME_WIDTH, width - _CELL_WIDTH * len(blocks[0]))
        for kpis in blocks:
            yield _matrix(snapshot, kpis, cmos[:most], name_width)
        if len(cmos) > most:
            yield Text(f"and {len(cmos) - most} more CMOs, with fewer broken limits", style="dim")
        yield _legend()
        breaches = _breaches(snapshot, most_breaches, titled=width >= _ROOMY)
        feeds = _feeds(snapshot, cmos[:most])
        yield _beside(breaches, feeds) if width >= _WIDE else Group(breaches, feeds)
        yield from alerts


def _evenly(kpis: Sequence[Kpi], blocks: int) -> list[Sequence[Kpi]]:
    """The KPIs in so many runs of about the same length."""
    size = -(-len(kpis) // blocks)
    return [kpis[start : start + size] for start in range(0, len(kpis), size)]


def _room(rows: int | None, cmos: int, blocks: int, *, wide: bool) -> tuple[int, int]:
    """How many CMOs and how many breaches are shown so that all fits on `rows` lines."""
    if rows is None:
        return cmos, _MOST_BREACHES
    left = rows - _LINES_AROUND - _HEADER * blocks
    tables = blocks if wide else blocks + 1
    shown = min(cmos, max(2, (left - _FEWEST_BREACHES) // tables))
    if wide:
        shown = min(shown, max(2, left // (blocks + 1)))
    return shown, max(2, left - shown * tables)


def _neediest_first(snapshot: Snapshot) -> list[str]:
    """CMOs by how many of their figures are critical, then warning; those nobody hears of last."""
    states: dict[str, list[Verdict | None]] = {cmo: [] for cmo in snapshot.cmos}
    for figure in snapshot.figures:
        states[figure.about.cmo].append(figure.state)

    def need(cmo: str) -> tuple[int, int, bool, str]:
        own = states[cmo]
        known = any(state is not None and state >= Verdict.OK for state in own)
        return -own.count(Verdict.CRITICAL), -own.count(Verdict.WARNING), not known, cmo

    return sorted(states, key=need)


def _head(snapshot: Snapshot) -> Iterator[RenderableType]:
    ready = sum(shard.ready for shard in snapshot.shards.values())
    facts = [
        f"{len(snapshot.cmos)} CMOs",
        f"{len(snapshot.breaches)} open breaches",
        f"{_events(snapshot)} read",
        f"{sum(snapshot.refused.values()):,} refused",
        f"{ready} of {len(snapshot.shards)} shards ready",
    ]
    if snapshot.rate:
        facts.append(f"{snapshot.rate:,.0f}/s")
    where = f"metrics at {snapshot.metrics}" if snapshot.metrics else "no metrics yet"
    yield Text.assemble(("cmowatch", "bold"), f"  {snapshot.at:%Y-%m-%d %H:%M:%S} UTC  {where}")
    yield Text(" · ".join(facts))
    if not snapshot.ready:
        yield _progress(snapshot)


def _events(snapshot: Snapshot) -> str:
    counted = f"{snapshot.counted:,}"
    return counted if snapshot.published is None else f"{counted} of {snapshot.published:,}"


def _progress(snapshot: Snapshot) -> RenderableType:
    line = Table.grid(padding=(0, 1))
    share = snapshot.caught_up
    bar = ProgressBar(total=1.0, completed=share, width=40)
    line.add_row("catching up", bar, f"{share:.0%}")
    return line


def _matrix(snapshot: Snapshot, kpis: Sequence[Kpi], cmos: Sequence[str], name_width: int) -> Table:
    table = _table()
    longest = max((len(cmo) for cmo in cmos), default=0)
    table.add_column("CMO", width=min(longest, name_width - 1), no_wrap=True, overflow="ellipsis")
    for kpi in kpis:
        table.add_column(kpi.title, width=_CELL_WIDTH - 1, overflow="fold")
    figures = _by_cell(snapshot.figures)
    for cmo in cmos:
        cells = (_cell(snapshot, kpi, figures.get((cmo, kpi.name), ())) for kpi in kpis)
        table.add_row(cmo, *cells)
    return table


def _table() -> Table:
    return Table(box=None, padding=(0, 1, 0, 0), header_style="bold", pad_edge=False)


def _by_cell(figures: Iterable[Figure]) -> dict[tuple[str, str], list[Figure]]:
    """The figures of each CMO and KPI, the one that needs attention most first."""
    found: dict[tuple[str, str], list[Figure]] = {}
    for figure in sorted(figures, key=_by_attention):
        found.setdefault((figure.about.cmo, figure.about.kpi), []).append(figure)
    return found


def _cell(snapshot: Snapshot, kpi: Kpi, figures: Sequence[Figure]) -> Text:
    """State, value, n and trend in at most eleven characters: `✖87.2% 132↓`."""
    if not figures:
        return Text("  –", style="dim")
    figure = figures[0]
    symbol, style, _ = _LOOKS[figure.state]
    if figure.state is Verdict.UNKNOWN:
        return Text(f"{symbol} {_unknown(figures)}", style=style)
    if figure.value is None and figure.n == 0:
        return Text("  none due", style=style)
    n = "" if figure.n is None else _count(figure.n)
    if figure.state is Verdict.INSUFFICIENT:
        return Text(f"{symbol} few ({n})", style=style)
    cell = f"{symbol}{value_of(kpi, figure.value)} {n}"
    return Text.assemble((cell, style), _trend(snapshot, kpi, figure))


def _unknown(figures: Sequence[Figure]) -> str:
    """How many of the judged are unknown, where others are known."""
    judged = [figure.state for figure in figures if figure.state is not None]
    unknown = judged.count(Verdict.UNKNOWN)
    return "unknown" if unknown == len(judged) else f"{unknown} of {len(judged)}"


def _trend(snapshot: Snapshot, kpi: Kpi, figure: Figure) -> tuple[str, str]:
    """An arrow against 30 days before, and whether it points to the better."""
    before = snapshot.earlier.get((figure.about, figure.percentile))
    if before is None or figure.value is None:
        return "", ""
    change = figure.value - before
    if abs(change) <= _STILL * abs(before):
        return "→", "dim"
    better = (change > 0) == kpi.higher_is_better
    return ("↑" if change > 0 else "↓"), ("green" if better else "red")


def value_of(kpi: Kpi, value: float | None) -> str:
    """A value in the KPI's unit, in at most five characters."""
    if value is None:
        return "–"
    if kpi.unit == "ratio":
        return f"{value:.0%}" if value in (0, 1) else f"{value * 100:.1f}%"
    if kpi.unit == "count":
        return _count(int(value))
    if kpi.unit == "days" and value == 0:
        return "0d"
    return duration(value * kpi.in_base_units)


def duration(seconds: float) -> str:
    """A span of time in its largest unit: `4.2h`, `12d`."""
    for unit, length in _DURATIONS:
        if abs(seconds) >= length:
            amount = seconds / length
            return f"{amount:.1f}{unit}" if abs(amount) < 10 else f"{amount:.0f}{unit}"
    return "0s"


def _count(n: int) -> str:
    return str(n) if n < 1000 else f"{n // 1000}k"


def _legend() -> Text:
    legend = Text()
    for symbol, style, meaning in _LOOKS.values():
        legend.append(f"{symbol.strip() or 'plain'} {meaning}  ", style=style)
    legend.append("after the value: n; ↑↓ since 30 days before, red for the worse", style="dim")
    return legend


def _breaches(snapshot: Snapshot, most: int, *, titled: bool) -> RenderableType:
    """The open breaches; the id names the KPI, and its title is added where there is room."""
    standing = sorted(snapshot.breaches, key=_loudest_first)
    if not standing:
        return Text("No breach is open.", style="green")
    table = _table()
    table.title, table.title_justify, table.title_style = "Open breaches", "left", "bold"
    table.add_column("breach", overflow="fold")
    if titled:
        table.add_column("KPI", no_wrap=True)
    for name, width in (("since", 10), ("reading", 7), ("limit", 9), ("n", 5)):
        table.add_column(name, min_width=width, no_wrap=True)
    figures = snapshot.by_subject()
    for breach in islice(standing, most):
        table.add_row(*_breach(breach, figures.get(breach.about), titled=titled))
    if len(standing) > most:
        table.add_row(Text(f"and {len(standing) - most} more", style="dim"))
    return table


def _by_attention(figure: Figure) -> tuple[int, str, str]:
    return figure.attention, str(figure.about), figure.percentile


def _loudest_first(breach: OpenBreach) -> tuple[bool, float, str]:
    since = breach.since.timestamp() if breach.since else 0.0
    return breach.severity != "critical", -since, breach.id


def _breach(breach: OpenBreach, figure: Figure | None, *, titled: bool) -> Iterator[Text]:
    kpi = BY_NAME.get(breach.about.kpi)
    symbol, style, _ = _LOOKS[
        Verdict.CRITICAL if breach.severity == "critical" else Verdict.WARNING
    ]
    yield Text(f"{symbol} {breach.id}", style=style)
    if titled:
        yield Text(kpi.title if kpi else breach.about.kpi)
    yield Text(f"{breach.since:%Y-%m-%d}" if breach.since else "–")
    yield Text(value_of(kpi, figure.value) if kpi and figure else "–")
    yield Text(_limit(kpi, figure, breach.severity) if kpi and figure else "–")
    yield Text("–" if figure is None or figure.n is None else str(figure.n))


def _limit(kpi: Kpi, figure: Figure, severity: str) -> str:
    bound = figure.critical if severity == "critical" else figure.warning
    if bound is None:
        return "–" if kpi.always_critical is None else f"> {value_of(kpi, kpi.always_critical)}"
    if kpi.exceptions is not None:
        return f"< {value_of(kpi, bound)}"
    return f"{'≥' if kpi.higher_is_better else '≤'} {value_of(kpi, bound)}"


def _alerts(snapshot: Snapshot, most: int | None) -> list[Text]:
    """The alerts that arrived, loudest first, a line each; no lines where none can arrive."""
    if snapshot.alerts is None:
        return []
    ordered = sorted(snapshot.alerts, key=lambda alert: (alert.severity != PAGE, alert.summary))
    title = Text(f"Alerts that arrived: {len(ordered)}", style="bold")
    shown = [_alert(alert) for alert in ordered[:most]]
    more = len(ordered) - len(shown)
    rest = [Text(f"and {more} more", style="dim")] if more else []
    return [title, *shown, *rest]


def _alert(alert: Alert) -> Text:
    style = _LOOKS[Verdict.CRITICAL if alert.severity == PAGE else Verdict.WARNING][1]
    loudness = {PAGE: "page", TICKET: "ticket"}.get(alert.severity, alert.severity)
    line = Text.assemble((f"{loudness:6} ", style), alert.summary)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def _feeds(snapshot: Snapshot, cmos: Sequence[str]) -> Table:
    """When each CMO was last heard on each topic, and what its silence is judged to be."""
    table = _table()
    table.title, table.title_justify, table.title_style = "Last heard", "left", "bold"
    table.add_column("CMO", no_wrap=True, overflow="ellipsis", max_width=_NAME_WIDTH)
    for topic in INBOUND:
        table.add_column(topic)
    silence = {f.about: f.state for f in snapshot.figures if f.about.kpi == FEED_SILENCE.name}
    for cmo in cmos:
        heard = (snapshot.feeds.get((cmo, topic)) for topic in INBOUND)
        feeds = (About(FEED_SILENCE.name, cmo, Scope(topic=topic)) for topic in INBOUND)
        states = map(silence.get, feeds)
        table.add_row(cmo, *map(_heard, heard, states, [snapshot.at] * len(INBOUND)))
    return table


def _heard(last: datetime | None, state: Verdict | None, at: datetime) -> Text:
    symbol, style, _ = _LOOKS[state]
    if last is None:
        return Text(f"{symbol}never" if state is not None else "  –", style=style)
    return Text(f"{symbol}{duration(max(at - last, timedelta()).total_seconds())} ago", style=style)


def _beside(left: RenderableType, right: RenderableType) -> Table:
    both = Table.grid(padding=(0, 4, 0, 0))
    both.add_row(left, right)
    return both
