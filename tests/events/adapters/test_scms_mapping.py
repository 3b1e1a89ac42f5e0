"""The SCMS delivery history through its mapping: 10,324 real order lines."""

import os
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from events.adapters.base import RowError
from events.adapters.table import read_table
from events.data import OrderDelivered, OrderPlaced, Speaker
from events.event import Event

ROOT = Path(__file__).parents[3]
MAPPING = ROOT / "deploy" / "lab" / "demo" / "scms.yaml"
NAMED = os.environ.get("CMOWATCH_SCMS")
DELIVERIES = Path(NAMED) if NAMED else ROOT.parent / "shared" / "data" / "scms_deliveries.csv.gz"


@pytest.fixture(scope="module")
def events() -> list[Event]:
    if not DELIVERIES.exists():
        missing = f"{DELIVERIES} is missing; name the file in CMOWATCH_SCMS"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    read = list(read_table(MAPPING, DELIVERIES))
    assert [each for each in read if isinstance(each, RowError)] == []
    return [each for each in read if isinstance(each, Event)]


def test_every_row_is_placed_and_delivered(events: list[Event]) -> None:
    assert Counter(event.type for event in events) == {
        "cmo.order.placed.v1": 10_324,
        "cmo.order.delivered.v1": 10_324,
    }


def test_every_delivery_names_its_note(events: list[Event]) -> None:
    notes = {event.data.note for event in events if isinstance(event.data, OrderDelivered)}
    assert None not in notes
    assert len(notes) == 7_030


def test_no_two_events_share_an_identity(events: list[Event]) -> None:
    assert len({(event.partitionkey, event.source, event.id) for event in events}) == 20_648


def test_88_sites_play_the_cmo_and_keep_their_names(events: list[Event]) -> None:
    names = {event.partitionkey: event.partitionkey.name for event in events}  # type: ignore[union-attr]
    assert len(names) == 88
    assert names["aurobindo-unit-iii-india"] == "Aurobindo Unit III, India"


def test_a_line_is_placed_400_days_ahead_by_the_sponsor(events: list[Event]) -> None:
    for event in events[::2]:
        assert isinstance(event.data, OrderPlaced)
        (wanted,) = event.data.schedule
        assert wanted.date - event.time.date() == timedelta(days=400)
        assert event.recordedtime == event.time
        assert event.onbehalfof is Speaker.SPONSOR


def test_1911_deliveries_were_recorded_on_another_day_and_3_of_them_the_day_before(
    events: list[Event],
) -> None:
    days = [event.recordedtime - event.time for event in events[1::2]]  # type: ignore[operator]
    assert sum(gap != timedelta() for gap in days) == 1_911
    assert [gap for gap in days if gap < timedelta()] == [timedelta(days=-1)] * 3


@pytest.mark.parametrize(
    ("as_of", "on_time", "due"),
    [
        (date(2008, 12, 31), 202, 202),
        (date(2010, 6, 30), 322, 352),
        (date(2012, 3, 31), 312, 350),
        (date(2014, 6, 30), 292, 349),
    ],
)
def test_the_events_hold_the_known_figures(
    events: list[Event], as_of: date, on_time: int, due: int
) -> None:
    arrived = {
        event.data.line: event.time.date()
        for event in events
        if isinstance(event.data, OrderDelivered)
    }
    promised = {
        e.data.line: e.data.schedule[0].date for e in events if isinstance(e.data, OrderPlaced)
    }
    first = as_of - timedelta(days=89)
    judged = [
        arrived[line] <= day
        for line, day in promised.items()
        if (first <= day < as_of) or (day == as_of and arrived[line] <= as_of)
    ]
    assert (sum(judged), len(judged)) == (on_time, due)
