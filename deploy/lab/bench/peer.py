"""The fold for a peer: the alerts' own, with each record it touches kept in the peer's state.

Identities, feeds and sums stay in memory, which spares the peers the cost of keeping those too.
"""

import copyreg
from typing import Any, Protocol

from alerts.agreements import Agreements
from alerts.lines import Line
from alerts.lots import Lot
from alerts.records import Demand, Evidence, Fact, Meaning, Record
from alerts.shelves import R, Shelf
from alerts.state import REFUSALS, Cmo
from alerts.stock import Position
from events.data import DATA, Tolerance
from events.decode import Accepted, Message
from events.values import Identifier, Quantity, identifier
from streams.shard import decoder_of

Kept = tuple[list[Fact], tuple[tuple[str, Evidence], ...], str | None]
"""What is kept of a record: its facts, and the evidence and product they were last counted as."""


class Store(Protocol):
    """A peer's state, as far as it is needed here."""

    def get(self, key: str) -> Kept | None:
        """What is kept under a key, if anything."""

    def __setitem__(self, key: str, kept: Kept) -> None:
        """Keeps it."""


class StoredShelf(Shelf[R]):
    """Records of one kind that lie in a store; in memory are those one event asked for."""

    def __init__(self, kind: type[R], cmo: str) -> None:
        super().__init__(kind)
        self._prefix = f"{kind.__name__}:{cmo}:"
        self._asked: set[tuple[str, ...]] = set()
        self.store: Store | None = None

    def __missing__(self, key: tuple[str, ...]) -> R:
        record = super().__missing__(key)
        self._asked.add(key)
        assert self.store is not None
        if (kept := self.store.get(self._prefix + ":".join(key))) is not None:
            record.facts, evidence, product = kept
            record.meaning = Meaning(evidence, product)
        return record

    def put_back(self) -> None:
        """Writes what was asked for into the store, and forgets it."""
        assert self.store is not None
        for key in self._asked:
            record: Record | None = self.get(key)
            kept: Kept = ([], (), None)
            if record is not None:
                kept = record.facts, record.meaning.evidence, record.meaning.product
            self.store[self._prefix + ":".join(key)] = kept
        self._asked.clear()
        self.clear()


class StoredCmo(Cmo):
    """A CMO whose records lie in a store, those of one event in memory."""

    def __init__(self, cmo: str, agreements: Agreements) -> None:
        super().__init__(cmo, agreements)
        self.lots = lots = StoredShelf(Lot, cmo)
        self.lines = lines = StoredShelf(Line, cmo)
        self.positions = positions = StoredShelf(Position, cmo)
        self.demands = demands = StoredShelf(Demand, cmo)
        self._shelves = lots, lines, positions, demands

    def take_from(self, store: Store, event: Accepted) -> bool:
        """Takes an event in, with its records read from and written into `store`."""
        for shelf in self._shelves:
            shelf.store = store
        try:
            return self.take(event)
        finally:
            for shelf in self._shelves:
                shelf.put_back()


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
        if not isinstance(outcome, Accepted):
            self.rejected += 1
            return
        if (cmo := self.cmos.get(outcome.cmo)) is None:
            cmo = self.cmos[outcome.cmo] = StoredCmo(outcome.cmo, self._agreements)
        try:
            self.accepted += cmo.take_from(store, outcome)
        except tuple(REFUSALS):
            self.rejected += 1


def pickle_lightly() -> None:
    """Lets pickle write events by their fields alone, four times as fast as pydantic has it."""
    kinds: tuple[type[Any], ...] = (*DATA, Quantity, Tolerance)
    for kind in kinds:
        copyreg.pickle(kind, _fields)
    copyreg.pickle(Identifier, lambda model: (identifier, (model.name,)))


def _fields(model: Any) -> tuple[Any, ...]:
    return _made, (type(model), model.__dict__, model.__pydantic_extra__)


def _made(kind: Any, fields: dict[str, Any], extra: dict[str, Any]) -> Any:
    model = kind.__new__(kind)
    object.__setattr__(model, "__dict__", fields)
    object.__setattr__(model, "__pydantic_extra__", extra)
    object.__setattr__(model, "__pydantic_fields_set__", set(fields))
    object.__setattr__(model, "__pydantic_private__", None)
    return model
