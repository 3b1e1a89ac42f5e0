"""Readings: what each KPI of a CMO is as of now, and what that is worth."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from alerts.agreements import Agreement, Limit
from alerts.calendar import midnight
from alerts.catalogue import KPIS, Kpi, hundredths
from alerts.judge import NO_BOUNDS, Bounds, Interval, Verdict, beyond, judge, wilson
from alerts.state import WHOLE, Cmo, Scope
from alerts.stock import Book, Daily, Position, book, demand_in_force, doubt, total
from alerts.windows import Values, Window, nearest_rank
from events.data import INBOUND, InboundTopic
from events.values import MILLION

_QUARTER = 15 * 60 * MILLION


@dataclass(frozen=True, slots=True)
class Reading:
    """One KPI for one scope as of a moment; what is not applicable is None.

    `state` is None without a limit in force, or where a KPI is shown and not judged. `why` says
    why it is unknown. `as_of` is in microseconds from the epoch.
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
    interval: Interval | None = None
    bounds: Bounds = NO_BOUNDS
    state: Verdict | None = None
    judged: bool = False
    why: str = ""
    events: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class _Measured:
    """A figure before it is judged; `why` says what keeps it from being known."""

    scope: Scope
    value: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    n: int = 0
    interval: Interval | None = None
    quantile: str | None = None
    why: str = ""
    events: tuple[str, ...] = ()
    agreed: float | None = None


def readings(cmo: Cmo, now: int, figures: "Figures | None" = None) -> list[Reading]:
    """Every reading of a CMO as of `now`, in microseconds from the epoch.

    `figures` are those of earlier readings of this CMO, to work out only what has changed.
    """
    figures = figures or Figures()
    agreement = cmo.agreement(now)
    missing = unheard(cmo, now)
    return [
        _judged(kpi, cmo.id, agreement, missing, measured, now)
        for kpi in KPIS
        for measured in figures.of(cmo, kpi, agreement, now)
    ]


