"""Laws of the import, over any dialect: what differs stays apart, every row is accounted for."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from events.adapters.base import BadCell
from events.adapters.days import SERIAL, read_day
from events.adapters.numbers import NumberSigns
from events.errors import UnreadableTable
from events.spelling import alike
from events.values import identifier
from tests.events.adapters.tables import BERLIN, COLUMNS, Imported, counted

FORMATS = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%Y%m%d", "%d-%b-%Y", "%G-W%V-%u", SERIAL)
SIGNS = [
    NumberSigns(decimal, group)
    for decimal in (None, ".", ",")
    for group in (None, ".", ",", "'", " ")
    if group is None or group != (decimal or ".")
]
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32")


@dataclass(frozen=True)
class Written:
    """How a table is written."""

    encoding: str
    delimiter: str
    end: str
    quoting: Any
    signs: NumberSigns
    form: str

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a mapping for it."""
        given = {"decimal": self.signs.decimal, "group": self.signs.group}
        marked = self.encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32")
        return {
            **{name: sign for name, sign in given.items() if sign is not None},
            **({} if marked else {"encoding": self.encoding}),
            "delimiter": self.delimiter,
            "zone": "Europe/Berlin",
        }

    def number(self, value: Decimal) -> str:
        """A number as this table has it."""
        whole, _, part = f"{value:,}".partition(".")
        text = whole.replace(",", self.signs.group or "")
        return f"{text}{self.signs.decimal or '.'}{part}" if part else text

    def day(self, value: date) -> str:
        """A day as this table has it."""
        if self.form == SERIAL:
            return str((value - date(1899, 12, 30)).days)
        return value.strftime(self.form)


ways = st.builds(
    Written,
    encoding=st.sampled_from(ENCODINGS),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    signs=st.sampled_from(SIGNS),
    form=st.sampled_from(FORMATS),
)
lots = st.text(alphabet="0123456789LOTé−批-/. #='\"\u00a0\u200b,;|E+", min_size=1, max_size=12)
numbers = st.decimals(min_value=0, max_value=10**9, places=3) | st.integers(0, 10**9).map(Decimal)
days = st.dates(min_value=date(2001, 1, 1), max_value=date(2099, 12, 31))
rows = st.lists(st.tuples(lots, numbers, days), min_size=1, max_size=6)
often = settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])


