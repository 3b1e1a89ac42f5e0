"""Tables read by a mapping: what comes out, and what is said of what cannot."""

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from events.adapters import rows
from events.adapters.base import RowError
from events.adapters.mapping import read_mapping
from events.adapters.table import Table, read_table
from events.data import Speaker
from events.errors import InvalidMapping, UnreadableTable
from events.event import Event

HEADER = "Line,Order,Maker,Product,Qty,Due,Arrived,State"
GOOD = "7,PO-1,Aurora (Unit III),Tablets,1250,2026-03-01,2026-03-04,done"

ANOTHER = GOOD.replace("7,", "9,", 1)

ENVELOPE: dict[str, Any] = {
    "source": {"constant": "/import"},
    "partitionkey": {"column": "Maker"},
    "data.order": {"column": "Order"},
    "data.line": {"column": "Line"},
}
PROMISED: dict[str, Any] = {
    "type": "cmo.order.placed.v1",
    "fields": {
        **ENVELOPE,
        "id": {"template": "{Line}-promised"},
        "time": {"column": "Due", "offset": -30},
        "data.product": {"column": "Product"},
        "data.schedule.date": {"column": "Due"},
        "data.schedule.quantity.value": {"column": "Qty"},
        "data.schedule.quantity.unit": {"constant": "EA"},
    },
}
DELIVERED: dict[str, Any] = {
    "type": "cmo.order.delivered.v1",
    "fields": {
        **ENVELOPE,
        "id": {"template": "{Line}-delivered"},
        "time": {"column": "Arrived"},
        "data.quantity.value": {"column": "Qty"},
        "data.quantity.unit": {"constant": "EA"},
    },
}

Read = Callable[..., list[Event | RowError]]


def promised(**fields: Any) -> dict[str, Any]:
    return {**PROMISED, "fields": {**PROMISED["fields"], **fields}}


