"""Breaches: what stands published, what should, and the transitions that lead there."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from alerts.calendar import DAY, HOUR, civil_day, moment
from alerts.facts import Evidence
from alerts.judge import Bounds, Verdict, beyond
from alerts.kpi import FEED, Kpi, hundredths
from alerts.kpis import BY_NAME
from alerts.kpis.feed import FEED_SILENCE, FEED_VALIDITY
from alerts.ladder import NO_LADDER, Ladder, is_acknowledged
from alerts.readings import Reading, unheard, verdict
from alerts.sums import Total
from alerts.view import CmoView, days_of
from alerts.windows import Spread, Window, first_hour
from events.breaches import Breach, BreachEvent, ClearedBy, Severity, Transition
from events.dimensions import Scope
from events.values import MILLION, microseconds

SILENCE_WAITS = HOUR // 6
"""For how long after we heard nothing ourselves no CMO's silence is held against it."""

_SEVERITY: dict[Verdict, Severity] = {Verdict.WARNING: "warning", Verdict.CRITICAL: "critical"}
_STATE: dict[str, Verdict] = {name: state for state, name in _SEVERITY.items()}


class Where(NamedTuple):
    """What a breach is about."""

    cmo: str
    kpi: str
    scope: Scope

    @property
    def text(self) -> str:
        """The beginning of the breach's id."""
        return ":".join([self.kpi, self.cmo, *(part for part in self.scope if part)])


class Standing(NamedTuple):
    """A breach that stands published; times in microseconds from the epoch."""

    breach: Breach
    at: int

    @property
    def severity(self) -> Verdict:
        """How bad it stands."""
        return _STATE[self.breach.severity]

    @property
    def since(self) -> int:
        """When it opened."""
        return microseconds(self.breach.since)

    @property
    def bounds(self) -> Bounds:
        """The limit it was judged by."""
        return Bounds(self.breach.warning, self.breach.critical, self.breach.minimum)


class Ledger:
    """What stands on `cmo.breaches`: a fold of it, in which the lowest offset of an id wins.

    Of one scope and KPI the last word stands: one that comes late takes nothing back.
    """

    def __init__(self) -> None:
        self.standing: dict[Where, Standing] = {}
        self._last: dict[Where, tuple[int, int]] = {}

    def fold(self, event: BreachEvent) -> None:
        """Take in a transition as it was read back."""
        breach, where = event.data, where_of(event.data)
        place = _number(breach.breach), breach.ordinal
        if place <= self._last.get(where, (0, 0)):
            return
        self._last[where] = place
        if breach.transition == "cleared":
            self.standing.pop(where, None)
        else:
            self.standing[where] = Standing(breach, microseconds(event.time))

    def next_id(self, where: Where) -> str:
        """The id of the next breach of this scope and KPI."""
        last, _ = self._last.get(where, (0, 0))
        return f"{where.text}:{last + 1}"


def _number(breach_id: str) -> int:
    """The how manyth of its scope and KPI a breach is, by its id."""
    number = breach_id.rpartition(":")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


def where_of(breach: Breach) -> Where:
    """What a published breach is about."""
    return Where(breach.cmo, breach.kpi, breach.scope)


def transitions(
    cmo: CmoView, readings: Iterable[Reading], ledger: Ledger, now: int, heard_again: int = 0
) -> Iterator[BreachEvent]:
    """What has to be published so that what stands is what these readings mean.

    The same log, the same `cmo.breaches` and the same now give the same transitions. `heard_again`
    is when we heard the log again after a spell of hearing nothing: the log cannot tell such a
    spell from a CMO's silence, so none opens or worsens a breach until the CMO had time to speak.
    """
    judged = {Where(r.cmo, r.kpi.name, r.scope): r for r in readings if r.judged}
    waits = now - heard_again < SILENCE_WAITS
    for where, reading in judged.items():
        if (
            waits
            and where.kpi == FEED_SILENCE.name
            and _is_worse(reading, ledger.standing.get(where))
        ):
            continue
        if (standing := ledger.standing.get(where)) is not None:
            yield from _next(cmo, where, standing, reading, now)
        elif reading.state in _SEVERITY:
            yield from _and_on(cmo, _opened(cmo, where, ledger, reading, now), now)
    missing = unheard(cmo, now)
    for where, standing in ledger.standing.items():
        if where.cmo == cmo.id and where not in judged:
            kpi = BY_NAME.get(where.kpi)
            unheard_of = kpi is not None and any(topic in missing for topic in kpi.needs)
            if unheard_of or _awaits_acceptance(cmo, where, standing, None, now):
                yield from _follow_up(cmo, standing.breach, now)
            else:
                yield _cleared(cmo, where, standing, None, now)