@contextmanager
def table(content: bytes) -> Iterator[tuple[Path, Path]]:
    """A folder with a table in it."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        path.write_bytes(content)
        yield Path(folder), path


def in_text(written: Written, given: list[tuple[str, Decimal, date]]) -> str:
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=written.delimiter,
        lineterminator=written.end,
        quoting=written.quoting,
    )
    writer.writerow(COLUMNS)
    for lot, number, day in given:
        writer.writerow(["Acme", "P", "Vial", lot, written.number(number), written.day(day)])
    return out.getvalue()


def by_format(form: str) -> dict[str, Any]:
    named = {} if form == "%Y-%m-%d" else {"date": form}
    numbered = {"template": "{Lot}-{Day}-{n}"}
    kilograms = {"data.quantity.unit": {"constant": "KGM"}}  # pieces would have to be whole
    return counted(id=numbered, time={"column": "Day", **named}, **kilograms)


def plainly(lot: str) -> str:
    """A lot number without what is no part of it, as the page on importing has it."""
    shown = lot.replace("\u200b", "").replace("\u00a0", " ").strip()
    if shown.startswith('="') and shown.endswith('"') and shown.count('"') == 2:
        shown = shown[2:-1].strip()
    return shown[1:].strip() if shown.startswith("'") else shown


@often
@given(ways, rows)
def test_what_a_row_holds_is_what_its_event_says_or_the_row_is_told(
    written: Written, given: list[tuple[str, Decimal, date]]
) -> None:
    text = in_text(written, given)
    with table(text.encode(written.encoding)) as (folder, path):
        got = Imported(folder, path, {**written.settings, "events": [by_format(written.form)]})
    assert got.counts.add_up
    assert got.counts.read == len(given)
    refused = {each.row for each in got.errors}
    taken = [each for row, each in enumerate(given, start=2) if row not in refused]
    assert len(taken) == len(got.events)
    for (lot, number, day), event in zip(taken, got.events, strict=True):
        data: Any = event.data
        assert data.lot == plainly(lot)
        assert Decimal(str(data.quantity.value)) == number
        assert event.time == datetime(day.year, day.month, day.day, tzinfo=BERLIN)


digits = st.text(alphabet="0123456789.,'() -−+E", min_size=1, max_size=12)
plain = st.from_regex(r"[0-9]{1,4}([.,' ][0-9]{1,4}){0,3}", fullmatch=True)


def read(signs: NumberSigns, text: str) -> int | float | None:
    try:
        return signs.read(text)
    except BadCell:
        return None


@settings(max_examples=400)
@given(digits | plain)
@example("1.250")
@example("0.250")
def test_a_number_that_is_read_without_settings_is_the_same_by_any(text: str) -> None:
    value = read(NumberSigns(), text)
    if value is not None:
        others = {read(signs, text) for signs in SIGNS} - {None}
        assert others == {value}, text


@settings(max_examples=200)
@given(st.sampled_from(SIGNS), digits | plain)
def test_a_number_is_its_digits_and_none_is_lost(signs: NumberSigns, text: str) -> None:
    value = read(signs, text)
    if value is not None:
        shown = text.replace(signs.group or "", "").replace(signs.decimal or ".", ".")
        assert Decimal(repr(value)) == Decimal(shown.replace("−", "-"))


@settings(max_examples=200)
@given(days, st.lists(st.sampled_from(FORMATS), min_size=2, max_size=4, unique=True))
@example(date(2026, 3, 4), ["%m/%d/%Y", "%d/%m/%Y"])
def test_several_formats_give_the_day_that_each_of_them_gives(day: date, forms: list[str]) -> None:
    for form in forms:
        text = str((day - date(1899, 12, 30)).days) if form == SERIAL else day.strftime(form)
        try:
            found = read_day(text, tuple(forms), end_of_month=False)
        except BadCell as bad:
            why = str(bad)
            found = day if why.startswith("may be") and str(day) in why else date.min
        assert found == day


@settings(max_examples=300)
@given(
    st.sampled_from(["%Y%m%d", "%y%m%d", "%d%m%Y"]), st.text("0123456789", min_size=4, max_size=9)
)
def test_a_day_without_dividers_is_read_from_all_its_digits(form: str, text: str) -> None:
    try:
        read_ = read_day(text, (form,), end_of_month=False)
    except BadCell:
        return
    assert read_.strftime(form) == text


names = st.text(alphabet="βaAbµu-+ 5°.,éeß/(№", min_size=1, max_size=5)


@settings(max_examples=100)
@given(names, names)
@example("5 µg", "5 ug")
def test_two_names_that_would_be_one_id_stop_the_table(one: str, other: str) -> None:
    ids = [identifier(f"x{name}") for name in (one, other)]
    text = ",".join(COLUMNS) + "".join(
        f'\nAcme,P,"x{name}",L{place},1,2026-03-31' for place, name in enumerate((one, other))
    )
    with table(text.encode()) as (folder, path):
        got = Imported(folder, path, {"zone": "UTC", "events": [counted()]})
    differ = alike(f"x{one}") != alike(f"x{other}")
    assert len(got.events) == (0 if ids[0] == ids[1] and differ else 2)
    assert got.counts.add_up


GOOD = "\n".join([",".join(COLUMNS), *(f"Acme,P,Vial,L{n},{n},2026-03-31" for n in range(1, 7))])


@often
@given(
    st.lists(
        st.tuples(st.integers(40, len(GOOD)), st.sampled_from(['"', '""', "\n", '"\n'])),
        min_size=1,
        max_size=4,
    )
)
@example([(GOOD.index("Vial,L2"), '"'), (GOOD.index("Vial,L4") + 4, '"')])
def test_a_quote_or_a_break_gone_astray_loses_no_row_in_silence(
    strays: list[tuple[int, str]],
) -> None:
    text = GOOD
    for at, stray in sorted(strays, reverse=True):
        text = text[:at] + stray + text[at:]
    with table(text.encode()) as (folder, path):
        got = Imported(folder, path, {"zone": "UTC", "events": [counted()]})
    assert got.counts.add_up
    made = {each.lot: each.quantity.value for each in got.data}
    assert all(made.get(f"L{n}", n) == n for n in range(1, 7)) or got.errors
    assert len(made) == 6 or got.errors


@often
@given(
    st.text(alphabet="Acme,;\"\n\r\t L1\x00='#", max_size=80),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_every_row_of_any_file_is_accounted_for(
    text: str, quotes: bool, line_breaks: bool, trailing: bool
) -> None:
    settings_ = {"quotes": quotes, "line_breaks": line_breaks, "trailing_delimiter": trailing}
    content = (",".join(COLUMNS) + "\n" + text).encode()
    with table(content) as (folder, path):
        try:
            got = Imported(folder, path, {"zone": "UTC", "events": [counted()], **settings_})
        except UnreadableTable:
            assert "\0" in text
            return
    assert got.counts.add_up
    assert got.counts.refused == len({each.row for each in got.errors}) + got.counts.withheld
    assert all(one.row <= other.row for one, other in pairwise(got.errors))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"])
def test_every_day_of_a_year_begins_at_its_place(zone: str) -> None:
    given = [("L", Decimal(1), date(2026, 1, 1) + timedelta(days=n)) for n in range(365)]
    text = in_text(Written("utf-8", ",", "\n", csv.QUOTE_MINIMAL, SIGNS[0], "%Y-%m-%d"), given)
    with table(text.encode()) as (folder, path):
        got = Imported(folder, path, {"zone": zone, "events": [counted()]})
    began = [each.time.astimezone(ZoneInfo(zone)) for each in got.events]
    assert [(each.date(), each.hour) for each in began] == [(day, 0) for _, _, day in given]