@pytest.fixture
def mapping(tmp_path: Path) -> Callable[..., Path]:
    def write(*events: dict[str, Any], **table: Any) -> Path:
        path = tmp_path / "mapping.yaml"
        text = yaml.safe_dump({"zone": "UTC", **table, "events": list(events)}, allow_unicode=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def read(tmp_path: Path, mapping: Callable[..., Path]) -> Read:
    def run(
        content: str | bytes, *events: dict[str, Any], shift_days: int = 0, **table: Any
    ) -> list[Event | RowError]:
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(read_table(mapping(*(events or (PROMISED,)), **table), path, shift_days))

    return run


def lines(*rows: str) -> str:
    return "\n".join((HEADER, *rows)) + "\n"


def events_of(read: list[Event | RowError]) -> list[Event]:
    return [each for each in read if isinstance(each, Event)]


def errors_of(read: list[Event | RowError]) -> list[RowError]:
    return [each for each in read if isinstance(each, RowError)]


def test_a_row_makes_one_event_of_each_mapped_type(read: Read) -> None:
    first, second = events_of(read(lines(GOOD), PROMISED, DELIVERED))
    assert (first.id, second.id) == ("7-promised", "7-delivered")
    assert first.data.schedule[0].date == date(2026, 3, 1)  # type: ignore[attr-defined]
    assert second.data.quantity.value == 1250  # type: ignore[attr-defined]
    assert second.time == datetime(2026, 3, 4, tzinfo=UTC)


def test_an_id_is_made_of_the_name_and_the_name_is_kept(read: Read) -> None:
    (event,) = events_of(read(lines(GOOD)))
    assert event.partitionkey == "aurora-unit-iii"
    assert event.partitionkey.name == "Aurora (Unit III)"  # type: ignore[attr-defined]


def test_reading_again_gives_the_same_events_byte_for_byte(read: Read) -> None:
    first = [each.json_line() for each in events_of(read(lines(GOOD), PROMISED, DELIVERED))]
    again = [each.json_line() for each in events_of(read(lines(GOOD), PROMISED, DELIVERED))]
    assert first == again


def test_an_offset_moves_a_day_and_a_shift_moves_them_all(read: Read) -> None:
    (event,) = events_of(read(lines(GOOD), shift_days=10))
    assert event.time == datetime(2026, 2, 9, tzinfo=UTC)
    assert event.data.schedule[0].date == date(2026, 3, 11)  # type: ignore[attr-defined]


def test_an_import_can_set_who_speaks_and_when_it_was_recorded(read: Read) -> None:
    said = promised(
        recordedtime={"column": "Due", "offset": -29},
        timely={"constant": True},
        onbehalfof={"constant": "sponsor"},
        sequence={"column": "Line"},
    )
    (event,) = events_of(read(lines(GOOD), said))
    assert event.recordedtime == datetime(2026, 1, 31, tzinfo=UTC)
    assert (event.timely, event.onbehalfof, event.sequence) == (True, Speaker.SPONSOR, 7)


def test_slug_makes_an_id_inside_a_text_field(read: Read) -> None:
    (event,) = events_of(read(lines(GOOD), promised(subject={"column": "Maker", "slug": True})))
    assert event.subject == "aurora-unit-iii"


def test_a_date_is_read_as_its_format_says(read: Read) -> None:
    said = promised(**{"data.schedule.date": {"column": "Due", "date": "%d.%m.%y"}})
    said["fields"]["time"] = {"column": "Arrived"}
    (event,) = events_of(read(lines(GOOD.replace("2026-03-01", "24.12.26")), said))
    assert event.data.schedule[0].date == date(2026, 12, 24)  # type: ignore[attr-defined]


def test_a_moment_keeps_its_zone_and_one_without_is_refused(read: Read) -> None:
    zoned = GOOD.replace("2026-03-04", "2026-03-04T08:00:00+02:00")
    bare = ANOTHER.replace("2026-03-04", "2026-03-04T08:00:00")
    good, bad = read(lines(zoned, bare), DELIVERED, zone=None)
    assert isinstance(good, Event)
    assert good.time == datetime(2026, 3, 4, 6, tzinfo=UTC)
    assert isinstance(bad, RowError)
    assert "zone" in bad.reason


def test_only_rows_that_equal_the_filter_make_an_event(read: Read) -> None:
    done = {**DELIVERED, "where": {"State": "done"}}
    open_row = GOOD.replace("done", "open").replace("7,", "8,", 1)
    assert [e.id for e in events_of(read(lines(GOOD, open_row), done))] == ["7-delivered"]


def test_a_bad_row_names_row_column_value_and_reason_and_the_good_rows_come(read: Read) -> None:
    bad = GOOD.replace("1250", "1x2").replace("7,", "8,", 1)
    got = read(lines(GOOD, bad, ANOTHER))
    assert [e.id for e in events_of(got)] == ["7-promised", "9-promised"]
    assert errors_of(got) == [
        RowError(
            3, "Qty", "1x2", "data.schedule.quantity.value: not a plain number such as 1250 or 12.5"
        )
    ]
    assert str(errors_of(got)[0]).startswith("row 3, column 'Qty': '1x2': ")


def test_every_bad_cell_of_a_row_is_named(read: Read) -> None:
    bad = GOOD.replace("1250", "many").replace("2026-03-01", "soon")
    assert {(e.column, e.value) for e in errors_of(read(lines(bad)))} == {
        ("Due", "soon"),
        ("Qty", "many"),
    }


def test_when_one_event_of_a_row_is_bad_the_others_still_come(read: Read) -> None:
    got = read(lines(GOOD.replace("2026-03-04", "never")), PROMISED, DELIVERED)
    assert [e.id for e in events_of(got)] == ["7-promised"]
    assert [(e.row, e.column, e.value) for e in errors_of(got)] == [(2, "Arrived", "never")]


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [
        (GOOD.replace("1250", "-5"), "Qty", "-5"),
        (GOOD.replace("1250", "0"), "Qty", "0"),
        (GOOD.replace("1250", "9999999999999"), "Qty", "9999999999999"),
        (GOOD.replace("1250", ""), "Qty", ""),
        (GOOD.replace("Aurora (Unit III)", "***"), "Maker", "***"),
        (GOOD.replace("PO-1", "P" * 200), "Order", "P" * 200),
        (GOOD.replace("7,", ",", 1), "Line", ""),
    ],
)
def test_what_the_contract_refuses_is_laid_to_its_column(
    read: Read, row: str, column: str, value: str
) -> None:
    got = read(lines(row))
    assert (column, value) in [(e.column, e.value) for e in errors_of(got)]
    assert not events_of(got)


