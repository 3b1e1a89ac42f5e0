"""Readings: what each KPI of a CMO is as of now, and what that is worth."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from alerts.agreements import Agreement, Limit
from alerts.judge import NO_BOUNDS, Bounds, Interval, Verdict, beyond, judge, wilson
from alerts.kpi import Kpi, Measured
from alerts.kpis import KPIS
from alerts.kpis.feed import FEED_SILENCE, silent_for
from alerts.view import CmoView
from events.data import INBOUND
from events.dimensions import WHOLE, Scope
from events.values import MILLION

_QUARTER = 15 * 60 * MILLION


@dataclass(frozen=True, slots=True)
class Reading:
    """One KPI for one scope as of a moment; what is not applicable is None.

    `n` counts independent pieces of evidence, `n_eff` how many of them a rate weighs as. `state` is
    None without a limit in force, where a KPI is shown and not judged, and where nothing was due.
    `why` says why it is unknown. `doubtful` is how many things are in doubt that it may rest on: a
    rate is unknown with more than one in ten of its n, anything else with one. `in_a_row` is how
    many of the last messages were refused. `as_of` is in microseconds from the epoch.
    """

    kpi: Kpi
    cmo: str
    scope: Scope
    as_of: int
    quantile: str | None = None
    value: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    n: int = 0
    n_eff: float | None = None
    bounds: Bounds = NO_BOUNDS
    state: Verdict | None = None
    judged: bool = False
    why: str = ""
    events: tuple[str, ...] = field(default=(), compare=False)
    omitted: int = field(default=0, compare=False)
    doubtful: int = 0
    in_a_row: int = 0

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of a rate, the one by which it is critical."""
        if self.value is None or self.n_eff is None:
            return None
        return wilson(self.value, self.n_eff)

    @property
    def words(self) -> str:
        """Why there is nothing to judge, if so: why it is unknown, or that nothing was due."""
        nothing_due = self.kpi.window_days is not None and self.n == 0
        return self.why or ("nothing was due" if nothing_due else "")


def readings(cmo: CmoView, now: int, figures: "Figures | None" = None) -> Iterator[Reading]:
    """Every reading of a CMO as of `now`, in microseconds from the epoch; none after it was left.

    `figures` are those of earlier readings of this CMO, to work out only what has changed.
    """
    if cmo.has_ended(now):
        return
    figures = figures or Figures()
    agreement = cmo.agreement(now)
    missing, unborn = unheard(cmo, now), _never_heard(cmo, agreement)
    for kpi in KPIS:
        limit = agreement.limit(kpi.name) if agreement else Limit()
        unheard_of, never_heard = _first(missing, kpi.needs), _first(unborn, kpi.needs)
        doubtful, found = cmo.doubtful(kpi), figures.of(cmo, kpi, agreement, now)
        for measured in (*found, *doubtful.unmeasured(kpi, found)):
            nothing = "" if _has_evidence(kpi, measured) else never_heard
            doubted = doubtful.why(kpi, measured)
            misnamed = cmo.doubtful_name(kpi, measured.scope, now)
            why = doubted or measured.why or misnamed or unheard_of or nothing
            reading = _judged(kpi, cmo.id, limit, why, measured, now, always=bool(doubted))
            yield _with_doubts(reading, doubtful.at(measured.scope).things)


def unknown(cmo: str, why: str, now: int) -> Iterator[Reading]:
    """Every KPI of a CMO of which nothing can be known as of `now`, and why."""
    for kpi in KPIS:
        judged, state = kpi.is_judged_for(WHOLE), Verdict.UNKNOWN
        yield Reading(kpi, cmo, WHOLE, now, state=state, judged=judged, why=why)


def _first(reasons: Mapping[str, str], topics: Iterable[str]) -> str:
    return next((reasons[topic] for topic in topics if topic in reasons), "")


def _has_evidence(kpi: Kpi, measured: Measured) -> bool:
    """Whether it rests on anything; a count of exceptions does on there being none."""
    return measured.n > 0 or kpi.exceptions is not None


