"""The evidence index: what speaks against a CMO, by KPI and scope; no record is searched for it."""

from collections.abc import Callable, Iterable
from typing import Final

from alerts.facts import Evidence
from events.dimensions import Scope

LISTED: Final = 50
"""How many failing pieces of evidence a breach lists."""

Place = tuple[str, Scope]


class EvidenceIndex:
    """Adverse evidence by KPI and scope and hour, and late claims by KPI."""

    def __init__(self) -> None:
        self._adverse: dict[Place, dict[int, list[Evidence]]] = {}
        self._claims: dict[str, list[Evidence]] = {}

    def count(self, place: Place, says: Evidence, sign: int) -> None:
        """Adverse evidence for a scope, or, where the sign is -1, no more of it."""
        hours = self._adverse.setdefault(place, {})
        if sign > 0:
            hours.setdefault(says.hour, []).append(says)
        elif says in (held := hours.get(says.hour, [])):
            held.remove(says)
            if not held:
                del hours[says.hour]

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

    def newest(
        self, place: Place, counts: Callable[[Evidence], bool]
    ) -> tuple[tuple[str, ...], int]:
        """The events of the newest evidence that counts, and of how many more there are."""
        hours = self._adverse.get(place, {})
        events: list[str] = []
        omitted = 0
        for hour in sorted(hours, reverse=True):
            found = sorted((says.event for says in hours[hour] if counts(says)), reverse=True)
            room = LISTED - len(events)
            events += found[:room]
            omitted += max(0, len(found) - room)
        return tuple(events), omitted

    def let_go(self, kpi: str, first: int) -> None:
        """Drop what is older than the first hour of the longest window of a KPI."""
        for (name, _), hours in self._adverse.items():
            if name == kpi:
                for hour in [hour for hour in hours if hour < first]:
                    del hours[hour]
        if held := self._claims.get(kpi):
            self._claims[kpi] = [says for says in held if says.hour >= first]