def test_a_row_with_too_few_or_too_many_fields_is_refused_whole(read: Read) -> None:
    got = read(lines("7,PO-1", GOOD + ",more", GOOD))
    assert [(e.row, e.reason) for e in errors_of(got)] == [
        (2, "2 fields where the header has 8"),
        (3, "9 fields where the header has 8"),
    ]
    assert len(events_of(got)) == 1


def test_an_unpaired_quote_costs_only_its_row(read: Read) -> None:
    got = read(lines(GOOD, '8,PO-1,"Aurora"x,T,1,2026-03-01,2026-03-04,done', ANOTHER))
    assert [e.row for e in errors_of(got)] == [3]
    assert len(events_of(got)) == 2


def test_a_quote_never_closed_is_said_with_its_lines(read: Read) -> None:
    got = read(lines(GOOD, '8,"PO-1,A,T,1,2026-03-01,2026-03-04,done', GOOD))
    assert len(events_of(got)) == 1
    assert errors_of(got)[0].reason.startswith("lines 3–4 are no row")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read(read: Read, end: str) -> None:
    assert len(events_of(read(lines(GOOD, ANOTHER).replace("\n", end)))) == 2


def test_a_quoted_field_may_hold_delimiters_and_line_ends(read: Read) -> None:
    row = GOOD.replace("Tablets", '"Tablets, 10 mg\nblister ""A"""')
    got = read(lines(row, ANOTHER.replace("1250", "x")))
    (event,) = events_of(got)
    assert event.data.product == "tablets-10-mg-blister-a"  # type: ignore[attr-defined]
    assert errors_of(got)[0].row == 3


def test_empty_lines_are_passed_over_and_counted(read: Read) -> None:
    assert [e.row for e in errors_of(read(lines(GOOD, "", ANOTHER.replace("1250", "x"))))] == [4]


def test_a_compressed_table_is_read_whatever_its_name(read: Read) -> None:
    assert len(events_of(read(gzip.compress(lines(GOOD).encode())))) == 1


def test_a_damaged_compressed_table_is_unreadable(read: Read) -> None:
    whole = gzip.compress("\n".join([HEADER, *[GOOD] * 5_000]).encode())
    with pytest.raises(UnreadableTable, match="after row"):
        read(whole[:-20])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_is_read_in_the_encoding_its_mapping_names(read: Read, encoding: str) -> None:
    content = lines(GOOD.replace("Aurora", "Aurör")).encode(encoding)
    (event,) = events_of(read(content, encoding=encoding))
    assert event.partitionkey == "auror-unit-iii"


def test_a_byte_order_mark_is_taken_off_by_default(read: Read) -> None:
    assert len(events_of(read(lines(GOOD).encode("utf-8-sig")))) == 1


def test_another_encoding_is_said_with_what_to_do(read: Read) -> None:
    content = lines(GOOD.replace("Aurora", "Aurör")).encode("cp1252")
    with pytest.raises(UnreadableTable, match=r"not utf-8: .*name the encoding"):
        read(content)


def test_tabs_and_semicolons_can_delimit(read: Read) -> None:
    assert len(events_of(read(lines(GOOD).replace(",", "\t"), delimiter="\t"))) == 1
    assert len(events_of(read(lines(GOOD).replace(",", ";"), delimiter=";"))) == 1


