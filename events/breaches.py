"""Breaches, as they are published: each transition one event on `cmo.breaches`."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, create_model

from events.dimensions import DIMENSIONS, Scope
from events.values import CivilDate, Instant, StrictModel

Transition = Literal["opened", "worsened", "eased", "acknowledged", "escalated", "cleared"]
Severity = Literal["warning", "critical"]
ClearedBy = Literal[
    "limit_changed", "evidence_lost", "corrected", "improved", "aged_out", "agreement_ended"
]


class _About(StrictModel):
    """What every transition of a breach is about."""

    breach: str
    ordinal: Annotated[int, Field(ge=1)]
    transition: Transition
    kpi: str
    cmo: str


_DIMENSIONS: Any = dict.fromkeys(DIMENSIONS, (str | None, None))
_Scoped: Any = create_model("_Scoped", __base__=_About, **_DIMENSIONS)


class Breach(_Scoped):
    """A breach as of one of its transitions: what was agreed, what is, on how much evidence.

    `breach` is the id it keeps; `ordinal` counts its transitions from 1. `value` is in the KPI's
    unit, as are the limits. `n` counts independent pieces of evidence; `low` and `high` are the
    ends of the 95 % interval, while a warning goes by that of 90 %. `events` are the newest failing
    events, `omitted` how many more there are. `minimum` is 0 for a count, of which none is evidence
    enough. `clears_on` is the day it clears by itself if nothing new comes, None where that is
    open. `tier` is how far it has climbed the ladder of the agreement, `role` who was notified
    there, `notified` everybody who was; `worsened` is when it last got worse.
    """

    quantile: str | None = None
    severity: Severity
    since: Instant
    value: int | float | None = None
    numerator: int | float | None = None
    denominator: int | float | None = None
    n: Annotated[int, Field(ge=0)] = 0
    low: float | None = None
    high: float | None = None
    warning: int | float | None = None
    critical: int | float | None = None
    minimum: Annotated[int, Field(ge=0)] = 1
    events: tuple[str, ...] = ()
    omitted: Annotated[int, Field(ge=0)] = 0
    clears_on: CivilDate | None = None
    cleared_by: ClearedBy | None = None
    acknowledged_by: str | None = None
    acknowledged_until: Instant | None = None
    acknowledgement: str | None = None
    tier: Annotated[int, Field(ge=0)] = 0
    role: str | None = None
    notified: tuple[str, ...] = ()
    worsened: Instant | None = None

    @property
    def scope(self) -> Scope:
        """What part of the CMO it is about."""
        return Scope(*(getattr(self, name) for name in DIMENSIONS))


class BreachEvent(StrictModel):
    """The CloudEvents envelope of a transition; its time is the moment it was judged at."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: Literal["/cmowatch"] = "/cmowatch"
    type: Annotated[str, Field(pattern=r"^cmowatch\.breach\.[a-z]+\.v1$")]
    time: Instant
    datacontenttype: Literal["application/json"] = "application/json"
    partitionkey: str
    data: Breach

    def json_line(self) -> bytes:
        """The transition as one structured CloudEvents JSON object."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True, by_alias=True)


BREACH_EVENT: TypeAdapter[BreachEvent] = TypeAdapter(BreachEvent)
"""Reads a transition back."""
