"""Exceptions: what is wrong now, record by record, for the KPIs that count it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import nlargest
from itertools import islice

from alerts.calendar import HOUR
from alerts.index import LISTED
from alerts.kind import Key
from alerts.kpi import Finding, Kpi, Measured
from events.dimensions import WHOLE, Scope

_AT_ONCE = 500  # records looked at before others have their turn

Look = Callable[[Kpi, Key, int], tuple[Scope, Iterable[Finding]] | None]
"""What a record is counted for and what is wrong with it; None for one that is not open."""


class Exceptions:
    """What one KPI finds wrong with the open records of its kind, as of when it last looked.

    A record is looked at when it changed, and all of them at the turn of an hour.
    """

    def __init__(self, kpi: Kpi) -> None:
        self._kpi = kpi
        self._looked: dict[Key, tuple[list[Scope], list[Scope]]] = {}
        self._among: Counter[Scope] = Counter()
        self._wrong: dict[Scope, dict[Key, tuple[Finding, ...]]] = {}
        self._touched: dict[Key, None] = {}
        self._hour = 0

    def touch(self, key: Key) -> None:
        """A record changed."""
        self._touched[key] = None

    def refresh(self, open_keys: Iterable[Key], look: Look, now: int) -> Iterator[None]:
        """Look at what changed since, pausing wherever others may have their turn."""
        if self._hour != now // HOUR:
            self._hour = now // HOUR
            self._touched.update(dict.fromkeys((*self._looked, *open_keys)))
        while self._touched:
            for key in list(islice(self._touched, _AT_ONCE)):
                del self._touched[key]
                self._forget(key)
                if (seen := look(self._kpi, key, now)) is not None:
                    self._see(key, *seen)
            yield

    def _forget(self, key: Key) -> None:
        counted, wrong = self._looked.pop(key, ([], []))
        self._among.subtract(counted)
        for scope in wrong:
            del self._wrong[scope][key]

    def _see(self, key: Key, scope: Scope, findings: Iterable[Finding]) -> None:
        wrong: dict[Scope, list[Finding]] = {}
        for finding in findings:
            about = scope._replace(**finding.scope.named)
            for each in self._narrowed(about):
                wrong.setdefault(each, []).append(finding)
        counted = self._narrowed(scope)
        self._looked[key] = counted, list(wrong)
        self._among.update(counted)
        for each, found in wrong.items():
            self._wrong.setdefault(each, {})[key] = tuple(found)

    def _narrowed(self, scope: Scope) -> list[Scope]:
        narrowed = (scope.narrowed(each) for each in self._kpi.dimensions)
        return [each for each in narrowed if each is not None]

    def measured(self) -> Iterator[Measured]:
        """How many things are wrong, worst first, for the CMO and for each scope looked at."""
        whole = [WHOLE] if () in self._kpi.dimensions else []
        for scope in (*whole, *sorted({*self._among, *self._wrong} - {WHOLE}, key=str)):
            yield self._measured(scope, self._wrong.get(scope, {}))

    def _measured(self, scope: Scope, wrong: Mapping[Key, tuple[Finding, ...]]) -> Measured:
        every = [finding for findings in wrong.values() for finding in findings]
        worst = nlargest(LISTED, every, key=lambda each: (each.rank, each.event))
        events, count = tuple(each.event for each in worst), len(every)
        omitted = count - len(events)
        return Measured(scope, count, n=self._among[scope], events=events, omitted=omitted)