def test_a_missing_column_is_said_before_any_row_is_read(
    mapping: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_text("Line,Order\n7,PO-1\n")
    with pytest.raises(UnreadableTable, match=r"'Maker'; the columns there are: 'Line', 'Order'"):
        read_table(mapping(PROMISED), path)


def test_a_mapped_column_that_is_there_twice_is_refused(read: Read) -> None:
    with pytest.raises(UnreadableTable, match="'Qty' is there twice"):
        read(HEADER + ",Qty\n" + GOOD + ",1\n")


def test_an_empty_or_absent_table_is_unreadable(read: Read, mapping: Callable[..., Path]) -> None:
    with pytest.raises(UnreadableTable, match="empty"):
        read("")
    with pytest.raises(UnreadableTable, match="No such file"):
        read_table(mapping(PROMISED), Path("nowhere.csv"))


def test_a_field_beyond_the_bound_costs_its_row_and_a_row_without_end_the_file(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = GOOD.replace("Tablets", "T" * 140_000)
    got = read(lines(long, GOOD))
    assert "field larger than field limit" in errors_of(got)[0].reason
    assert len(events_of(got)) == 1
    monkeypatch.setattr(rows, "LONGEST_ROW", 1_000)
    with pytest.raises(UnreadableTable, match="more than 1000 characters"):
        read(lines(GOOD.replace("Tablets", '"' + "T\n" * 600 + '"')))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"data.qty": {"column": "Qty"}}, r"fields\.data\.qty: not to be set; there are order"),
        ({"data.schedule": {"column": "Qty"}}, r"data\.schedule: has parts of its own"),
        ({"data.line.value": {"column": "Qty"}}, "line has no parts"),
        ({"type": {"constant": "x"}}, r"fields\.type: not to be set"),
        ({"data.schedule.date": {"constant": "tomorrow"}}, "not a date as YYYY-MM-DD"),
        (
            {"data.schedule.quantity.unit": {"constant": "pieces"}},
            r"unit: 'pieces': no code in UN/ECE",
        ),
        ({"timely": {"constant": "perhaps"}}, "neither true nor false"),
        ({"subject": {"column": "Qty", "offset": 1}}, "days and moments only"),
        ({"timely": {"column": "Qty", "slug": True}}, "slug is for ids only"),
        ({"id": {"column": "Line", "constant": "x"}}, "exactly one of column, constant and templ"),
        ({"id": {"template": "same"}}, "names a column in braces"),
        ({"id": {"column": "Line", "upper": True}}, r"fields\.id\.upper: no such setting"),
        (
            {"data.schedule.date": {"column": "Due", "offset": "7"}},
            r"date\.offset: Input should be a v",
        ),
    ],
)
def test_a_bad_mapping_names_file_key_and_reason(
    mapping: Callable[..., Path], fields: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidMapping, match=rf"mapping\.yaml: events\.0.*{why}"):
        read_mapping(mapping(promised(**fields)))


