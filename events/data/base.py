"""What every declaration of an event type says: its name, its topic, and who may say it."""

import re
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from events.values import (
    PositiveQuantity,
    Reference,
    Slug,
    StrictModel,
)

LOTS, INVENTORY, RELEASES, ACTIONS = "cmo.lots", "cmo.inventory", "cmo.releases", "cmo.actions"
INBOUND = (LOTS, INVENTORY, RELEASES, ACTIONS)
BREACHES, DEAD_LETTERS = "cmo.breaches", "cmo.dead-letters"
OWN = (DEAD_LETTERS, BREACHES)
"""The topics the monitor writes itself, which it reads to their end before any other."""

TOPICS = (*OWN, *INBOUND)
"""Every topic the monitor is folded from, each with the same number of partitions."""


class Speaker(StrEnum):
    """Who says an event."""

    CMO = "cmo"
    SPONSOR = "sponsor"
    LAB = "lab"
    CARRIER = "carrier"


_SPEAKERS = {"C": Speaker.CMO, "S": Speaker.SPONSOR, "L": Speaker.LAB, "T": Speaker.CARRIER}


class Data(StrictModel):
    """The data of one event type; a subclass names its type, its topic and who may say it."""

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str | None]
    SPEAKERS: ClassVar[frozenset[Speaker]]
    PLAN: ClassVar[bool]

    def __init_subclass__(
        cls, type: str = "", topic: str | None = None, by: str = "", plan: bool = False
    ) -> None:
        super().__init_subclass__()
        if not re.fullmatch(r"cmo(\.[a-z_]+){2}\.v[1-9]", type):
            raise TypeError(f"{cls.__name__}: type={type!r} must be like cmo.lot.completed.v1")
        if not by or set(by) - set(_SPEAKERS):
            raise TypeError(f"{cls.__name__}: by={by!r} must be letters of {''.join(_SPEAKERS)}")
        cls.TYPE, cls.TOPIC, cls.PLAN = type, topic, plan
        cls.SPEAKERS = frozenset(_SPEAKERS[letter] for letter in by)


Purpose = Literal["commercial", "ppq", "clinical", "engineering"]
Decision = Literal[
    "released", "conditionally_released", "on_hold", "rejected", "rework", "reprocessing"
]
DeviationClass = Literal["minor", "major", "critical"]
StockStatus = Literal["unrestricted", "quality_inspection", "blocked", "in_transit"]
Side = Literal["cmo", "sponsor"]
Party = Literal["cmo", "sponsor", "lab", "transit"]
Names = Annotated[tuple[Reference, ...], Field(max_length=100)]
Market = Slug
"""Where a product is sold, by its id, as in agreements: `US` and `us` are one market."""


Owed = Literal["sponsor"]
"""To whom something is owed, where it is not the CMO's: its material, artwork or approval."""


class LotRef(StrictModel):
    """A lot, whole or a quantity of it; its maker by default the CMO that the key names."""

    lot: Reference
    maker: Slug | None = None
    quantity: PositiveQuantity | None = None
