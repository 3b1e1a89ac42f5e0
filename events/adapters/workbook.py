"""The rows of a sheet of an XLSX or ODS workbook."""

import zipfile
import zlib
from collections.abc import Generator, Iterable
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, WorksheetNotFound

from events.adapters.base import DayCell, NumberCell
from events.adapters.overlooked import Overlooked, overlooked
from events.adapters.rows import Dialect, Row, content_of
from events.errors import UnreadableTable

LARGEST_WORKBOOK = 256 << 20
"""The most bytes a workbook may have, packed or not."""

_Value = int | float | str | bool | time | date | datetime | timedelta
_MERGED = "merged cells, of which only the first has the value; unmerge them"
_BROKEN = zipfile.BadZipFile, zlib.error, KeyError, EOFError, ValueError


def sheet_rows(path: Path, dialect: Dialect) -> Generator[Row, None, None]:
    """Every row of the sheet the mapping names, from the header on; raises `UnreadableTable`."""
    content = _content(path)
    sheet = _sheet(path, content, dialect.sheet)
    cells = sheet.to_python(skip_empty_area=False)
    errors, merged = _overlooked(path, content, sheet.name)
    for place, given in enumerate(cells[dialect.skip :], start=dialect.skip):
        texts = [_text(value) for value in given]
        for column in range(len(texts)):
            texts[column] = errors.get((place, column), texts[column])
        fault = _MERGED if place in merged and place > dialect.skip else ""
        yield Row(place + 1, texts, fault)


def sheet_names(path: Path) -> list[str]:
    """The sheets of a workbook in their order; raises `UnreadableTable`."""
    try:
        return CalamineWorkbook.from_filelike(BytesIO(_content(path))).sheet_names
    except CalamineError as error:
        raise _broken(path, error) from error


def _content(path: Path) -> bytes:
    content = content_of(path, LARGEST_WORKBOOK + 1)
    if len(content) > LARGEST_WORKBOOK or _unpacked(path, content) > LARGEST_WORKBOOK:
        raise UnreadableTable(f"{path}: a workbook of more than {LARGEST_WORKBOOK >> 20} MiB")
    return content


def _unpacked(path: Path, content: bytes) -> int:
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            return sum(part.file_size for part in packed.infolist())
    except zipfile.BadZipFile as error:
        raise _broken(path, error) from error


def _sheet(path: Path, content: bytes, name: str | None) -> CalamineSheet:
    try:
        workbook = CalamineWorkbook.from_filelike(BytesIO(content))
        if name is not None:
            return workbook.get_sheet_by_name(name)
    except WorksheetNotFound as error:
        raise UnreadableTable(
            f"{path}: no sheet {name!r}; there are {_listed(workbook.sheet_names)}"
        ) from error
    except CalamineError as error:
        raise _broken(path, error) from error
    raise UnreadableTable(
        f"{path}: this is a workbook, whatever its name: say in the mapping which `sheet` to read; "
        f"there are {_listed(workbook.sheet_names)}"
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _broken(path: Path, error: Exception) -> UnreadableTable:
    return UnreadableTable(
        f"{path}: begins as a workbook (XLSX, ODS) or another ZIP file, and cannot be read as one: "
        f"{error}; save it again as XLSX or CSV"
    )


def _text(value: _Value) -> str:
    """A cell as text, which knows where it was a number or a day."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return NumberCell(_digits(value))
    if isinstance(value, (date, datetime)):
        return DayCell(value.isoformat())
    return str(value)


def _digits(number: float) -> str:
    """A number in the 15 digits that a spreadsheet keeps, never in powers of ten."""
    shown = f"{number:.15g}"
    return f"{number:.15f}".rstrip("0").rstrip(".") if "e" in shown else shown


def _overlooked(path: Path, content: bytes, sheet: str) -> Overlooked:
    try:
        return overlooked(content, sheet)
    except (*_BROKEN, ElementTree.ParseError) as error:
        raise _broken(path, error) from error
