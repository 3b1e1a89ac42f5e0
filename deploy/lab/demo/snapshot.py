"""What the board shows of one moment: readings, breaches, feeds and shards as they were exposed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, Self

from alerts.judge import Verdict
from alerts.kpis import BY_NAME
from deploy.lab.webhook import Alert
from events.dimensions import DIMENSIONS, WHOLE, Scope

LIMITLESS = None
"""The state of a reading that no limit judges."""

_ATTENTION = (
    Verdict.CRITICAL,
    Verdict.WARNING,
    Verdict.UNKNOWN,
    Verdict.INSUFFICIENT,
    Verdict.OK,
    LIMITLESS,
)


class About(NamedTuple):
    """What one figure is about: a KPI of a CMO, for a part of it or the whole."""

    kpi: str
    cmo: str
    scope: Scope = WHOLE

    @classmethod
    def named(cls, names: Mapping[str, str | None]) -> Self:
        """What names say that something is about; one that is missing or empty says nothing."""
        scope = Scope(*(names.get(name) or None for name in DIMENSIONS))
        return cls(names.get("kpi") or "", names.get("cmo") or "", scope)


@dataclass(frozen=True, slots=True)
class Figure:
    """A reading as it was exposed; `value` is in the KPI's own unit, None when there is none."""

    about: About
    percentile: str = ""
    state: Verdict | None = LIMITLESS
    value: float | None = None
    n: int | None = None
    warning: float | None = None
    critical: float | None = None

    @property
    def attention(self) -> int:
        """Where it comes when the one that needs attention most comes first."""
        return _ATTENTION.index(self.state)


@dataclass(frozen=True, slots=True)
class OpenBreach:
    """A breach that stands; `since` is None where it was not exposed."""

    id: str
    about: About
    severity: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shard:
    """One partition number of the worker: whether it may be believed, and how far it has read.

    `heard_until` is the moment it judges at; `due` counts what it has to say and has not read back.
    """

    ready: bool
    caught_up: float
    heard_until: datetime | None = None
    due: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The monitor at one moment.

    `refused` counts by reason. `earlier` has the values of 30 days before, by what each is about
    and its percentile. `published` is how many events were put into Kafka, None when that is not
    known; `rate` is in events a second. `alerts` are those that arrived and stand, None where none
    can.
    """

    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    figures: tuple[Figure, ...] = ()
    breaches: tuple[OpenBreach, ...] = ()
    feeds: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    shards: Mapping[int, Shard] = field(default_factory=dict)
    accepted: int = 0
    duplicates: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    metrics: str = ""
    earlier: Mapping[tuple[About, str], float] = field(default_factory=dict)
    published: int | None = None
    rate: float | None = None
    alerts: tuple[Alert, ...] | None = None

    @property
    def counted(self) -> int:
        """How many messages have been read, duplicates and those refused included."""
        return self.accepted + self.duplicates + sum(self.refused.values())

    @property
    def ready(self) -> bool:
        """Whether every shard that is known has caught up."""
        return bool(self.shards) and all(shard.ready for shard in self.shards.values())

    def settled(self, since: datetime) -> bool:
        """Whether all was judged after `since`, and all that follows from it stands published."""
        standing = {breach.about for breach in self.breaches}
        judged = {figure.about.cmo for figure in self.figures}
        broken = (Verdict.WARNING, Verdict.CRITICAL)
        return (
            self.ready
            and all(s.heard_until and s.heard_until > since for s in self.shards.values())
            and all(cmo in judged for cmo, _ in self.feeds)
            and not any(shard.due for shard in self.shards.values())
            and all(f.about in standing for f in self.figures if f.state in broken)
        )

    @property
    def told(self) -> bool:
        """Whether an alert has arrived of every breach that somebody is to be told of."""
        if self.alerts is None:
            return True
        arrived = {About.named(alert.labels) for alert in self.alerts}
        loud = {name for name, kpi in BY_NAME.items() if kpi.notifies}
        return all(b.about in arrived for b in self.breaches if b.about.kpi in loud)

    @property
    def caught_up(self) -> float:
        """How much of the log has been read, from 0 to 1."""
        if not self.shards:
            return 0.0
        return sum(shard.caught_up for shard in self.shards.values()) / len(self.shards)

    @property
    def cmos(self) -> tuple[str, ...]:
        """Every CMO there is a figure or a feed of, by name."""
        seen = {figure.about.cmo for figure in self.figures} | {cmo for cmo, _ in self.feeds}
        return tuple(sorted(seen))

    def by_subject(self) -> dict[About, Figure]:
        """The figure about each: of several quantiles, the one that is judged."""
        neediest_last = sorted(self.figures, key=lambda figure: -figure.attention)
        return {figure.about: figure for figure in neediest_last}
