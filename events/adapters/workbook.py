"""The rows of a sheet of an XLSX or ODS workbook."""

import re
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from io import BytesIO
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, WorksheetNotFound

from events.adapters.base import DayCell, NumberCell
from events.adapters.rows import Dialect, Row, content_of
from events.errors import UnreadableTable

LARGEST_WORKBOOK = 256 << 20
"""The most bytes a workbook may have, packed or not."""

_Value = int | float | str | bool | time | date | datetime | timedelta
_Cell = tuple[int, int]

_WHERE = re.compile(r"([A-Z]+)([0-9]+)")
_NO_VALUE = "#N/A"


def sheet_rows(path: Path, dialect: Dialect) -> Generator[Row, None, None]:
    """Every row of the sheet the mapping names, from the header on; raises `UnreadableTable`."""
    content = _content(path)
    sheet = _sheet(path, content, dialect.sheet)
    cells = sheet.to_python(skip_empty_area=False)
    valueless = dict(_valueless(path, content, sheet.name))
    merged = _merged(sheet.merged_cell_ranges or [])
    for place, given in enumerate(cells[dialect.skip :], start=dialect.skip):
        texts = [_text(value) for value in given]
        for column in range(len(texts)):
            texts[column] = valueless.get((place, column), texts[column])
        yield Row(place + 1, texts, merged.get(place, "") if place > dialect.skip else "")


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


def _merged(ranges: Iterable[tuple[_Cell, _Cell]]) -> dict[int, str]:
    """By row why cells merged over rows or columns leave open what it says."""
    why = "merged with other cells, of which only the first has the value; unmerge them"
    return {
        row: f"the cells of columns {left + 1} to {right + 1} are {why}"
        for (top, left), (bottom, right) in ranges
        for row in range(top, bottom + 1)
    }


def _valueless(path: Path, content: bytes, sheet: str) -> Iterator[tuple[_Cell, str]]:
    """The cells of an XLSX sheet that show an error, or a formula that was never worked out.

    They would be read as empty ones.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as packed:
            if (part := _part_of(packed, sheet)) is None:
                return
            with packed.open(part) as file:
                for _, element in ElementTree.iterparse(file):
                    if _tag(element) == "c":
                        yield from _if_valueless(element)
                        element.clear()
    except (zipfile.BadZipFile, zlib.error, KeyError, ElementTree.ParseError, EOFError) as error:
        raise _broken(path, error) from error


def _if_valueless(cell: ElementTree.Element) -> Iterator[tuple[_Cell, str]]:
    parts = {_tag(part): part.text or "" for part in cell}
    error = cell.get("t") == "e"
    unworked = "f" in parts and not parts.get("v") and cell.get("t") != "str"
    if (error or unworked) and (where := _WHERE.fullmatch(cell.get("r", ""))):
        yield (int(where[2]) - 1, _column(where[1])), parts.get("v") or _NO_VALUE


def _column(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1


def _part_of(packed: zipfile.ZipFile, sheet: str) -> str | None:
    """The file of a sheet within an XLSX workbook, None within any other."""
    if "xl/workbook.xml" not in packed.namelist():
        return None
    book = ElementTree.fromstring(packed.read("xl/workbook.xml"))
    links = ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
    of = next(each for each in book.iter() if _tag(each) == "sheet" and each.get("name") == sheet)
    link = next(value for name, value in of.items() if name.endswith("}id"))
    target = next(each.get("Target", "") for each in links if each.get("Id") == link)
    return target.lstrip("/") if target.startswith("/") else str(PurePosixPath("xl") / target)


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