class Figures:
    """The figures of one CMO between its changes; only clocks run on without an event.

    Days begin on a quarter of an hour everywhere, so a figure holds until the next one.
    """

    def __init__(self) -> None:
        self._held: dict[str, list[Measured]] = {}
        self._of: tuple[int, int] = (-1, -1)
        self._groups: dict[str, dict[str, tuple[tuple[int, int], list[Measured]]]] = {}

    def of(self, cmo: CmoView, kpi: Kpi, agreement: Agreement | None, now: int) -> list[Measured]:
        """The figures of a KPI as of now."""
        if kpi.agreed_time is not None:
            return list(_measure(cmo, kpi, agreement, now))
        if self._of != (of := (cmo.revision, now // _QUARTER)):
            self._of, self._held = of, {}
        if kpi.name not in self._held:
            if kpi.grouped is not None:
                self._held[kpi.name] = self._by_group(cmo, kpi, agreement, now)
            else:
                self._held[kpi.name] = list(_measure(cmo, kpi, agreement, now))
        return self._held[kpi.name]

    def _by_group(
        self, cmo: CmoView, kpi: Kpi, agreement: Agreement | None, now: int
    ) -> list[Measured]:
        """Those of a KPI that is read group by group: of groups that changed, anew."""
        assert kpi.grouped is not None
        before, after = self._groups.get(kpi.name, {}), {}
        for name, changed in cmo.groups(kpi.kinds).items():
            of = changed, now // _QUARTER
            held = before.get(name)
            if held is None or held[0] != of:
                held = of, list(kpi.grouped(cmo, name, agreement, now))
            after[name] = held
        self._groups[kpi.name] = after
        found = [measured for _, each in after.values() for measured in each]
        return sorted(found, key=lambda measured: str(measured.scope))


def _measure(cmo: CmoView, kpi: Kpi, agreement: Agreement | None, now: int) -> Iterable[Measured]:
    if kpi.measure is not None:
        return kpi.measure(cmo, agreement, now)
    return cmo.exceptional(kpi) if kpi.exceptions else cmo.windowed(kpi, agreement, now)


def _with_doubts(reading: Reading, things: int) -> Reading:
    return replace(reading, doubtful=things) if things else reading


def _judged(
    kpi: Kpi, cmo: str, limit: Limit, why: str, measured: Measured, now: int, *, always: bool
) -> Reading:
    """A figure judged by the limit in force, or by what is `always` critical, if that there is."""
    judged = _is_judged(kpi, limit, measured)
    bounds = _bounds(kpi, limit, measured.agreed) if judged else NO_BOUNDS
    worst = judged and kpi.always_critical is not None and measured.value == kpi.always_critical
    state: Verdict | None = None
    holds = bounds.in_force or worst or (always and kpi.always_critical is not None)
    if judged and holds:
        state = _state(kpi, measured, bounds, why=why, worst=worst)
    return Reading(
        kpi,
        cmo,
        measured.scope,
        now,
        measured.quantile,
        measured.value,
        measured.numerator,
        measured.denominator,
        measured.n,
        measured.n_eff,
        bounds,
        state,
        judged,
        why,
        measured.events,
        measured.omitted,
        in_a_row=measured.in_a_row,
    )


def _state(
    kpi: Kpi, measured: Measured, bounds: Bounds, *, why: str, worst: bool
) -> Verdict | None:
    if why:
        return Verdict.UNKNOWN
    state = _by_value(kpi, measured, bounds, worst=worst)
    if is_broken(kpi, measured):
        return Verdict.WARNING if state is None else max(state, Verdict.WARNING)
    return state


def is_broken(kpi: Kpi, figure: "Measured | Reading") -> bool:
    """Whether so many were refused one after the other that it is wrong whatever the value is."""
    return kpi.in_a_row is not None and figure.in_a_row >= kpi.in_a_row


def _by_value(kpi: Kpi, measured: Measured, bounds: Bounds, *, worst: bool) -> Verdict | None:
    if measured.value is None or not _has_evidence(kpi, measured):
        return None
    if worst:
        return Verdict.CRITICAL
    return verdict(kpi, measured.value, measured.n_eff, measured.n, bounds)


def verdict(kpi: Kpi, value: float, n_eff: float | None, n: int, bounds: Bounds) -> Verdict:
    """What a value of a KPI is worth; a count is beyond a limit that it has reached."""
    return judge(
        value,
        n_eff,
        n,
        bounds,
        higher_is_better=kpi.higher_is_better,
        inclusive=kpi.exceptions is not None,
    )


def instead(reading: Reading, measured: Measured) -> Reading:
    """A reading as it would be by other figures, judged by the same limits."""
    kpi, why = reading.kpi, measured.why or reading.why
    return replace(
        reading,
        value=measured.value,
        numerator=measured.numerator,
        denominator=measured.denominator,
        n=measured.n,
        n_eff=measured.n_eff,
        state=_state(kpi, measured, reading.bounds, why=why, worst=False),
        why=why,
    )


def _is_judged(kpi: Kpi, limit: Limit, measured: Measured) -> bool:
    """Only the first dimensions are judged, and of quantiles the one agreed, else the highest."""
    if not kpi.is_judged_for(measured.scope):
        return False
    return not kpi.quantiles or measured.quantile == (limit.quantile or kpi.quantiles[-1])


def _bounds(kpi: Kpi, limit: Limit, agreed: float | None) -> Bounds:
    """The limit in force: the agreement's over the catalogue's, as times where those are agreed."""
    warning = kpi.warning if limit.warning is None else limit.warning
    critical = kpi.critical if limit.critical is None else limit.critical
    minimum = kpi.minimum if limit.minimum is None else limit.minimum
    if kpi.exceptions is not None:
        minimum = 0
    if kpi.agreed_time is None:
        return Bounds(warning, critical, minimum)
    if agreed is None:
        return Bounds(None, None, minimum)
    return Bounds(warning and warning * agreed, critical and critical * agreed, minimum)


def unheard(cmo: CmoView, now: int) -> dict[str, str]:
    """The topics of a CMO that cannot be relied on now, each with why."""
    agreement, found = cmo.agreement(now), {}
    for topic in INBOUND:
        if topic in cmo.feeds and (lacks := _missing(cmo, topic)):
            found[topic] = lacks
        elif agreement and topic in agreement.cadence:
            limit = agreement.limit(FEED_SILENCE.name)
            bounds = _bounds(FEED_SILENCE, limit, agreement.cadence[topic])
            silent = silent_for(cmo, agreement, topic, now) / MILLION
            if beyond(silent, bounds.critical, higher_is_better=False):
                found[topic] = f"{topic} is silent"
    return found


def _never_heard(cmo: CmoView, agreement: Agreement | None) -> dict[str, str]:
    """The topics on which words are agreed and none ever came: nobody knows whether they live."""
    agreed = agreement.cadence if agreement else ()
    return {
        topic: f"nothing was ever heard on {topic}"
        for topic in agreed
        if cmo.silent_since(topic) is None
    }


def _missing(cmo: CmoView, topic: str) -> str:
    for source, sequence in sorted(cmo.feeds[topic].sequences.items()):
        if sequence.gapped:
            first, last = next(sequence.missing)
            return f"{topic} from {source} lacks sequence {first} to {last}"
    return ""
