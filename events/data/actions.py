"""What people say they did: about breaches, improvements, reviews, disputes."""

from typing import Annotated

from pydantic import Field

from events.data.base import ACTIONS, Data
from events.values import (
    CivilDate,
    Instant,
    Reference,
    Text,
)

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