def _is_worse(reading: Reading, standing: Standing | None) -> bool:
    return reading.state in _SEVERITY and (standing is None or reading.state > standing.severity)


def _next(
    cmo: CmoView, where: Where, standing: Standing, reading: Reading, now: int
) -> Iterator[BreachEvent]:
    state = _state_from(standing, reading)
    if state < standing.severity and _awaits_acceptance(cmo, where, standing, reading, now):
        state = standing.severity
    if state in _SEVERITY:
        if state is not standing.severity:
            yield from _and_on(cmo, _moved(cmo, standing, reading, state, now), now)
        else:
            yield from _follow_up(cmo, standing.breach, now)
    else:
        yield _cleared(cmo, where, standing, reading, now)


def _and_on(cmo: CmoView, event: BreachEvent, now: int) -> Iterator[BreachEvent]:
    """A transition, and those it has as its consequence at once."""
    yield event
    yield from _follow_up(cmo, event.data, now)


def _follow_up(cmo: CmoView, breach: Breach, now: int) -> Iterator[BreachEvent]:
    """What there is to say of a breach that stands on: who took it on, or who is notified next."""
    if news := _newly_acknowledged(cmo, breach):
        yield (event := _with(breach, "acknowledged", now, **news))
        breach = event.data
    if is_acknowledged(breach, now):
        return
    for step in ladder_of(cmo, breach, now).ahead(breach):
        if step.at <= now:
            news = {"tier": step.tier, "role": step.role, "notified": (*breach.notified, step.role)}
            yield (event := _with(breach, "escalated", now, **news))
            breach = event.data


def ladder_of(cmo: CmoView, breach: Breach, now: int) -> Ladder:
    """The ladder a breach climbs; none for a KPI whose breaches notify nobody."""
    agreement, kpi = cmo.agreement(now), BY_NAME.get(breach.kpi)
    return agreement.escalation if agreement and kpi and kpi.notifies else NO_LADDER


def _state_from(standing: Standing, reading: Reading) -> Verdict:
    """The state a reading means for a breach that stands: it has to be back past its limit."""
    state = reading.state
    if reading.why:
        return standing.severity
    if state is None or state < Verdict.OK or reading.value is None:
        return Verdict.OK
    bounds = reading.bounds.eased(
        higher_is_better=reading.kpi.higher_is_better, best=reading.kpi.best
    )
    eased = verdict(reading.kpi, reading.value, reading.n_eff, reading.n, bounds)
    return max(state, min(standing.severity, eased))


def _awaits_acceptance(
    cmo: CmoView, where: Where, standing: Standing, reading: Reading | None, now: int
) -> bool:
    """Whether a critical breach would end by corrections the sponsor has not accepted."""
    if standing.severity is not Verdict.CRITICAL:
        return False
    acceptance = cmo.acceptance(standing.breach.breach)
    if acceptance is not None and acceptance.accepted:
        return False
    corrected = sum(not by_sponsor for by_sponsor in _corrections(cmo, where, standing, now))
    if not corrected or reading is None:
        return corrected > 0
    return _state_from(standing, _without(corrected, reading)) > Verdict.WARNING