class Figures:
    """The figures of one CMO between its changes; only clocks run on without an event.

    Days begin on a quarter of an hour everywhere, so a figure holds until the next one.
    """

    def __init__(self) -> None:
        self._held: dict[str, list[_Measured]] = {}
        self._of: tuple[int, int] = (-1, -1)

    def of(self, cmo: Cmo, kpi: Kpi, agreement: Agreement | None, now: int) -> Iterable[_Measured]:
        """The figures of a KPI as of now."""
        if kpi.agreed_time is not None:
            return _measure(cmo, kpi, agreement, now)
        if self._of != (of := (cmo.revision, now // _QUARTER)):
            self._of, self._held = of, {}
        if kpi.name not in self._held:
            self._held[kpi.name] = list(_measure(cmo, kpi, agreement, now))
        return self._held[kpi.name]


def _judged(
    kpi: Kpi,
    cmo: str,
    agreement: Agreement | None,
    missing: Mapping[str, str],
    measured: _Measured,
    now: int,
) -> Reading:
    limit = agreement.limit(kpi.name) if agreement else Limit()
    judged = _is_judged(kpi, limit, measured)
    bounds = _bounds(kpi, limit, measured.agreed) if judged else NO_BOUNDS
    why = measured.why or next((missing[t] for t in kpi.needs if t in missing), "")
    stock_out = judged and kpi.unit == "days" and measured.value == 0
    state: Verdict | None = None
    if judged and (bounds.in_force or stock_out):
        state = _state(kpi, measured, bounds, why=why, stock_out=stock_out)
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
        measured.interval,
        bounds,
        state,
        judged,
        why,
        measured.events,
    )


def _state(kpi: Kpi, measured: _Measured, bounds: Bounds, *, why: str, stock_out: bool) -> Verdict:
    if why or measured.n == 0 or measured.value is None:
        return Verdict.UNKNOWN
    if stock_out:
        return Verdict.CRITICAL
    return judge(
        measured.value,
        measured.interval,
        measured.n,
        bounds,
        higher_is_better=kpi.higher_is_better,
    )


def _is_judged(kpi: Kpi, limit: Limit, measured: _Measured) -> bool:
    """Only the first level is judged, and of several quantiles the one agreed, else the highest."""
    level = tuple(name for name, value in zip(Scope._fields, measured.scope, strict=True) if value)
    if set(level) != set(kpi.levels[0]):
        return False
    return not kpi.quantiles or measured.quantile == (limit.quantile or kpi.quantiles[-1])


def _bounds(kpi: Kpi, limit: Limit, agreed: float | None) -> Bounds:
    """The limit in force: the agreement's over the catalogue's, as times where those are agreed."""
    warning = kpi.warning if limit.warning is None else limit.warning
    critical = kpi.critical if limit.critical is None else limit.critical
    minimum = kpi.minimum if limit.minimum is None else limit.minimum
    if kpi.agreed_time is None:
        return Bounds(warning, critical, minimum)
    if agreed is None:
        return Bounds(None, None, minimum)
    return Bounds(warning and warning * agreed, critical and critical * agreed, minimum)


def unheard(cmo: Cmo, now: int) -> dict[str, str]:
    """The topics of a CMO that cannot be relied on now, each with why."""
    agreement, found = cmo.agreement(now), {}
    for topic in INBOUND:
        if topic in cmo.feeds and (lacks := _missing(cmo, topic)):
            found[topic] = lacks
        elif agreement and topic in agreement.cadence:
            bounds = _bounds(SILENCE, agreement.limit(SILENCE.name), agreement.cadence[topic])
            silent = _silent_for(cmo, agreement, topic, now)
            if beyond(silent / MILLION, bounds.critical, higher_is_better=False):
                found[topic] = f"{topic} is silent"
    return found


def _missing(cmo: Cmo, topic: str) -> str:
    for source, sequence in cmo.feeds[topic].sequences.items():
        if sequence.gapped:
            first, last = next(sequence.missing)
            return f"{topic} from {source} lacks sequence {first} to {last}"
    return ""


def _silent_for(cmo: Cmo, agreement: Agreement, topic: InboundTopic, now: int) -> int:
    begins = cmo.expected_since(topic) or agreement.effective
    heard = cmo.silent_since(topic) or midnight(agreement.zone, begins)
    return agreement.calendar.working_time(heard, now)


def _measure(cmo: Cmo, kpi: Kpi, agreement: Agreement | None, now: int) -> Iterable[_Measured]:
    if kpi.window_days is None:
        return _NOW[kpi.name](cmo, agreement, now)
    limit = agreement.limit(kpi.name) if agreement else Limit()
    days = limit.window_days or kpi.window_days
    scopes = [scope for (name, scope), held in cmo.windows.items() if held and name == kpi.name]
    return (
        measured
        for scope in (WHOLE, *sorted(set(scopes) - {WHOLE}, key=str))
        for measured in _windowed(cmo, kpi, scope, days, now)
    )


def _windowed(cmo: Cmo, kpi: Kpi, scope: Scope, days: int, now: int) -> Iterator[_Measured]:
    window = cmo.windows.get((kpi.name, scope))
    if kpi.quantiles:
        held = window.values(days, now) if isinstance(window, Values) else []
        n = sum(often for _, often in held)
        for quantile in kpi.quantiles:
            value = nearest_rank(held, hundredths(quantile)) / MILLION if n else None
            yield _Measured(scope, _plain(value), n=n, quantile=quantile)
        return
    yield _ratio(kpi, scope, window if isinstance(window, Window) else Window(), days, now)


def _ratio(kpi: Kpi, scope: Scope, window: Window, days: int, now: int) -> _Measured:
    sums = window.total(days, now)
    if sums.unlike:
        why = f"{sums.unlike} of {sums.n} have quantities in unlike units"
        return _Measured(scope, n=sums.n, why=why)
    if not sums.denominator:
        return _Measured(scope, numerator=sums.numerator, denominator=0, n=sums.n)
    return _Measured(
        scope,
        sums.numerator / sums.denominator,
        sums.numerator,
        sums.denominator,
        sums.n,
        wilson(sums.numerator, sums.denominator) if kpi.interval else None,
    )


def _open_lot_age(cmo: Cmo, agreement: Agreement | None, now: int) -> Iterator[_Measured]:
    ages: dict[str, list[tuple[int, str]]] = {}
    for told in cmo.open_lots.values():
        ages.setdefault(told.state, []).append((now - told.progressed, told.progressed_by))
    agreed = agreement.time_in_state if agreement else {}
    for state in sorted(ages):
        age, event = max(ages[state])
        time = agreed.get(state)  # type: ignore[call-overload]
        yield _Measured(
            Scope(lot_state=state),
            _plain(max(0, age) / MILLION),
            n=len(ages[state]),
            events=(event,),
            agreed=time,
        )


def _feed_silence(cmo: Cmo, agreement: Agreement | None, now: int) -> Iterator[_Measured]:
    if agreement is None:
        return
    for topic in sorted(agreement.cadence):
        feed = cmo.feeds.get(topic)
        yield _Measured(
            Scope(topic=topic),
            _plain(_silent_for(cmo, agreement, topic, now) / MILLION),
            n=1,
            events=(feed.heard_from,) if feed and feed.heard_from else (),
            agreed=agreement.cadence[topic],
        )


def _by_scope(cmo: Cmo) -> dict[Scope, list[Position]]:
    """The positions of each product, and of each product at each site."""
    held: dict[Scope, list[Position]] = {}
    for position in cmo.positions.values():
        product = position.product
        for scope in (Scope(product=product), Scope(site=position.site, product=product)):
            held.setdefault(scope, []).append(position)
    return held


def _days_of_supply(cmo: Cmo, agreement: Agreement | None, now: int) -> Iterator[_Measured]:
    zone = agreement.zone if agreement else "UTC"
    held = _by_scope(cmo)
    named = {Scope(site=s or None, product=p) for p, s in cmo.demands}
    products = {Scope(product=scope.product) for scope in (*held, *named)}
    for scope in sorted(products | {s for s in named if s.site}, key=str):
        free = [p for p in held.get(scope, ()) if p.status == "unrestricted"]
        books = [found for p in free if (found := book(p)) is not None]
        needs = _demands(cmo, scope, zone, now)
        yield _cover(scope, total(books), len(books), needs, doubt(free))


def _demands(cmo: Cmo, scope: Scope, zone: str, now: int) -> list[Daily]:
    """The demand in force: of the whole product, else the sum of what its sites need."""
    assert scope.product is not None
    if whole := cmo.demands.get((scope.product, scope.site or "")):
        found = demand_in_force(whole, zone, now)
        if found or scope.site:
            return [found] if found else []
    if scope.site:
        return []
    sites = [d for (product, site), d in cmo.demands.items() if product == scope.product and site]
    return [found for d in sites if (found := demand_in_force(d, zone, now))]


def _cover(scope: Scope, held: Book | None, n: int, needs: list[Daily], doubted: str) -> _Measured:
    if held is None:
        return _Measured(scope, why=doubted)
    units = {held.unit, *(need.unit for need in needs)}
    events = (held.event, *(need.event for need in needs))
    if doubted:
        return _Measured(scope, n=n, why=doubted, events=events)
    if not needs:
        return _Measured(scope, n=n, why="no demand in force is known", events=events)
    if len(units) > 1 or held.unit is None:
        return _Measured(scope, n=n, why="stock and demand are in unlike units", events=events)
    daily = sum((Fraction(need.amount, need.days) for need in needs), Fraction(0))
    stock = held.amount
    return _Measured(
        scope,
        _plain(float(stock / daily)),
        _plain(stock / MILLION),
        _plain(float(daily / MILLION)),
        n,
        events=events,
    )


def _stock_blocked_share(cmo: Cmo, _agreement: Agreement | None, _now: int) -> Iterator[_Measured]:
    held = _by_scope(cmo)
    for scope in sorted(held, key=str):
        books = [(p.status, found) for p in held[scope] if (found := book(p)) is not None]
        whole = total([found for _, found in books])
        kept = [found for status, found in books if status in ("quality_inspection", "blocked")]
        yield _share(scope, total(kept), whole, len(books), doubt(held[scope]))


def _share(scope: Scope, part: Book | None, whole: Book | None, n: int, doubted: str) -> _Measured:
    if whole is None or doubted:
        return _Measured(scope, n=n, why=doubted)
    if whole.unit is None:
        return _Measured(scope, n=n, why="its stock is in unlike units", events=(whole.event,))
    if whole.amount <= 0:
        return _Measured(scope, n=n, why="there is no stock", events=(whole.event,))
    amount = part.amount if part else 0
    return _Measured(
        scope,
        amount / whole.amount,
        _plain(amount / MILLION),
        _plain(whole.amount / MILLION),
        n,
        events=(part.event if part else whole.event,),
    )


def _plain(value: float | None) -> float | None:
    """A whole number as an int, so that it prints as one."""
    return int(value) if value is not None and float(value).is_integer() else value


_NOW = {
    "open_lot_age": _open_lot_age,
    "feed_silence": _feed_silence,
    "days_of_supply": _days_of_supply,
    "stock_blocked_share": _stock_blocked_share,
}
SILENCE = next(kpi for kpi in KPIS if kpi.name == "feed_silence")
"""The KPI of a CMO that says nothing."""

if set(_NOW) != {kpi.name for kpi in KPIS if kpi.window_days is None}:
    raise TypeError("every KPI without a window needs its measure, and no other has one")
