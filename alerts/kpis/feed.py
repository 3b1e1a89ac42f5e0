"""Feeds: whether a CMO is heard, whether what it says can be taken, and how late it says it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Final

from alerts.agreements import Agreement
from alerts.calendar import midnight
from alerts.example import Example, Refused, Told
from alerts.feeds import IN_A_ROW
from alerts.kpi import Kpi, Measured, Readable
from events.data import Heartbeat, InboundTopic, LotCompleted, LotStarted
from events.dimensions import Scope
from events.values import MILLION


def silent_for(cmo: Readable, agreement: Agreement, topic: InboundTopic, now: int) -> int:
    """The working time, in microseconds, since the CMO was heard on a topic, or should have been.

    A CMO that was never heard counts from the day on which that was first agreed, as does one with
    which it was agreed anew after an end.
    """
    heard, again = cmo.silent_since(topic), cmo.began_again(now)
    if heard is None or (again is not None and heard < midnight(agreement.zone, again)):
        begins = cmo.expected_since(topic, now) or agreement.effective
        heard = midnight(agreement.zone, begins)
    return agreement.calendar.working_time(heard, now)


def _feed_silence(cmo: Readable, agreement: Agreement | None, now: int) -> Iterator[Measured]:
    if agreement is None:
        return
    for topic in sorted(agreement.cadence):
        feed = cmo.feeds.get(topic)
        silent = silent_for(cmo, agreement, topic, now) / MILLION
        yield Measured(
            Scope(topic=topic),
            int(silent) if silent.is_integer() else silent,
            n=1,
            events=(feed.heard_from,) if feed and feed.heard_from else (),
            agreed=agreement.cadence[topic],
        )


def _feed_validity(cmo: Readable, agreement: Agreement | None, now: int) -> Iterator[Measured]:
    for measured in cmo.windowed(FEED_VALIDITY, agreement, now):
        yield replace(measured, in_a_row=cmo.in_a_row(measured.scope.topic))


def _data_timeliness(cmo: Readable, agreement: Agreement | None, now: int) -> Iterator[Measured]:
    return cmo.windowed(DATA_TIMELINESS, agreement, now)


_OFFICE = {"effective": date(2026, 3, 2), "working_days": ("mon", "tue", "wed", "thu", "fri")}

FEED_SILENCE: Final = Kpi(
    name="feed_silence",
    title="Feed silence",
    help="Working time since the CMO's last word on a topic, against the agreed cadence.",
    unit="seconds",
    higher_is_better=False,
    urgency="ticket",
    dimensions=(("topic",),),
    warning=1.5,
    critical=3.0,
    best=0.0,
    agreed_time="cadence",
    measure=_feed_silence,
    example=Example(
        story="A word each working day, Monday to Friday, is agreed for cmo.lots. The last one, a "
        "heartbeat, came on Friday at noon; by Tuesday at noon two working days are gone, twice "
        "the cadence.",
        told=(Told("C", "2026-03-06", Heartbeat(topic="cmo.lots")),),
        as_of="2026-03-10",
        reads={"value": 2 * 86_400, "n": 1, "state": 1},
        scope=Scope(topic="cmo.lots"),
        terms={**_OFFICE, "cadence": {"cmo.lots": 86_400}},
    ),
    family="feed",
    leads=True,
    source="agreement",
    action="Call the CMO's data contact, and ask for what is missing or for a heartbeat.",
)
"""The KPI of a CMO that says nothing."""

FEED_VALIDITY: Final = Kpi(
    name="feed_validity",
    title="Feed validity",
    help="Messages accepted, duplicates included, of those read from the CMO's feeds; three that "
    "are refused one after the other on a topic are a warning whatever the share is.",
    unit="ratio",
    higher_is_better=True,
    urgency="ticket",
    dimensions=((), ("topic",)),
    window_days=7,
    warning=0.99,
    critical=0.95,
    minimum=20,
    interval=True,
    best=1.0,
    in_a_row=IN_A_ROW,
    measure=_feed_validity,
    example=Example(
        story="A start is taken; then three messages about lots are refused, one each day, with "
        "none taken on that topic in between. One of four is far too little to judge by its share, "
        "and the three in a row are a warning.",
        told=(
            Told("C", "2026-03-02", LotStarted(lot="L1", product="pills")),
            *(Refused("C", f"2026-03-{day:02}", "cmo.lots") for day in (3, 4, 5)),
        ),
        as_of="2026-03-06",
        reads={"numerator": 1, "denominator": 4, "n": 4, "in_a_row": 3, "state": 1},
    ),
    family="feed_quality",
    leads=True,
    source="agreement",
    action="Send the CMO the reasons of its newest dead letters, and ask for corrections.",
)

DATA_TIMELINESS: Final = Kpi(
    name="data_timeliness",
    title="Data timeliness",
    help="From the event to its record in the log, of what the CMO says.",
    unit="seconds",
    higher_is_better=False,
    urgency="ticket",
    window_days=30,
    warning=4 * 3_600,
    critical=24 * 3_600,
    quantiles=("p95",),
    best=0.0,
    measure=_data_timeliness,
    example=Example(
        story="A start is recorded two hours after it happened, a completion at once: by nearest "
        "rank the slowest of two is the 95th of a hundred.",
        told=(
            Told(
                "C",
                "2026-03-02T08:00:00+00:00",
                LotStarted(lot="L1", product="pills"),
                recorded="2026-03-02T10:00:00+00:00",
            ),
            Told("C", "2026-03-03", LotCompleted(lot="L1")),
        ),
        as_of="2026-03-04",
        reads={"value": 7_200, "n": 2},
        quantile="p95",
    ),
    family="timeliness",
    leads=True,
    source="agreement; the default here is 4 h and 24 h",
    action="Ask the CMO's data contact why its events come late, and when that will end.",
)

FEED: Final = (FEED_SILENCE, FEED_VALIDITY, DATA_TIMELINESS)
"""The KPIs of the feeds, in the order of the boards."""
