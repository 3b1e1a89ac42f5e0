"""Breaches: what stands published, what should, and the transitions that lead there."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from alerts.calendar import DAY, HOUR, civil_day, moment
from alerts.facts import Evidence
from alerts.index import Fails
from alerts.judge import Bounds, Verdict, beyond
from alerts.kpi import FEED, Kpi, hundredths
from alerts.kpis import BY_NAME
from alerts.kpis.feed import FEED_SILENCE, FEED_VALIDITY
from alerts.ladder import NO_LADDER, Ladder, is_acknowledged
from alerts.ledger import SEVERITY, Ledger, Standing, Where, is_corrected, since_of
from alerts.readings import Reading, instead, is_broken, unheard, verdict
from alerts.sums import Total
from alerts.view import CmoView, days_of
from alerts.windows import Spread, Window, first_hour
from events.breaches import Breach, BreachEvent, ClearedBy, Transition
from events.values import MILLION, microseconds

SILENCE_WAITS = HOUR // 6
"""For how long after we heard nothing ourselves no CMO's silence is held against it."""


def transitions(
    cmo: CmoView, readings: Iterable[Reading], ledger: Ledger, now: int, heard_again: int = 0
) -> Iterator[BreachEvent]:
    """What has to be published so that what stands is what these readings mean.

    The same log, the same `cmo.breaches` and the same now give the same transitions. `heard_again`
    is when we heard the log again after a spell of hearing nothing: the log cannot tell such a
    spell from a CMO's silence, so none opens or worsens a breach until the CMO had time to speak.
    """
    if cmo.has_ended(now):
        yield from _ended(cmo, ledger, now)
        return
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
        elif reading.state in SEVERITY and now >= ledger.ended_at(where):
            yield from _and_on(cmo, _opened(cmo, where, ledger, reading, now), now)
    missing = unheard(cmo, now)
    for where, standing in ledger.standing.items():
        if where.cmo == cmo.id and where not in judged and now >= standing.at:
            kpi = BY_NAME.get(where.kpi)
            unheard_of = kpi is not None and any(topic in missing for topic in kpi.needs)
            if unheard_of or _awaits_acceptance(cmo, where, standing, None, now):
                yield from _follow_up(cmo, standing.breach, now)
            else:
                yield _cleared(cmo, where, standing, None, now)


def _ended(cmo: CmoView, ledger: Ledger, now: int) -> Iterator[BreachEvent]:
    """Nothing stands of a CMO that was left."""
    news = {"cleared_by": "agreement_ended", "clears_on": None}
    for where, standing in ledger.standing.items():
        if where.cmo == cmo.id and now >= standing.at:
            yield _with(standing.breach, "cleared", now, **news)


def _is_worse(reading: Reading, standing: Standing | None) -> bool:
    return reading.state in SEVERITY and (standing is None or reading.state > standing.severity)


def _next(
    cmo: CmoView, where: Where, standing: Standing, reading: Reading, now: int
) -> Iterator[BreachEvent]:
    if now < standing.at:
        return  # a clock was ahead of ours: nothing follows before what it said
    state = _state_from(standing, reading)
    if state < standing.severity and _awaits_acceptance(cmo, where, standing, reading, now):
        state = standing.severity
    if state in SEVERITY:
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
    if state is None or state < Verdict.OK:
        return Verdict.OK
    if reading.value is None:
        return state
    bounds = reading.bounds.eased(
        higher_is_better=reading.kpi.higher_is_better, best=reading.kpi.best
    )
    eased = verdict(reading.kpi, reading.value, reading.n_eff, reading.n, bounds)
    return max(state, min(standing.severity, eased))


def _awaits_acceptance(
    cmo: CmoView, where: Where, standing: Standing, reading: Reading | None, now: int
) -> bool:
    """Whether a critical breach would end by corrections the sponsor has not accepted.

    So it does, too, while it is not worked out yet what would be without them.
    """
    kpi = BY_NAME.get(where.kpi)
    if standing.severity is not Verdict.CRITICAL or kpi is None:
        return False
    since = since_of(cmo, standing)
    if kpi.evidence is None:
        words = cmo.withdrawn(standing.breach.events, max(since))
        return any(not word.by_sponsor for word in words)
    if not kpi.is_judged_for(where.scope):
        return False
    uncorrected = cmo.uncorrected(kpi, where.scope)
    if uncorrected is None or uncorrected.since != since:
        return True
    if uncorrected.window is None or reading is None:
        return uncorrected.window is not None
    measured = cmo.measured(kpi, where.scope, uncorrected.window, now)
    without = next(each for each in measured if each.quantile == reading.quantile)
    return _state_from(standing, instead(reading, without)) > Verdict.WARNING


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
        severity=SEVERITY[reading.state],
        since=moment(now),
    )
    return _event(breach.model_copy(update=_figures(cmo, reading, now)), now)


def _moved(
    cmo: CmoView, standing: Standing, reading: Reading, state: Verdict, now: int
) -> BreachEvent:
    news = {"severity": SEVERITY[state], **_figures(cmo, reading, now)}
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
    kpi = BY_NAME.get(where.kpi)
    if standing.lost_at and _newest_word(cmo, kpi) <= standing.lost_at:
        return "evidence_lost"
    if kpi is not None and is_corrected(cmo, kpi, standing):
        return "corrected"
    if kpi is not None and kpi.in_a_row and standing.breach.n < standing.breach.minimum:
        return "improved"  # it stood by what was refused in a row, which something accepted ended
    if reading is not None and reading.n < max(1, reading.bounds.minimum):
        return "aged_out" if reading.kpi.exceptions is None else "improved"
    window = cmo.window(where.kpi, where.scope)
    newest = max(_newest_word(cmo, kpi), window.newest(now) if window else 0)
    return "improved" if newest > standing.at else "aged_out"


def _newest_word(cmo: CmoView, kpi: Kpi | None) -> int:
    """When the last word was recorded of what a KPI is about."""
    about = [kind.name for kind in kpi.kinds] or [FEED] if kpi else []
    return max((cmo.latest.get(name, 0) for name in about), default=0)


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
        n = max(n, reading.in_a_row if is_broken(kpi, reading) else 0)
        newest = tuple(where for _, where in reversed(cmo.refused))[:n]
        return newest, n - len(newest)
    fails = _beyond_limit(kpi, reading.bounds) if kpi.quantiles else None
    return cmo.failing(kpi.name, reading.scope, first_hour(days, now), now, fails)


def _beyond_limit(kpi: Kpi, bounds: Bounds) -> Fails:
    limit = bounds.warning if bounds.warning is not None else bounds.critical

    def fails(says: Evidence) -> bool:
        value = says.numerator / MILLION
        return beyond(value, limit, higher_is_better=kpi.higher_is_better)

    return fails


def _days(cmo: CmoView, kpi: Kpi, now: int) -> int:
    """The days of the window of a KPI; 0 for one that is read as of now."""
    return days_of(kpi, cmo.agreement(now))


def _clears_on(cmo: CmoView, reading: Reading, now: int) -> date | None:
    """The day the evidence ages out far enough, if nothing new comes."""
    days = _days(cmo, reading.kpi, now)
    window = cmo.window(reading.kpi.name, reading.scope)
    if not days or window is None or is_broken(reading.kpi, reading):
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
