"""What a lot, order or document number may not hold, because nobody could tell it from another."""

import re
import unicodedata

_ERRORS = "N/A REF! VALUE! NAME? DIV/0! NULL! NUM! SPILL! CALC! FIELD! BLOCKED! GETTING_DATA"
_ERROR = re.compile(rf"#(?:{'|'.join(map(re.escape, _ERRORS.split()))}|#*)").fullmatch
_SHORTENED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[Ee][+-][0-9]{2,}").fullmatch
_AS_TEXT = ('="', "'")
_SUSPECT = "#='+-0123456789"
_BREAKS = "\n\r\v\f\x85\u2028\u2029"
_BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
"""Letters and marks that show nothing."""


def unclear(number: str) -> str | None:
    """Why a trimmed number is not exact, None when it is."""
    if not (number.isascii() and number.isprintable()) and (why := _hiding(number)):
        return why
    return _left_by_a_spreadsheet(number) if number[0] in _SUSPECT else None


def _hiding(number: str) -> str | None:
    for character in number:
        if character in _BREAKS:
            return "a line break within a number"
        if character != " " and _is_unseen(character):
            return f"an invisible character, U+{ord(character):04X}, within a number"
    return None


def _is_unseen(character: str) -> bool:
    category = unicodedata.category(character)
    variation = "\ufe00" <= character <= "\ufe0f"
    return category[0] in "CZ" or character in _BLANK or variation


def is_error(text: str) -> bool:
    """Whether a text is what a spreadsheet shows where it has no value."""
    return text[:1] == "#" and bool(_ERROR(text))


def _left_by_a_spreadsheet(number: str) -> str | None:
    if is_error(number):
        return "what a spreadsheet shows where it has no value"
    if _SHORTENED(number):
        return "a number that a spreadsheet has shortened; its digits are lost"
    if number.startswith(_AS_TEXT):
        return "a spreadsheet's mark for text, which is no part of the number"
    return None