def test_a_mapping_must_give_what_the_type_needs(mapping: Callable[..., Path]) -> None:
    fields = {name: PROMISED["fields"][name] for name in ("source", "time", "data.order")}
    needs = r"also needs id, partitionkey, data\.line, data\.product, data\.schedule\.date"
    with pytest.raises(InvalidMapping, match=needs):
        read_mapping(mapping({**PROMISED, "fields": fields}))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("events: [", "cannot be read as YAML"),
        ("events: []", "events: List should have at least 1 item"),
        ("- 1", "the file: Input should be a valid dictionary"),
        ("events: [{type: cmo.lot.lost.v1, fields: {}}]", "no such event type"),
        ("encoding: rot13\nevents: [{type: x, fields: {}}]", "events.0: type"),
        ("!!python/object/apply:os.getcwd []", "cannot be read as YAML"),
    ],
)
def test_a_file_that_is_no_mapping_is_said_to_be_none(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    with pytest.raises(InvalidMapping, match=why):
        read_mapping(path)


def test_an_unknown_encoding_or_an_absent_mapping_is_refused(
    mapping: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(InvalidMapping, match="no such text encoding: 'rot13'"):
        read_mapping(mapping(PROMISED, encoding="rot13"))
    with pytest.raises(InvalidMapping, match="No such file"):
        read_mapping(tmp_path / "absent.yaml")


def test_a_list_field_takes_one_cell_as_its_one_item(read: Read) -> None:
    opened = {
        "type": "cmo.deviation.opened.v1",
        "fields": {
            "id": {"template": "dev-{Line}"},
            "source": {"constant": "/import"},
            "partitionkey": {"column": "Maker"},
            "time": {"column": "Due"},
            "data.deviation": {"column": "Line"},
            "data.class": {"constant": "minor"},
            "data.lots": {"column": "Order"},
        },
    }
    (event,) = events_of(read(lines(GOOD), opened))
    assert event.data.lots == ("PO-1",)  # type: ignore[attr-defined]


def test_a_result_is_a_number_where_it_reads_as_one_and_words_otherwise(read: Read) -> None:
    tested = {
        "type": "cmo.lot.tested.v1",
        "fields": {
            "id": {"template": "test-{Line}"},
            "source": {"constant": "/import"},
            "partitionkey": {"column": "Maker"},
            "time": {"column": "Due"},
            "data.lot": {"column": "Order"},
            "data.test": {"constant": "assay"},
            "data.purpose": {"constant": "release"},
            "data.result": {"column": "Qty"},
        },
    }
    got = events_of(read(lines(GOOD, ANOTHER.replace("1250", "conforms")), tested))
    assert [e.data.result for e in got] == [1250, "conforms"]  # type: ignore[attr-defined]


def test_letters_of_utf_8_are_not_read_as_others(read: Read) -> None:
    content = lines(GOOD.replace("Aurora", "Aurör")).encode()
    with pytest.raises(UnreadableTable, match="its letters are UTF-8, and the mapping says cp1252"):
        read(content, encoding="cp1252")


def test_a_letter_that_was_lost_before_is_refused(read: Read) -> None:
    got = read(lines(GOOD.replace("Aurora", "Aur�ra")))
    assert "a letter that some program could not write" in errors_of(got)[0].reason


def test_a_quote_is_a_character_where_quotes_mean_nothing(read: Read) -> None:
    row = GOOD.replace("Tablets", '"Tube 5')
    assert "say `quotes: false`" in errors_of(read(lines(row, ANOTHER)))[0].reason
    first, second = events_of(read(lines(row, ANOTHER), quotes=False))
    assert first.data.product.name == '"Tube 5'  # type: ignore[attr-defined]
    assert second.id == "9-promised"


def test_rows_in_a_cell_are_doubted_until_lines_are_said_to_be_there(read: Read) -> None:
    row = GOOD.replace("Tablets", f'"Tablets\n{ANOTHER}"')
    assert "may have swallowed rows" in errors_of(read(lines(row)))[0].reason
    assert len(events_of(read(lines(row), line_breaks=True))) == 1


def test_the_names_of_the_columns_once_more_are_no_row(read: Read) -> None:
    got = read(lines(GOOD, HEADER, ANOTHER))
    assert [(e.row, e.reason) for e in errors_of(got)] == [
        (3, "the names of the columns once more")
    ]
    assert len(events_of(got)) == 2


def test_bytes_of_utf_16_without_its_mark_are_told(read: Read) -> None:
    with pytest.raises(UnreadableTable, match="say `encoding: utf-16-le`"):
        read(lines(GOOD).encode("utf-16-le"))
    assert len(events_of(read(lines(GOOD).encode("utf-16-le"), encoding="utf-16-le"))) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("zonne: UTC\nevents: []\n", "zonne: no such setting; did you mean zone. there are enc"),
        (
            "events: [{type: x, feilds: {}}]",
            "events.0.feilds: no such setting; did you mean fields.",
        ),
        (
            "events: [{type: cmo.order.deliverd.v1, fields: {}}]",
            "near it are? .*order.delivered.v1",
        ),
        ("events: [{type: delivery, fields: {}}]", "'delivery'; docs/contract/schemas has all"),
    ],
)
def test_what_is_misspelt_in_a_mapping_is_told_with_what_is_near(
    text: str, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(InvalidMapping, match=why):
        read_mapping(path)


def test_a_file_divided_by_another_sign_is_told_which(read: Read) -> None:
    with pytest.raises(UnreadableTable, match='say `delimiter: ";"` in the mapping'):
        read(lines(GOOD).replace(",", ";"))


def test_the_time_of_what_happened_is_not_silently_one_of_what_should(
    tmp_path: Path, mapping: Callable[..., Path]
) -> None:
    (tmp_path / "t.csv").write_text(lines(GOOD))
    due = {**DELIVERED, "fields": {**DELIVERED["fields"], "time": {"column": "Due"}}}
    told = [Table(mapping(each), tmp_path / "t.csv").counts.notes for each in (due, DELIVERED)]
    assert "column 'Due' looks like one of when it should" in told[0][-1]
    assert not any("'Due'" in note for note in told[1])
