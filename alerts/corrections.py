"""Corrections: what was withdrawn or claimed late, and which KPIs that heals."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from alerts.facts import Evidence, Fact
from alerts.kind import Key, Kind

Counts = Callable[[Evidence], bool]
Place = tuple[Kind, Key]
"""Where a record is kept."""

Evidences = tuple[tuple[str, Evidence], ...]
WouldSay = Callable[[Kind, Key], Iterable[tuple[bytes, Evidences, Evidences]]]
"""For each fact a record had that is withdrawn: what it would say with it, and what it says."""

_AT_ONCE = 100  # records looked through before others have their turn


class Retraction(NamedTuple):
    """That an event is taken back: the word of it that counts, and when the log got the first."""

    said: Fact
    logged: int

    @classmethod
    def of(cls, fact: Fact, before: "Retraction | None") -> "Retraction":
        """The sponsor's word counts before any other, and the earlier one before the later."""
        if before is None:
            return cls(fact, fact.logged)
        return cls(min(before.said, fact, key=_sponsor_first), min(before.logged, fact.logged))


def _sponsor_first(retraction: Fact) -> tuple[bool, Fact]:
    return not retraction.by_sponsor, retraction


class Corrections:
    """Retractions by the identity of what they withdraw, and what evidence they have healed.

    A retraction heals a KPI where a record would fail with what it withdrew, and does not without.
    That is worked out for records that changed, when somebody asks.
    """

    def __init__(self) -> None:
        self.retractions: dict[bytes, Retraction] = {}
        self._identities: dict[str, set[bytes]] = {}
        self._healed: dict[str, dict[bytes, list[Evidence]]] = {}
        self._healed_of: dict[Place, list[tuple[str, bytes, Evidence]]] = {}
        self._touched: dict[Place, None] = {}

    def withdraw(self, event: str, identity: bytes) -> None:
        """An event that was taken is withdrawn."""
        self._identities.setdefault(event, set()).add(identity)

    def touch(self, place: Place) -> None:
        """A record changed of which a fact is withdrawn."""
        self._touched[place] = None

    def forget(self, place: Place) -> None:
        """Nothing can ask any more for what a record heals."""
        self._touched.pop(place, None)
        self._heals_no_more(place)

    def healed(self, place: Place) -> Iterator[tuple[str, Evidence]]:
        """What a record would say, for each KPI, had nothing of it been withdrawn."""
        for kpi, _, says in self._healed_of.get(place, ()):
            yield kpi, says

    def refresh(self, would_say: WouldSay) -> Iterator[None]:
        """Work out what changed records heal, pausing wherever others may have their turn."""
        while self._touched:
            for place in list(islice(self._touched, _AT_ONCE)):
                del self._touched[place]
                self._heals_no_more(place)
                self._heal(place, would_say)
            yield

    def _heals_no_more(self, place: Place) -> None:
        for kpi, identity, says in self._healed_of.pop(place, ()):
            held = self._healed[kpi][identity]
            held.remove(says)
            if not held:
                del self._healed[kpi][identity]

    def _heal(self, place: Place, would_say: WouldSay) -> None:
        for identity, before, now in would_say(*place):
            failing = {kpi for kpi, says in now if says.adverse}
            for kpi, says in dict(before).items():
                if says.adverse and kpi not in failing:
                    self._healed.setdefault(kpi, {}).setdefault(identity, []).append(says)
                    self._healed_of.setdefault(place, []).append((kpi, identity, says))

    def since(
        self, kpi: str, since: int, counts: Counts, rests_on: tuple[str, ...]
    ) -> Iterator[bool]:
        """For each retraction since then that corrects a KPI, or a breach's own events: by whom.

        True stands for the sponsor.
        """
        healed = self._healed.get(kpi, {})
        found = {key for event in rests_on for key in self._identities.get(event, ())}
        found |= {key for key, says in healed.items() if any(map(counts, says))}
        for key in found:
            retraction = self.retractions[key].said
            if retraction.recorded > since:
                yield retraction.by_sponsor