def _corrections(cmo: CmoView, where: Where, standing: Standing, now: int) -> Iterator[bool]:
    """For each correction since a breach opened, in its window now, whether by the sponsor."""
    kpi = BY_NAME.get(where.kpi)
    days = _days(cmo, kpi, now) if kpi else 0
    first = first_hour(days, now) if days else 0

    def counts(says: Evidence) -> bool:
        return says.hour >= first and says.visible <= now

    return cmo.corrections(where.kpi, standing.since, counts, standing.breach.events)


def _without(corrected: int, reading: Reading) -> Reading:
    """A reading as it would be with so many failures uncorrected; critical where that is open."""
    n, sign = int(reading.denominator or 0), -1 if reading.kpi.higher_is_better else 1
    if reading.n_eff is None or not n:
        return replace(reading, state=Verdict.CRITICAL, value=reading.value or 0)
    counted = min(max((reading.numerator or 0) + sign * corrected, 0), n)
    value, evidence = counted / n, reading.n + corrected
    state = verdict(reading.kpi, value, reading.n_eff, evidence, reading.bounds)
    return replace(reading, value=value, n=evidence, state=state)


def _newly_acknowledged(cmo: CmoView, breach: Breach) -> dict[str, object] | None:
    """What is new of who has taken a breach on; nobody can before it has opened."""
    acceptance = cmo.acceptance(breach.breach)
    if acceptance is None:
        return None
    fact = acceptance.fact
    if fact.id == breach.acknowledgement or fact.recorded < microseconds(breach.since):
        return None
    return {
        "acknowledged_by": fact.data.by,
        "acknowledged_until": fact.data.until,
        "acknowledgement": fact.id,
    }


def _opened(cmo: CmoView, where: Where, ledger: Ledger, reading: Reading, now: int) -> BreachEvent:
    assert reading.state is not None
    breach = Breach(
        breach=ledger.next_id(where),
        ordinal=1,
        transition="opened",
        kpi=where.kpi,
        cmo=where.cmo,
        **where.scope._asdict(),
        severity=_SEVERITY[reading.state],
        since=moment(now),
    )
    return _event(breach.model_copy(update=_figures(cmo, reading, now)), now)


def _moved(
    cmo: CmoView, standing: Standing, reading: Reading, state: Verdict, now: int
) -> BreachEvent:
    news = {"severity": _SEVERITY[state], **_figures(cmo, reading, now)}
    if state < standing.severity:
        return _with(standing.breach, "eased", now, **news)
    return _with(standing.breach, "worsened", now, **news, worsened=moment(now))


def _cleared(
    cmo: CmoView, where: Where, standing: Standing, reading: Reading | None, now: int
) -> BreachEvent:
    news = _figures(cmo, reading, now) if reading else {}
    news |= {"cleared_by": _cleared_by(cmo, where, standing, reading, now), "clears_on": None}
    return _with(standing.breach, "cleared", now, **news)


def _cleared_by(
    cmo: CmoView, where: Where, standing: Standing, reading: Reading | None, now: int
) -> ClearedBy:
    """Why a breach ended, the first reason that fits."""
    if reading is not None and _stands_under(standing.bounds, standing, reading):
        return "limit_changed"
    if any(True for _ in _corrections(cmo, where, standing, now)):
        return "corrected"
    if reading is not None and reading.n < max(1, reading.bounds.minimum):
        return "aged_out" if reading.kpi.exceptions is None else "improved"
    kpi, window = BY_NAME.get(where.kpi), cmo.window(where.kpi, where.scope)
    about = [kind.name for kind in kpi.kinds] or [FEED] if kpi else []
    newest = max((cmo.latest.get(name, 0) for name in about), default=0)
    newest = max(newest, window.newest(now) if window else 0)
    return "improved" if newest > standing.at else "aged_out"


def _stands_under(bounds: Bounds, standing: Standing, reading: Reading) -> bool:
    """Whether a breach would stand on, had the limit stayed as it was."""
    if reading.bounds == bounds or reading.value is None or not bounds.in_force:
        return False
    state = verdict(reading.kpi, reading.value, reading.n_eff, reading.n, bounds)
    before = replace(reading, bounds=bounds, state=state)
    return _state_from(standing, before) >= Verdict.WARNING


