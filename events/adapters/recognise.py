"""What a file is by its first bytes, whatever its name says."""

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ZIP = b"PK\x03\x04"
"""How a workbook (XLSX, ODS) begins, and any other ZIP file."""

_FOREIGN = (
    (
        re.compile(rb"\xd0\xcf\x11\xe0"),
        "an old Excel workbook (XLS), or one with a password: save it as XLSX, without a password",
    ),
    (re.compile(rb"%PDF-"), "a PDF: ask for the table it was printed from"),
    (
        re.compile(rb"\s*<(?:!doctype|html|table|meta|head|body|\?xml|div)", re.I),
        "a web page or XML: open it in a spreadsheet and save it as XLSX or CSV",
    ),
    (
        re.compile(rb'\s*(?:\{\s*"|\[\s*[\[{])'),
        "JSON: `cmowatch publish` sends events, one JSON object a line; a table has cells",
    ),
)


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark says, None where there is none."""
    return next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)


def not_a_table(head: bytes) -> str | None:
    """What a file is that is no text of cells and no workbook, and what to do; None for a table."""
    encoding = marked_encoding(head)
    if encoding in ("utf-16", "utf-32"):
        head = head[: len(head) // 4 * 4].decode(encoding, "ignore").encode("utf-8", "replace")
    head = head.removeprefix(codecs.BOM_UTF8)
    return next((what for begins, what in _FOREIGN if begins.match(head)), None)
