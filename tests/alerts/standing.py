"""A worker that stood by for years, against one that reads the whole log today."""

from collections.abc import Iterable
from random import Random
from typing import Any

from alerts.agreements import Agreements
from alerts.kind import Kind, Record
from alerts.records import KINDS
from events.data import BREACHES, DEAD_LETTERS, INBOUND
from events.outcomes import Message
from streams.shard import Shard
from tests.alerts import laws
from tests.builders import (
    ACME,
    Log,
    Told,
    agreed,
    completed,
    decided,
    delivered,
    log,
    on,
    promised,
    started,
)

AGREEMENTS = agreed(**laws.TERMS)
LATE = 800
END = 2_600
DONE = 10
"""The day on which the lot and the line of the worked cases are settled, by the log."""

LOT_1 = [started("L1", 0), completed("L1", 5), decided("L1", "released", DONE, "sponsor")]
LINE_1 = [promised("1", 10, at=on(0)), delivered("1", DONE)]
GONE = DONE + LATE + 2
"""A day on which both are let go."""


def logged(day: float, *events: Told) -> list[Told]:
    """Events as the log got them on a day, whenever what they say happened."""
    return [each._replace(recorded=on(day)) for each in events]


def in_order(events: Iterable[Told]) -> list[Told]:
    """Events as a log has them, that gives each its time when it gets it."""
    return sorted(events, key=lambda each: each.recorded)


class Standing:
    """A shard that stood by all the time: it folds what is there, ticks, and reads itself back."""

    def __init__(self, events: Iterable[Told], agreements: Agreements = AGREEMENTS) -> None:
        self.agreements = agreements
        self.shard = Shard(0, 1, agreements, clock=lambda: 0.0)
        self.own: Log = {DEAD_LETTERS: [], BREACHES: []}
        self.held = log(in_order(events))

    def looks(self, day: float) -> laws.Seen:
        """What it reads on a day."""
        for topic in INBOUND:
            begin, messages = self.shard.next[topic], until(day, self.held.get(topic, []))
            self.shard.fold(topic, len(messages), messages[begin:])
        return laws.judged(self.shard, on(day))

    def ticks(self, *every: float) -> None:
        """It looks on each of these days, and says what there is to say."""
        for day in every:
            self.looks(day)
            laws.settle(self.shard, self.own, on(day))

    def anew(self, day: float, random: Random) -> Shard:
        """Another shard, that reads all there is on a day, the topics in any turn."""
        shard = Shard(0, 1, self.agreements, clock=lambda: 0.0)
        for topic, messages in self.own.items():
            shard.fold(topic, len(messages), messages)
        for topic in random.sample(INBOUND, len(INBOUND)):
            messages = until(day, self.held.get(topic, []))
            shard.fold(topic, len(messages), messages)
        return shard

    def record(self, kind: Kind, *key: str) -> Record:
        return self.shard.cmos[ACME].records(kind)[key]


def until(day: float, messages: list[Message]) -> list[Message]:
    return [m for m in messages if m.timestamp <= on(day).timestamp() * 1_000]


def both_agree(
    events: Iterable[Told],
    ticks: Iterable[float],
    looks: Iterable[float],
    random: Random,
    agreements: Agreements = AGREEMENTS,
) -> Standing:
    """At each look, who ticked before and who reads all of it anew read and say the same."""
    standing, looks = Standing(events, agreements), set(looks)
    for day in sorted({*ticks, *looks}):
        if day in looks:
            anew = standing.anew(day, random)
            laws.same(standing.looks(day), laws.judged(anew, on(day)))
            assert laws.said(standing.shard) == laws.said(anew)
            assert counters(standing.shard) == counters(anew)
            assert kept(standing.shard) == kept(anew)
        standing.ticks(day)
    return standing


def counters(shard: Shard) -> Any:
    moves = {name: cmo.unexpected_moves for name, cmo in shard.cmos.items()}
    names = {name: cmo.names for name, cmo in shard.cmos.items()}
    return shard.accepted, shard.duplicates, shard.rejected, moves, names


def views(shard: Shard) -> dict[tuple[str, ...], Any]:
    records = {kind.name: shard.cmos[ACME].records(kind) for kind in KINDS}
    return {(name, *key): r.view for name, held in records.items() for key, r in held.items()}


def kept(shard: Shard) -> dict[tuple[str, ...], Any]:
    """What is kept of each record once nothing can ask for the rest."""
    condense = {kind.name: kind.condense for kind in KINDS if kind.condense}
    return {
        name: condense[name[0]](view) if name[0] in condense else view
        for name, view in views(shard).items()
        if view is not None
    }


def monthly(first: float, last: float) -> list[float]:
    """Days a month apart."""
    return [first + 30 * n for n in range(int((last - first) / 30) + 1)]
