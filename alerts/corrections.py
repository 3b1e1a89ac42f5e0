"""Corrections: what was taken back or claimed late, and what would be read had nothing been."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from alerts.facts import Evidence, Fact
from alerts.kind import Place
from events.dimensions import Scope

Windowed = tuple[str, Scope]
"""The name of a KPI that has its evidence from records, and the scope of one of its windows."""

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


class Since(NamedTuple):
    """Since when a breach stands, and up to when its sponsor accepts what corrects it."""

    opened: int
    accepted: int


class Instead(msgspec.Struct, frozen=True, gc=False):
    """What a record says for a window, and would say had a CMO not corrected it.

    `healed` says that it speaks against the CMO no more because somebody corrected it.
    """

    now: tuple[Evidence, ...]
    uncorrected: tuple[Evidence, ...]
    healed: bool


Look = Callable[[Place, Windowed, Since], Instead | None]
"""What corrections since a breach opened make of a record for its window; None for nothing."""


class Uncorrected:
    """The window of a breach as it would be, had the CMO corrected nothing that is not accepted.

    It is a fork of the window, and counts with it; for records that were corrected it counts what
    they would say instead. There is none before there is such a record.
    """

    def __init__(self, since: Since, corrected: Iterable[Place]) -> None:
        self.since = since
        self.window: Any = None
        self._instead: dict[Place, Instead] = {}
        self._healed: set[Place] = set()
        self._touched = dict.fromkeys(corrected)

    @property
    def has_healed(self) -> bool:
        """Whether a correction, of anybody, healed anything since the breach opened."""
        return bool(self._healed)

    def touch(self, place: Place) -> None:
        """A record is about to change: what it would say instead is so no more."""
        self._touched[place] = None
        self._healed.discard(place)
        instead = self._instead.pop(place, None)
        if instead is not None:
            self._swap(instead.uncorrected, instead.now)

    def forget(self, place: Place) -> None:
        """No window asks any more for what a record says."""
        self._touched.pop(place, None)
        self._healed.discard(place)
        self._instead.pop(place, None)

    def refresh(self, of: Windowed, window: Any, look: Look) -> Iterator[None]:
        """Work out what changed records would say, pausing wherever others may have their turn."""
        while self._touched:
            for place in list(islice(self._touched, _AT_ONCE)):
                del self._touched[place]
                if (instead := look(place, of, self.since)) is not None:
                    self._count(place, instead, window)
            yield

    def _count(self, place: Place, instead: Instead, window: Any) -> None:
        if instead.healed:
            self._healed.add(place)
        if instead.now != instead.uncorrected:
            self.window = self.window or window.fork()
            self._instead[place] = instead
            self._swap(instead.now, instead.uncorrected)

    def _swap(self, out: Iterable[Evidence], into: Iterable[Evidence]) -> None:
        for says in into:
            self.window.count(says, 1)
        for says in out:
            self.window.count(says, -1)


class Corrections:
    """Retractions by the identity of what they withdraw, and what windows were without corrections.

    That is kept for breaches that stand, and brought up to date when somebody asks.
    """

    def __init__(self) -> None:
        self.retractions: dict[bytes, Retraction] = {}
        self.corrected: dict[Place, None] = {}
        self._identities: dict[str, set[bytes]] = {}
        self._breaches: dict[Windowed, Uncorrected] = {}

    def withdraw(self, event: str, identity: bytes) -> None:
        """An event that was taken is withdrawn."""
        self._identities.setdefault(event, set()).add(identity)

    def touch(self, place: Place) -> None:
        """A record that was corrected, or claims late, is about to change, or did for the first."""
        self.corrected[place] = None
        for each in self._breaches.values():
            each.touch(place)

    def forget(self, place: Place) -> None:
        """Nothing can ask any more for what a record said."""
        self.corrected.pop(place, None)
        for each in self._breaches.values():
            each.forget(place)

    def refresh(
        self,
        standing: Mapping[Windowed, Since],
        window_of: Callable[[Windowed], Any],
        look: Look,
    ) -> Iterator[None]:
        """Work out what the windows of breaches would be, pausing for others."""
        for of, kept in list(self._breaches.items()):
            if standing.get(of) != kept.since:
                del self._breaches[of]
                window_of(of).join()
        for of, since in standing.items():
            if of not in self._breaches:
                self._breaches[of] = Uncorrected(since, self.corrected)
        for of, each in list(self._breaches.items()):
            yield from each.refresh(of, window_of(of), look)

    def uncorrected(self, of: Windowed) -> Uncorrected | None:
        """What a window would be without corrections, for a breach that stands."""
        return self._breaches.get(of)

    def withdrawn(self, events: Iterable[str], since: int) -> Iterator[Fact]:
        """The words since then by which any of these events is taken back."""
        for key in {key for event in events for key in self._identities.get(event, ())}:
            word = self.retractions[key].said
            if word.recorded > since:
                yield word
