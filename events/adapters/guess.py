"""A first mapping of a table, from its headers and values, for a person to correct."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path

from events.adapters.base import DayCell, NumberCell
from events.adapters.cleaning import cleaned, says_nothing
from events.adapters.days import ISO, formats_of, has_day_none, names_days
from events.adapters.fields import data_of, field_of, fields_below, target_of
from events.adapters.header_words import KINDS, Kind, column_for
from events.adapters.mapping import UNSAID
from events.adapters.recognise import ZIP, marked_encoding
from events.adapters.rows import HEAD, SEPARATOR_HINT, Dialect, content_of
from events.adapters.source import rows_of
from events.adapters.usual_words import state_meant, unit_meant, why_no_unit
from events.adapters.workbook import sheet_names
from events.data import Speaker
from events.errors import UnreadableTable

_LOOKED_AT = 1_000  # rows
_SAMPLE = 1 << 18  # bytes
_DELIMITERS = ",;\t|"
_EDIT = "EDIT: "
_SHOWS = {
    ",": re.compile(r"[0-9]{1,3}(\.[0-9]{3})+,[0-9]+|[0-9]+,(?![0-9]{3}$)[0-9]+").fullmatch,
    ".": re.compile(r"[0-9]{1,3}(,[0-9]{3})+\.[0-9]+|[0-9]+\.(?![0-9]{3}$)[0-9]+").fullmatch,
}
_HAS_A_SIGN = re.compile(r"[0-9]{1,3}[.,][0-9]{3}").fullmatch
_TELLING = (
    *("partitionkey", "data.order", "data.line", "data.site", "data.product", "data.lot"),
    *("data.status", "data.note", "time"),
)
"""The fields that may tell one row from another."""

_SAME = "rows give the same id: add a column that tells them apart, as a delivery note; else {n}"
_OTHER = {",": ".", ".": ","}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the beginning of a table holds, by its columns."""

    dialect: Dialect
    remarks: dict[str, str]
    values: dict[str, list[str]]
    rows: list[dict[str, str]]


def guess(path: Path) -> str:
    """A mapping in YAML, with what has to be seen to in comments; raises `UnreadableTable`."""
    seen = _looked_at(path)
    kind = max(KINDS, key=lambda each: each.fits(list(seen.values)))
    lines = [
        f"# A first mapping of {path.name}, guessed from its headers and values. Correct it,",
        "# above all where it says EDIT, and see what it makes: --check shows that.",
        *_settings(seen),
        *_signs(kind, seen),
        "# zone: Europe/Berlin",
        f"#   {_EDIT}the zone of the place, in which a day begins; or give --agreements",
        "events:",
        f"  - type: {kind.type}",
        *_choice(kind, seen),
        "    fields:",
        *(f"      {line}" for line in _fields(kind.type, kind.words, seen)),
    ]
    return "\n".join(lines) + "\n"


# --- how the file is written


def _looked_at(path: Path) -> _Seen:
    dialect, remarks = _dialect(path)
    read = rows_of(path, dialect, lambda _: None)
    try:
        found = [[cleaned(cell) for cell in row.cells] for row in islice(read, _LOOKED_AT)]
    finally:
        read.close()
    if not found:
        raise UnreadableTable(f"{path}: empty; a table begins with a row of column names")
    header, rows = found[0], found[1:]
    whole = [row for row in rows if len(row) >= len(header) and any(row)]
    values = {name: [row[at] for row in whole if row[at]] for at, name in enumerate(header) if name}
    return _Seen(dialect, remarks, values, [dict(zip(header, row, strict=False)) for row in whole])


def _dialect(path: Path) -> tuple[Dialect, dict[str, str]]:
    content = content_of(path, _SAMPLE)
    if content.startswith(ZIP):
        names = sheet_names(path)
        return Dialect(sheet=names[0]), {"sheet": f"there are {', '.join(names)}"}
    encoding, remarks = marked_encoding(content[:HEAD]), {}
    if encoding is None and not _is_utf8(content):
        encoding = "cp1252"
        remarks["encoding"] = _EDIT + "it is not UTF-8; see that all letters are right"
        text = content.decode("cp1252", "replace")
    else:
        text = content.decode(encoding or "utf-8", "ignore")
    marked = marked_encoding(content[:HEAD]) is not None
    dialect, said = _dialect_of(text)
    return dialect._replace(encoding=None if marked else encoding), remarks | said


