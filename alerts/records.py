"""Records: the facts said about one lot, order line, stock position or demand, in their order."""

from bisect import insort
from datetime import date
from typing import ClassVar, NamedTuple

from alerts.calendar import civil_day
from events import data as said
from events.data import Data, Speaker

_ORDER: tuple[type[Data], ...] = (
    said.LotPlanned,
    said.LotReplanned,
    said.LotStarted,
    said.LotProgressed,
    said.DeviationOpened,
    said.DeviationClosed,
    said.LotCompleted,
    said.LotTested,
    said.OosOpened,
    said.OosConcluded,
    said.CertificateIssued,
    said.ReleaseRequested,
    said.ReleaseStepCompleted,
    said.ReleaseDecided,
    said.LotShipped,
    said.LotReceived,
    said.LotRecalled,
    said.LotCancelled,
    said.LotAborted,
    said.OrderPromised,
    said.OrderChanged,
    said.OrderExpected,
    said.OrderDelivered,
    said.OrderCancelled,
    said.StockAdjusted,
    said.StockConsumed,
    said.StockCounted,
    said.DemandForecast,
)
RANK = {kind: rank for rank, kind in enumerate(_ORDER)}
"""The place of each kind of fact in the life cycle, for facts of one instant."""


class Fact(NamedTuple):
    """Something said about a record; facts order by event time, life-cycle rank and id.

    `time` and `recorded` are microseconds from the epoch.
    """

    time: int
    rank: int
    id: str
    topic: str
    source: str
    speaker: Speaker
    recorded: int
    data: Data


class Evidence(NamedTuple):
    """What a record says for one KPI: `numerator` of `denominator`, or a value (denominator 1).

    `hour` is the start of the civil day, or the hour, the evidence belongs to, in hours from the
    epoch; `visible` the microsecond from which it counts. `event` is the id of the event it
    rests on. `unlike` marks units that cannot be added, which makes the reading unknown. `claimed`
    is when a CMO's claim to have kept a promise was recorded, if only after the due day, else 0.
    """

    hour: int
    visible: int
    numerator: int
    denominator: int
    event: str
    unlike: bool = False
    claimed: int = 0

    @property
    def fails(self) -> bool:
        """Whether this speaks against the CMO, where each unit is 0 or 1 of 1."""
        return self.numerator < self.denominator


class Meaning(NamedTuple):
    """What a record says for each KPI, for which product, and what it has to tell besides."""

    evidence: tuple[tuple[str, Evidence], ...] = ()
    product: str | None = None
    told: object = None


NO_MEANING = Meaning()


class Record:
    """The facts of one thing, kept in order; joining is the same in whatever order they come.

    `meaning` is what the facts said when they were last counted.
    """

    __slots__ = ("facts", "key", "meaning")
    NAME: ClassVar[str]

    def __init__(self, key: tuple[str, ...]) -> None:
        self.key = key
        self.facts: list[Fact] = []
        self.meaning = NO_MEANING

    def join(self, fact: Fact) -> None:
        """Take a fact in."""
        insort(self.facts, fact)

    def part(self, fact: Fact) -> None:
        """Give a fact up."""
        self.facts.remove(fact)


class Demand(Record):
    """What is forecast for one product, or for one product at one site."""

    __slots__ = ()
    NAME = "stock"


def claimed(fact: Fact, due: date, zone: str) -> int:
    """When a word that kept a promise was recorded, if after the due day; 0 if not, or a sponsor's.

    Such a claim does not by itself clear a critical breach.
    """
    if fact.speaker is Speaker.SPONSOR or civil_day(zone, fact.recorded) <= due:
        return 0
    return fact.recorded
