"""The rows of a CSV or TSV file, plain or gzip, one at a time."""

import codecs
import csv
import gzip
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self, TextIO, cast

from events.adapters.recognise import marked_encoding, not_a_table
from events.errors import UnreadableTable

if TYPE_CHECKING:
    import _csv

LONGEST_ROW = 2**20
"""The most characters one row may have; csv itself refuses a field of more than 131,072."""

_GZIP = b"\x1f\x8b"
HEAD = 1 << 16
"""The bytes at its beginning that say what a file is."""

_NO_QUOTES = "say `quotes: false` if quotes mean nothing in this file"
_SELDOM = 256  # rows between two positions
SEPARATOR_HINT = re.compile(r'"?sep=(.)"?\s*', re.I).fullmatch
"""A first line by which a spreadsheet is told the delimiter."""

Position = Callable[[int], None]
"""Hears how many bytes of a file are read, packed ones where it is packed."""


class Dialect(NamedTuple):
    """How a table is written as text, or the sheet of a workbook that it is."""

    encoding: str | None = None
    delimiter: str = ","
    quotes: bool = True
    line_breaks: bool = False
    trailing_delimiter: bool = False
    skip: int = 0
    sheet: str | None = None


class Row(NamedTuple):
    """A row with its number, which counts as a spreadsheet does, and what is wrong with it."""

    number: int
    cells: list[str]
    fault: str = ""


class _Lines:
    """The lines of a file; those of one row may not have more than `LONGEST_ROW` characters."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file, self._path = file, path
        self._again = ""
        self.left = LONGEST_ROW

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again or self._file.readline(self.left + 1)
        self._again = ""
        self.left -= len(line)
        if self.left < 0:
            raise UnreadableTable(
                f"{self._path}: a row of more than {LONGEST_ROW} characters; "
                "is this a table with one record a line?"
            )
        if not line:
            raise StopIteration
        return line

    def put_back(self, line: str) -> None:
        """Gives a line once more."""
        self._again = line
        self.left = LONGEST_ROW


def content_of(path: Path, most: int) -> bytes:
    """At most so many bytes of a file, unpacked; raises `UnreadableTable`."""
    try:
        with _opened(path) as (file, _):
            return file.read(most)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableTable(f"{path}: {error}") from error


def rows(path: Path, dialect: Dialect, position: Position) -> Generator[Row, None, None]:
    """Every row from the header on; a row that cannot be read carries its fault."""
    encoding = _encoding(path, dialect)
    number = 0
    try:
        with _opened(path) as (raw, read), TextIOWrapper(raw, encoding, newline="") as text:
            lines = _Lines(text, path)
            number = _skip(lines, dialect, path)
            for row in _rows(lines, dialect, number):
                number = row.number
                if number % _SELDOM == 0:
                    position(read())
                yield row
    except UnicodeError as error:
        raise UnreadableTable(
            f"{path}: after row {number}: not {encoding}: {error.args[-1]}; "
            "name the encoding it is written in in the mapping"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableTable(f"{path}: after row {number}: {error}") from error


def _encoding(path: Path, dialect: Dialect) -> str:
    """The encoding a mark at the beginning says, else the mapping's, else UTF-8."""
    head = content_of(path, HEAD)
    if what := not_a_table(head):
        raise UnreadableTable(f"{path}: this is {what}")
    marked = marked_encoding(head)
    if marked is None and dialect.encoding is None and b"\0" in head:
        raise UnreadableTable(
            f"{path}: holds bytes of 0, as UTF-16 without a mark does: say `encoding: utf-16-le` "
            "in the mapping if it is that"
        )
    if marked is None and _is_utf8_after_all(head, dialect.encoding or "utf-8"):
        raise UnreadableTable(
            f"{path}: its letters are UTF-8, and the mapping says {dialect.encoding}: take "
            "`encoding` out of it"
        )
    return marked or dialect.encoding or "utf-8"


