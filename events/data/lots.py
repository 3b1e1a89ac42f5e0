"""What is said of lots, deviations, notices and complaints."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from events.data.base import LOTS, Data, DeviationClass, Market, Names, Owed, Purpose
from events.values import (
    Amount,
    CivilDate,
    Fitting,
    Instant,
    NonNegativeQuantity,
    PositiveQuantity,
    Reference,
    Slug,
    StrictModel,
    Text,
)


class LotInput(Fitting):
    """A lot another lot was made from, which may be another CMO's, or a material."""

    model_config = ConfigDict(
        json_schema_extra={"if": {"not": {"required": ["lot"]}}, "then": {"required": ["material"]}}
    )

    lot: Reference | None = None
    maker: Slug | None = None
    material: Reference | None = None
    quantity: PositiveQuantity | None = None
    critical: bool = False

    @staticmethod
    def misfit(said: Any) -> str:
        """It is one or the other."""
        nameless = said.lot is None and said.material is None
        return "an input needs the lot, or the material, that it is" if nameless else ""


class LotPlanned(Data, type="cmo.lot.planned.v1", topic=LOTS, by="CS", plan=True):
    """A lot is planned."""

    lot: Reference
    product: Slug
    site: Slug | None = None
    purpose: Purpose | None = None
    planned_start: CivilDate | None = None
    planned_completion: CivilDate | None = None
    quantity: PositiveQuantity | None = None
    order: Reference | None = None
    line: Reference | None = None
    market: Market | None = None


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
    manufactured: CivilDate | None = None
    expiry: CivilDate | None = None


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
    cause: Literal["quality", "material", "other"] | None = None
    owed_to: Owed | None = None


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
    """A lot left, or a quantity of it, released or under quarantine."""

    lot: Reference
    maker: Slug | None = None
    quantity: PositiveQuantity | None = None
    shipment: Reference | None = None
    from_site: Slug | None = None
    to_site: Slug | None = None
    order: Reference | None = None
    line: Reference | None = None
    under_quarantine: bool = False


class LotReceived(Data, type="cmo.lot.received.v1", topic=LOTS, by="CST"):
    """A lot, or a quantity of it, was received: on an order line it outranks "delivered"."""

    lot: Reference
    maker: Slug | None = None
    quantity: NonNegativeQuantity | None = None
    shipment: Reference | None = None
    note: Reference | None = None
    site: Slug | None = None
    order: Reference | None = None
    line: Reference | None = None


class LotDestroyed(Data, type="cmo.lot.destroyed.v1", topic=LOTS, by="CS"):
    """A lot was destroyed, or a quantity of it."""

    lot: Reference
    maker: Slug | None = None
    quantity: PositiveQuantity | None = None
    site: Slug | None = None


class LotDistributed(Data, type="cmo.lot.distributed.v1", topic=LOTS, by="CST"):
    """A lot went to a market, or a quantity of it: said by the sponsor, or the site's owner."""

    lot: Reference
    market: Market
    maker: Slug | None = None
    quantity: PositiveQuantity | None = None


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


class DeviationExtended(Data, type="cmo.deviation.extended.v1", topic=LOTS, by="S"):
    """The sponsor approved another day by which a deviation is to be closed."""

    deviation: Reference
    due: CivilDate


class CapaOpened(Data, type="cmo.capa.opened.v1", topic=LOTS, by="CS"):
    """A corrective or preventive action is due by a day."""

    capa: Reference
    due: CivilDate
    deviation: Reference | None = None


class CapaClosed(Data, type="cmo.capa.closed.v1", topic=LOTS, by="CS"):
    """A corrective or preventive action is done."""

    capa: Reference


class CapaEffectivenessChecked(Data, type="cmo.capa.effectiveness_checked.v1", topic=LOTS, by="CS"):
    """It was looked at whether a corrective or preventive action works."""

    capa: Reference
    effective: bool


class NoticeRaised(Data, type="cmo.notice.raised.v1", topic=LOTS, by="CS"):
    """The other side is told of something it must know."""

    notice: Reference
    kind: Literal[
        "change_control",
        "audit_finding",
        "inspection",
        "data_integrity",
        "supply_shortage",
        "deviation",
        "oos",
        "other",
    ]
    class_: Annotated[DeviationClass, Field(alias="class")]
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


class EventRef(StrictModel):
    """An event of the CMO that the key names, by its identity."""

    source: Annotated[str, Field(min_length=1, max_length=256)]
    id: Reference


class OwedAccepted(Data, type="cmo.owed.accepted.v1", topic=LOTS, by="S"):
    """What an event tells of is owed to the sponsor: its material, artwork or approval."""

    about: EventRef
    to: Owed


class Reported(StrictModel):
    """What may have to be reported: a deviation, an OOS, a complaint or a shipment, by its id."""

    kind: Literal["deviation", "oos", "complaint", "shipment"]
    id: Reference


class ReportabilityDecided(Data, type="cmo.reportability.decided.v1", topic=LOTS, by="S"):
    """Whether something has to be reported, or that it was: the sponsor's decision."""

    clock: Literal["field_alert", "biological_deviation", "shortage_notice"]
    about: Reported
    decision: Literal["reportable", "not", "reported"]
