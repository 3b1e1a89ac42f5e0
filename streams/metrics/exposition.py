"""What Prometheus reads: the last judgement of each shard, in its text format."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from alerts.readings import Reading
from alerts.view import CmoView
from events.dimensions import Scope
from streams.metrics.doubts import doubts
from streams.metrics.open_items import breaches, open_lines, open_lots, stock
from streams.metrics.text_format import Families, Page, label, written
from streams.seals import Damage
from streams.shard import Shard

_AT_ONCE = 200  # readings put on a page before others have their turn on the loop


class Exposed(NamedTuple):
    """A shard as it stands now: whether it may speak, how far it has read, when it last heard.

    `lag` is what each topic holds beyond what is folded; `held_since` is when the worker got the
    partition, `answered` when a broker last answered about it, and `skew` for how many seconds the
    worker's clock is ahead of the broker's. `damages` say what is wrong with
    its log, and `unknown` are all readings of it then. `unseen_for` are the seconds for which no
    broker has told whether it is whole.
    """

    shard: Shard
    ready: bool
    caught_up: float
    watermark: datetime | None
    lag: Mapping[str, int] = {}
    held_since: datetime | None = None
    answered: datetime | None = None
    skew: float | None = None
    damages: Sequence[Damage] = ()
    unknown: Sequence[Reading] = ()
    unseen_for: float = 0.0


def page(exposed: Iterable[Exposed]) -> str:
    """All series of these shards; one that is not ready tells of itself and of no CMO."""
    out = Page()
    for _ in render(out, exposed):
        pass
    return out.text()


def render(out: Page, exposed: Iterable[Exposed]) -> Iterator[None]:
    """Puts all series of these shards on a page, pausing wherever others may have their turn."""
    shards = list(exposed)
    _monitor(out, shards)
    for each in shards:
        yield
        if each.ready:
            yield from _domain(out, each.shard)
        if each.unknown:
            figures = ReadingFamilies(out)
            for reading in each.unknown:
                figures.show(reading)


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
    for each in shards:
        where = label("partition", str(each.shard.partition))
        ready(where, int(each.ready))
        caught_up(where, each.caught_up)
        due(where, each.shard.due)
        if each.watermark is not None:
            heard(where, each.watermark.timestamp())
    _log(out, shards)
    _damaged(out, shards)
    _counters(out, [each.shard for each in shards])
    _lacking(out, [each.shard for each in shards])


def _log(out: Page, shards: list[Exposed]) -> None:
    """How far behind the log is followed, since when, and whether the brokers answer at all."""
    lag = out.family("cmowatch_lag_events", "gauge", "What a topic holds beyond what is folded.")
    held = out.family(
        "cmowatch_shard_held_since_timestamp_seconds",
        "gauge",
        "The moment from which this worker has held a partition, and read it.",
    )
    skew = out.family(
        "cmowatch_clock_skew_seconds",
        "gauge",
        "For how long this worker's clock is ahead of the broker's, at least; negative if behind.",
    )
    for each in shards:
        where = label("partition", str(each.shard.partition))
        for topic, count in each.lag.items():
            lag(f"{where},{label('topic', topic)}", count)
        if each.skew is not None:
            skew(where, each.skew)
        if each.held_since is not None:
            held(where, each.held_since.timestamp())
    if answers := [each.answered for each in shards if each.answered is not None]:
        answered = out.family(
            "cmowatch_broker_answered_timestamp_seconds",
            "gauge",
            "The moment a broker last answered this worker.",
        )
        answered("", max(answers).timestamp())


def _damaged(out: Page, shards: list[Exposed]) -> None:
    damaged = out.family(
        "cmowatch_log_damaged",
        "gauge",
        "That a topic's partition is not what it was, so that its CMOs are unknown.",
    )
    unseen = out.family(
        "cmowatch_log_unseen_seconds",
        "gauge",
        "For how long no broker has told whether a partition is still what it was.",
    )
    for each in shards:
        where = label("partition", str(each.shard.partition))
        unseen(where, each.unseen_for)
        for topic, kind in each.damages:
            damaged(f"{where},{label('topic', topic)},{label('kind', kind)}", 1)


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


def _lacking(out: Page, shards: Iterable[Shard]) -> None:
    """The CMOs that were covered once, and that no agreement covers now: nobody watches them."""
    refused = out.family(
        "cmowatch_cmo_without_agreement_messages",
        "gauge",
        "What is refused of a CMO of which events were taken, for nothing is agreed with it now.",
    )
    for shard in shards:
        for cmo, count in shard.lacking.items():
            refused(f"{label('partition', str(shard.partition))},{label('cmo', cmo)}", count)


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


def _domain(out: Page, shard: Shard) -> Iterator[None]:
    figures = ReadingFamilies(out)
    for at, reading in enumerate(shard.readings()):
        if at % _AT_ONCE == 0:
            yield
        figures.show(reading)
    breaches(out, shard)
    yield
    _feeds(out, shard)
    for name, cmo in _watched(shard).items():
        yield
        _agreed(out, cmo, shard.judged_at)
        yield from open_lots(out, cmo, shard.judged_at)
        yield from open_lines(out, cmo)
        yield from stock(out, cmo)
        doubts(out, cmo)
        _told_apart(out, name, cmo)


class ReadingFamilies:
    """The families of the readings' figures on one page."""

    def __init__(self, out: Families) -> None:
        self._out = out
        self._state = out.family(
            "cmo_kpi_state",
            "gauge",
            "What a reading is worth: -2 unknown, -1 insufficient, 0 ok, 1 warning, 2 critical; "
            "none where no limit holds or nothing was due.",
        )
        self._reading = out.family("cmo_kpi_reading", "gauge", "The value, in the KPI's own unit.")
        self._numerator = out.family(
            "cmo_kpi_numerator", "gauge", "What a ratio has above its line."
        )
        self._denominator = out.family(
            "cmo_kpi_denominator", "gauge", "What a ratio has below its line."
        )
        self._evidence = out.family(
            "cmo_kpi_evidence", "gauge", "How many independent pieces of evidence it rests on."
        )
        self._doubtful = out.family(
            "cmo_kpi_doubtful", "gauge", "How many things in doubt a reading may rest on, if any."
        )
        self._low = out.family("cmo_kpi_low", "gauge", "The lower end of the 95 % interval.")
        self._high = out.family("cmo_kpi_high", "gauge", "The upper end of the 95 % interval.")
        self._limit = out.family(
            "cmo_kpi_limit", "gauge", "The limit in force, in the KPI's own unit."
        )

    def show(self, reading: Reading) -> None:
        """Adds the series of a reading; what is not applicable has none."""
        kpi = reading.kpi
        labels, everywhere = _labels(kpi.name, reading.cmo, reading.scope, reading.quantile)
        if reading.state is not None:
            self._state(everywhere, int(reading.state))
        if reading.value is not None:
            self._reading(everywhere, reading.value)
            value = reading.value * kpi.in_base_units
            self._out.family(kpi.series, "gauge", kpi.help)(labels, value)
        if reading.numerator is not None:
            self._numerator(everywhere, reading.numerator)
        if reading.denominator is not None:
            self._denominator(everywhere, reading.denominator)
        self._evidence(everywhere, reading.n)
        if reading.doubtful:
            self._doubtful(everywhere, reading.doubtful)
        if reading.interval is not None:
            self._low(everywhere, reading.interval.low)
            self._high(everywhere, reading.interval.high)
        if reading.bounds.warning is not None:
            self._limit(everywhere + ',severity="warning"', reading.bounds.warning)
        if reading.bounds.critical is not None:
            self._limit(everywhere + ',severity="critical"', reading.bounds.critical)


