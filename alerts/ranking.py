"""Rankings: open records in an order that changes, brought up to date when somebody looks."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from sortedcontainers import SortedList

from alerts.kind import Key

_LAST: Final = "\U0010ffff"
_AT_ONCE = 500  # records ranked before others have their turn


class Ranking:
    """Keys in the order of what `rank` makes of their views; the key itself breaks ties."""

    def __init__(self, rank: Callable[[Any], tuple[Any, ...]]) -> None:
        self._rank = rank
        self._order: Any = SortedList()
        self._placed: dict[Key, tuple[Any, ...]] = {}
        self._touched: dict[Key, None] = {}

    def touch(self, key: Key) -> None:
        """The view of a key changed, or is gone."""
        self._touched[key] = None

    def refresh(self, views: Mapping[Key, Any]) -> Iterator[None]:
        """Bring the order up to date, pausing wherever others may have their turn."""
        while self._touched:
            for key in list(islice(self._touched, _AT_ONCE)):
                del self._touched[key]
                self._replace(key, views.get(key))
            yield
        self._touched = {}  # one that was emptied keeps its size

    def _replace(self, key: Key, view: Any) -> None:
        before = self._placed.pop(key, None)
        after = (*self._rank(view), key) if view is not None else None
        if before != after and before is not None:
            self._order.remove(before)
        if after is not None:
            self._placed[key] = after
            if before != after:
                self._order.add(after)

    def first(self, most: int) -> list[Key]:
        """The first keys in the order."""
        return [each[-1] for each in islice(self._order, most)]

    def __len__(self) -> int:
        return len(self._order)

    def oldest(self) -> "Iterator[Oldest]":
        """Of each state, in their order, the record that progressed longest ago.

        The rank has to begin with state, time and event; of one time the last event counts.
        """
        at = 0
        while at < len(self._order):
            state, time = self._order[at][:2]
            end = self._order.bisect_left((state + "\0",))
            last = self._order.bisect_left((state, time, _LAST)) - 1
            yield Oldest(state, time, self._order[last][2], end - at)
            at = end


class Oldest(NamedTuple):
    """What progressed longest ago of so many in a state, and by which event."""

    state: str
    progressed: int
    progressed_by: str
    among: int
