"""Lots and their release: what is decided about them, how well they were made, what waits."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from alerts.agreements import Agreement
from alerts.calendar import HOUR, civil_day, days_from_epoch, midnight
from alerts.clusters import cluster
from alerts.example import Example, Told
from alerts.facts import Evidence, Fact, claimed
from alerts.kpi import Kpi, Links, Measured, Readable
from alerts.records.lot import LOT, LotView
from events.data import (
    LOTS,
    RELEASES,
    DeviationClosed,
    DeviationOpened,
    LotAborted,
    LotCancelled,
    LotCompleted,
    LotPlanned,
    LotStarted,
    ReleaseDecided,
    ReleaseRequested,
    ReleaseReworkAgreed,
)
from events.dimensions import Scope
from events.values import MILLION

_PURPOSE = (LotPlanned, LotStarted)  # a lot that turns out not to be commercial counts nowhere


def _when(
    fact: Fact, numerator: int, event: str = "", *, adverse: bool = False, cluster: int = 0
) -> Evidence:
    """Evidence of the hour in which something happened."""
    hour = fact.time // HOUR
    event = event or fact.id
    return Evidence(hour, hour * HOUR, numerator, 1, event, adverse, cluster=cluster)


def _acceptance(lot: LotView, _: Links, __: Agreement) -> tuple[Evidence, ...]:
    decided = lot.last_final
    if decided is None or not lot.is_commercial:
        return ()
    released = decided.data.decision == "released"
    return (_when(decided, int(released), adverse=not released),)


def _right_first_time(lot: LotView, _: Links, __: Agreement) -> tuple[Evidence, ...]:
    if lot.completed is None or not lot.is_commercial:
        return ()
    wrong = lot.imperfect
    if wrong is None:
        return (_when(lot.completed, 1),)
    of = cluster(lot.marred.data.deviation) if lot.marred else 0
    return (_when(lot.completed, 0, wrong.id, adverse=True, cluster=of),)


def _release_cycle_time(lot: LotView, _: Links, __: Agreement) -> tuple[Evidence, ...]:
    completed, decided = lot.completed, lot.first_final
    if completed is None or decided is None or not lot.is_commercial:
        return ()
    if decided.time < completed.time:
        return ()
    return (_when(decided, decided.time - completed.time),)


def _release_on_time(lot: LotView, _: Links, terms: Agreement) -> tuple[Evidence, ...]:
    if lot.due is None or lot.called_off or not lot.is_commercial:
        return ()
    decided = lot.last_final
    day = lot.due if decided else lot.due + timedelta(days=1)
    kept = decided is not None and civil_day(terms.zone, decided.time) <= lot.due
    return (
        Evidence(
            days_from_epoch(day) * 24,
            midnight(terms.zone, day),
            int(kept),
            1,
            decided.id if decided else lot.due_said_by,
            not kept,
            claimed=claimed(decided, lot.due, terms.zone) if decided and kept else 0,
        ),
    )


def _open_lot_age(cmo: Readable, agreement: Agreement | None, now: int) -> Iterator[Measured]:
    agreed = agreement.time_in_state if agreement else {}
    for oldest in cmo.oldest_open_lots():
        time = agreed.get(oldest.state)  # type: ignore[call-overload]
        age = max(0, now - oldest.progressed) / MILLION
        yield Measured(
            Scope(lot_state=oldest.state),
            int(age) if age.is_integer() else age,
            n=oldest.among,
            events=(oldest.progressed_by,),
            agreed=time,
        )


# --- the stories they are read of


def _made(lot: str, day: str = "2026-03-05") -> tuple[Told, ...]:
    return (
        Told("C", "2026-03-01", LotStarted(lot=lot, product="pills")),
        Told("C", day, LotCompleted(lot=lot)),
    )


def _released(lot: str, day: str) -> Told:
    return Told("S", day, ReleaseDecided(lot=lot, decision="released"))


_ACCEPTED = Example(
    story="Three lots are decided: L1 released; L2 released by the CMO and then rejected by the "
    "sponsor; L3 rejected by the CMO and then released by the sponsor. L4 waits. Two of three.",
    told=(
        *(event for lot in ("L1", "L2", "L3", "L4") for event in _made(lot)),
        _released("L1", "2026-03-12"),
        Told("C", "2026-03-12", ReleaseDecided(lot="L2", decision="released")),
        Told("S", "2026-03-20", ReleaseDecided(lot="L2", decision="rejected")),
        Told("C", "2026-03-12", ReleaseDecided(lot="L3", decision="rejected")),
        _released("L3", "2026-03-20"),
    ),
    as_of="2026-04-01",
    reads={"numerator": 2, "denominator": 3, "n": 3},
)

_RIGHT = Example(
    story="Four lots are completed: one with a major deviation, one reworked, one with a minor "
    "deviation, one without any. Two of four are right first time.",
    told=(
        *(event for lot in ("L1", "L2", "L3", "L4") for event in _made(lot)),
        Told("C", "2026-03-03", DeviationOpened(deviation="D1", class_="major", lots=("L1",))),
        Told("C", "2026-03-10", ReleaseDecided(lot="L2", decision="rework")),
        Told("C", "2026-03-04", DeviationOpened(deviation="D2", class_="minor", lots=("L3",))),
    ),
    as_of="2026-04-01",
    reads={"numerator": 2, "denominator": 4, "n": 4, "value": 0.5},
)

_CYCLE = Example(
    story="Ten lots are completed on 5 March and released 1, 2, … 10 days later: nine of ten take "
    "nine days at most.",
    told=tuple(
        event
        for days in range(1, 11)
        for event in (*_made(f"L{days}"), _released(f"L{days}", f"2026-03-{5 + days:02}"))
    ),
    as_of="2026-04-01",
    reads={"value": 9 * 86_400, "n": 10},
    quantile="p90",
)

_KEPT = Example(
    story="The sponsor wants three lots decided by 15 March. L1 is released on 14 March, L2 on "
    "18 March, L3 is on hold and not decided. One of three.",
    told=(
        *(event for lot in ("L1", "L2", "L3") for event in _made(lot)),
        *(
            Told("S", "2026-03-06", ReleaseRequested(lot=lot, due=date(2026, 3, 15)))
            for lot in ("L1", "L2", "L3")
        ),
        _released("L1", "2026-03-14"),
        _released("L2", "2026-03-18"),
        Told("C", "2026-03-14", ReleaseDecided(lot="L3", decision="on_hold")),
    ),
    as_of="2026-04-01",
    reads={"numerator": 1, "denominator": 3, "n": 3},
)

_AGE = Example(
    story="Two lots are in process, where ten days are agreed: L1 since 1 March, L2 since 12 "
    "March. On 17 March the older one has waited 16 days, more than one and a half times as long.",
    told=(
        Told("C", "2026-03-01", LotStarted(lot="L1", product="pills")),
        Told("C", "2026-03-12", LotStarted(lot="L2", product="pills")),
    ),
    as_of="2026-03-17",
    reads={"value": 16 * 86_400, "n": 2, "state": 1},
    scope=Scope(lot_state="in_process"),
    terms={"time_in_state": {"in_process": 10 * 86_400}},
)

RELEASE: Final = (
    Kpi(
        name="lot_acceptance_dispositioned",
        title="Lots accepted",
        help="Commercial lots whose last final decision is a release, of those finally decided.",
        unit="ratio",
        higher_is_better=True,
        urgency="ticket",
        window_days=365,
        warning=0.97,
        critical=0.93,
        minimum=3,
        interval=True,
        best=1.0,
        needs=(RELEASES,),
        kinds=(LOT,),
        evidence=_acceptance,
        moved_by=(ReleaseDecided, *_PURPOSE),
        example=_ACCEPTED,
        family="acceptance",
        leads=True,
        source="ISPE quality metrics pilot",
        action="Ask both quality units why lots were rejected, and plan their replacement.",
    ),
    Kpi(
        name="right_first_time",
        title="Right first time",
        help="Lots completed without a major or critical deviation, rework or reprocessing.",
        unit="ratio",
        higher_is_better=True,
        urgency="ticket",
        window_days=365,
        warning=0.90,
        critical=0.80,
        minimum=3,
        interval=True,
        best=1.0,
        needs=(LOTS, RELEASES),
        kinds=(LOT,),
        evidence=_right_first_time,
        moved_by=(
            LotCompleted,
            DeviationOpened,
            DeviationClosed,
            ReleaseDecided,
            ReleaseReworkAgreed,
            *_PURPOSE,
        ),
        example=_RIGHT,
        family="quality",
        leads=True,
        source="industry usage",
        action="Ask the CMO for the root causes of its newest failing lots, and agree a remedy.",
    ),
    Kpi(
        name="release_cycle_time",
        title="Release cycle time",
        help="From a lot's completion to its first final decision.",
        unit="seconds",
        higher_is_better=False,
        urgency="review",
        window_days=365,
        minimum=10,
        quantiles=("p50", "p90"),
        best=0.0,
        needs=(LOTS, RELEASES),
        kinds=(LOT,),
        evidence=_release_cycle_time,
        moved_by=(LotCompleted, ReleaseDecided, *_PURPOSE),
        example=_CYCLE,
        family="release",
        source="industry usage",
        action="Look at which holder the lots waited with, and bring it to the next review.",
    ),
    Kpi(
        name="release_on_time",
        title="Released on time",
        help="Lots finally decided by the day the sponsor set, of those due.",
        unit="ratio",
        higher_is_better=True,
        urgency="ticket",
        window_days=365,
        warning=0.95,
        critical=0.90,
        minimum=3,
        interval=True,
        best=1.0,
        needs=(RELEASES,),
        kinds=(LOT,),
        evidence=_release_on_time,
        moved_by=(
            ReleaseRequested,
            LotCancelled,
            LotAborted,
            ReleaseDecided,
            ReleaseReworkAgreed,
            *_PURPOSE,
        ),
        example=_KEPT,
        family="release",
        leads=True,
        source="industry usage",
        action="Ask both quality units for a decision date of every lot that is due, oldest first.",
    ),
    Kpi(
        name="open_lot_age",
        title="Open lot age",
        help="Since the last progress of the oldest lot in a state, against the agreed time.",
        unit="seconds",
        higher_is_better=False,
        urgency="ticket",
        dimensions=(("lot_state",),),
        warning=1.5,
        critical=3.0,
        best=0.0,
        needs=(LOTS, RELEASES),
        agreed_time="time_in_state",
        kinds=(LOT,),
        measure=_open_lot_age,
        example=_AGE,
        family="lots",
        leads=True,
        source="agreement",
        action="Ask the CMO what the oldest lot waits for, and agree the date of its next step.",
    ),
)
"""The KPIs of lots, in the order of the boards."""