def _is_utf8_after_all(head: bytes, encoding: str) -> bool:
    """Whether text in an encoding of single bytes has letters that only UTF-8 writes so."""
    if head.isascii() or len("é".encode(encoding, "replace")) != 1:
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _skip(lines: _Lines, dialect: Dialect, path: Path) -> int:
    """Passes over the lines before the header, and says how many they were."""
    for passed in range(dialect.skip):
        if next(lines, None) is None:
            raise UnreadableTable(f"{path}: `skip: {dialect.skip}`, and there are {passed} lines")
        lines.left = LONGEST_ROW
    if dialect.skip:
        return dialect.skip
    first = next(lines, "")
    hint = SEPARATOR_HINT(first)
    if hint is None:
        lines.put_back(first)
        return 0
    lines.left = LONGEST_ROW
    if hint[1] != dialect.delimiter:
        raise UnreadableTable(
            f"{path}: says of itself that {hint[1]!r} divides its cells; the mapping says "
            f"{dialect.delimiter!r}: correct its `delimiter`"
        )
    return 1


def _rows(lines: _Lines, dialect: Dialect, number: int) -> Iterator[Row]:
    reader = csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quoting=csv.QUOTE_MINIMAL if dialect.quotes else csv.QUOTE_NONE,
        strict=True,
    )
    width, skipped = None, number
    while (row := _next_row(reader, number + 1, skipped, dialect.quotes)) is not None:
        number, lines.left = row.number, LONGEST_ROW
        if width is None:
            width = len(row.cells)
            yield row
        elif row.cells and not row.fault:
            yield _of_width(row, width, dialect)
        else:
            yield row


def _of_width(row: Row, width: int, dialect: Dialect) -> Row:
    """The row with as many cells as the header has, or with the reason it has not."""
    number, cells, _ = row
    many = f"{len(cells)} fields where the header has {width}"
    if dialect.trailing_delimiter:
        if len(cells) != width + 1 or cells[-1]:
            return Row(number, cells, f"{many}, and `trailing_delimiter` needs one empty one more")
        cells = cells[:-1]
    elif len(cells) == width + 1 and not cells[-1]:
        what = "if every row but the header ends with a delimiter, say `trailing_delimiter: true`"
        return Row(number, cells, f"{many}, and the last is empty: {what}")
    if len(cells) != width:
        return Row(number, cells, many + _over_lines(cells))
    if not dialect.line_breaks and (swallowed := _swallowed(cells, width, dialect.delimiter)):
        return Row(number, cells, swallowed)
    return Row(number, cells)


def _over_lines(cells: list[str]) -> str:
    breaks = sum(_breaks(cell) for cell in cells)
    return f"; its quotes hold {breaks + 1} lines" if breaks else ""


def _swallowed(cells: list[str], width: int, delimiter: str) -> str | None:
    """Why a cell with whole rows in it is doubted, None when there is none."""
    for cell in cells:
        if _breaks(cell) and cell.count(delimiter) >= width - 1:
            return (
                "a quote is closed on a later line than it was opened, and may have swallowed "
                f"rows; {_NO_QUOTES}, or `line_breaks: true` if its cells do hold lines"
            )
    return None


def _breaks(cell: str) -> int:
    return len(cell.splitlines()) - 1 if "\n" in cell or "\r" in cell else 0


def _next_row(reader: "_csv.Reader", number: int, skipped: int, quotes: bool) -> Row | None:
    before = skipped + reader.line_num
    try:
        return Row(number, next(reader))
    except StopIteration:
        return None
    except csv.Error as error:
        lines = f"lines {before + 1}–{skipped + reader.line_num} are no row"
        return Row(number, [], f"{lines}: {error}; {_NO_QUOTES}" if quotes else f"{lines}: {error}")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, Callable[[], int]]]:
    """A file, unpacked when it begins as gzip does, and how far it is read."""
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == _GZIP
        yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw, raw.tell
