"""What is true of a simulated world: its rates, its troubles, and the evidence in it."""

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from math import sqrt
from typing import Final, Literal, NamedTuple, Self

from alerts.judge import Bounds
from deploy.lab.simulate.world import DAY, Said, Span, day_of, of_type, text_of

Expected = Literal["ok", "warning", "critical", "insufficient", "unknown", "none"]

LIMITS: Final = {
    "delivery_otif": Bounds(0.95, 0.90, 3),
    "delivery_on_time": Bounds(0.95, 0.90, 3),
    "lot_acceptance_dispositioned": Bounds(0.97, 0.93, 3),
    "right_first_time": Bounds(0.90, 0.80, 3),
    "release_on_time": Bounds(0.95, 0.90, 3),
    "feed_validity": Bounds(0.99, 0.95, 20),
}
"""The limits in force in the agreements of the simulated makers."""


_STANDARD_ERRORS: Final[Mapping[Expected, float]] = {"critical": 1.959964, "warning": 1.644854}
"""How many lie on either side of the middle of the 95 % and of the 90 % interval."""


class Kept(NamedTuple):
    """How many of a number were as they should be; `n` pieces of it are independent of others.

    `weight` is how many independent ones tell as much as all of them.
    """

    kept: int
    of: int
    n: int
    weight: float

    @classmethod
    def counted(cls, found: Iterable[tuple[bool, Hashable]]) -> Self:
        """Of what was as it should be or not, each with what it stands or falls with."""
        every = list(found)
        sizes = Counter(cluster for _, cluster in every).values()
        weight = len(every) ** 2 / sum(size**2 for size in sizes) if every else 0.0
        return cls(sum(kept for kept, _ in every), len(every), len(sizes), weight)

    @classmethod
    def alone(cls, kept: int, of: int) -> Self:
        """Of what is all independent."""
        return cls(kept, of, of, of)

    def state(self, kpi: str) -> Expected:
        """What a KPI with this evidence must show."""
        bounds = LIMITS[kpi]
        if not self.of:
            return "none"
        if self.n < bounds.minimum:
            return "insufficient"
        if self._lies_below(bounds.critical, "critical"):
            return "critical"
        return "warning" if self._lies_below(bounds.warning, "warning") else "ok"

    def _lies_below(self, limit: float | None, severity: Expected) -> bool:
        """Whether the whole interval does: the limit is too many standard errors of its own off."""
        assert limit is not None
        error = sqrt(limit * (1 - limit) / self.weight)
        return limit - self.kept / self.of > _STANDARD_ERRORS[severity] * error


def longer(value: float, n: int, bounds: Bounds) -> Expected:
    """What a KPI that is better when lower must show, judged by its reading."""
    if not n:
        return "none"
    if n < bounds.minimum:
        return "insufficient"
    if bounds.critical is not None and value > bounds.critical:
        return "critical"
    return "warning" if bounds.warning is not None and value > bounds.warning else "ok"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One injected trouble: the KPI it must show in, and the state expected as of the end.

    What is expected to be unknown without a scope is so in all scopes of its KPI.
    """

    trouble: str
    cmo: str
    kpi: str
    expected: Expected
    since: str
    scope: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything known of a world.

    `invalid` of the `events` cannot be taken; `healthy` are the makers without any trouble.
    """

    seed: int
    start: str
    until: str
    events: int
    invalid: int
    makers: int
    rates: Mapping[str, float]
    troubles: tuple[Trouble, ...]
    healthy: tuple[str, ...]
    evidence: Mapping[str, Mapping[str, Kept]]

    def json(self) -> str:
        """As a JSON object, the same text for the same world."""
        held = asdict(self)
        held["evidence"] = {
            cmo: {kpi: each._asdict() for kpi, each in kpis.items()}
            for cmo, kpis in self.evidence.items()
        }
        return json.dumps(held, indent=2, ensure_ascii=False) + "\n"


class Told(NamedTuple):
    """What is said of a maker once a trouble has come over it, and the truth of that trouble."""

    said: list[Said]
    troubles: tuple[Trouble, ...]


def trouble(name: str, cmo: str, kpi: str, expected: Expected, since: int, **scope: str) -> Trouble:
    """A trouble since a second, in a scope below the CMO."""
    return Trouble(name, cmo, kpi, expected, text_of(since), scope)


def evidence(said: list[Said], span: Span) -> dict[str, Kept]:
    """What the events come to for each KPI that can be read off them."""
    return {
        "delivery_otif": delivered(said, span),
        "delivery_on_time": on_time(said, span),
        "lot_acceptance_dispositioned": accepted(said, span),
        "right_first_time": right_first_time(said, span),
        "release_on_time": released_on_time(said, span),
    }


def delivered(said: list[Said], span: Span) -> Kept:
    """Order lines of the last 365 days complete by the due day and within 10 % over."""
    return Kept.counted(
        (wanted <= by_due <= wanted * 1.1, of) for wanted, by_due, of in _due(said, span)
    )


def on_time(said: list[Said], span: Span) -> Kept:
    """Order lines of the last 365 days complete by the due day."""
    return Kept.counted((wanted <= by_due, of) for wanted, by_due, of in _due(said, span))


