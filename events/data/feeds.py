"""What is said of a feed, on whichever topic it is."""

from typing import Annotated, Literal

from pydantic import Field

from events.data.base import Data
from events.values import Reference, Text

InboundTopic = Literal["cmo.lots", "cmo.inventory", "cmo.releases", "cmo.actions"]


class Heartbeat(Data, type="cmo.feed.heartbeat.v1", by="CSLT"):
    """Nothing new on this topic, and the feed is alive."""

    topic: InboundTopic


class GapDeclared(Data, type="cmo.feed.gap_declared.v1", by="CSLT"):
    """These sequence numbers will never come, both ends included.

    They are the speaker's own; the sponsor may name another source, for one that does not declare.
    """

    topic: InboundTopic
    first: Annotated[int, Field(ge=0, le=2**53)]
    last: Annotated[int, Field(ge=0, le=2**53)]
    source: Annotated[str, Field(min_length=1, max_length=256)] | None = None


class RefusalSettled(Data, type="cmo.feed.refusal_settled.v1", by="S"):
    """What was refused at an offset of this topic is settled: nobody waits for it to be mended."""

    topic: InboundTopic
    offset: Annotated[int, Field(ge=0, le=2**53)]
    why: Text | None = None


class Retracted(Data, type="cmo.event.retracted.v1", by="CSLT"):
    """An event of this topic is withdrawn by its source, or by the sponsor."""

    topic: InboundTopic
    source: Annotated[str, Field(min_length=1, max_length=256)]
    event: Annotated[Reference, Field(alias="id")]
    reason: Literal["did_not_occur", "incorrect_data"]
    corrective_event: Reference | None = None
