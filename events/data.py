"""What each event says: one declaration an event type, with its topic and who may say it."""

import re
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from events.values import (
    Amount,
    CivilDate,
    Instant,
    NonNegativeQuantity,
    PositiveQuantity,
    Quantity,
    Reference,
    Slug,
    StrictModel,
    Text,
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
Party = Literal["cmo", "sponsor", "lab", "transit"]
Names = Annotated[tuple[Reference, ...], Field(max_length=100)]


# --- cmo.lots


class LotInput(StrictModel):
    """A lot another lot was made from; it may be another CMO's."""

    cmo: Slug
    lot: Reference


class LotPlanned(Data, type="cmo.lot.planned.v1", topic=LOTS, by="CS", plan=True):
    """A lot is planned."""

    lot: Reference
    product: Slug
    site: Slug | None = None
    purpose: Purpose | None = None
    planned_start: CivilDate | None = None
    planned_completion: CivilDate | None = None
    quantity: PositiveQuantity | None = None


class LotStarted(Data, type="cmo.lot.started.v1", topic=LOTS, by="C"):
    """Manufacture of a lot began; its inputs carry the genealogy across CMOs."""

    lot: Reference
    product: Slug
    site: Slug | None = None
    purpose: Purpose | None = None
    inputs: Annotated[tuple[LotInput, ...], Field(max_length=100)] = ()


class LotProgressed(Data, type="cmo.lot.progressed.v1", topic=LOTS, by="C"):
    """A manufacturing step of a lot is done."""

    lot: Reference
    step: Text
    planned_completion: CivilDate | None = None
    expected_completion: CivilDate | None = None


class LotCompleted(Data, type="cmo.lot.completed.v1", topic=LOTS, by="C"):
    """Manufacture of a lot is complete."""

    lot: Reference
    actual: NonNegativeQuantity | None = None
    expected: PositiveQuantity | None = None


class LotReplanned(Data, type="cmo.lot.replanned.v1", topic=LOTS, by="CS", plan=True):
    """A lot has other planned dates."""

    lot: Reference
    planned_start: CivilDate | None = None
    planned_completion: CivilDate | None = None
    reason: Text | None = None


class LotCancelled(Data, type="cmo.lot.cancelled.v1", topic=LOTS, by="CS"):
    """A planned lot will not be made."""

    lot: Reference
    reason: Text | None = None


class LotAborted(Data, type="cmo.lot.aborted.v1", topic=LOTS, by="CS"):
    """A lot was given up while in process."""

    lot: Reference
    reason: Text | None = None


class LotTested(Data, type="cmo.lot.tested.v1", topic=LOTS, by="CL"):
    """A test of a lot has its result."""

    lot: Reference
    test: Text
    purpose: Literal["release", "stability", "in_process"]
    result: Text | Amount
    lower_limit: Amount | None = None
    upper_limit: Amount | None = None


class OosOpened(Data, type="cmo.oos.opened.v1", topic=LOTS, by="CL"):
    """An out-of-specification result is under investigation."""

    oos: Reference
    lot: Reference
    test: Text
    purpose: Literal["release", "stability", "in_process"]


class OosConcluded(Data, type="cmo.oos.concluded.v1", topic=LOTS, by="CL"):
    """An out-of-specification investigation is concluded."""

    oos: Reference
    lot: Reference
    conclusion: Literal["confirmed", "invalidated"]
    cause: Text | None = None


class LotShipped(Data, type="cmo.lot.shipped.v1", topic=LOTS, by="CT"):
    """A lot left, released or under quarantine."""

    lot: Reference
    under_quarantine: bool = False
    shipment: Reference | None = None
    quantity: PositiveQuantity | None = None


class LotReceived(Data, type="cmo.lot.received.v1", topic=LOTS, by="S"):
    """The sponsor received a lot; on an order line it outranks "delivered"."""

    lot: Reference
    order: Reference | None = None
    line: Reference | None = None
    quantity: NonNegativeQuantity | None = None


class DeviationOpened(Data, type="cmo.deviation.opened.v1", topic=LOTS, by="C"):
    """A departure from the approved process was recorded."""

    deviation: Reference
    class_: Annotated[DeviationClass, Field(alias="class")]
    lots: Names = ()


class DeviationClosed(Data, type="cmo.deviation.closed.v1", topic=LOTS, by="C"):
    """A deviation is closed; when its class changed it names the lots again."""

    deviation: Reference
    class_: Annotated[DeviationClass, Field(alias="class")]
    lots: Names = ()
    root_cause: Text | None = None
    recurrence_of: Reference | None = None


class CapaOpened(Data, type="cmo.capa.opened.v1", topic=LOTS, by="CS"):
    """A corrective or preventive action is due by a day."""

    capa: Reference
    due: CivilDate
    deviation: Reference | None = None


class CapaClosed(Data, type="cmo.capa.closed.v1", topic=LOTS, by="CS"):
    """A corrective or preventive action is done."""

    capa: Reference


class NoticeRaised(Data, type="cmo.notice.raised.v1", topic=LOTS, by="CS"):
    """The other side is told of something it must know."""

    notice: Reference
    kind: Literal["change_control", "audit_finding", "supply_shortage", "deviation", "other"]
    discovered: Instant
    due: CivilDate | None = None


class NoticeClosed(Data, type="cmo.notice.closed.v1", topic=LOTS, by="CS"):
    """A notice needs nothing more."""

    notice: Reference


class ComplaintReceived(Data, type="cmo.complaint.received.v1", topic=LOTS, by="S"):
    """A complaint about a product reached the sponsor."""

    complaint: Reference
    product: Slug
    lot: Reference | None = None


# --- cmo.inventory


class StockCounted(Data, type="cmo.stock.counted.v1", topic=INVENTORY, by="C"):
    """A stock position was counted."""

    site: Slug
    product: Slug
    quantity: NonNegativeQuantity
    status: StockStatus = "unrestricted"
    lot: Reference | None = None
    expiry: CivilDate | None = None


class StockAdjusted(Data, type="cmo.stock.adjusted.v1", topic=INVENTORY, by="C"):
    """The book of a stock position moved by a delta, and why."""

    site: Slug
    product: Slug
    delta: Quantity
    reason: Text
    status: StockStatus = "unrestricted"
    lot: Reference | None = None


class StockConsumed(Data, type="cmo.stock.consumed.v1", topic=INVENTORY, by="C"):
    """Stock was used up."""

    site: Slug
    product: Slug
    quantity: NonNegativeQuantity
    status: StockStatus = "unrestricted"
    lot: Reference | None = None


class DemandForecast(Data, type="cmo.demand.forecast.v1", topic=INVENTORY, by="S", plan=True):
    """What will be needed of a product over a span of days, both ends included."""

    product: Slug
    quantity: NonNegativeQuantity
    start: CivilDate
    end: CivilDate
    site: Slug | None = None


class TemperatureMeasured(Data, type="cmo.temperature.measured.v1", topic=INVENTORY, by="CLT"):
    """A temperature, in °C, at a place or in a shipment of a storage class."""

    celsius: Annotated[Amount, Field(ge=-274, le=2_000)]
    storage_class: Reference
    place: Reference | None = None
    shipment: Reference | None = None


class Tolerance(StrictModel):
    """What still counts as agreed: days late, and shares of the quantity under and over."""

    days: Annotated[int, Field(ge=0, le=365)] | None = None
    under: Annotated[Amount, Field(ge=0, le=1)] | None = None
    over: Annotated[Amount, Field(ge=0, le=10)] | None = None


class OrderPromised(Data, type="cmo.order.promised.v1", topic=INVENTORY, by="S", plan=True):
    """An order line is agreed: the baseline it is judged by."""

    order: Reference
    line: Reference
    product: Slug
    quantity: PositiveQuantity
    due: CivilDate
    tolerance: Tolerance | None = None


class OrderExpected(Data, type="cmo.order.expected.v1", topic=INVENTORY, by="C", plan=True):
    """The CMO now expects an order line on this day."""

    order: Reference
    line: Reference
    expected: CivilDate


class OrderChanged(Data, type="cmo.order.changed.v1", topic=INVENTORY, by="CS", plan=True):
    """An order line is changed; only the sponsor's word replaces the baseline."""

    order: Reference
    line: Reference
    due: CivilDate | None = None
    quantity: PositiveQuantity | None = None
    changed_by: Party | None = None
    agreed_by: Party | None = None


class OrderCancelled(Data, type="cmo.order.cancelled.v1", topic=INVENTORY, by="CS"):
    """An order line is cancelled; only the sponsor's word takes it out of the count."""

    order: Reference
    line: Reference
    cancelled_by: Party | None = None
    agreed_by: Party | None = None


class OrderDelivered(Data, type="cmo.order.delivered.v1", topic=INVENTORY, by="CT"):
    """A quantity of an order line reached the client."""

    order: Reference
    line: Reference
    quantity: PositiveQuantity


# --- cmo.releases


class ReleaseRequested(Data, type="cmo.release.requested.v1", topic=RELEASES, by="CS"):
    """A lot is put up for release; a due date is taken from the sponsor only."""

    lot: Reference
    due: CivilDate | None = None


class ReleaseStepCompleted(Data, type="cmo.release.step_completed.v1", topic=RELEASES, by="CSL"):
    """A step of a release is done, and the lot's papers pass from one holder to the next."""

    lot: Reference
    step: Text
    holder_before: Party
    holder_after: Party


class ReleaseDecided(Data, type="cmo.release.decided.v1", topic=RELEASES, by="CS"):
    """A quality unit decided on a lot."""

    lot: Reference
    decision: Decision
    markets: Annotated[tuple[Text, ...], Field(max_length=300)] = ()
    role: Text | None = None


class CertificateIssued(Data, type="cmo.certificate.issued.v1", topic=RELEASES, by="CL"):
    """A certificate of analysis was issued for a lot."""

    lot: Reference
    certificate: Reference


class LotRecalled(Data, type="cmo.lot.recalled.v1", topic=RELEASES, by="S"):
    """A lot is called back from the market."""

    lot: Reference
    reason: Text | None = None


# --- cmo.actions

BreachId = Annotated[str, Field(min_length=1, max_length=512)]
"""The id of a breach as `cmo.breaches` has it."""


class BreachAcknowledged(Data, type="cmo.breach.acknowledged.v1", topic=ACTIONS, by="CS"):
    """Somebody took a breach on, until a moment; the sponsor may accept its correction."""

    breach: BreachId
    by: Text
    until: Instant | None = None
    why: Text | None = None
    accepts_correction: bool = False


class ImprovementOpened(Data, type="cmo.improvement.opened.v1", topic=ACTIONS, by="CS"):
    """An improvement action has an owner and a day it is due."""

    improvement: Reference
    title: Text
    owner: Text
    due: CivilDate
    kpi: Reference | None = None


class ImprovementClosed(Data, type="cmo.improvement.closed.v1", topic=ACTIONS, by="CS"):
    """An improvement action is done."""

    improvement: Reference
    outcome: Text | None = None


class ReviewHeld(Data, type="cmo.review.held.v1", topic=ACTIONS, by="CS"):
    """The two sides reviewed the work of a period."""

    review: Reference
    period_start: CivilDate
    period_end: CivilDate


class DisputeRaised(Data, type="cmo.dispute.raised.v1", topic=ACTIONS, by="CS"):
    """One side disputes a breach or a fact."""

    dispute: Reference
    about: Text
    breach: BreachId | None = None


class DisputeResolved(Data, type="cmo.dispute.resolved.v1", topic=ACTIONS, by="CS"):
    """A dispute has its outcome."""

    dispute: Reference
    outcome: Text


class AgreementInForce(Data, type="cmo.agreement.in_force.v1", topic=ACTIONS, by="CS"):
    """A version of the agreement is in force."""

    version: Reference
    effective: CivilDate


# --- every inbound topic

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


class Retracted(Data, type="cmo.event.retracted.v1", by="CSLT"):
    """An event of this topic is withdrawn by its source, or by the sponsor."""

    topic: InboundTopic
    source: Annotated[str, Field(min_length=1, max_length=256)]
    event: Annotated[Reference, Field(alias="id")]
    reason: Literal["did_not_occur", "incorrect_data"]
    corrective_event: Reference | None = None


DATA: tuple[type[Data], ...] = tuple(cls for cls in Data.__subclasses__())
"""Every event type's data, in the order of the declarations."""
