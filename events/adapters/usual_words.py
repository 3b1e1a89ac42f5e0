"""The words that people write where the contract has codes, and which code each of them means."""

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
_MEANT = {word: state for state, words in _STATES.items() for word in [state, *words.split()]}


def state_meant(word: str) -> str | None:
    """The status of stock that a word usually means, None where that is not sure."""
    return word if word in _LEGAL else _MEANT.get("".join(filter(str.isalnum, word.casefold())))


def names_a_state(column: str) -> bool:
    """Whether a column is named as one of states of stock is."""
    name = "".join(filter(str.isalnum, column.casefold()))
    return "status" in name or name in _STATE_COLUMNS


_STATE_COLUMNS = frozenset({"state", "stocktype", "bestandsart", "zustand", "estado", "statut"})
