"""Tables: the records of one CMO by kind and key, and what is looked up beside them."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from alerts.corrections import Corrections
from alerts.doubts import Doubts
from alerts.exceptions import Exceptions
from alerts.feeds import Feed, Row
from alerts.identities import Identities
from alerts.index import Adverse, EvidenceIndex
from alerts.kind import Key, Kind, Record
from alerts.kpi import Kpi
from alerts.kpis import BY_NAME, KPIS
from alerts.ranking import Ranking
from alerts.records import KINDS
from alerts.records.lot import LOT
from alerts.records.order_line import ORDER_LINE
from alerts.windows import Values, Window
from events.dimensions import Scope


class Table:
    """The records of one kind: by key, the open ones, and by the part of a key they are grouped by.

    `changed` counts the changes to each group.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.records: dict[Key, Record] = {}
        self.open: dict[Key, Any] = {}
        self.groups: dict[str, dict[Key, None]] = {}
        self.changed: dict[str, int] = {}

    def put(self, key: Key, record: Record) -> None:
        """Keep a record as it is now."""
        self.records[key] = record
        if record.is_open:
            self.open[key] = record.view
        elif self.open:
            self.open.pop(key, None)
        if self.kind.group is not None:
            self._group(self.kind.group(key), key, record.view)

    def _group(self, name: str, key: Key, view: Any) -> None:
        self.changed[name] = self.changed.get(name, 0) + 1
        keys = self.groups.setdefault(name, {})
        if view is not None:
            keys[key] = None
        else:
            keys.pop(key, None)
        if not keys:
            del self.groups[name]


class Counted(NamedTuple):
    """Where evidence of a KPI counts for one scope: in its window, and, if adverse, by its hour."""

    scope: Scope
    window: Window | Values
    adverse: Adverse


class Windows:
    """The windows of one CMO: of each KPI, one for each scope that it is counted for."""

    def __init__(self, index: EvidenceIndex) -> None:
        self._index = index
        self._by_kpi: dict[str, dict[Scope, Window | Values]] = {}
        self._counted_in: dict[tuple[str, Scope], tuple[Counted, ...]] = {}

    def of(self, kpi: str) -> dict[Scope, Window | Values]:
        """The windows of a KPI by scope."""
        return self._by_kpi.get(kpi, {})

    def counting(self, kpi: str, scope: Scope) -> tuple[Counted, ...]:
        """Where evidence for a KPI counts that is about a scope."""
        held = self._counted_in.get((kpi, scope))
        if held is None:
            narrowed = [scope.narrowed(each) for each in BY_NAME[kpi].dimensions]
            held = tuple(self._counted(kpi, each) for each in narrowed if each is not None)
            self._counted_in[kpi, scope] = held
        return held

    def _counted(self, kpi: str, scope: Scope) -> Counted:
        windows = self._by_kpi.setdefault(kpi, {})
        if scope not in windows:
            windows[scope] = Values() if BY_NAME[kpi].quantiles else Window()
        return Counted(scope, windows[scope], self._index.adverse(kpi, scope))

    def __iter__(self) -> Iterator[tuple[Kpi, Window | Values]]:
        for name, windows in self._by_kpi.items():
            for window in windows.values():
                yield BY_NAME[name], window


def _state(lot: Any) -> tuple[Any, ...]:
    return lot.state, lot.progressed, lot.progressed_by


def _since(lot: Any) -> tuple[Any, ...]:
    return (lot.state_since,)


def _due(line: Any) -> tuple[Any, ...]:
    return (line.awaited.promise.due,)


class Tables:
    """All tables of one CMO; only commits write them."""

    def __init__(self) -> None:
        self.of = {kind.name: Table(kind) for kind in KINDS}
        self.homes: list[tuple[Kind, Key]] = []
        self.identities = Identities()
        self.index = EvidenceIndex()
        self.windows = Windows(self.index)
        self.corrections = Corrections()
        self.exceptions = {kpi.name: Exceptions(kpi) for kpi in KPIS if kpi.exceptions}
        self.doubts = Doubts()
        self.feeds: dict[str, Feed] = {}
        self.rows: dict[str, Row] = {}
        self.rankings: Final = {
            "age": (LOT, Ranking(_state)),
            "since": (LOT, Ranking(_since)),
            "due": (ORDER_LINE, Ranking(_due)),
        }
        self.watching: dict[str, list[Ranking | Exceptions]] = {kind.name: [] for kind in KINDS}
        for kind, ranking in self.rankings.values():
            self.watching[kind.name].append(ranking)
        for name, exceptions in self.exceptions.items():
            self.watching[BY_NAME[name].kinds[0].name].append(exceptions)

    def feed(self, topic: str) -> Feed:
        """What was heard on a topic, to be added to."""
        if (held := self.feeds.get(topic)) is None:
            held = self.feeds[topic] = Feed()
        return held