def _with(breach: Breach, transition: Transition, now: int, **news: object) -> BreachEvent:
    news |= {"transition": transition, "ordinal": breach.ordinal + 1}
    return _event(breach.model_copy(update=news), now)


def _event(breach: Breach, now: int) -> BreachEvent:
    return BreachEvent(
        id=f"{breach.breach}/{breach.ordinal}",
        type=f"cmowatch.breach.{breach.transition}.v1",
        time=moment(now),
        partitionkey=breach.cmo,
        data=breach,
    )


def _figures(cmo: CmoView, reading: Reading, now: int) -> dict[str, object]:
    events, omitted = _failing(cmo, reading, now)
    interval = reading.interval
    return {
        "quantile": reading.quantile,
        "value": reading.value,
        "numerator": reading.numerator,
        "denominator": reading.denominator,
        "n": reading.n,
        "low": interval and interval.low,
        "high": interval and interval.high,
        **reading.bounds._asdict(),
        "events": events,
        "omitted": omitted,
        "clears_on": _clears_on(cmo, reading, now),
    }


def _failing(cmo: CmoView, reading: Reading, now: int) -> tuple[tuple[str, ...], int]:
    """The newest failing events a reading rests on, and how many more there are."""
    kpi, days = reading.kpi, _days(cmo, reading.kpi, now)
    if not days:
        return reading.events, reading.omitted
    if kpi is FEED_VALIDITY:
        n = int((reading.denominator or 0) - (reading.numerator or 0))
        newest = tuple(where for _, where in reversed(cmo.refused))[:n]
        return newest, n - len(newest)
    first = first_hour(days, now)

    def counts(says: Evidence) -> bool:
        return says.hour >= first and says.visible <= now and _fails(kpi, reading.bounds, says)

    return cmo.failing(kpi.name, reading.scope, counts)


def _fails(kpi: Kpi, bounds: Bounds, says: Evidence) -> bool:
    if not kpi.quantiles:
        return says.adverse
    limit = bounds.warning if bounds.warning is not None else bounds.critical
    return beyond(says.numerator / MILLION, limit, higher_is_better=kpi.higher_is_better)


def _days(cmo: CmoView, kpi: Kpi, now: int) -> int:
    """The days of the window of a KPI; 0 for one that is read as of now."""
    return days_of(kpi, cmo.agreement(now))


def _clears_on(cmo: CmoView, reading: Reading, now: int) -> date | None:
    """The day the evidence ages out far enough, if nothing new comes."""
    days = _days(cmo, reading.kpi, now)
    window = cmo.window(reading.kpi.name, reading.scope)
    if not days or window is None:
        return None
    bounds = reading.bounds.eased(
        higher_is_better=reading.kpi.higher_is_better, best=reading.kpi.best
    )
    if isinstance(window, Window):
        states = (_ratio_state(reading.kpi, sums, bounds) for sums in window.ahead(days, now))
    else:
        states = (_value_state(reading, spread, bounds) for spread in window.ahead(days, now))
    for ahead, state in enumerate(states, start=1):
        if state < Verdict.WARNING:
            return civil_day("UTC", now + ahead * DAY)
    return None


def _ratio_state(kpi: Kpi, sums: Total, bounds: Bounds) -> Verdict:
    """The state the evidence there is now would have on a later day."""
    if sums.n < bounds.minimum or not sums.denominator:
        return Verdict.INSUFFICIENT
    n_eff = sums.n_eff if kpi.interval else None
    return verdict(kpi, sums.numerator / sums.denominator, n_eff, sums.n, bounds)


def _value_state(reading: Reading, spread: Spread, bounds: Bounds) -> Verdict:
    if spread.n < bounds.minimum or not spread.n:
        return Verdict.INSUFFICIENT
    value = spread.quantile(hundredths(reading.quantile or reading.kpi.quantiles[-1])) / MILLION
    return verdict(reading.kpi, value, None, spread.n, bounds)
