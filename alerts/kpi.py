"""What a KPI is: one declaration, with its formula in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, Protocol

from alerts.agreements import Agreement
from alerts.example import Example
from alerts.facts import Evidence
from alerts.feeds import Feed
from alerts.kind import Key, Kind, Link
from alerts.ranking import Oldest
from events.compact import COMPACT, Said
from events.data import Data, InboundTopic
from events.dimensions import DIMENSIONS, WHOLE, Scope

Dimensions = tuple[str, ...]
Urgency = Literal["page", "ticket", "review", "never"]
Unit = Literal["ratio", "seconds", "days", "count"]

BASE_UNITS: Final[Mapping[Unit, tuple[str, int]]] = {
    "ratio": ("ratio", 1),
    "seconds": ("seconds", 1),
    "days": ("seconds", 86_400),
    "count": ("count", 1),
}
"""The base unit a unit is exposed in, and how many of it one is."""

FEED: Final = "feed"
"""What a KPI is about that is about no record."""

_QUANTILES: Final = {"p50": 50, "p90": 90, "p95": 95}

Links = Mapping[Link, Any]
"""The views of the records that a view is linked to, as far as there are any."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong now: how bad, by whichever event, and what it is counted for.

    `rank` orders findings, the greatest the worst.
    """

    event: str
    rank: float = 0.0
    scope: Scope = WHOLE


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure before it is judged; what is not applicable is None.

    `n` is on how many independent pieces of evidence it rests; a ratio that has an interval weighs
    as `n_eff` of them. `why` says what keeps it from being known. `agreed` is the agreed time its
    limits are multiples of. `events` are those it rests on, or what is wrong, worst first;
    `omitted` how many more. `in_a_row` is how many of the last messages were refused.
    """

    scope: Scope
    value: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    n: int = 0
    n_eff: float | None = None
    quantile: str | None = None
    why: str = ""
    events: tuple[str, ...] = ()
    agreed: float | None = None
    omitted: int = 0
    in_a_row: int = 0


