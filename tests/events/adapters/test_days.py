"""Days and moments stand where their formats and their zone put them, or are refused."""

from datetime import UTC, date, datetime

import pytest

from events.adapters.base import BadCell
from events.adapters.days import as_day, as_moment, check_format, read_day
from tests.events.adapters.tables import BERLIN


def day(text: str, *formats: str, end_of_month: bool = False) -> date | datetime:
    return read_day(text, formats, end_of_month=end_of_month)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ("%m/%Y", "names no day"),
        ("%y%m", "names no day"),
        ("%d.%m", "does not say which year"),
        ("%d.%Y", "does not say which year and month"),
        ("day", "does not say which year"),
        ("%Q", "cannot be used"),
        ("%d.%m.%Y %H:%M %Z", "names of zones are not read"),
    ],
)
def test_a_format_that_leaves_the_day_open_is_refused(form: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_format(form, end_of_month=False)


@pytest.mark.parametrize(
    "form", ["%d.%m.%Y", "%y%m%d", "%G-W%V-%u", "%Y-%j", "serial", "%c", "%d.%m.%Y %H:%M%z"]
)
def test_a_format_that_says_the_day_is_taken(form: str) -> None:
    check_format(form, end_of_month=False)


def test_what_two_formats_read_as_two_days_is_refused_with_both() -> None:
    assert day("31.03.2026", "%m.%d.%Y", "%d.%m.%Y") == date(2026, 3, 31)
    assert day("03.03.2026", "%m.%d.%Y", "%d.%m.%Y") == date(2026, 3, 3)
    with pytest.raises(BadCell, match=r"may be 2026-03-04 \(%m.%d.%Y\) or 2026-04-03"):
        day("03.04.2026", "%m.%d.%Y", "%d.%m.%Y")


@pytest.mark.parametrize("text", ["2026111", "26111", "202611", "2026-11-1x"])
def test_digits_without_dividers_are_all_needed(text: str) -> None:
    with pytest.raises(BadCell):
        day(text, "%Y%m%d")


@pytest.mark.parametrize("text", ["03/04/2026", "04/03/26"])
def test_a_day_that_may_be_another_is_offered_both_ways(text: str) -> None:
    with pytest.raises(BadCell, match=r"it may be 2026-0[34].* or 2026-0[34].*: say which"):
        day(text)


def test_day_00_is_a_month_only_where_it_is_said() -> None:
    assert day("280200", "%y%m%d", end_of_month=True) == date(2028, 2, 29)
    assert day("280115", "%y%m%d", end_of_month=True) == date(2028, 1, 15)
    assert day("2026-04", "%Y-%m", end_of_month=True) == date(2026, 4, 30)
    with pytest.raises(BadCell, match="`end_of_month: true`"):
        day("280200", "%y%m%d")
    for text in ("280230", "281300", "2802", "28020"):
        with pytest.raises(BadCell):
            day(text, "%y%m%d", end_of_month=True)


def test_a_moment_keeps_its_zone_and_one_without_takes_that_of_its_place() -> None:
    assert as_moment(datetime(2026, 7, 1, 8, tzinfo=UTC), BERLIN) == datetime(
        2026, 7, 1, 8, tzinfo=UTC
    )
    assert as_moment(datetime(2026, 7, 1, 8), BERLIN) == datetime(2026, 7, 1, 6, tzinfo=UTC)
    assert as_moment(date(2026, 7, 1), BERLIN) == datetime(2026, 6, 30, 22, tzinfo=UTC)


def test_a_format_may_have_an_offset_from_utc() -> None:
    read = day("01.07.2026 08:00+02:00", "%d.%m.%Y %H:%M%z")
    assert as_moment(read, None) == datetime(2026, 7, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-03-31", "2026-03-31 00:00:00", "2026-03-31T08:00"])
def test_neither_day_nor_time_has_a_zone_by_default(text: str) -> None:
    with pytest.raises(BadCell, match=r"needs its zone: say `zone: .* --agreements"):
        as_moment(day(text), None)


@pytest.mark.parametrize(
    ("moment", "how"),
    [(datetime(2026, 10, 25, 2, 30), "comes twice"), (datetime(2026, 3, 29, 2, 30), "is left out")],
)
def test_an_hour_that_the_clocks_have_twice_or_leave_out_is_refused(
    moment: datetime, how: str
) -> None:
    with pytest.raises(BadCell, match=f"{how} on that day in Europe/Berlin"):
        as_moment(moment, BERLIN)


def test_a_civil_date_has_no_time() -> None:
    assert as_day(day("2026-03-31 00:00:00")) == date(2026, 3, 31)
    for text in ("2026-03-31T00:00:00Z", "2026-03-31 08:00"):
        with pytest.raises(BadCell, match="without a time"):
            as_day(day(text))


def test_a_day_between_year_and_month_is_refused_until_told() -> None:
    for form in ("%Y-%d-%m", "%Y/%d/%m", "%Y%d%m", "%y.%d.%b"):
        with pytest.raises(ValueError, match="nobody writes days so"):
            check_format(form, end_of_month=False)
        check_format(form, end_of_month=False, year_day_month=True)
    for form in ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y"):
        check_format(form, end_of_month=False)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1900-01-00", "iso"),
        ("1900-01-00 00:00:00", "iso"),
        ("00.01.1900", "%d.%m.%Y"),
        ("1/0/1900", "%m/%d/%Y"),
        ("0000-00-00", "iso"),
        ("00000000", "%Y%m%d"),
        ("9999-12-31", "iso"),
        ("31.12.9999", "%d.%m.%Y"),
        ("1899-12-30", "iso"),
    ],
)
def test_what_programs_write_for_no_date_is_told_to_be_that(text: str, form: str) -> None:
    for formats in ((form,), (), (form, "%d-%b-%Y")):
        if formats or form == "iso":
            with pytest.raises(BadCell) as caught:
                day(text, *formats, end_of_month=bool(formats))
            assert f"`empty: [{text!r}]`, or give `ignore`" in str(caught.value)


