"""The fold for a peer: the alerts' own, with each record it touches kept in the peer's state.

Identities, feeds and sums stay in memory, which spares the peers the cost of keeping those too.
"""

import copyreg
from typing import Any, Protocol

from alerts.agreements import Agreements
from alerts.apply import REFUSALS
from alerts.changes import Changes
from alerts.cmo import Cmo
from alerts.kind import Place, Record
from events.compact import COMPACT, NESTED
from events.outcomes import AcceptedEvent, Message
from events.values import Identifier, identifier
from streams.shard import decoder_of

Kept = Record | None
"""What is kept under a key: a record, None where nothing is said of one any more."""


class Store(Protocol):
    """A peer's state, as far as it is needed here."""

    def get(self, key: str) -> Kept:
        """What is kept under a key, if anything."""

    def __setitem__(self, key: str, kept: Kept) -> None:
        """Keeps it."""


class StoredCmo(Cmo):
    """A CMO whose records lie in a store, those of one event in memory."""

    def __init__(self, cmo: str, agreements: Agreements) -> None:
        super().__init__(cmo, agreements)
        self._store: Store | None = None
        self._read: dict[Place, Kept] = {}

    def record(self, place: Place) -> Record | None:
        """A record as the store has it; it is read once an event."""
        if place not in self._read:
            assert self._store is not None
            self._read[place] = self._store.get(self._name(place))
        return self._read[place]

    def _name(self, place: Place) -> str:
        return f"{place[0].name}:{self.id}:{':'.join(place[1])}"

    def commit(self, changes: Changes) -> None:
        """Make changes part of the state, with the records they change from and to the store."""
        tables = [(place, self._tables.of[place[0].name].records) for place in changes.records]
        for place, records in tables:
            if (before := self.record(place)) is not None:
                records[place[1]] = before
        super().commit(changes)
        for place, records in tables:
            assert self._store is not None
            self._store[self._name(place)] = records.pop(place[1], None)

    def take_from(self, store: Store, event: AcceptedEvent) -> bool:
        """Takes an event in, with its records read from and written into `store`."""
        self._store = store
        self._read.clear()
        return self.take(event)


class Peer:
    """Every CMO's state for a peer; one event at a time is decoded and folded."""

    def __init__(self, agreements: Agreements, partitions: int) -> None:
        self.cmos: dict[str, StoredCmo] = {}
        self.accepted = self.rejected = 0
        self._agreements = agreements
        self._decoder = decoder_of(agreements, partitions)

    def fold(self, message: Message, store: Store) -> None:
        """Takes one message in, reading and writing its records in `store`."""
        outcome = self._decoder.decode(message)
        if not isinstance(outcome, AcceptedEvent):
            self.rejected += 1
            return
        if (cmo := self.cmos.get(outcome.cmo)) is None:
            cmo = self.cmos[outcome.cmo] = StoredCmo(outcome.cmo, self._agreements)
        try:
            self.accepted += cmo.take_from(store, outcome)
        except tuple(REFUSALS):
            self.rejected += 1


def pickle_lightly() -> None:
    """Lets pickle write what events say by their fields alone."""
    for kind in {*COMPACT.values(), *NESTED.values()}:
        copyreg.pickle(kind, _fields)
    copyreg.pickle(Identifier, lambda model: (identifier, (model.name,)))


_BY_NAME = {kind.__name__: kind for kind in (*COMPACT.values(), *NESTED.values())}


def _fields(said: Any) -> tuple[Any, ...]:
    fields = tuple(getattr(said, name) for name in said.__struct_fields__)
    return _made, (type(said).__name__, fields)


def _made(name: str, fields: tuple[Any, ...]) -> Any:
    return _BY_NAME[name](*fields)
