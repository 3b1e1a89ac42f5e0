"""The worker's /metrics, read back into a snapshot."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from math import isnan
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from alerts.judge import Verdict
from deploy.lab.demo.errors import ScrapeFailed
from deploy.lab.demo.snapshot import About, Figure, OpenBreach, Shard, Snapshot

_LONGEST_WAIT = 5.0


def scrape(url: str, at: datetime) -> Snapshot:
    """The snapshot that `url` exposes; raises `ScrapeFailed` when there is no answer."""
    try:
        with urlopen(url, timeout=_LONGEST_WAIT) as answer:
            text = answer.read().decode()
    except (URLError, OSError, ValueError) as error:
        raise ScrapeFailed(f"{url} did not answer: {error}") from error
    return replace(snapshot(text, at), metrics=url)


def snapshot(text: str, at: datetime) -> Snapshot:
    """The snapshot of metrics in Prometheus' text format.

    Raises `ScrapeFailed` for text that is not in this format.
    """
    building = _Building()
    for sample in _samples(text):
        _TAKES[sample.name](building, sample)
    return building.snapshot(at)


def _samples(text: str) -> Iterable[Sample]:
    """The samples a board is made of; the others are not even parsed."""
    wanted = (line for line in text.splitlines() if line.partition("{")[0] in _TAKES)
    try:
        for family in text_string_to_metric_families("\n".join(wanted)):
            yield from family.samples
    except ValueError as error:
        raise ScrapeFailed(f"these are no metrics in Prometheus' text format: {error}") from error


class _Building:
    """The parts of a snapshot while they are read."""

    def __init__(self) -> None:
        self.figures: dict[tuple[About, str], Figure] = {}
        self.breaches: dict[str, OpenBreach] = {}
        self.since: dict[str, datetime] = {}
        self.feeds: dict[tuple[str, str], datetime] = {}
        self.shards: dict[int, Shard] = {}
        self.accepted = self.duplicates = 0
        self.refused: dict[str, int] = {}

    def snapshot(self, at: datetime) -> Snapshot:
        breaches = (
            replace(breach, since=self.since.get(breach.id)) for breach in self.breaches.values()
        )
        return Snapshot(
            at=at,
            figures=tuple(self.figures.values()),
            breaches=tuple(breaches),
            feeds=self.feeds,
            shards=self.shards,
            accepted=self.accepted,
            duplicates=self.duplicates,
            refused=self.refused,
        )


_Take = Callable[[_Building, Sample], None]


def _figure(**parts: Callable[[float], object]) -> _Take:
    def take(building: _Building, sample: Sample) -> None:
        if isnan(sample.value):
            return
        key = About.named(sample.labels), sample.labels.get("percentile", "")
        known = building.figures.get(key) or Figure(*key)
        given = {name: read(sample.value) for name, read in parts.items()}
        building.figures[key] = replace(known, **given)  # type: ignore[arg-type]

    return take


def _limit(building: _Building, sample: Sample) -> None:
    severity = sample.labels.get("severity", "")
    if severity in ("warning", "critical"):
        _figure(**{severity: float})(building, sample)


def _breach(building: _Building, sample: Sample) -> None:
    if sample.value:
        id_ = sample.labels["breach_id"]
        severity = sample.labels.get("severity", "")
        building.breaches[id_] = OpenBreach(id_, About.named(sample.labels), severity)


def _moment(sample: Sample) -> datetime:
    return datetime.fromtimestamp(sample.value, UTC)


def _since(building: _Building, sample: Sample) -> None:
    building.since[sample.labels["breach_id"]] = _moment(sample)


def _heard(building: _Building, sample: Sample) -> None:
    building.feeds[sample.labels["cmo"], sample.labels["topic"]] = _moment(sample)


def _shard(**parts: Callable[[Sample], object]) -> _Take:
    def take(building: _Building, sample: Sample) -> None:
        number = int(sample.labels["partition"])
        known = building.shards.get(number) or Shard(ready=False, caught_up=0.0)
        given = {name: read(sample) for name, read in parts.items()}
        building.shards[number] = replace(known, **given)  # type: ignore[arg-type]

    return take


def _accepted(building: _Building, sample: Sample) -> None:
    building.accepted += int(sample.value)


def _duplicate(building: _Building, sample: Sample) -> None:
    building.duplicates += int(sample.value)


def _rejected(building: _Building, sample: Sample) -> None:
    reason = sample.labels.get("reason", "")
    building.refused[reason] = building.refused.get(reason, 0) + int(sample.value)


_TAKES: dict[str, _Take] = {
    "cmo_kpi_state": _figure(state=lambda value: Verdict(int(value))),
    "cmo_kpi_reading": _figure(value=float),
    "cmo_kpi_evidence": _figure(n=int),
    "cmo_kpi_limit": _limit,
    "cmo_breach_open": _breach,
    "cmo_breach_since_timestamp_seconds": _since,
    "cmo_feed_last_event_timestamp_seconds": _heard,
    "cmowatch_shard_ready": _shard(ready=lambda sample: bool(sample.value)),
    "cmowatch_shard_caught_up_ratio": _shard(caught_up=lambda sample: sample.value),
    "cmowatch_shard_heard_until_timestamp_seconds": _shard(heard_until=_moment),
    "cmowatch_outputs_due": _shard(due=lambda sample: int(sample.value)),
    "cmowatch_events_accepted_total": _accepted,
    "cmowatch_events_duplicate_total": _duplicate,
    "cmowatch_events_rejected_total": _rejected,
}
"""What each series says; every other series of the worker is left alone."""
