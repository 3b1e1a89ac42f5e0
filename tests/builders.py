"""Events, agreements and readings, made with only the interesting argument."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Any, NamedTuple

from alerts.agreements import Agreement, Agreements
from alerts.cmo import Cmo
from alerts.kind import Kind
from alerts.ledger import Ledger, on_windows
from alerts.readings import Reading, readings
from events import data as said
from events.compact import compact
from events.data import Data, ScheduleLine, Speaker
from events.event import Event, event
from events.outcomes import AcceptedEvent, Message
from events.partition import partition_of
from events.reading import content_of
from events.values import Quantity, microseconds

ACME = "acme"
FIRST = date(2024, 1, 1)
"""A Monday: the day the days of these tests are counted from."""

_SOURCES = {"sponsor": "/sponsor", "lab": "/lab/one", "carrier": "/carrier/one"}


def days(n: float) -> timedelta:
    return timedelta(days=n)


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def on(day: float) -> datetime:
    """Noon, UTC, so many days after the first."""
    return datetime(FIRST.year, FIRST.month, FIRST.day, 12, tzinfo=UTC) + timedelta(days=day)


def due(day: int) -> date:
    return FIRST + timedelta(days=day)


class Told(NamedTuple):
    """An event as it was told of a CMO: by whom, and when the log got it."""

    event: Event
    speaker: Speaker
    recorded: datetime
    cmo: str
    timely: bool = True

    def __repr__(self) -> str:
        """As it is written: a whole story has to fit where hypothesis shows it."""
        line = self.event.json_line().decode()
        return f"Told({self.speaker}, {self.recorded:%Y-%m-%dT%H:%M:%S}, {self.cmo}, {line})"

    @property
    def topic(self) -> str:
        return self.event.topic

    @property
    def id(self) -> str:
        return self.event.id

    @property
    def line(self) -> bytes:
        """How it is written."""
        return self.event.json_line()


class Spoiled(NamedTuple):
    """An event with some of what it says replaced, so that it is refused."""

    told: Told
    instead: dict[str, Any]
    type: str | None = None

    @property
    def topic(self) -> str:
        return self.told.topic

    @property
    def cmo(self) -> str:
        return self.told.cmo

    @property
    def recorded(self) -> datetime:
        return self.told.recorded

    @property
    def line(self) -> bytes:
        """How it is written."""
        given = json.loads(self.told.line)
        given["data"].update(self.instead)
        return json.dumps({**given, "type": self.type or given["type"]}).encode()


class Settling(NamedTuple):
    """The sponsor's word that a refused message is settled, wherever in the log that comes to lie.

    Written by itself it names the offset that is given.
    """

    target: Told | Spoiled
    recorded: datetime
    id: str = "settled"
    offset: int = 0

    @property
    def topic(self) -> str:
        return self.target.topic

    @property
    def cmo(self) -> str:
        return self.target.cmo

    @property
    def told(self) -> Told:
        """The event it is."""
        data = said.RefusalSettled(topic=self.topic, offset=self.offset)  # type: ignore[arg-type]
        return told(data, self.recorded, "sponsor", cmo=self.cmo, id=self.id)

    @property
    def line(self) -> bytes:
        """How it is written."""
        return self.told.line


Each = Told | Spoiled | Settling
"""What may stand in a log of these tests."""


def spoiled(told: Told, type: str | None = None, **instead: Any) -> Spoiled:
    return Spoiled(told, instead or {"lot": 7} if type is None else instead, type)


def told(
    data: Data,
    at: datetime,
    by: str = "cmo",
    *,
    cmo: str = ACME,
    recorded: datetime | None = None,
    id: str | None = None,
    sequence: int | None = None,
) -> Told:
    name = id or f"{data.TYPE.split('.')[2]}-{_digest(data, at, by)}"
    source = _SOURCES.get(by, f"/cmo/{cmo}")
    made = event(data, id=name, source=source, time=at, sequence=sequence, partitionkey=cmo)
    return Told(made, Speaker(by), recorded or at, cmo)


def _digest(data: Data, at: datetime, by: str) -> str:
    text = f"{at.isoformat()}{by}".encode() + data.model_dump_json().encode()
    return blake2b(text, digest_size=5).hexdigest()


def pieces(value: float, unit: str = "EA") -> Quantity:
    return Quantity(value=value, unit=unit)


# --- agreements


def agreed(cmo: str = ACME, **terms: Any) -> Agreements:
    return Agreements([agreement(cmo, **terms)])


def agreement(cmo: str = ACME, **terms: Any) -> Agreement:
    given = {"version": "1", "effective": date(2020, 1, 1), "contingency": "Call.", **terms}
    return Agreement(cmo=cmo, **given)


# --- order lines


def of_order(line: str) -> dict[str, Any]:
    """The order and the number of a line: `A/1` is of order A, what names none is of order O."""
    order, _, number = line.rpartition("/")
    return {"order": order or "O", "line": number}


def promised(line: str, by_day: int = 10, quantity: float = 100, **how: Any) -> Told:
    data = said.OrderPlaced(
        **of_order(line),
        product=how.pop("product", "pills"),
        schedule=schedule(*how.pop("schedule", [(by_day, quantity)])),
        window=how.pop("window", None),
        tolerance=how.pop("tolerance", None),
    )
    return told(data, how.pop("at", on(-30)), "sponsor", **how)


def schedule(*lines: tuple[Any, ...]) -> tuple[ScheduleLine, ...]:
    """The lines of a schedule, each a day, a quantity, and perhaps its number."""
    return tuple(
        ScheduleLine(date=due(day), quantity=pieces(quantity), number=number[0] if number else None)
        for day, quantity, *number in lines
    )


def confirmed(line: str, answer: Any = "accepted", *lines: tuple[Any, ...], **how: Any) -> Told:
    data = said.OrderConfirmed(
        **of_order(line), answer=answer, schedule=schedule(*lines) if lines else None
    )
    return told(data, how.pop("at", on(-29)), **how)


def delivered(line: str, day: float = 9, quantity: float = 100, **how: Any) -> Told:
    unit = how.pop("unit", "EA")
    data = said.OrderDelivered(
        **of_order(line),
        quantity=pieces(quantity, unit),
        schedule_number=how.pop("number", None),
        note=how.pop("note", None),
        lots=tuple(said.LotRef(lot=lot) for lot in how.pop("lots", ())),
    )
    return told(data, how.pop("at", on(day)), how.pop("by", "cmo"), **how)


def received(line: str, day: float = 9, quantity: float = 100, **how: Any) -> Told:
    data = said.LotReceived(
        lot=how.pop("lot", f"lot-{line}"),
        **of_order(line),
        quantity=pieces(quantity),
        note=how.pop("note", None),
        site=how.pop("site", None),
    )
    return told(data, on(day), how.pop("by", "sponsor"), **how)


def changed(line: str, by: str, **how: Any) -> Told:
    to = how.pop("by_day", 10), how.pop("quantity", 100)
    data = said.OrderChanged(**of_order(line), schedule=schedule(*how.pop("schedule", [to])))
    return told(data, how.pop("at", on(-20)), by, **how)


def expected(line: str, by_day: int, **how: Any) -> Told:
    number = how.pop("number", None)
    data = said.OrderExpected(**of_order(line), expected=due(by_day), schedule_number=number)
    return told(data, how.pop("at", on(-5)), **how)


def cancelled(line: str, by: str, **how: Any) -> Told:
    data = said.OrderCancelled(**of_order(line), schedule_number=how.pop("number", None))
    return told(data, on(-10), by, **how)


# --- lots


def started(lot: str, day: float = 0, **how: Any) -> Told:
    purpose = how.pop("purpose", None)
    data = said.LotStarted(lot=lot, product=how.pop("product", "pills"), purpose=purpose)
    return told(data, on(day), **how)


def completed(lot: str, day: float = 5, **how: Any) -> Told:
    return told(said.LotCompleted(lot=lot), on(day), **how)


def decided(lot: str, decision: Any, day: float = 8, by: str = "cmo", **how: Any) -> Told:
    return told(said.ReleaseDecided(lot=lot, decision=decision), on(day), by, **how)


def requested(lot: str, by_day: int | None, by: str = "sponsor", **how: Any) -> Told:
    data = said.ReleaseRequested(lot=lot, due=None if by_day is None else due(by_day))
    return told(data, how.pop("at", on(5)), by, **how)


def deviation(number: str, class_: Any, *lots: str, closed: bool = False, **how: Any) -> Told:
    kind = said.DeviationClosed if closed else said.DeviationOpened
    data = kind(deviation=number, class_=class_, lots=lots)
    return told(data, on(how.pop("day", 3)), **how)


def released(lot: str, late_by: timedelta = timedelta(), **how: Any) -> list[Told]:
    """A whole life: made, put up for release by day 10, and released on it, or late."""
    at = 10 + late_by / timedelta(days=1)
    return [
        started(lot, **how),
        completed(lot, **how),
        requested(lot, 10, **how),
        decided(lot, "released", at, **how),
    ]


# --- stock


def counted(product: str, quantity: float, status: Any = "unrestricted", **how: Any) -> Told:
    data = said.StockCounted(
        site=how.pop("site", "plant"),
        product=product,
        quantity=pieces(quantity, how.pop("unit", "EA")),
        status=status,
        lot=how.pop("lot", None),
        maker=how.pop("maker", None),
    )
    return told(data, on(how.pop("day", 0)), how.pop("by", "cmo"), **how)


def adjusted(product: str, delta: float, **how: Any) -> Told:
    data = said.StockAdjusted(site="plant", product=product, delta=pieces(delta), reason="r")
    return told(data, on(how.pop("day", 1)), **how)


def consumed(product: str, quantity: float, **how: Any) -> Told:
    site = how.pop("site", "plant")
    data = said.StockConsumed(site=site, product=product, quantity=pieces(quantity))
    return told(data, on(how.pop("day", 2)), how.pop("by", "cmo"), **how)


def forecast(product: str, quantity: float, start: int = 0, end: int = 9, **how: Any) -> Told:
    data = said.DemandForecast(
        product=product,
        quantity=pieces(quantity, how.pop("unit", "EA")),
        version=how.pop("version", 1),
        start=due(start),
        end=due(end),
        market=how.pop("market", None),
    )
    return told(data, how.pop("at", on(-1)), "sponsor", **how)


# --- feeds and people


def heartbeat(topic: Any, at: datetime, **how: Any) -> Told:
    return told(said.Heartbeat(topic=topic), at, **how)


def gap(topic: Any, first: int, last: int, at: datetime, **how: Any) -> Told:
    return told(said.GapDeclared(topic=topic, first=first, last=last), at, **how)


def retracted(target: Told, at: datetime, by: str = "cmo", **how: Any) -> Told:
    data = said.Retracted(
        topic=target.topic,  # type: ignore[arg-type]
        source=target.event.source,
        event=target.event.id,
        reason="incorrect_data",
    )
    return told(data, at, by, cmo=target.cmo, **how)


def acknowledged(breach: str, at: datetime, by: str = "sponsor", **how: Any) -> Told:
    data = said.BreachAcknowledged(
        breach=breach,
        by="Ada",
        until=how.pop("until", None),
        accepts_correction=how.pop("accepts", False),
    )
    return told(data, at, by, **how)


# --- what becomes of them


def accepted(each: Told, offset: int) -> AcceptedEvent:
    event = each.event
    return AcceptedEvent(
        message(each, offset),
        each.cmo,
        event.id,
        event.source,
        each.speaker,
        microseconds(event.time),
        microseconds(each.recorded),
        microseconds(each.recorded),
        compact(event.data),
        content_of(event),
        event.sequence,
        each.timely,
        each.timely,
    )


def folded(events: Iterable[Told], agreements: Agreements | None = None, cmo: str = ACME) -> Cmo:
    made = Cmo(cmo, agreements or agreed())
    for offset, each in enumerate(events):
        made.take(accepted(each, offset))
    return made


def looked_at(cmo: Cmo, at: int, ledger: Ledger | None = None) -> Cmo:
    """A CMO with all done that a tick does before it reads: nothing of it may be refused."""
    assert not list(cmo.due(at))
    for _ in cmo.refresh(at, on_windows(cmo, ledger or Ledger())):
        pass
    return cmo


@contextmanager
def deriving(kind: Kind, derive: Callable[..., Any]) -> Iterator[None]:
    """A kind whose records amount to something else meanwhile."""
    before = kind.derive, kind.advance
    for name, put in (("derive", derive), ("advance", None)):
        object.__setattr__(kind, name, put)
    try:
        yield
    finally:
        for name, was in zip(("derive", "advance"), before, strict=True):
            object.__setattr__(kind, name, was)


def read(cmo: Cmo, now: datetime, kpi: str, **scope: Any) -> Reading:
    """The one reading of a KPI for a scope; of several quantiles the judged one, or that named."""
    at = microseconds(now)
    looked_at(cmo, at)
    quantile = scope.pop("quantile", None)
    found = [
        r
        for r in readings(cmo, at)
        if r.kpi.name == kpi
        and {k: v for k, v in r.scope._asdict().items() if v is not None} == scope
        and (r.quantile == quantile if quantile else r.judged or not r.kpi.quantiles)
    ]
    assert len(found) == 1, found
    return found[0]


def reading(
    events: Iterable[Told],
    kpi: str,
    now: datetime,
    agreements: Agreements | None = None,
    **scope: Any,
) -> Reading:
    return read(folded(events, agreements), now, kpi, **scope)


def message(each: Each, offset: int, partitions: int = 1) -> Message:
    key = each.cmo.encode()
    stamp = microseconds(each.recorded) // 1_000
    place = partition_of(key, partitions)
    return Message(each.topic, place, offset, stamp, key, each.line)


Log = dict[str, list[Message]]


def log(events: Iterable[Each]) -> Log:
    """The messages of each topic of a single partition, at offsets from 0 in this order."""
    placed, ends, offsets = [], Counter[str](), dict[int, int]()
    for each in events:
        placed.append(each)
        offsets[id(each)] = ends[each.topic]
        ends[each.topic] += 1
    made: Log = {}
    for each in placed:
        offset = offsets[id(each)]
        if isinstance(each, Settling):
            each = each._replace(offset=offsets.get(id(each.target), each.offset))
        made.setdefault(each.topic, []).append(message(each, offset))
    return made
