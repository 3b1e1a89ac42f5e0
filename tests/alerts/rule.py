"""The rule of limits, worked out a second time, from the facts of each record and in other ways."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, NamedTuple

from alerts.agreements import Limit
from alerts.facts import Fact
from alerts.kind import Key, Record
from alerts.kpi import Kpi
from alerts.records.order_line import ORDER_LINE
from alerts.view import CmoView

_TENTH = 0.1


class Held(NamedTuple):
    """How many of a number are as they should be, and the sizes of the clusters of the number."""

    good: int
    sizes: tuple[int, ...]

    @property
    def of(self) -> int:
        return sum(self.sizes)

    @property
    def n(self) -> int:
        return len(self.sizes)

    def lies_below(self, limit: float, squared: float) -> bool:
        """Whether Wilson's whole interval does: the limit is too far off for what it is of."""
        weight = self.of**2 / sum(size**2 for size in self.sizes)
        off = limit - self.good / self.of
        return off > 0 and off * off * weight > squared * limit * (1 - limit)


Z2_90, Z2_95 = 1.6448536269514722**2, 1.959963984540054**2


def held(cmo: CmoView, kpi: Kpi) -> Held:
    """What the records of a CMO say for a KPI, all of which is in its window."""
    found = list(_clustered(cmo, kpi))
    sizes = Counter(name for _, name in found)
    return Held(sum(good for good, _ in found), tuple(sizes.values()))


def _clustered(cmo: CmoView, kpi: Kpi) -> Iterator[tuple[int, Hashable]]:
    (kind,) = kpi.kinds
    for key, record in cmo.records(kind).items():
        found = [says for name, says in record.evidence if name == kpi.name]
        for place, says in enumerate(found):
            good = says.numerator == 1
            yield says.numerator, _cluster(kpi, key, record, place, good=good)


def _cluster(kpi: Kpi, key: Key, record: Record, place: int, *, good: bool) -> Hashable:
    if kpi.kinds == (ORDER_LINE,):
        return key[0], record.view.schedule[place].promise.due
    failed = kpi.name == "right_first_time" and not good
    return (_first_serious(record.facts) if failed else None) or key


def _first_serious(facts: Iterable[Fact]) -> str | None:
    """The deviation opened first of those whose last word is serious."""
    last: dict[str, Any] = {}
    for fact in sorted(facts):
        if fact.topic == "cmo.lots" and hasattr(fact.data, "deviation"):
            last[fact.data.deviation] = fact.data.class_
    return next((name for name, class_ in last.items() if class_ != "minor"), None)


def state(found: Held, kpi: Kpi, limit: Limit) -> int | None:
    """What a rate is worth that is known; None where nothing was due."""
    warning, critical, least = _limits(kpi, limit)
    if not found.n:
        return None
    if found.n < least:
        return -1
    if found.lies_below(critical, Z2_95):
        return 2
    return int(found.lies_below(warning, Z2_90))


def eased(kpi: Kpi, limit: Limit) -> Limit:
    """The limits that a standing breach has to be back past."""
    warning, critical, least = _limits(kpi, limit)
    step = (warning - critical) * _TENTH
    return Limit(warning=min(1, warning + step), critical=min(1, critical + step), minimum=least)


def _limits(kpi: Kpi, limit: Limit) -> tuple[float, float, int]:
    warning = kpi.warning if limit.warning is None else limit.warning
    critical = kpi.critical if limit.critical is None else limit.critical
    assert warning is not None
    assert critical is not None
    return warning, critical, limit.minimum or kpi.minimum
