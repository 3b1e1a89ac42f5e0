"""What is true of a simulated world: its rates, its troubles, and the evidence in it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Final, Literal, NamedTuple

from alerts.judge import Bounds, Verdict, judge, wilson
from deploy.lab.simulate.world import DAY, Said, Span, day_of, of_type, text_of

Expected = Literal["ok", "warning", "critical", "insufficient", "unknown"]

LIMITS: Final = {
    "delivery_otif": Bounds(0.95, 0.90, 20),
    "lot_acceptance_dispositioned": Bounds(0.97, 0.93, 20),
    "right_first_time": Bounds(0.90, 0.80, 20),
    "release_on_time": Bounds(0.95, 0.90, 20),
    "feed_validity": Bounds(0.99, 0.95, 100),
}
"""The limits in force in the agreements of the simulated makers."""


class Kept(NamedTuple):
    """How many of a number were as they should be."""

    kept: int
    of: int

    def state(self, kpi: str) -> Expected:
        """What a KPI with this evidence must show."""
        if not self.of:
            return "unknown"
        interval = wilson(self.kept, self.of)
        bounds = LIMITS[kpi]
        return _word(judge(self.kept / self.of, interval, self.of, bounds, higher_is_better=True))


def longer(value: float, n: int, bounds: Bounds) -> Expected:
    """What a KPI that is better when lower must show, judged by its reading."""
    return _word(judge(value, None, n, bounds, higher_is_better=False)) if n else "unknown"


def _word(state: Verdict) -> Expected:
    words: Mapping[Verdict, Expected] = {
        Verdict.OK: "ok",
        Verdict.WARNING: "warning",
        Verdict.CRITICAL: "critical",
        Verdict.INSUFFICIENT: "insufficient",
    }
    return words.get(state, "unknown")


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
        "lot_acceptance_dispositioned": accepted(said, span),
        "right_first_time": right_first_time(said, span),
        "release_on_time": released_on_time(said, span),
    }


def delivered(said: list[Said], span: Span) -> Kept:
    """Order lines of the last 90 days complete by the due day and within 10 % over."""
    cancelled = {_line(each) for each in of_type(said, "order.cancelled")}
    due = {_line(e): date.fromisoformat(e.data["due"]) for e in of_type(said, "order.promised")}
    wanted = {_line(e): e.data["quantity"]["value"] for e in of_type(said, "order.promised")}
    due.update(
        (_line(e), date.fromisoformat(e.data["due"])) for e in of_type(said, "order.changed")
    )
    by_due, by_now = dict.fromkeys(due, 0), dict.fromkeys(due, 0)
    for each in of_type(said, "order.delivered"):
        line, amount = _line(each), each.data["quantity"]["value"]
        by_now[line] += amount
        if day_of(each.time) <= due[line]:
            by_due[line] += amount
    kept = [
        wanted[line] <= by_due[line] <= wanted[line] * 1.1
        for line, day in due.items()
        if line not in cancelled
        and _within(day if by_now[line] >= wanted[line] else day + timedelta(days=1), span, 90)
    ]
    return Kept(sum(kept), len(kept))


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
    counted = [
        each.data["decision"] == "released"
        for lot, each in last.items()
        if lot in ours and _within(day_of(each.time), span, 365)
    ]
    return Kept(sum(counted), len(counted))


def _final(said: Iterable[Said]) -> list[Said]:
    decided = of_type(said, "release.decided")
    final = [each for each in decided if each.data["decision"] in ("released", "rejected")]
    return sorted(final, key=lambda each: (each.time, each.id))


def _commercial(said: Iterable[Said]) -> dict[str, Said]:
    started = of_type(said, "lot.started")
    return {e.data["lot"]: e for e in started if e.data["purpose"] == "commercial"}


def right_first_time(said: list[Said], span: Span) -> Kept:
    """Commercial lots completed in the last 365 days without rework or a serious deviation."""
    marred = {
        lot
        for each in of_type(said, "deviation.opened")
        if each.data["class"] != "minor"
        for lot in each.data["lots"]
    }
    decided = of_type(said, "release.decided")
    marred |= {each.data["lot"] for each in decided if each.data["decision"] == "rework"}
    ours = _commercial(said)
    completed = completions(said)
    good = [
        lot not in marred
        for lot, each in completed.items()
        if lot in ours and _within(day_of(each.time), span, 365)
    ]
    return Kept(sum(good), len(good))


def completions(said: Iterable[Said]) -> dict[str, Said]:
    """The first completion of each lot."""
    first: dict[str, Said] = {}
    for each in of_type(said, "lot.completed"):
        first.setdefault(each.data["lot"], each)
    return first


def released_on_time(said: list[Said], span: Span) -> Kept:
    """Commercial lots finally decided by the sponsor's day, of those due in the last 90 days."""
    decided: dict[str, date] = {}
    for each in _final(said):
        if each.who == "sponsor" or each.data["lot"] not in decided:
            decided[each.data["lot"]] = day_of(each.time)
    ours = _commercial(said)
    kept = []
    for each in of_type(said, "release.requested"):
        due, lot = date.fromisoformat(each.data["due"]), each.data["lot"]
        counts_on = due if lot in decided else due + timedelta(days=1)
        if lot in ours and _within(counts_on, span, 90):
            kept.append(lot in decided and decided[lot] <= due)
    return Kept(sum(kept), len(kept))


def nearest_rank(values: Iterable[int], hundredth: int) -> tuple[int, int]:
    """The quantile by nearest rank, and how many values it is of; 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0, 0
    return ordered[-(-len(ordered) * hundredth // 100) - 1], len(ordered)


def cycle_times(said: list[Said], span: Span) -> list[int]:
    """Seconds from completion to the first final decision, of decisions in the last 90 days."""
    completed = completions(said)
    first: dict[str, Said] = {}
    for each in _final(said):
        first.setdefault(each.data["lot"], each)
    ours = _commercial(said)
    return [
        each.time - completed[lot].time
        for lot, each in first.items()
        if lot in ours and lot in completed and _within(day_of(each.time), span, 90)
    ]


def delays(said: Iterable[Said], span: Span) -> list[int]:
    """Seconds from the event to its record, of what the maker said in the last seven days."""
    recent = [each for each in said if each.who == "cmo" and each.time > span.end - 7 * DAY]
    return [each.recorded - each.time for each in recent]