class Readable(Protocol):
    """What a formula may read of a CMO besides the record it is about."""

    @property
    def feeds(self) -> Mapping[str, Feed]:
        """What was heard, by topic."""

    def silent_since(self, topic: str) -> int | None:
        """When the CMO was last heard on a topic, None for never."""

    def in_a_row(self, topic: str | None) -> int:
        """How many of the last messages on a topic were refused; for None, where it is worst."""

    def began_again(self, now: int) -> date | None:
        """The first day after the last pause in what was agreed; None without a pause by `now`."""

    def expected_since(self, topic: InboundTopic, now: int) -> date | None:
        """The day from which it was first agreed to be heard on a topic."""

    def oldest_open_lots(self) -> Iterator[Oldest]:
        """Of each state the lot that progressed longest ago, and how many are in it."""

    def group(self, kind: Kind, name: str) -> Iterator[tuple[Key, Any]]:
        """The views of the records of a kind that are in a group."""

    def windowed(self, kpi: "Kpi", agreement: Agreement | None, now: int) -> Iterator[Measured]:
        """What the windows of a KPI hold as of now: for the CMO, and for each scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """What a KPI is: how it is read, how it is judged, and how loud a breach of it is.

    `kinds` are the record kinds it is about, the one that gives its evidence first; none for a KPI
    of the feeds. It has one formula. `evidence` says what a record, with what it is linked to, says
    under the terms agreed, for the windows; `moved_by` the event types that can change that, all of
    its kind where it is None. `exceptions` says what is wrong with a record as of now. `measure`
    reads whatever else the state of a CMO has; `grouped` says that it does so group by group.

    `dimensions` are what it is broken down by, below the CMO; the first is judged, the others are
    shown. Without `window_days` a KPI is read as of now. `needs` are the topics it cannot be known
    without. `agreed_time` says that its limits are multiples of a time in the agreement. `best` is
    the best value there can be, `always_critical` one that needs no limit to be critical.
    `in_a_row` is how many refused one after the other are a warning whatever the value is. `source`
    says who defined it so. `action` is what to do first about a breach, as one imperative sentence.
    """

    name: str
    title: str
    help: str
    unit: Unit
    higher_is_better: bool
    urgency: Urgency
    dimensions: tuple[Dimensions, ...] = ((),)
    window_days: int | None = None
    warning: float | None = None
    critical: float | None = None
    minimum: int = 1
    interval: bool = False
    quantiles: tuple[str, ...] = ()
    best: float | None = None
    always_critical: float | None = None
    in_a_row: int | None = None
    needs: tuple[str, ...] = ()
    agreed_time: Literal["cadence", "time_in_state"] | None = None
    kinds: tuple[Kind, ...] = ()
    evidence: Callable[[Any, Links, Agreement], Iterable[Evidence]] | None = None
    moved_by: tuple[type[Data], ...] | None = None
    exceptions: Callable[[Any, Links, Agreement, int], Iterable[Finding]] | None = None
    measure: Callable[[Readable, Agreement | None, int], Iterable[Measured]] | None = None
    grouped: Callable[[Readable, str, Agreement | None, int], Iterable[Measured]] | None = None
    example: Example
    family: str
    leads: bool = False
    source: str = ""
    action: str
    exposed_as: str = ""

    def __post_init__(self) -> None:
        for fault in self._faults():
            raise TypeError(f"{self.name}: {fault}")

    def _faults(self) -> Iterable[str]:
        """What keeps a declaration from being one, the first first."""
        formulas = self.evidence, self.exceptions, self.measure, self.grouped
        given = sum(formula is not None for formula in formulas)
        if given != 1:
            yield f"{given} formulas; give one of evidence, exceptions, measure, grouped"
        unknown = {name for dimensions in self.dimensions for name in dimensions} - {*DIMENSIONS}
        if unknown:
            yield f"dimension {', '.join(sorted(unknown))} is unknown; there are {DIMENSIONS}"
        if (self.evidence or self.exceptions or self.grouped) and not self.kinds:
            yield "kinds is empty; name the record kind its formula is about"
        if self.evidence and self.window_days is None:
            yield "evidence goes with window_days"
        if (self.exceptions is not None) != (self.unit == "count" and not self.window_days):
            yield "exceptions go with unit count and without window_days, and the other way round"
        if stray := self._stray():
            yield f"moved_by has {stray}, which its kind does not take"
        if self.quantiles and (unknown := {*self.quantiles} - _QUANTILES.keys()):
            yield f"quantiles has {unknown}; known are {set(_QUANTILES)}"
        if not self.action.endswith("."):
            yield "action is no sentence"
        if self.warning is not None and self.critical is not None:
            worse = self.critical - self.warning
            if worse and (worse < 0) != self.higher_is_better:
                yield "critical is on the better side of warning"
        if self.leads and self.urgency not in ("page", "ticket"):
            yield "leads goes with urgency page or ticket"
        if self.interval and self.unit != "ratio":
            yield "interval goes with unit ratio"

    def _stray(self) -> str:
        taken = self.kinds[0].keys_of if self.kinds else {}
        stray = [each.__name__ for each in self.moved_by or () if COMPACT[each] not in taken]
        return ", ".join(stray)

    @property
    def record(self) -> str:
        """The name of the record kind it is about, or that it is about feeds."""
        return self.kinds[0].name if self.kinds else FEED

    @property
    def moving(self) -> frozenset[type[Said]]:
        """The event types that can change its evidence."""
        if self.moved_by is None:
            return self.kinds[0].moves
        return frozenset(COMPACT[each] for each in self.moved_by)

    def is_judged_for(self, scope: Scope) -> bool:
        """Whether a scope is of the dimensions that are judged: the first."""
        return set(scope.dimensions) == set(self.dimensions[0])

    @property
    def notifies(self) -> bool:
        """Whether somebody is notified of a breach: of a family, only of the KPI that leads it."""
        return self.leads and self.urgency in ("page", "ticket")

    @property
    def series(self) -> str:
        """The name of its value series: a base unit at the end, none that promtool refuses."""
        return f"cmo_{self.exposed_as or self.name}_{BASE_UNITS[self.unit][0]}"

    @property
    def in_base_units(self) -> int:
        """How many of its base unit one of its own is."""
        return BASE_UNITS[self.unit][1]


def hundredths(quantile: str) -> int:
    """A quantile's name as hundredths."""
    return _QUANTILES[quantile]
