"""How many bytes what is remembered takes: a lot under way, a lot long settled, a refusal."""

import gc
import tracemalloc
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from deploy.lab.bench.maker import DAY, NOW, Maker, Said, agreements
from deploy.lab.bench.readback import read_back
from deploy.lab.bench.variants import batches
from events.data import (
    LOTS,
    Heartbeat,
    LotCompleted,
    LotPlanned,
    LotProgressed,
    LotStarted,
    LotTested,
    ReleaseDecided,
    ReleaseRequested,
    ReleaseStepCompleted,
)
from events.outcomes import Message
from streams.shard import Shard

LOTS_MADE = 20_000
FACTS = 12
"""What is said of each lot, so many events."""

_AT_ONCE = 250
MONTHS = 48  # after which every window has passed, and every clock of the log's own times
_ROUNDS = 5


class Footprint(NamedTuple):
    """The bytes each of something takes, and how many are aimed at."""

    what: str
    bytes: float
    aim: int


def footprints(lots: int = LOTS_MADE, months: int = MONTHS) -> Iterator[Footprint]:
    """Measures one after another, each on a shard of its own with so many lots or refusals."""
    yield Footprint(f"a lot of {FACTS} facts, open", open_lot(lots), 7_000)
    title = f"a lot of {FACTS} facts, settled for {months} months"
    yield Footprint(title, settled(lots, months), 1_500)
    yield Footprint("a dead letter, read back", refused(lots), 200)


def open_lot(lots: int) -> float:
    """Bytes of a lot that is under way, with its identities and what windows have of it."""
    make = Maker()
    said = [each for lot in range(lots) for each in life(make, lot / lots, settled=False)]
    with _Traced() as traced:
        traced.fold(make.messages(said))
        traced.look(NOW)
    return traced.bytes / lots


def settled(lots: int, months: int) -> float:
    """Bytes of a lot that was released years ago, as of the log's own times."""
    make = Maker()
    said = [each for lot in range(lots) for each in life(make, lot / lots, settled=True)]
    with _Traced() as traced:
        traced.fold(make.messages(said))
        traced.look(NOW)
        for month in range(1, months + 1):
            at = make.now + month * 30 * DAY
            traced.fold(make.messages([make.say(Heartbeat, at, topic=LOTS)]))
            traced.look(NOW + timedelta(days=month * 30, hours=1))
    return traced.bytes / lots


def refused(messages: int) -> float:
    """Bytes of a message that was refused, once its dead letter is read back."""
    make = Maker()
    said = [
        make.say(LotCompleted, make.now - 30 * DAY + number * 60, product="pills")
        for number in range(messages)
    ]
    with _Traced() as traced:
        traced.fold(make.messages(said))
        traced.look(NOW)
    return traced.bytes / messages


class _Traced:
    """A shard and the bytes it has got since this was entered."""

    def __init__(self) -> None:
        self.bytes = 0
        self._shard = Shard(0, 1, agreements())
        self._ends: dict[str, int] = {}

    def __enter__(self) -> "_Traced":
        gc.collect()
        tracemalloc.start()
        return self

    def __exit__(self, *_: object) -> None:
        gc.collect()
        self.bytes = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()

    def fold(self, messages: Iterable[Message]) -> None:
        """Folds as a worker does, and reads back at once what was refused."""
        for topic, end, batch in batches(messages, _AT_ONCE, self._ends):
            self._shard.fold(topic, end, batch)
            read_back(self._shard, self._ends, NOW)

    def look(self, now: datetime) -> None:
        """Judges, and reads back what is said of that until nothing more is."""
        for _ in range(_ROUNDS):
            list(self._shard.tick(now))
            if not read_back(self._shard, self._ends, now):
                return


def life(make: Maker, share: float, *, settled: bool) -> Iterator[Said]:
    """The twelve events of a lot; lots are begun over two months, and over a year where settled."""
    lot, product = make.lot(), f"product-{int(share * 1_000) % 20}"
    begun = make.now - 19 * DAY - int((1 - share) * (365 if settled else 60) * DAY)
    what = {"lot": lot, "product": product, "site": "plant-one"}
    yield make.say(LotPlanned, begun, **what, purpose="commercial")
    yield make.say(LotStarted, begun + 5 * DAY, **what)
    for day, step in enumerate(("granulated", "compressed", "coated"), start=6):
        yield make.say(LotProgressed, begun + day * DAY, lot=lot, step=step)
    quantity = {"value": 98_500, "unit": "EA"}
    yield make.say(LotCompleted, begun + 10 * DAY, lot=lot, actual=quantity)
    for day, test in enumerate(("assay", "dissolution", "water"), start=11):
        found: dict[str, Any] = {
            "purpose": "release",
            "result": 99.2,
            "lower_limit": 95.0,
            "upper_limit": 105.0,
        }
        yield make.say(LotTested, begun + day * DAY, by="/lab/central", lot=lot, test=test, **found)
    due = datetime.fromtimestamp(begun + 25 * DAY, NOW.tzinfo).date().isoformat()
    yield make.say(ReleaseRequested, begun + 14 * DAY, by="/sponsor", lot=lot, due=due)
    papers = {"step": "batch record", "holder_before": "cmo", "holder_after": "sponsor"}
    yield make.say(ReleaseStepCompleted, begun + 16 * DAY, lot=lot, **papers)
    if settled:
        yield make.say(
            ReleaseDecided, begun + 18 * DAY, by="/sponsor", lot=lot, decision="released"
        )
    else:
        again = {**papers, "step": "review"}
        yield make.say(ReleaseStepCompleted, begun + 18 * DAY, lot=lot, **again)
