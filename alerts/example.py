"""Worked examples: a story told in events, and what a KPI reads of it; each is run by a test."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, Literal

from events.data import Data, InboundTopic
from events.dimensions import WHOLE, Scope

Letter = Literal["C", "S", "L", "T"]


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a story: who says it, when it happened, and when it was recorded if not then."""

    by: Letter
    on: str
    data: Data
    recorded: str | None = None

    @property
    def at(self) -> datetime:
        """When it happened; a day alone is its noon."""
        return moment(self.on)

    @property
    def recorded_at(self) -> datetime:
        """When it was recorded."""
        return moment(self.recorded or self.on)


@dataclass(frozen=True, slots=True)
class Refused:
    """A message of a story that cannot be taken: who sends it, when, and on which topic."""

    by: Letter
    on: str
    topic: InboundTopic

    @property
    def at(self) -> datetime:
        """When the log got it; a day alone is its noon."""
        return moment(self.on)


def moment(text: str) -> datetime:
    """A moment as it is written: a day alone is its noon, in UTC."""
    if len(text) == 10:
        return datetime.combine(date.fromisoformat(text), time(12), UTC)
    return datetime.fromisoformat(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A story worked out by hand: in words, in events, and the figures of one reading.

    `terms` are those of the agreement that differ from the least there is. `reads` are the fields
    of the reading, by their names.
    """

    story: str
    told: tuple[Told | Refused, ...]
    as_of: str
    reads: Mapping[str, Any]
    scope: Scope = WHOLE
    quantile: str | None = None
    terms: Mapping[str, Any] = field(default_factory=dict)