def test_iso_is_one_of_several_formats_like_any_other() -> None:
    several = ("%d.%m.%Y", "iso", "serial")
    for text in ("31.03.2026", "2026-03-31", "46112"):
        assert day(text, *several) == date(2026, 3, 31)
    assert day("2026-03-31T08:00:00Z", *several) == datetime(2026, 3, 31, 8, tzinfo=UTC)
    with pytest.raises(BadCell, match=r"not a date as %d.%m.%Y or iso or serial"):
        day("2026-3-31", *several)


@pytest.mark.parametrize("text", ["-", "TBD", "n/a"])
def test_a_word_for_no_date_is_told_to_be_one(text: str) -> None:
    with pytest.raises(BadCell, match=r"`empty: .*, or give `ignore` a list of such words"):
        day(text)


@pytest.mark.parametrize("text", ["TBD", "--", "9999-12-31"])
def test_where_a_day_is_needed_no_word_for_none_is_offered(text: str) -> None:
    with pytest.raises(BadCell, match=r"an event needs one here: give `ignore` a list") as caught:
        read_day(text, (), end_of_month=False, needed=True)
    assert "empty" not in str(caught.value)


def test_the_hint_keeps_the_formats_that_are_told() -> None:
    with pytest.raises(BadCell, match=r"`date: \['%d.%m.%Y', 'iso'\]` would read it as 2026-03-31"):
        day("2026-03-31", "%d.%m.%Y")
    with pytest.raises(BadCell, match=r"`date: '%d.%m.%Y'` would read it as 2026-03-31"):
        day("31.03.2026")
    with pytest.raises(BadCell, match=r"`date: '%Y-%m-%d'` would read it as 2026-03-31"):
        day("2026-3-31")
