"""The cells of a workbook that its reader takes for empty ones, and are not."""

import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_Place = tuple[int, int]
_WHERE = re.compile(r"([A-Z]+)([0-9]+)").fullmatch
_NO_VALUE = "#N/A"


class Overlooked(NamedTuple):
    """By row and column, from 0, errors and formulas never worked out; and rows of merged cells."""

    errors: dict[_Place, str]
    merged: frozenset[int]


def overlooked(content: bytes, sheet: str) -> Overlooked:
    """What the files within an XLSX or ODS workbook say of such cells of a sheet.

    Raises `zipfile.BadZipFile`, `zlib.error`, `KeyError`, `ParseError` for a broken one.
    """
    with zipfile.ZipFile(BytesIO(content)) as packed:
        if "xl/workbook.xml" in packed.namelist():
            return _of_xlsx(packed.read(_part_of(packed, sheet)))
        return _of_ods(packed.read("content.xml"), sheet)


# --- XLSX


def _of_xlsx(sheet: bytes) -> Overlooked:
    errors, merged = dict[_Place, str](), set[int]()
    for _, element in ElementTree.iterparse(BytesIO(sheet)):
        if _tag(element) == "c":
            errors.update(_if_error(element))
            element.clear()
        elif _tag(element) == "mergeCell":
            first, _, last = element.get("ref", "").partition(":")
            merged.update(range(_place(first)[0], _place(last or first)[0] + 1))
    return Overlooked(errors, frozenset(merged))


def _if_error(cell: Element) -> Iterator[tuple[_Place, str]]:
    parts = {_tag(part): part.text or "" for part in cell}
    unworked = "f" in parts and not parts.get("v") and cell.get("t") != "str"
    if cell.get("t") == "e" or unworked:
        yield _place(cell.get("r", "")), parts.get("v") or _NO_VALUE


def _place(name: str) -> _Place:
    """The row and column of a cell named as in B12."""
    found = _WHERE(name)
    if found is None:
        raise KeyError(f"no such cell: {name!r}")
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(found[2]) - 1, column - 1


def _part_of(packed: zipfile.ZipFile, sheet: str) -> str:
    """The file of a sheet; raises `KeyError`."""
    book = ElementTree.fromstring(packed.read("xl/workbook.xml"))
    links = ElementTree.fromstring(packed.read("xl/_rels/workbook.xml.rels"))
    targets = {each.get("Id"): each.get("Target", "") for each in links}
    for each in book.iter():
        if _tag(each) == "sheet" and each.get("name") == sheet:
            target = targets[_attribute(each, "id")]
            return target.lstrip("/") if target[:1] == "/" else str(PurePosixPath("xl", target))
    raise KeyError(f"no file of sheet {sheet!r}")


# --- ODS


def _of_ods(content: bytes, sheet: str) -> Overlooked:
    errors, merged, row = dict[_Place, str](), set[int](), 0
    for line in _ods_rows(content, sheet):
        column = 0
        for cell in line:
            if text := _ods_error(cell):
                errors[row, column] = text
            if _tag(cell) == "covered-table-cell" or _spans(cell):
                merged.update(range(row, row + _many(cell, "number-rows-spanned")))
            column += _many(cell, "number-columns-repeated")
        row += _many(line, "number-rows-repeated")
    return Overlooked(errors, frozenset(merged))


def _ods_rows(content: bytes, sheet: str) -> Iterator[Element]:
    for table in ElementTree.fromstring(content).iter():
        if _tag(table) == "table" and _attribute(table, "name") == sheet:
            yield from (each for each in table.iter() if _tag(each) == "table-row")


def _ods_error(cell: Element) -> str | None:
    """What a cell shows in place of its value, None where it has one or is empty."""
    kinds = [value for name, value in cell.items() if name.endswith("}value-type")]
    if "error" in kinds:
        return "".join(cell.itertext()).strip() or _NO_VALUE
    return _NO_VALUE if _attribute(cell, "formula") and not kinds else None


def _spans(cell: Element) -> bool:
    return _many(cell, "number-rows-spanned") > 1 or _many(cell, "number-columns-spanned") > 1


def _many(element: Element, name: str) -> int:
    given = _attribute(element, name)
    return int(given) if given.isdecimal() else 1


# --- XML


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _attribute(element: Element, name: str) -> str:
    return next((value for full, value in element.items() if full.endswith("}" + name)), "")
