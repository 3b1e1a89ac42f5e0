"""The ledger: what stands published on `cmo.breaches`."""

from typing import NamedTuple

from alerts.corrections import Since, Windowed
from alerts.judge import Bounds, Verdict
from alerts.kpi import Kpi
from alerts.kpis import BY_NAME
from alerts.view import CmoView
from events.breaches import Breach, BreachEvent, ClearedBy, Severity
from events.dimensions import Scope
from events.values import microseconds

SEVERITY: dict[Verdict, Severity] = {Verdict.WARNING: "warning", Verdict.CRITICAL: "critical"}
_STATE: dict[str, Verdict] = {name: state for state, name in SEVERITY.items()}


class Where(NamedTuple):
    """What a breach is about."""

    cmo: str
    kpi: str
    scope: Scope

    @property
    def text(self) -> str:
        """The beginning of the breach's id."""
        return ":".join([self.kpi, self.cmo, *(part for part in self.scope if part)])


class Standing(NamedTuple):
    """A breach that stands published; times in microseconds from the epoch.

    `worst` is how bad it ever was: who was told of that is told that it is over. `lost_at` is
    when it was decided to go on without events that the log had lost since; 0 for never.
    """

    breach: Breach
    at: int
    worst: Severity
    lost_at: int = 0

    @property
    def severity(self) -> Verdict:
        """How bad it stands."""
        return _STATE[self.breach.severity]

    @property
    def since(self) -> int:
        """When it opened."""
        return microseconds(self.breach.since)

    @property
    def bounds(self) -> Bounds:
        """The limit it was judged by."""
        return Bounds(self.breach.warning, self.breach.critical, self.breach.minimum)


class Cleared(NamedTuple):
    """The end of a breach, as it was published: why, when, how bad it had been, who was told."""

    breach: str
    at: int
    worst: Severity
    notified: tuple[str, ...]
    by: ClearedBy | None


class Ledger:
    """What stands on `cmo.breaches`: a fold of it, in which the lowest offset of an id wins.

    Of one scope and KPI the last word stands: one that comes late takes nothing back. Of those that
    stand no more it knows the last of each scope and KPI.
    """

    def __init__(self) -> None:
        self.standing: dict[Where, Standing] = {}
        self.cleared: dict[Where, Cleared] = {}
        self._last: dict[Where, tuple[int, int]] = {}
        self._sealed = self._lost_at = 0

    def seal(self, number: int, *, events_lost: bool) -> None:
        """Words may be lost up to now: new breaches, and new words of old ones, count on from here.

        `number` is greater than any that was used, and the moment of it in milliseconds;
        `events_lost` says whether events were lost, too.
        """
        self._sealed = max(self._sealed, number)
        if events_lost:
            self._lost_at = max(self._lost_at, number)
        for where, standing in self.standing.items():
            self.standing[where] = self._numbered(standing)

    def _numbered(self, standing: Standing) -> Standing:
        """A breach as it goes on: one from before the seal in words that were never used."""
        breach = standing.breach
        number = _number(breach.breach)
        if not self._sealed or number > self._sealed:
            return standing
        ordinal = max(breach.ordinal, self._sealed)
        breach = breach.model_copy(update={"ordinal": ordinal})
        lost_at = self._lost_at * 1_000 if number <= self._lost_at else 0
        return standing._replace(breach=breach, lost_at=lost_at)

    def fold(self, event: BreachEvent) -> None:
        """Take in a transition as it was read back."""
        breach, where = event.data, where_of(event.data)
        place = _number(breach.breach), breach.ordinal
        if place <= self._last.get(where, (0, 0)):
            return
        self._last[where] = place
        at, worst = microseconds(event.time), self._worst(where, breach)
        if breach.transition == "cleared":
            self.standing.pop(where, None)
            ended = Cleared(breach.breach, at, worst, breach.notified, breach.cleared_by)
            self.cleared[where] = ended
        else:
            self.standing[where] = self._numbered(Standing(breach, at, worst))

    def _worst(self, where: Where, breach: Breach) -> Severity:
        before = self.standing.get(where)
        if before is None or before.breach.breach != breach.breach:
            return breach.severity
        return "critical" if "critical" in (before.worst, breach.severity) else "warning"

    def next_id(self, where: Where) -> str:
        """The id of the next breach of this scope and KPI."""
        last, _ = self._last.get(where, (0, 0))
        return f"{where.text}:{max(last, self._sealed) + 1}"

    def ended_at(self, where: Where) -> int:
        """When the last breach of this scope and KPI ended; 0 where none did.

        By a clock that was ahead of ours that is later than now, and none opens before.
        """
        cleared = self.cleared.get(where)
        return cleared.at if cleared else 0


def _number(breach_id: str) -> int:
    """The how manyth of its scope and KPI a breach is, by its id."""
    number = breach_id.rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


def where_of(breach: Breach) -> Where:
    """What a published breach is about."""
    return Where(breach.cmo, breach.kpi, breach.scope)


def on_windows(cmo: CmoView, ledger: Ledger) -> dict[Windowed, Since]:
    """The breaches of a CMO that stand on windows of evidence from records."""
    return {
        (where.kpi, where.scope): since_of(cmo, standing)
        for where, standing in ledger.standing.items()
        if where.cmo == cmo.id and _is_on_window(where)
    }


def _is_on_window(where: Where) -> bool:
    kpi = BY_NAME.get(where.kpi)
    return kpi is not None and kpi.evidence is not None and kpi.is_judged_for(where.scope)


def since_of(cmo: CmoView, standing: Standing) -> Since:
    """Since when a breach stands, and up to when the sponsor accepts what corrects it."""
    acceptance = cmo.acceptance(standing.breach.breach)
    accepted = acceptance.accepts_until if acceptance is not None else 0
    return Since(standing.since, accepted)


def is_corrected(cmo: CmoView, kpi: Kpi, standing: Standing) -> bool:
    """Whether a breach had what it rests on corrected, by whomever, since it opened."""
    if any(True for _ in cmo.withdrawn(standing.breach.events, standing.since)):
        return True
    uncorrected = cmo.uncorrected(kpi, standing.breach.scope)
    return uncorrected is not None and uncorrected.has_healed
