"""What Prometheus reads: the last judgement of each shard, in its text format."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from alerts.catalogue import BY_NAME
from alerts.readings import Reading
from streams.shard import Shard

OPEN_LOTS_SHOWN = 1_000
"""The open lots of one CMO that have a series of their own; the others are counted."""

_DAY = 86_400
_LABELS = ("site", "product", "lot_state", "topic")


class Exposed(NamedTuple):
    """A shard as it stands now: whether it may speak, how far it has read, when it last heard."""

    shard: Shard
    ready: bool
    caught_up: float
    heard_until: datetime | None


class Page:
    """Series in Prometheus' text format, each family with its help and type before it."""

    def __init__(self) -> None:
        self._families: dict[str, list[str]] = {}

    def family(self, name: str, kind: str, help_: str) -> Callable[[str, float], None]:
        """A family of series; what it gives adds one by its labels and value."""
        if name not in self._families:
            # A counter's family is named without the `_total` its series end in.
            self._families[name] = [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
        add = self._families[name].append
        return lambda labels, value: add(f"{name}{{{labels}}} {value}")

    def text(self) -> str:
        """The page; a family without series is left out."""
        shown = (lines for lines in self._families.values() if len(lines) > 2)
        return "".join(line + "\n" for lines in shown for line in lines)


def label(name: str, value: str) -> str:
    """A label as it is written, whatever its value holds."""
    safe = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{safe}"'


def page(exposed: Iterable[Exposed]) -> str:
    """All series of these shards; one that is not ready tells of itself and of no CMO."""
    out, shards = Page(), list(exposed)
    _monitor(out, shards)
    for each in shards:
        if each.ready:
            _domain(out, each.shard)
    return out.text()


def _monitor(out: Page, shards: list[Exposed]) -> None:
    ready = out.family(
        "cmowatch_shard_ready", "gauge", "Whether a shard has caught up, and its CMOs are shown."
    )
    caught_up = out.family(
        "cmowatch_shard_caught_up_ratio", "gauge", "How much of its log a shard has read."
    )
    heard = out.family(
        "cmowatch_shard_heard_until_timestamp_seconds",
        "gauge",
        "The moment up to which a shard has heard all its topics, and judges.",
    )
    due = out.family(
        "cmowatch_outputs_due", "gauge", "What a shard has to say and has not read back."
    )
    for shard, is_ready, ratio, until in shards:
        where = label("partition", str(shard.partition))
        ready(where, int(is_ready))
        caught_up(where, ratio)
        due(where, shard.due)
        if until is not None:
            heard(where, until.timestamp())
    _counters(out, [each.shard for each in shards])


def _counters(out: Page, shards: Iterable[Shard]) -> None:
    folded = out.family(
        "cmowatch_folded_offset", "gauge", "The offset up to which a topic's partition is folded."
    )
    for shard in shards:
        where = label("partition", str(shard.partition))
        for topic, offset in shard.next.items():
            folded(f"{where},{label('topic', topic)}", offset)
    for name, help_, counts in (
        ("accepted", "Events taken", lambda shard: shard.accepted),
        ("duplicate", "Events that were taken before", lambda shard: shard.duplicates),
        ("unreadable", "Messages on our own topics that are none of ours", _unreadable),
    ):
        _count_by_topic(out, f"cmowatch_events_{name}_total", f"{help_}.", shards, counts)
    rejected = out.family(
        "cmowatch_events_rejected_total", "counter", "Messages refused, by reason."
    )
    for shard in shards:
        where = label("partition", str(shard.partition))
        for (topic, reason), count in sorted(shard.rejected.items()):
            rejected(f"{where},{label('topic', topic)},{label('reason', reason)}", count)


def _unreadable(shard: Shard) -> Mapping[str, int]:
    return shard.unreadable


def _count_by_topic(
    out: Page,
    name: str,
    help_: str,
    shards: Iterable[Shard],
    counts: Callable[[Shard], Mapping[str, int]],
) -> None:
    add = out.family(name, "counter", help_)
    for shard in shards:
        where = label("partition", str(shard.partition))
        for topic, count in counts(shard).items():
            add(f"{where},{label('topic', topic)}", count)


def _domain(out: Page, shard: Shard) -> None:
    for reading in shard.readings():
        _reading(out, reading)
    _breaches(out, shard)
    _feeds(out, shard)
    for name in sorted(shard.cmos):
        _open_lots(out, shard, name)


def _reading(out: Page, reading: Reading) -> None:
    labels = _scope(reading)
    everywhere = f"{label('kpi', reading.kpi.name)},{labels}"
    for name, help_, value in _figures(reading):
        if value is not None:
            out.family(name, "gauge", help_)(everywhere, value)
    if reading.value is not None:
        kpi = reading.kpi
        value = reading.value * _DAY if kpi.unit == "days" else reading.value
        out.family(kpi.series, "gauge", kpi.help)(labels, value)
    limit = out.family("cmo_kpi_limit", "gauge", "The limit in force, in the KPI's own unit.")
    for severity in ("warning", "critical"):
        if (bound := getattr(reading.bounds, severity)) is not None:
            limit(f"{everywhere},{label('severity', severity)}", bound)


def _figures(reading: Reading) -> Iterator[tuple[str, str, float | None]]:
    interval = reading.interval
    yield (
        "cmo_kpi_state",
        "What a reading is worth: -2 unknown, -1 insufficient, 0 ok, 1 warning, 2 critical.",
        None if reading.state is None else int(reading.state),
    )
    yield "cmo_kpi_reading", "The value, in the KPI's own unit.", reading.value
    yield "cmo_kpi_numerator", "What a ratio has above its line.", reading.numerator
    yield "cmo_kpi_denominator", "What a ratio has below its line.", reading.denominator
    yield "cmo_kpi_evidence", "How many pieces of evidence a reading rests on.", reading.n
    yield "cmo_kpi_low", "The lower end of the 95 % interval.", interval and interval.low
    yield "cmo_kpi_high", "The upper end of the 95 % interval.", interval and interval.high


def _scope(reading: Reading) -> str:
    labels = [label("cmo", reading.cmo)]
    for name, value in zip(_LABELS, reading.scope, strict=True):
        if value is not None:
            labels.append(label(name, value))
    if reading.quantile is not None:
        labels.append(label("percentile", reading.quantile))
    return ",".join(labels)


def _breaches(out: Page, shard: Shard) -> None:
    opened = out.family("cmo_breach_open", "gauge", "A breach that stands, with its severity.")
    since = out.family(
        "cmo_breach_since_timestamp_seconds", "gauge", "The moment a standing breach opened."
    )
    for where, standing in shard.ledger.standing.items():
        said = standing.said
        scope = zip(_LABELS, where.scope, strict=True)
        labels = [
            label("breach_id", said.breach),
            label("kpi", said.kpi),
            label("cmo", said.cmo),
            *(label(name, value) for name, value in scope if value is not None),
        ]
        urgency = BY_NAME[said.kpi].judged if said.kpi in BY_NAME else "review"
        severity = [label("severity", said.severity), label("judged", urgency)]
        opened(",".join([*labels, *severity]), 1)
        since(",".join(labels), said.since.timestamp())


def _feeds(out: Page, shard: Shard) -> None:
    heard = out.family(
        "cmo_feed_last_event_timestamp_seconds",
        "gauge",
        "The record time of the last event or heartbeat of a CMO on a topic.",
    )
    gaps = out.family(
        "cmo_feed_sequence_gaps", "gauge", "Spans missing from the sequences on a topic."
    )
    for name, cmo in sorted(shard.cmos.items()):
        for topic, feed in sorted(cmo.feeds.items()):
            labels = f"{label('cmo', name)},{label('topic', topic)}"
            if feed.heard:
                heard(labels, feed.heard / 1e6)
            gaps(labels, sum(sequence.gaps for sequence in feed.sequences.values()))


def _open_lots(out: Page, shard: Shard, name: str) -> None:
    cmo = shard.cmos[name]
    since = out.family(
        "cmo_open_lot_status_since_timestamp_seconds",
        "gauge",
        "The moment an open lot came into the state it is in.",
    )
    omitted = out.family(
        "cmo_open_lots_omitted", "gauge", "Open lots beyond those with a series of their own."
    )
    oldest = sorted(cmo.open_lots.items(), key=lambda lot: lot[1].state_since)
    for lot, told in oldest[:OPEN_LOTS_SHOWN]:
        labels = [label("cmo", name), label("lot", lot), label("lot_state", told.state)]
        if told.product:
            labels.append(label("product", told.product))
        since(",".join(labels), told.state_since / 1e6)
    if len(oldest) > OPEN_LOTS_SHOWN:
        omitted(label("cmo", name), len(oldest) - OPEN_LOTS_SHOWN)
