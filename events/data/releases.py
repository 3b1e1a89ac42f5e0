"""What is said of the release of lots."""

from typing import Annotated, Literal

from pydantic import Field

from events.data.base import RELEASES, Data, Decision, Market, Owed, Party, Side
from events.values import (
    CivilDate,
    Reference,
    Text,
)


class ReleaseRequested(Data, type="cmo.release.requested.v1", topic=RELEASES, by="CS"):
    """A lot is put up for release; a due date is taken from the sponsor only.

    Said by the CMO, it hands over the lot's papers.
    """

    lot: Reference
    party: Side | None = None
    market: Market | None = None
    due: CivilDate | None = None


class ReleaseStepCompleted(Data, type="cmo.release.step_completed.v1", topic=RELEASES, by="CSL"):
    """A step of a release is done, and the lot's papers pass from one holder to the next."""

    lot: Reference
    step: Text
    holder_before: Party
    holder_after: Party
    round: Annotated[int, Field(ge=1, le=100)] | None = None


class ReleaseQuestionAsked(Data, type="cmo.release.question_asked.v1", topic=RELEASES, by="S"):
    """The sponsor asks about the papers of a lot, and waits for the answer."""

    lot: Reference
    question: Reference


class ReleaseQuestionAnswered(
    Data, type="cmo.release.question_answered.v1", topic=RELEASES, by="C"
):
    """A question about the papers of a lot has its answer."""

    lot: Reference
    question: Reference


class ReleaseDecided(Data, type="cmo.release.decided.v1", topic=RELEASES, by="CS"):
    """A quality unit decided on a lot."""

    lot: Reference
    decision: Decision
    markets: Annotated[tuple[Market, ...], Field(max_length=300)] = ()
    role: Text | None = None
    owed_to: Owed | None = None


class ReleaseReworkAgreed(Data, type="cmo.release.rework_agreed.v1", topic=RELEASES, by="S"):
    """The sponsor agreed that a lot is worked on again; it may name a new day for its release."""

    lot: Reference
    kind: Literal["rework", "reprocessing"]
    due: CivilDate | None = None


class CertificateIssued(Data, type="cmo.certificate.issued.v1", topic=RELEASES, by="CL"):
    """A certificate of analysis or of conformance was issued for a lot."""

    lot: Reference
    kind: Literal["analysis", "conformance"]
    certificate: Reference


class LotRecalled(Data, type="cmo.lot.recalled.v1", topic=RELEASES, by="S"):
    """A lot is called back from the market."""

    lot: Reference
    reason: Text | None = None