def _is_utf8(content: bytes) -> bool:
    try:
        content[: content.rfind(b"\n") + 1 or None].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _dialect_of(text: str) -> tuple[Dialect, dict[str, str]]:
    lines = text.replace("\0", "").splitlines()[:_LOOKED_AT]
    hint = SEPARATOR_HINT(lines[0]) if lines else None
    lines = lines[1:] if hint else lines
    widths = {each: _widths(lines, each) for each in (hint[1] if hint else _DELIMITERS)}
    delimiter = max(widths, key=lambda each: _weight(widths[each]))
    found = widths[delimiter]
    common = _common(found)
    begin = next((at for at, width in enumerate(found) if 1 < width in (common, common - 1)), 0)
    trailing = bool(found) and found[begin] == common - 1 and max(found[begin + 1 :]) == common
    remarks = {"skip": "lines before the names of the columns"} if begin else {}
    if trailing:
        remarks["trailing_delimiter"] = _EDIT + "rows have one field more than the header"
    return Dialect(delimiter=delimiter, skip=begin, trailing_delimiter=trailing), remarks


def _widths(lines: list[str], delimiter: str) -> list[int]:
    """How many cells each row has, as far as it can be read."""
    widths = list[int]()
    with suppress(csv.Error):
        widths.extend(len(row) for row in csv.reader(lines, delimiter=delimiter))
    return widths


def _common(widths: list[int]) -> int:
    """How many cells most rows have that have more than one; of two as common, the more."""
    counts = Counter(width for width in widths if width > 1)
    return max(counts, key=lambda width: (counts[width], width), default=1)


def _weight(widths: list[int]) -> tuple[int, int]:
    """How much a delimiter divides, and how evenly."""
    common = _common(widths)
    return (widths.count(common) if common > 1 else 0, common)


def _settings(seen: _Seen) -> Iterator[str]:
    for name, value in seen.dialect._asdict().items():
        if value != Dialect._field_defaults[name]:
            remark = f"  # {seen.remarks[name]}" if name in seen.remarks else ""
            yield f"{name}: {_quoted(value)}{remark}"
    if words := sorted(
        {text for texts in seen.values.values() for text in texts if says_nothing(text)}
    ):
        yield f"empty: {_quoted(words)}  # {_EDIT}do these mean that there is nothing?"


def _signs(kind: Kind, seen: _Seen) -> Iterator[str]:
    """Which sign is the decimal one, where a number shows it."""
    texts = list(_numbers(kind, seen))
    shown = [sign for sign, shows in _SHOWS.items() if any(map(shows, texts))]
    if len(shown) == 1:
        example = next(filter(_SHOWS[shown[0]], texts))
        yield f"decimal: {_quoted(shown[0])}  # as {example} shows"
        yield f"group: {_quoted(_OTHER[shown[0]])}"
    elif shown or any(map(_HAS_A_SIGN, texts or _undated(seen))):
        yield '# decimal: "."'
        yield f"#   {_EDIT}which sign is the decimal one, and which is `group`? nothing shows it"


def _undated(seen: _Seen) -> Iterator[str]:
    """What any column holds that may be a number, for a table whose numbers no name shows."""
    for texts in seen.values.values():
        yield from (text for text in texts if not isinstance(text, (NumberCell, DayCell)))


def _numbers(kind: Kind, seen: _Seen) -> Iterator[str]:
    """What the columns of numbers hold; a lot or a version only looks like one."""
    for name in fields_below(kind.type, required=False):
        column = column_for(kind.words.get(name, frozenset()), list(seen.values))
        if column and target_of(field_of(kind.type, name)).kinds & {int, float}:
            yield from (
                text for text in seen.values[column] if not isinstance(text, (NumberCell, DayCell))
            )


# --- what the columns are


def _choice(kind: Kind, seen: _Seen) -> Iterator[str]:
    """The words of a column of states, of which only some may make the event."""
    if "data.status" in fields_below(kind.type, required=False):
        return
    for column, texts in seen.values.items():
        if "status" in column.casefold() and 1 < len(set(texts)) <= 10:
            yield f"    # where: {{{_quoted(column)}: {_quoted(sorted(set(texts)))}}}"
            yield f"    #   {_EDIT}only the rows of these words make the event"


def _fields(type_: str, words: dict[str, frozenset[str]], seen: _Seen) -> Iterator[str]:
    columns = {name: column_for(given, list(seen.values)) for name, given in words.items()}
    yield from _id(type_, columns, seen)
    yield f"source: {{constant: /import}}  # {_EDIT}a source that the agreement knows"
    speaker = Speaker.CMO if Speaker.CMO in data_of(type_).SPEAKERS else Speaker.SPONSOR
    yield f"onbehalfof: {{constant: {speaker.value}}}  # whose word it is: cmo, sponsor, …"
    needed = {"partitionkey", "time", *fields_below(type_, required=True)}
    names = ["partitionkey", "time", *fields_below(type_, required=False)]
    for name in names:
        column = columns.get(name)
        if column is not None:
            yield _field(type_, name, column, seen.values[column])
        elif name.endswith(".unit") and name in needed:
            yield f"{name}: {{constant: EA}}  # {_EDIT}the unit, by UN/ECE Recommendation 20"
        elif name in needed:
            yield f'{name}: {{column: "?"}}  # {_EDIT}no column looks like it'
    used = {columns.get(name) for name in names}
    if unused := [_quoted(name) for name in seen.values if name not in used]:
        yield f"# columns that no field uses: {', '.join(unused)}"


