from datetime import UTC, date, datetime, time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from alerts.calendar import DAY, HOUR, WorkingCalendar, civil_day
from events.values import microseconds

MARCH = microseconds(datetime(2024, 3, 1, tzinfo=UTC))
moments = st.integers(MARCH, MARCH + 60 * DAY)


def calendars_with(hours: st.SearchStrategy[tuple[time, time] | None]) -> Any:
    return st.builds(
        WorkingCalendar,
        st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
        st.sets(st.sampled_from(["mon", "tue", "wed", "sat", "sun"])),
        st.just([date(2024, 3, 5), date(2024, 4, 1)]),
        hours,
    )


whole_days = calendars_with(st.none())
calendars = calendars_with(st.sampled_from([None, (time(8), time(17, 30)), (time(0, 15), time(3))]))


@given(calendars, st.tuples(moments, moments, moments))
def test_working_time_of_two_spans_is_that_of_both_together(
    calendar: WorkingCalendar, some: tuple[int, int, int]
) -> None:
    start, between, end = sorted(some)
    whole = calendar.working_time(start, end)
    assert calendar.working_time(start, between) + calendar.working_time(between, end) == whole
    assert 0 <= whole <= end - start
    assert calendar.working_time(end, start) == 0


@given(calendars, moments, st.integers(0, 20 * DAY))
def test_so_much_was_worked_by_the_instant_that_is_after_it_and_less_before(
    calendar: WorkingCalendar, start: int, working: int
) -> None:
    at = calendar.after(start, working)
    if at is None:
        assert calendar.working_time(start, start + 70 * DAY) == 0
        return
    assert calendar.working_time(start, at) == working
    assert at >= start
    assert calendar.working_time(at, at + 1) == 1, "somebody is at work"


@given(whole_days, moments)
def test_an_hour_within_one_day_counts_if_that_day_is_worked(
    calendar: WorkingCalendar, start: int
) -> None:
    day = civil_day(calendar.zone, start)
    if civil_day(calendar.zone, start + HOUR) == day:
        assert calendar.working_time(start, start + HOUR) == (HOUR if calendar.works(day) else 0)


def test_the_day_the_clocks_change_is_as_long_as_it_is() -> None:
    begins = microseconds(datetime(2024, 3, 30, 23, tzinfo=UTC))
    berlin = WorkingCalendar("Europe/Berlin", ["sun"], [])
    assert berlin.working_time(begins - DAY, begins + DAY) == 23 * HOUR
