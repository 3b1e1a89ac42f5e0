"""Names become ids by one rule, which a CMO's own code can be held to as well."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.errors import InvalidIdentifier
from events.spelling import alike, spelt
from events.values import identifier

VECTORS = json.loads(
    (Path(__file__).parents[2] / "docs" / "contract" / "ids.json").read_text(encoding="utf-8")
)
GREEK = [chr(letter) for letter in range(0x3B1, 0x3CA) if letter != 0x3C2]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_name_has_the_id_the_contract_shows(vector: dict[str, str | None]) -> None:
    name = str(vector["name"])
    if vector["id"] is None:
        with pytest.raises(InvalidIdentifier):
            identifier(name)
    else:
        assert identifier(name) == vector["id"]
        assert identifier(name).name == name.strip()


def test_the_contract_shows_30_names() -> None:
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS) == 30


def test_no_two_greek_letters_are_spelt_alike() -> None:
    assert len({spelt(letter) for letter in GREEK}) == len(GREEK)
    assert [spelt(letter.upper()) for letter in GREEK] == [spelt(letter) for letter in GREEK]


@given(st.integers(0, 500), st.sampled_from(["", "Vial ", "Vial (", "a\u00a0", "[", "\u200b"]))
def test_a_number_below_nothing_is_another_than_the_one_above(number: int, before: str) -> None:
    below, above, neither = (spelt(f"{before}{sign}{number} °C") for sign in ("-", "+", ""))
    assert len({below, above, neither}) == 3
    assert spelt(f"{before}−{number} °C") == below


@given(st.text(alphabet="abcXYZ019äßŁβ -+(_°", min_size=1, max_size=30))
def test_one_name_in_two_compositions_has_one_id(text: str) -> None:
    assert spelt(unicodedata.normalize("NFD", text)) == spelt(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Plant 1", "PLANT-1", True),
        ("Vial −20", "Vial -20", True),
        ("5 µg", "5 ug", False),
        ("Café", "Cafe", False),
        ("a/+80", "a/-80", False),
        ("20 °C", "20 C", False),
    ],
)
def test_names_are_alike_but_for_case_spaces_and_punctuation(
    one: str, other: str, same: bool
) -> None:
    assert (alike(one) == alike(other)) is same
    assert spelt(one) == spelt(other)