def _field(type_: str, name: str, column: str, texts: list[str]) -> str:
    if name == "data.status":
        return _translated(name, column, {word: state_meant(word) for word in dict.fromkeys(texts)})
    target = target_of(field_of(type_, name))
    parts, remarks = [f"column: {_quoted(column)}"], [f"as in {texts[0]!r}"] if texts else ["empty"]
    if any(isinstance(text, NumberCell) for text in texts) and (target.exact or target.named):
        remarks.append(_EDIT + "`numeric: true` if no zeros are lost before these numbers")
    if target.kinds & {date, datetime}:
        dates, said = _dates([text for text in texts if not says_nothing(text)])
        parts += dates
        remarks += said
    if target.unit and any(map(why_no_unit, texts)):
        words = dict.fromkeys(texts)
        meant = {word: unit_meant(word) if why_no_unit(word) else word for word in words}
        return _translated(name, column, meant)
    return f"{name}: {{{', '.join(parts)}}}  # {'; '.join(remarks)}"


def _id(type_: str, columns: dict[str, str | None], seen: _Seen) -> Iterator[str]:
    """A template of the columns that tell rows apart, and whether the rows seen are told apart."""
    here = {"partitionkey", "time", *fields_below(type_, required=False)}
    named = [column for name in _TELLING if name in here and (column := columns.get(name))]
    gaps = [column for column in named if _empty_in(column, seen)]
    taken = [column for column in named if column not in gaps]
    for column in gaps:
        more = [each for each in named if each in taken or each == column]
        often = 2 * _empty_in(column, seen) < len(seen.rows)
        if often and _told_apart(more, seen) > _told_apart(taken, seen):
            taken = more
    parts = [f"{{{column}}}" for column in taken] or [f"{{{UNSAID}}}"]
    template = "-".join([*parts, type_.split(".")[2]])
    remarks = list(_remarks(taken, gaps, seen))
    said = f"  # {_EDIT}{'; '.join(remarks)}" if remarks else ""
    yield f"id: {{template: {_quoted(template)}}}{said}"


def _empty_in(column: str, seen: _Seen) -> int:
    """In how many of the rows seen a column says nothing."""
    return sum(not row[column] or says_nothing(row[column]) for row in seen.rows)


def _told_apart(columns: list[str], seen: _Seen) -> int:
    return len({tuple(row[column] for column in columns) for row in seen.rows})


def _remarks(taken: list[str], gaps: list[str], seen: _Seen) -> Iterator[str]:
    """What is to be seen to in an id of some columns, of those that have empty cells above all."""
    whole = [row for row in seen.rows if all(row[column] for column in taken)]
    if len({tuple(row[column] for column in taken) for row in whole}) < len(whole):
        yield _SAME
    for column in gaps:
        where = f"{column} is empty in {_empty_in(column, seen)} of {len(seen.rows)} rows"
        if column in taken:
            yield f"{where}, which get no id and are refused; else leave it out here"
        else:
            yield f"{where}, so that it is left out of the id"


def _translated(name: str, column: str, meant: dict[str, str | None]) -> str:
    """A field of codes, its words translated as far as it is known what they mean."""
    said = f"column: {_quoted(column)}"
    if all(word == code for word, code in meant.items()):
        return f"{name}: {{{said}}}"
    words = {word: code or UNSAID for word, code in meant.items()}
    remark = f"{_EDIT}is this what each of the words means?"
    return f"{name}: {{{said}, words: {_quoted(words)}}}  # {remark}"


def _dates(texts: list[str]) -> tuple[list[str], list[str]]:
    """The format that reads all of a column, and what is to be seen to."""
    written = [text for text in texts if not isinstance(text, DayCell)]
    forms = formats_of(written)
    if not written or ISO in forms:
        return [], []
    if not forms:
        return [], [_EDIT + "no usual format reads all of it; say `date`"]
    months = any(map(has_day_none, written)) or not names_days(forms[0])
    end = ["end_of_month: true"] if months else []
    if forms[1:]:
        either = " or ".join(f"`date: {_quoted(form)}`" for form in forms)
        return [], [f"{_EDIT}say {either}: nothing shows which"]
    return [f"date: {_quoted(forms[0])}", *end], []


def _quoted(value: object) -> str:
    """A value as YAML has it on one line."""
    return json.dumps(value, ensure_ascii=False)
