"""Cells as they were meant: what spreadsheets leave is taken off where certain, else refused."""

import re
import unicodedata

from events.adapters.base import BadCell, DayCell, NumberCell
from events.exact import is_error

_SPACES = str.maketrans(
    {**dict.fromkeys("\u00a0\u2007\u202f", " "), **dict.fromkeys("\u200b\u2060\ufeff")}
)
_AS_FORMULA = re.compile(r'="([^"]*)"', re.DOTALL).fullmatch
_MADE_A_NUMBER = re.compile(r"[0-9]+[.,]0+").fullmatch
_NONE = frozenset(
    {"n/a", "n.a.", "null", "none", "nan", "nil", "tbd", "tbc", "k.a.", "?", "???"}
    | {"-", "--", "–", "—"}
)
_NO_NUMBER = _NONE | {"na"}


def cleaned(cell: str) -> str:
    """A cell without the spaces nobody sees, and without a spreadsheet's `="…"` around it."""
    if isinstance(cell, (NumberCell, DayCell)):
        return cell
    text = (cell if cell.isascii() else _composed(cell)).strip()
    wrapped = _AS_FORMULA(text) if text[:1] == "=" else None
    return wrapped[1].strip() if wrapped else text


def _composed(text: str) -> str:
    """A text in one composition of its letters, as numbers are compared, without unseen spaces."""
    return unicodedata.normalize("NFC", text.translate(_SPACES))


def without_mark(text: str) -> str:
    """A number without the `'` that makes a spreadsheet take it as text."""
    return text[1:].strip() if text.startswith("'") else text


def says_nothing(text: str) -> bool:
    """Whether a text is a usual word for there being nothing."""
    return text.casefold() in _NO_NUMBER


def refuse_errors(text: str) -> None:
    """Raises `BadCell` for what programs write where they have no value, or no such letter."""
    if is_error(text):
        raise BadCell("what a spreadsheet shows where it has no value")
    if "\ufffd" in text:
        raise BadCell("a letter that some program could not write, so that nobody knows which")


def check_reference(text: str, *, numeric: bool) -> None:
    """Raises `BadCell` for a lot, order or document number that is not sure to be the one meant."""
    _check_text(text, _NO_NUMBER, numeric=numeric)
    if _MADE_A_NUMBER(text):
        raise BadCell("made a number by some program, so that zeros before it may be lost")


def check_name(text: str, *, numeric: bool) -> None:
    """Raises `BadCell` for what is not sure to be the name of a CMO, site, product or market."""
    _check_text(text, _NONE, numeric=numeric)


def _check_text(text: str, words: frozenset[str], *, numeric: bool) -> None:
    if isinstance(text, DayCell):
        raise BadCell("a day in the workbook, which it may have made of a number; give it as text")
    if isinstance(text, NumberCell) and not numeric:
        raise BadCell(
            "a number in the workbook, so that zeros before it are not there; make the column "
            "text, or say `numeric: true` where its digits are the whole of it"
        )
    if isinstance(text, NumberCell) and not (text.isdecimal() and len(text) <= 15):
        raise BadCell("no whole number of at most 15 digits, the most a workbook keeps")
    if text.casefold() in words:
        raise BadCell(f"says that there is none; if so, say `empty: [{text!r}]` in the mapping")
