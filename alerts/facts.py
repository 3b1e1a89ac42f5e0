"""Facts: what was said about one thing, in the order in which it happened."""

from datetime import date
from typing import Any

import msgspec

from alerts.calendar import civil_day
from events.data import Speaker

_SPONSOR = Speaker.SPONSOR  # to ask the enumeration for it takes as long as ten comparisons


class Fact(msgspec.Struct, frozen=True, order=True, gc=False):
    """Something said about a record.

    Facts order by event time, life-cycle rank, record time, topic and offset: of two of one instant
    and rank that holds which was said later. `time`, `recorded` and `logged` (by the log itself)
    are microseconds from the epoch. `data` has the fields of the declared model of its type.
    """

    time: int
    rank: int
    recorded: int
    topic: str
    offset: int
    id: str
    source: str
    speaker: Speaker
    logged: int
    data: Any

    @property
    def by_sponsor(self) -> bool:
        """Whether the sponsor says so."""
        return self.speaker is _SPONSOR


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """What a record says for one KPI: `numerator` of `denominator`, or a value (denominator 1).

    `hour` is the start of the civil day, or the hour, the evidence belongs to, in hours from the
    epoch; `visible` the microsecond from which it counts. `event` is the id of the event it
    rests on. `adverse` says that it speaks against the CMO; a value does so by the limit it is
    held against. `unlike` marks units that cannot be added, which makes the reading unknown.
    `claimed` is when a CMO's claim to have kept a promise was recorded, if only after the due day,
    else 0. Evidence of one `cluster` stands or falls together; 0 is a cluster of its own.
    """

    hour: int
    visible: int
    numerator: int
    denominator: int
    event: str
    adverse: bool = False
    unlike: bool = False
    claimed: int = 0
    cluster: int = 0


def claimed(fact: Fact, due: date, zone: str) -> int:
    """When a word that kept a promise was recorded, if after the due day; 0 if not, or a sponsor's.

    Such a claim does not by itself clear a critical breach.
    """
    if fact.by_sponsor or civil_day(zone, fact.recorded) <= due:
        return 0
    return fact.recorded
