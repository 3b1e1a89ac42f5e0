"""The evidence index: what speaks against a CMO, by KPI and scope; no record is searched for it."""

from collections.abc import Callable, Iterable
from typing import Final

from alerts.facts import Evidence
from events.dimensions import Scope

LISTED: Final = 50
"""How many failing pieces of evidence a breach lists."""


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

    def newest(self, counts: Callable[[Evidence], bool]) -> tuple[tuple[str, ...], int]:
        """The events of the newest evidence that counts, and of how many more there are."""
        events: list[str] = []
        omitted = 0
        for hour in sorted(self._hours, reverse=True):
            found = sorted((says.event for says in self._hours[hour] if counts(says)), reverse=True)
            room = LISTED - len(events)
            events += found[:room]
            omitted += max(0, len(found) - room)
        return tuple(events), omitted

    def let_go(self, first: int) -> None:
        """Drop what is older than an hour."""
        for hour in [hour for hour in self._hours if hour < first]:
            del self._hours[hour]


class EvidenceIndex:
    """Adverse evidence by KPI and scope, and late claims by KPI."""

    def __init__(self) -> None:
        self._adverse: dict[str, dict[Scope, Adverse]] = {}
        self._claims: dict[str, list[Evidence]] = {}

    def adverse(self, kpi: str, scope: Scope) -> Adverse:
        """The adverse evidence of a KPI for a scope."""
        return self._adverse.setdefault(kpi, {}).setdefault(scope, Adverse())

    def newest(
        self, kpi: str, scope: Scope, counts: Callable[[Evidence], bool]
    ) -> tuple[tuple[str, ...], int]:
        """The events of the newest evidence that counts, and of how many more there are."""
        return self._adverse.get(kpi, {}).get(scope, _NONE).newest(counts)

    def claim(self, kpi: str, says: Evidence, sign: int) -> None:
        """A promise that was kept, and claimed only after its due day; or not any more."""
        held = self._claims.setdefault(kpi, [])
        if sign > 0:
            held.append(says)
        elif says in held:
            held.remove(says)

    def claims(self, kpi: str) -> Iterable[Evidence]:
        """The late claims of a KPI."""
        return self._claims.get(kpi, ())

    def let_go(self, kpi: str, first: int) -> None:
        """Drop what is older than the first hour of the longest window of a KPI."""
        for adverse in self._adverse.get(kpi, {}).values():
            adverse.let_go(first)
        if held := self._claims.get(kpi):
            self._claims[kpi] = [says for says in held if says.hour >= first]


_NONE: Final = Adverse()
