"""A replay: one clean pass as of a moment, printed with null for what is not applicable."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.agreements import Agreements
from alerts.readings import Reading
from alerts.records.lot import LOT
from events.data import LOTS, LotPlanned
from events.dimensions import DIMENSIONS
from events.outcomes import AcceptedEvent, Message, Rejection
from events.values import microseconds
from streams.replay import Diary, Pass, as_dict, as_json, end_of
from streams.shard import Shard, decoder_of
from tests.alerts.laws import AGREEMENTS, stories
from tests.builders import (
    Told,
    agreed,
    delivered,
    due,
    log,
    on,
    promised,
    retracted,
    started,
    told,
)

FIELDS = [
    "kpi",
    "cmo",
    *DIMENSIONS,
    "quantile",
    "value",
    "numerator",
    "denominator",
    "n",
    "low",
    "high",
    "state",
    "doubtful",
    "why",
    "as_of",
]


def passed(events: list[Told], day: float, agreements: Agreements | None = None) -> Pass:
    terms = agreements or agreed()
    decoder, clean = decoder_of(terms, 1), Pass(terms, on(day))
    for messages in log(events).values():
        clean.fold(decoder.decode(message) for message in messages)
    return clean


def test_what_happened_later_is_not_known() -> None:
    events = [promised("1"), delivered("1", 12), delivered("1", 9)]
    as_of = {
        day: next(r for r in passed(events[:2], day).readings() if r.kpi.name == "delivery_on_time")
        for day in (10, 11, 12)
    }
    # Not due to be judged; missed; met late, and so missed on its due day.
    assert [(r.numerator, r.denominator) for r in as_of.values()] == [(0, 0), (0, 1), (0, 1)]
    assert passed(events, 11.9).taken == 2


def test_a_pass_and_a_shard_come_to_the_same_readings() -> None:
    again = promised("1", 39, id=promised("1").id)
    events = [promised("1", sequence=1), delivered("1"), again, started("L1"), started("L1")]
    events[2] = again._replace(event=again.event.model_copy(update={"sequence": 2}))
    events.append(promised("2", sequence=3))
    shard = Shard(0, 1, agreed())
    for topic, messages in log(events).items():
        shard.fold(topic, len(messages), messages)
    list(shard.tick(on(30)))
    clean = passed(events, 30)
    assert list(clean.readings()) == list(shard.readings())
    assert [each.reason for each in clean.refused] == ["other_content"]


def test_a_cmo_that_never_spoke_is_read_too() -> None:
    found = list(passed([], 3).readings())
    assert {r.cmo for r in found} == {"acme"}
    assert all(r.n == 0 for r in found)


def test_a_reading_prints_every_field_with_null_where_not_applicable() -> None:
    clean = passed([promised("1"), delivered("1")], 30)
    printed = json.loads(as_json(clean.readings()))
    assert [list(each) for each in printed] == [FIELDS] * len(printed)
    found = next(e for e in printed if e["kpi"] == "delivery_on_time")
    assert (found["value"], found["n"], found["state"]) == (1, 1, "insufficient")
    assert (found["doubtful"], found["why"]) == (0, None)
    assert (found["site"], found["lot_state"], found["topic"], found["quantile"]) == (None,) * 4
    assert found["as_of"] == "2024-01-31T12:00:00Z"


def test_a_moment_prints_to_the_microsecond() -> None:
    reading = next(iter(passed([], 3).readings()))
    assert reading.as_of == microseconds(on(3))
    assert as_dict(reading)["as_of"] == "2024-01-04T12:00:00Z"


def test_nothing_prints_as_an_empty_array() -> None:
    assert json.loads(as_json([])) == []


def test_the_decoder_believes_the_sources_of_the_agreements_only() -> None:
    decoder = decoder_of(agreed(), 1)
    (message,) = log([promised("1")])["cmo.inventory"]
    assert isinstance(decoder.decode(message), AcceptedEvent)
    (foreign,) = log([promised("1", cmo="nobody")])["cmo.inventory"]
    assert not isinstance(decoder.decode(foreign), AcceptedEvent)


def test_an_event_that_is_not_to_be_known_yet_leaves_no_gap() -> None:
    events = [started(f"L{n}", day, sequence=n) for n, day in enumerate((1, 9, 2))]
    [cmo] = passed(events, 5).cmos.values()
    assert not any(s.gapped for feed in cmo.feeds.values() for s in feed.sequences.values())


PLANS = [
    told(LotPlanned(lot=f"L{n}", product="pills"), on(1 + n), recorded=on(n), sequence=n)
    for n in range(20)
]


@pytest.mark.parametrize("day", [0, 3.5, 7, 30])
def test_a_plan_is_heard_counted_and_timed_by_its_record_as_a_worker_does(day: float) -> None:
    terms = agreed(cadence={LOTS: 86_400.0})
    shard = Shard(0, 1, terms)
    for topic, messages in log([each for each in PLANS if each.recorded <= on(day)]).items():
        shard.fold(topic, len(messages), messages)
    list(shard.tick(on(day)))
    clean = passed(PLANS, day, terms)
    assert list(clean.readings()) == list(shard.readings())
    [cmo], [other] = clean.cmos.values(), shard.cmos.values()
    assert cmo.records(LOT).keys() == other.records(LOT).keys()


def told_by_day(events: list[Told], first: date, last: date) -> dict[date, list[Reading]]:
    """Each day's readings, of events as they lie on their topics."""
    decoder = decoder_of(AGREEMENTS, 1)
    outcomes = [decoder.decode(m) for messages in log(events).values() for m in messages]
    return dict(Diary(AGREEMENTS).days(outcomes, first, last))


