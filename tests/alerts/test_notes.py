"""What came counts once, whoever tells of it: delivery notes tell arrivals apart."""

from itertools import permutations

import pytest

from alerts.terms import QuantityTolerance
from tests.builders import Told, agreed, delivered, on, promised, reading, received, retracted

NOW = on(30)
TERMS = agreed(tolerance=QuantityTolerance(under=0, over=0))


def in_full(*arrivals: Told) -> bool:
    """Whether exactly the 100 pieces that were wanted came."""
    found = reading([promised("1"), *arrivals], "delivery_in_full", NOW, TERMS)
    return (found.numerator, found.denominator) == (1, 1)


def by_cmo(quantity: float, note: str | None = None, **how: object) -> Told:
    return delivered("1", 8, quantity, note=note, **how)


def by_carrier(quantity: float, note: str | None = None, **how: object) -> Told:
    return delivered("1", 9, quantity, note=note, by="carrier", **how)


def by_sponsor(quantity: float, note: str | None = None, **how: object) -> Told:
    return received("1", 9, quantity, note=note, **how)


COUNTED: dict[str, list[Told]] = {
    "a note that both tell of": [by_cmo(100, "N1"), by_carrier(100, "N1")],
    "the carrier's quantity over the CMO's": [by_cmo(90, "N1"), by_carrier(100, "N1")],
    "the sponsor's over both": [by_cmo(90, "N1"), by_carrier(80, "N1"), by_sponsor(100, "N1")],
    "two notes, each by another": [by_cmo(40, "N1"), by_carrier(60, "N2")],
    "two notes, one of them by all": [
        *(by_cmo(40, "N1"), by_cmo(60, "N2"), by_carrier(60, "N2"), by_sponsor(60, "N2"))
    ],
    "two parts of one who names no note": [by_cmo(40), by_cmo(60)],
    "a note and a part without one": [by_cmo(40, "N1"), by_cmo(60)],
    "without a note the higher speaker's set": [by_cmo(40), by_carrier(40), by_carrier(60)],
    "without a note above, all below is the same": [by_cmo(100, "N1"), by_carrier(100)],
    "without a note below, it may be the same": [by_cmo(100), by_carrier(100, "N1")],
    "two lots of one note": [by_sponsor(40, "N1", lot="A"), by_sponsor(60, "N1", lot="B")],
    "a note told twice, as it was told last": [by_cmo(90, "N1"), by_cmo(100, "N1", at=on(9))],
    "lots of a note by one, the note by another": [
        *(by_cmo(30, "N1", lots=["A"]), by_cmo(60, "N1", lots=["B"]), by_carrier(100, "N1"))
    ],
}


@pytest.mark.parametrize("case", COUNTED)
def test_what_came_counts_once_in_whatever_order_it_is_told(case: str) -> None:
    assert all(in_full(*order) for order in permutations(COUNTED[case]))


def test_two_notes_of_unlike_speakers_add_up_past_what_was_wanted() -> None:
    assert not in_full(by_cmo(100, "N1"), by_carrier(100, "N2"))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_once_the_higher_word_is_taken_back_the_lower_one_holds(order: tuple[int, ...]) -> None:
    wrong = by_carrier(90, "N1")
    told = [by_cmo(100, "N1"), wrong, retracted(wrong, on(12), "carrier")]
    assert not in_full(*told[:2])
    assert in_full(*(told[place] for place in order))


def test_once_the_lower_word_is_taken_back_the_higher_one_holds() -> None:
    wrong = by_cmo(90, "N1")
    assert in_full(wrong, by_carrier(100, "N1"), retracted(wrong, on(12)))
