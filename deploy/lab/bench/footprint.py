"""How much memory a lot takes, with all that was said of it."""

import gc
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from alerts.agreements import Agreements
from alerts.state import Cmo
from events.data import LOTS, RELEASES
from events.decode import Accepted, Message
from events.files import address
from streams.shard import decoder_of


class Footprint(NamedTuple):
    """So many lots, the facts said of them, and the bytes all of it takes."""

    lots: int
    facts: int
    bytes: int


def footprint(lines: Iterable[bytes], agreements: Agreements, most: int) -> Footprint:
    """Folds what is said of lots and releases until there are `most` lots, or no more events."""
    decoder, cmos = decoder_of(agreements, 1), dict[str, Cmo]()
    now = int(datetime.now(UTC).timestamp() * 1_000)
    lots = 0
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for offset, line in enumerate(lines):
        topic, key = address(line)
        if topic not in (LOTS, RELEASES):
            continue
        event = decoder.decode(Message(topic, 0, offset, now, key, line))
        if isinstance(event, Accepted):
            cmo = cmos.setdefault(event.cmo, Cmo(event.cmo, agreements))
            before = len(cmo.lots)
            cmo.take(event)
            lots += len(cmo.lots) - before
        if lots >= most:
            break
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    facts = sum(len(lot.facts) for cmo in cmos.values() for lot in cmo.lots.values())
    return Footprint(lots, facts, after - before)