@lru_cache(maxsize=262_144)
def _labels(kpi: str, cmo: str, scope: Scope, quantile: str | None) -> tuple[str, str]:
    """The labels of a reading's own series, and of those that every KPI has."""
    labels = [label("cmo", cmo), *(label(name, value) for name, value in scope.named.items())]
    if quantile is not None:
        labels.append(label("percentile", quantile))
    own = ",".join(labels)
    return own, f"{label('kpi', kpi)},{own}"


def _watched(shard: Shard) -> dict[str, CmoView]:
    """The CMOs of a shard by id, but those that were left."""
    at = shard.judged_at
    return {name: cmo for name, cmo in sorted(shard.cmos.items()) if not cmo.has_ended(at)}


def _feeds(out: Page, shard: Shard) -> None:
    heard = out.family(
        "cmo_feed_last_event_timestamp_seconds",
        "gauge",
        "The record time of the last event or heartbeat of a CMO on a topic.",
    )
    gaps = out.family(
        "cmo_feed_sequence_gaps", "gauge", "Spans missing from the sequences on a topic."
    )
    for name, cmo in _watched(shard).items():
        for topic, feed in sorted(cmo.feeds.items()):
            labels = f"{label('cmo', name)},{label('topic', topic)}"
            if feed.heard:
                heard(labels, feed.heard / 1e6)
            gaps(labels, sum(sequence.gaps for sequence in feed.sequences.values()))


def _agreed(out: Page, cmo: CmoView, now: int) -> None:
    """The agreement in force, with what to do first when something in it is not kept."""
    agreement = cmo.agreement(now)
    if agreement is None:
        return
    info = out.family("cmo_agreement_info", "gauge", "The agreement in force with a CMO.")
    labels = {
        "cmo": cmo.id,
        "name": agreement.name or cmo.id,
        "version": agreement.version,
        "effective": agreement.effective.isoformat(),
        "contingency": agreement.contingency.strip(),
    }
    info(written(labels), 1)


def _told_apart(out: Page, name: str, cmo: CmoView) -> None:
    """What a CMO has out of the ordinary: moves nobody foresaw, and names its ids do not tell."""
    if cmo.unexpected_moves:
        moves = out.family(
            "cmo_lot_unexpected_moves", "gauge", "Moves of lots that their states do not allow."
        )
        moves(label("cmo", name), sum(cmo.unexpected_moves.values()))
    named = out.family("cmo_name_info", "gauge", "The name, as given, of a site or product.")
    for id_, given in sorted(cmo.names.items()):
        named(",".join([label("cmo", name), label("id", id_), label("name", given)]), 1)
