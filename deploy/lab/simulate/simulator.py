"""The simulated world put together: every maker's life, its troubles, numbered and in order."""

import calendar
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Final, NamedTuple

from deploy.lab.simulate.errors import TooFewEvents
from deploy.lab.simulate.feed import feed, readings
from deploy.lab.simulate.incidents import incidents
from deploy.lab.simulate.lots import lots
from deploy.lab.simulate.orders import orders
from deploy.lab.simulate.rarities import rarities
from deploy.lab.simulate.stock import stock
from deploy.lab.simulate.troubles import TROUBLES
from deploy.lab.simulate.truth import Kept, Trouble, Truth, evidence
from deploy.lab.simulate.world import (
    DAY,
    MAKERS,
    Maker,
    Rates,
    Said,
    Span,
    Teller,
    further_maker,
    text_of,
)

UNTIL: Final = datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)
"""The end of a world when none is named."""

MONTHS: Final = 13
"""The months of a world when none are named."""


class Simulated(NamedTuple):
    """A world: one structured CloudEvents JSON object a line, in order of recording."""

    events: list[bytes]
    truth: Truth


class _Life(NamedTuple):
    """All that is said of one maker, and what came over it."""

    teller: Teller
    said: list[Said]
    troubles: tuple[Trouble, ...]


class _Line(NamedTuple):
    recorded: int
    maker: int
    at: int
    text: bytes


def simulate(
    seed: int, events: int | None = None, months: int = MONTHS, until: datetime = UNTIL
) -> Simulated:
    """A world of eight makers over so many months up to `until`, and what is true of it.

    With `events` it has exactly that many. Below the natural size (about 39,000 in 13 months) the
    eight make and deliver less; into the room that is left come further healthy makers, which the
    default agreement covers, and then temperatures of a healthy store. A sparse world keeps its
    troubles, but many KPIs have too little evidence, and its truth then says so.

    Raises `TooFewEvents` when the troubles do not fit.
    """
    span = _span(until, months)
    lives = _lives(seed, events, months, span)
    if events is not None:
        lives[-1] = _filled(lives[-1], events - _size(lives))
    lines = sorted(line for number, life in enumerate(lives) for line in _numbered(number, life))
    return Simulated([line.text for line in lines], _truth(seed, span, lives, len(lines)))


def _span(until: datetime, months: int) -> Span:
    end = until.astimezone(UTC).replace(microsecond=0)
    month = end.year * 12 + end.month - 1 - months
    year, month = month // 12, month % 12 + 1
    day = min(end.day, calendar.monthrange(year, month)[1])
    start = end.replace(year=year, month=month, day=day) + timedelta(seconds=1)
    return Span(int(start.timestamp()), int(end.timestamp()))


def _lives(seed: int, events: int | None, months: int, span: Span) -> list[_Life]:
    """The eight, as dense as fits, after the further makers that fit beside them."""
    density = 1.0
    lives = _eight(seed, density, months, span)
    if events is None:
        return lives
    while (size := _size(lives)) > events:
        if density < 0.001:
            raise TooFewEvents(f"{events} events hold no such world; ask for {size} or more")
        density *= min(0.95, events / size)
        lives = _eight(seed, density, months, span)
    return [*_further(seed, events - size, months, span), *lives]


def _eight(seed: int, density: float, months: int, span: Span) -> list[_Life]:
    rates = Rates().at(density, months)
    return [_life(seed, maker, rates, span) for maker in MAKERS]


def _further(seed: int, room: int, months: int, span: Span) -> Iterator[_Life]:
    for number in count(1):
        life = _life(seed, further_maker(number), Rates().at(1.0, months), span)
        room -= len(life.said)
        if room < 0:
            return
        yield life


def _life(seed: int, maker: Maker, rates: Rates, span: Span) -> _Life:
    teller = Teller(maker, str(seed), span, rates)
    said = [*orders(teller), *lots(teller), *stock(teller), *incidents(teller)]
    said += feed(teller, said)
    said += rarities(Teller(maker, f"{seed}/rare", span, rates, series="R"), said)
    troubles: tuple[Trouble, ...] = ()
    for comes_over in TROUBLES.get(maker.cmo, ()):
        said, true = comes_over(teller, said)
        troubles += tuple(each for each in true if each.expected != "ok")
    return _Life(teller, [each for each in said if span.keeps(each)], troubles)


def _size(lives: list[_Life]) -> int:
    return sum(each.fate != "lost" for life in lives for each in life.said)


def _filled(last: _Life, missing: int) -> _Life:
    span = last.teller.span
    added = readings(last.teller, missing, span.end - span.start - DAY)
    # A reading recorded after the end would be one too few.
    told = [each._replace(recorded=min(each.recorded, span.end)) for each in added]
    return last._replace(said=last.said + told)


def _truth(seed: int, span: Span, lives: list[_Life], events: int) -> Truth:
    eight = lives[-len(MAKERS) :]
    return Truth(
        seed=seed,
        start=text_of(span.start),
        until=text_of(span.end),
        events=events,
        invalid=sum(each.fate == "invalid" for life in eight for each in life.said),
        makers=len(lives),
        rates=eight[0].teller.rates.stated(),
        troubles=tuple(each for life in eight for each in life.troubles),
        healthy=tuple(each.teller.maker.cmo for each in lives if not each.troubles),
        evidence={each.teller.maker.cmo: _evidence(each, span) for each in eight},
    )


def _evidence(life: _Life, span: Span) -> dict[str, Kept]:
    return evidence([each for each in life.said if not each.fate], span)


# --- numbered and written


def _numbered(number: int, life: _Life) -> Iterator[_Line]:
    """The maker's lines with their sequence numbers; what was lost leaves its number out."""
    cmo = life.teller.maker.cmo
    next_of: dict[str, int] = {}
    lost: dict[str, list[int]] = {}
    ordered = sorted(life.said, key=lambda each: (each.recorded, each.id))
    for at, said in enumerate(ordered):
        sequence = next_of[said.topic] = next_of.get(said.topic, -1) + 1
        if said.fate == "lost":
            lost.setdefault(said.topic, []).append(sequence)
            continue
        data = said.data
        if said.type == "cmo.feed.gap_declared.v1":
            numbers = lost.pop(said.topic)
            data = {**data, "first": numbers[0], "last": numbers[-1]}
        yield _Line(said.recorded, number, at, _written(said, data, sequence, cmo))


_dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _written(said: Said, data: dict[str, object], sequence: int, cmo: str) -> bytes:
    return (
        f'{{"specversion":"1.0","id":"{said.id}","source":"/import","type":"{said.type}",'
        f'"time":"{_text(said.time)}","sequence":{sequence},"partitionkey":"{cmo}",'
        f'"recordedtime":"{_text(said.recorded)}","timely":true,"onbehalfof":"{said.who}",'
        f'"data":{_dump(data)}}}'
    ).encode()


@lru_cache(maxsize=1 << 16)
def _text(at: int) -> str:
    return text_of(at)
