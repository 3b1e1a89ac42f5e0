"""The rows of a file, whichever kind of table it is."""

from collections.abc import Generator
from pathlib import Path

from events.adapters.recognise import ZIP
from events.adapters.rows import HEAD, Dialect, Position, Row, content_of, rows
from events.adapters.workbook import sheet_rows
from events.errors import UnreadableTable


def rows_of(path: Path, dialect: Dialect, position: Position) -> Generator[Row, None, None]:
    """Every row from the header on; raises `UnreadableTable` for what is no such table."""
    if content_of(path, HEAD).startswith(ZIP):
        return sheet_rows(path, dialect)
    if dialect.sheet is not None:
        raise UnreadableTable(
            f"{path}: the mapping names the sheet {dialect.sheet!r}, and this is no workbook; take "
            "`sheet` out of the mapping"
        )
    return rows(path, dialect, position)