def _due(said: list[Said], span: Span) -> Iterator[tuple[int, int, Hashable]]:
    """Of each line due: what was wanted, what came by then, and its order with the due day."""
    cancelled = {_line(each) for each in of_type(said, "order.cancelled")}
    scheduled = [*of_type(said, "order.placed"), *of_type(said, "order.changed")]
    last = {_line(each): each.data["schedule"][0] for each in scheduled}
    due = {line: date.fromisoformat(each["date"]) for line, each in last.items()}
    wanted = {line: each["quantity"]["value"] for line, each in last.items()}
    by_due, by_now = dict.fromkeys(due, 0), dict.fromkeys(due, 0)
    for each in of_type(said, "order.delivered"):
        line, amount = _line(each), each.data["quantity"]["value"]
        by_now[line] += amount
        if day_of(each.time) <= due[line]:
            by_due[line] += amount
    for line, day in due.items():
        counts_on = day if by_now[line] >= wanted[line] else day + timedelta(days=1)
        if line not in cancelled and _within(counts_on, span, 365):
            yield wanted[line], by_due[line], (line[0], day)


def _line(said: Said) -> tuple[str, str]:
    return said.data["order"], said.data["line"]


def _within(day: date, span: Span, days: int) -> bool:
    return span.today - timedelta(days=days) < day <= span.today


def accepted(said: list[Said], span: Span) -> Kept:
    """Commercial lots released, of those finally decided in the last 365 days."""
    last: dict[str, Said] = {}
    for each in _final(said):
        held = last.get(each.data["lot"])
        if held is None or held.who != "sponsor" or each.who == "sponsor":
            last[each.data["lot"]] = each
    ours = _commercial(said)
    return Kept.counted(
        (each.data["decision"] == "released", lot)
        for lot, each in last.items()
        if lot in ours and _within(day_of(each.time), span, 365)
    )


def _final(said: Iterable[Said]) -> list[Said]:
    decided = of_type(said, "release.decided")
    final = [each for each in decided if each.data["decision"] in ("released", "rejected")]
    return sorted(final, key=lambda each: (each.time, each.id))


def _commercial(said: Iterable[Said]) -> dict[str, Said]:
    started = of_type(said, "lot.started")
    return {e.data["lot"]: e for e in started if e.data["purpose"] == "commercial"}


def right_first_time(said: list[Said], span: Span) -> Kept:
    """Commercial lots completed in the last 365 days without rework or a serious deviation."""
    marred: dict[str, str] = {}
    for each in sorted(of_type(said, "deviation.opened"), key=lambda each: (each.time, each.id)):
        if each.data["class"] != "minor":
            for lot in each.data["lots"]:
                marred.setdefault(lot, each.data["deviation"])
    decided = of_type(said, "release.decided")
    reworked = {each.data["lot"] for each in decided if each.data["decision"] == "rework"}
    ours = _commercial(said)
    return Kept.counted(
        (lot not in marred and lot not in reworked, marred.get(lot, ("lot", lot)))
        for lot, each in completions(said).items()
        if lot in ours and _within(day_of(each.time), span, 365)
    )


def completions(said: Iterable[Said]) -> dict[str, Said]:
    """The first completion of each lot."""
    first: dict[str, Said] = {}
    for each in of_type(said, "lot.completed"):
        first.setdefault(each.data["lot"], each)
    return first


def released_on_time(said: list[Said], span: Span) -> Kept:
    """Commercial lots finally decided by the sponsor's day, of those due in the last 365 days."""
    decided: dict[str, date] = {}
    for each in _final(said):
        if each.who == "sponsor" or each.data["lot"] not in decided:
            decided[each.data["lot"]] = day_of(each.time)
    ours = _commercial(said)
    kept = []
    for each in of_type(said, "release.requested"):
        due, lot = date.fromisoformat(each.data["due"]), each.data["lot"]
        counts_on = due if lot in decided else due + timedelta(days=1)
        if lot in ours and _within(counts_on, span, 365):
            kept.append(lot in decided and decided[lot] <= due)
    return Kept.alone(sum(kept), len(kept))


def nearest_rank(values: Iterable[int], hundredth: int) -> tuple[int, int]:
    """The quantile by nearest rank, and how many values it is of; 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0, 0
    return ordered[-(-len(ordered) * hundredth // 100) - 1], len(ordered)


def cycle_times(said: list[Said], span: Span) -> list[int]:
    """Seconds from completion to the first final decision, of decisions in the last 365 days."""
    completed = completions(said)
    first: dict[str, Said] = {}
    for each in _final(said):
        first.setdefault(each.data["lot"], each)
    ours = _commercial(said)
    return [
        each.time - completed[lot].time
        for lot, each in first.items()
        if lot in ours and lot in completed and _within(day_of(each.time), span, 365)
    ]


def delays(said: Iterable[Said], span: Span) -> list[int]:
    """Seconds from the event to its record, of what the maker said in the last 30 days."""
    recent = [each for each in said if each.who == "cmo" and each.time > span.end - 30 * DAY]
    return [each.recorded - each.time for each in recent]
