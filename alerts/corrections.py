"""Corrections: what was withdrawn or claimed late, and which KPIs that heals."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

from alerts.facts import Evidence, Fact
from alerts.kind import Key, Kind

Counts = Callable[[Evidence], bool]
Place = tuple[str, Key]
"""The name of a kind, and the key of a record."""

_AT_ONCE = 100  # records looked through before others have their turn


class Withdrawn(NamedTuple):
    """A fact that was taken back, under its event's identity."""

    identity: bytes
    fact: Fact


Evidences = tuple[tuple[str, Evidence], ...]


class Corrections:
    """Retractions by the identity of what they withdraw, and what evidence they have healed.

    A retraction heals a KPI where a record would fail with what it withdrew, and does not without.
    That is worked out for records that changed, when somebody asks.
    """

    def __init__(self) -> None:
        self.retractions: dict[bytes, Fact] = {}
        self.withdrawn: dict[Place, tuple[Withdrawn, ...]] = {}
        self._kinds: dict[str, Kind] = {}
        self._identities: dict[str, set[bytes]] = {}
        self._healed: dict[str, dict[bytes, list[Evidence]]] = {}
        self._healed_of: dict[Place, list[tuple[str, bytes]]] = {}
        self._touched: dict[Place, None] = {}

    def withdraw(self, event: str, identity: bytes) -> None:
        """An event that was taken is withdrawn."""
        self._identities.setdefault(event, set()).add(identity)

    def keep(self, kind: Kind, key: Key, withdrawn: Withdrawn) -> None:
        """A record had, or would have had, a fact that is withdrawn."""
        place = kind.name, key
        self._kinds[kind.name] = kind
        held = self.withdrawn.get(place, ())
        if withdrawn.identity not in {each.identity for each in held}:
            self.withdrawn[place] = (*held, withdrawn)
        self._touched[place] = None

    def touch(self, place: Place) -> None:
        """A record changed."""
        if place in self.withdrawn:
            self._touched[place] = None

    def forget(self, place: Place) -> None:
        """A record is past every window: what it heals counts no more."""
        if self.withdrawn.pop(place, None) is not None:
            self._touched.pop(place, None)
            self._heals_no_more(place)

    def refresh(
        self, would_say: Callable[[Kind, Key, Fact], tuple[Evidences, Evidences]]
    ) -> Iterator[None]:
        """Work out what changed records heal, pausing wherever others may have their turn.

        `would_say` gives what a record says with a fact it has not, and what it says now.
        """
        while self._touched:
            for place in list(islice(self._touched, _AT_ONCE)):
                del self._touched[place]
                self._heals_no_more(place)
                self._heal(place, would_say)
            yield

    def _heals_no_more(self, place: Place) -> None:
        for kpi, identity in self._healed_of.pop(place, ()):
            held = self._healed[kpi].get(identity, [])
            if held:
                held.pop()
            if not held:
                self._healed[kpi].pop(identity, None)

    def _heal(
        self,
        place: Place,
        would_say: Callable[[Kind, Key, Fact], tuple[Evidences, Evidences]],
    ) -> None:
        kind = self._kinds[place[0]]
        for identity, fact in self.withdrawn[place]:
            before, now = would_say(kind, place[1], fact)
            failing = {kpi for kpi, says in now if says.adverse}
            for kpi, says in dict(before).items():
                if says.adverse and kpi not in failing:
                    self._healed.setdefault(kpi, {}).setdefault(identity, []).append(says)
                    self._healed_of.setdefault(place, []).append((kpi, identity))

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
            retraction = self.retractions[key]
            if retraction.recorded > since:
                yield retraction.by_sponsor
