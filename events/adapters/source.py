"""The rows of a file, whichever kind of table it is."""

from collections.abc import Generator
from pathlib import Path

from events.adapters.recognise import ZIP
from events.adapters.rows import HEAD, Dialect, Position, Row, content_of, rows
from events.adapters.workbook import sheet_rows
from events.errors import UnreadableTable


class Source:
    """A file whose rows are gone through several times; a workbook is loaded once."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._path, self._dialect = path, dialect
        self._sheet: list[Row] | None = None

    def rows(self, position: Position) -> Generator[Row, None, None]:
        """Every row from the header on; raises `UnreadableTable` for what is no such table."""
        if self._sheet is None and _is_workbook(self._path):
            self._sheet = list(sheet_rows(self._path, self._dialect))
        if self._sheet is None:
            return rows_of(self._path, self._dialect, position)
        return (row for row in self._sheet)


def _is_workbook(path: Path) -> bool:
    return content_of(path, HEAD).startswith(ZIP)


def rows_of(path: Path, dialect: Dialect, position: Position) -> Generator[Row, None, None]:
    """Every row from the header on; raises `UnreadableTable` for what is no such table."""
    if _is_workbook(path):
        return sheet_rows(path, dialect)
    if dialect.sheet is not None:
        raise UnreadableTable(
            f"{path}: the mapping names the sheet {dialect.sheet!r}, and this is no workbook; take "
            "`sheet` out of the mapping"
        )
    return rows(path, dialect, position)
