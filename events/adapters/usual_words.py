"""The words that people write where the contract has codes, and which code each of them means."""

import re
from typing import get_args

from events.data.base import StockStatus

_STATES = {
    "unrestricted": "released free available approved ok frei freigegeben libre liberado usable",
    "quality_inspection": "quarantine quarantined qi inspection inqualityinspection undertest "
    "qualityinspection quarantäne quarantaene qualitätsprüfung cuarentena quarantaine",
    "blocked": "block hold onhold rejected restricted gesperrt bloqueado bloqué",
    "in_transit": "transit intransit unterwegs",
}
_LEGAL = frozenset(get_args(StockStatus))
_STATE_MEANT = {word: state for state, words in _STATES.items() for word in [state, *words.split()]}
_STATE_COLUMNS = frozenset({"state", "stocktype", "bestandsart", "zustand", "estado", "statut"})

_UNITS = {
    "EA": "each pc pcs pce piece pieces st stk stck stück unit units u un ud uds",
    "KGM": "kg kgs kilo kilos kilogram kilograms kilogramm",
    "GRM": "g gr gram grams gramm",
    "MGM": "mg milligram milligrams milligramm",
    "LTR": "l lt ltr liter litre liters litres",
    "MLT": "ml milliliter millilitre milliliters millilitres",
}
_UNIT_MEANT = {word: code for code, words in _UNITS.items() for word in words.split()}
_NOT_MEANT = {
    "KG": "a keg",
    "ST": "a sheet",
    "KGS": "a kilogram a second",
    "STK": "a cigarette",
    "PCS": "",
}
"""Words in the form of a code that surely mean another, and what they are the code of, if any."""

_CODE = re.compile(r"[A-Z0-9]{2,3}").fullmatch

_TO_BE = re.compile(
    r"(?i)\b(due|promised|planned|requested|scheduled|expected|confirmed|target|soll|geplant|"
    r"termin|eta)\b"
)


def state_meant(word: str) -> str | None:
    """The status of stock that a word usually means, None where that is not sure."""
    return word if word in _LEGAL else _STATE_MEANT.get(_plain(word))


def names_a_state(column: str) -> bool:
    """Whether a column is named as one of states of stock is."""
    return "status" in _plain(column) or _plain(column) in _STATE_COLUMNS


def names_what_is_to_be(column: str) -> bool:
    """Whether a column is named as one of days on which something should happen."""
    return bool(_TO_BE.search(re.sub(r"_|(?<=[a-z])(?=[A-Z])", " ", column)))


def unit_meant(word: str) -> str | None:
    """The code of UN/ECE Recommendation 20 that a word which is none usually means, if any."""
    return None if word in _UNITS else _UNIT_MEANT.get(word.casefold().rstrip("."))


def why_no_unit(word: str) -> str | None:
    """Why a unit is surely not the one meant, and what to say; None for one to be taken."""
    if _CODE(word) and word not in _NOT_MEANT:
        return None
    what, meant = _NOT_MEANT.get(word), unit_meant(word)
    code = f"the code of {what}" if what else "no code"
    said = f"{code} in UN/ECE Recommendation 20, as EA, KGM and LTR are"
    if meant is None:
        return f"{said}; say with `words` which it is"
    told = f", or `{word}: {word}` if that is meant" if what else ""
    return f"{said}; say `words: {{{word}: {meant}}}` beside it{told}"


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