@settings(deadline=None, max_examples=30)
@given(stories(), st.integers(-5, 35))
def test_a_day_is_read_as_a_worker_read_it_then(events: list[Told], day: int) -> None:
    """A worker that has all that was recorded by the end of that day, and nothing else."""
    end = end_of(due(day).isoformat())
    shard = Shard(0, 1, AGREEMENTS)
    for topic, messages in log([each for each in events if each.recorded <= end]).items():
        shard.fold(topic, len(messages), messages)
    list(shard.tick(end))
    found = told_by_day(events, due(-6), due(36))
    assert sorted(found) == [due(n) for n in range(-6, 37)]
    assert without_words(found[due(day)]) == without_words(shard.readings())


def without_words(found: Iterable[Reading]) -> list[Reading]:
    """Of two gaps, which one is named as the reason is left to the order events came in."""
    return [replace(reading, why=bool(reading.why) * "unknown") for reading in found]


def test_a_late_record_and_a_retraction_change_no_day_before_they_came() -> None:
    late = delivered("1", 9, recorded=on(20))
    events = [promised("1"), late, retracted(late, on(25)), promised("2"), delivered("2")]
    days = told_by_day(events, due(10), due(26))
    whole = {
        day: next(r for r in found if r.kpi.name == "delivery_on_time" and r.cmo == "acme")
        for day, found in days.items()
    }
    on_time = [whole[due(n)].numerator for n in (10, 19, 20, 24, 25)]
    assert on_time == [1, 1, 2, 2, 1]


def test_a_number_refused_of_an_import_is_missing_on_no_day() -> None:
    """Though the log got the whole import only in the end."""
    bad = {"data": {"lot": 7}}
    said = [imported(1), imported(2, **bad), imported(3), imported(4, **bad, recordedtime="soon")]
    decoder = decoder_of(agreed(), 1)
    outcomes = [decoder.decode(message) for message in said]
    assert [type(each) for each in outcomes] == [AcceptedEvent, Rejection, AcceptedEvent, Rejection]
    diary = Diary(agreed())
    assert len(list(diary.days(outcomes, due(0), due(9)))) == 10
    assert [seen.gapped for seen in diary.cmos["acme"].feeds["cmo.lots"].sequences.values()] == [
        False
    ]
    assert len(diary.refused) == 1


def imported(number: int, **changes: object) -> Message:
    """An event that is said to have been recorded on the day of its number, and came much later."""
    moment = on(number).isoformat().replace("+00:00", "Z")
    about = {"id": f"e{number}", "source": "/import", "sequence": number, "onbehalfof": "cmo"}
    event = {"specversion": "1.0", "type": "cmo.lot.completed.v1", "time": moment, **about}
    event |= {"recordedtime": moment, "timely": True}
    value = json.dumps({**event, "data": {"lot": "L"}, "partitionkey": "acme", **changes})
    came = microseconds(on(300)) // 1_000
    return Message("cmo.lots", 0, number, came, b"acme", value.encode())
