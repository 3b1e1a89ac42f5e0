"""The evidence index: what speaks against a CMO, by KPI and scope; no record is searched for it."""

from collections.abc import Callable
from typing import Final

from alerts.calendar import DAY, HOUR
from alerts.facts import Evidence
from events.dimensions import Scope

LISTED: Final = 50
"""How many failing pieces of evidence a breach lists."""

Fails = Callable[[Evidence], bool]
"""Whether evidence, which may speak against a CMO, does so by the limit in force."""


class Adverse:
    """The adverse evidence of one KPI for one scope, by the hour it belongs to."""

    __slots__ = ("_hours",)

    def __init__(self) -> None:
        self._hours: dict[int, list[Evidence]] = {}

    def count(self, says: Evidence, sign: int) -> None:
        """Count a piece of evidence in, or out again where the sign is -1."""
        held = self._hours.get(says.hour)
        if sign > 0:
            if held is None:
                self._hours[says.hour] = [says]
            else:
                held.append(says)
        elif held is not None and says in held:
            held.remove(says)
            if not held:
                del self._hours[says.hour]

    def newest(self, first: int, now: int, fails: Fails | None) -> tuple[tuple[str, ...], int]:
        """The events of the newest evidence that fails, and of how many more there are.

        All from the hour `first` on counts that is visible by `now`; without `fails` all fails.
        """
        events: list[str] = []
        omitted = 0
        for hour in sorted((hour for hour in self._hours if hour >= first), reverse=True):
            held, room = self._hours[hour], LISTED - len(events)
            if not room and fails is None and hour * HOUR + DAY <= now:  # all of it is visible
                omitted += len(held)
                continue
            counts = [says.event for says in held if says.visible <= now]
            if fails is not None:
                counts = [says.event for says in held if says.visible <= now and fails(says)]
            counts.sort(reverse=True)
            events += counts[:room]
            omitted += max(0, len(counts) - room)
        return tuple(events), omitted

    def let_go(self, first: int) -> None:
        """Drop what is older than an hour."""
        for hour in [hour for hour in self._hours if hour < first]:
            del self._hours[hour]


class EvidenceIndex:
    """Adverse evidence by KPI and scope."""

    def __init__(self) -> None:
        self._adverse: dict[str, dict[Scope, Adverse]] = {}

    def adverse(self, kpi: str, scope: Scope) -> Adverse:
        """The adverse evidence of a KPI for a scope."""
        return self._adverse.setdefault(kpi, {}).setdefault(scope, Adverse())

    def newest(
        self, kpi: str, scope: Scope, first: int, now: int, fails: Fails | None = None
    ) -> tuple[tuple[str, ...], int]:
        """The events of the newest evidence that fails, and of how many more there are."""
        return self._adverse.get(kpi, {}).get(scope, _NONE).newest(first, now, fails)

    def let_go(self, kpi: str, first: int) -> None:
        """Drop what is older than the first hour of the longest window of a KPI."""
        for adverse in self._adverse.get(kpi, {}).values():
            adverse.let_go(first)


_NONE: Final = Adverse()
