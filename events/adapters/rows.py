"""The rows of a CSV or TSV file, plain or gzip, one at a time."""

import csv
import gzip
import zlib
from collections.abc import Generator
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Self, TextIO, cast

from events.errors import UnreadableTable

if TYPE_CHECKING:
    import _csv

LONGEST_ROW = 2**20
"""The most characters one row may have; csv itself refuses a field of more than 131,072."""

_GZIP = b"\x1f\x8b"


class Row(NamedTuple):
    """A row with its number, which counts as a spreadsheet does, and what is wrong with it."""

    number: int
    cells: list[str]
    fault: str = ""


class _Lines:
    """The lines of a file; those of one row may not have more than `LONGEST_ROW` characters."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file, self._path = file, path
        self.left = LONGEST_ROW

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._file.readline(self.left + 1)
        self.left -= len(line)
        if self.left < 0:
            raise UnreadableTable(
                f"{self._path}: a row of more than {LONGEST_ROW} characters; "
                "is this a table with one record a line?"
            )
        if not line:
            raise StopIteration
        return line


def rows(path: Path, encoding: str, delimiter: str) -> Generator[Row, None, None]:
    """Every row from the header on; a row csv cannot read carries its fault."""
    number = 0
    try:
        with _opened(path) as raw, TextIOWrapper(raw, encoding, newline="") as text:
            lines = _Lines(text, path)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            while (row := _next_row(reader, number + 1)) is not None:
                number, lines.left = row.number, LONGEST_ROW
                yield row
    except UnicodeError as error:
        raise UnreadableTable(
            f"{path}: after row {number}: not {encoding}: {error.args[-1]}; "
            "name the encoding it is written in in the mapping"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableTable(f"{path}: after row {number}: {error}") from error


def _next_row(reader: "_csv.Reader", number: int) -> Row | None:
    before = reader.line_num
    try:
        return Row(number, next(reader))
    except StopIteration:
        return None
    except csv.Error as error:
        return Row(number, [], f"lines {before + 1}–{reader.line_num} are no row: {error}")


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")
