"""A number is the one that is written, by the signs that are said, or is refused."""

import pytest

from events.adapters.base import BadCell, NumberCell
from events.adapters.numbers import NumberSigns

PLAIN = NumberSigns()
GERMAN = NumberSigns(",", ".")


@pytest.mark.parametrize(
    ("signs", "text", "value"),
    [
        (PLAIN, "12.5", 12.5),
        (PLAIN, "0.250", 0.25),
        (PLAIN, "1250.000", 1250),
        (PLAIN, "−5", -5),
        (PLAIN, "+5", 5),
        (GERMAN, "1.250.000,5", 1_250_000.5),
        (GERMAN, "98,75", 98.75),
        (NumberSigns("."), "1.250", 1.25),
        (NumberSigns(None, ","), "1,250.5", 1250.5),
        (NumberSigns(None, " "), "1 250", 1250),
        (NumberSigns(None, "'"), "1'250", 1250),
        (NumberSigns(accounting=True), "(12.5)", -12.5),
        (GERMAN, NumberCell("1.250"), 1.25),
    ],
)
def test_a_number_is_read_by_the_signs_that_are_said(
    signs: NumberSigns, text: str, value: float
) -> None:
    assert signs.read(text) == value


@pytest.mark.parametrize(
    ("signs", "text", "why"),
    [
        (PLAIN, "1.250", """1250 or 1.25[?] .*`group: "."` for 1250, `decimal: "."` for 1.25$"""),
        (GERMAN, "1.25", "which is `group`"),
        (GERMAN, "12.50.000", "not a plain number"),
        (NumberSigns(","), "1.250", "which is `group`"),
        (NumberSigns(None, ","), "1,25", "which is `group`"),
        (PLAIN, "123456789012.123456", "more digits than can be kept"),
        (PLAIN, "0.1234567890123456", "not a plain number"),
        (PLAIN, "1.25E+03", "shortened by a spreadsheet"),
        (PLAIN, "5-", "accounting: true"),
    ],
)
def test_what_may_be_another_number_is_refused(signs: NumberSigns, text: str, why: str) -> None:
    with pytest.raises(BadCell, match=why):
        signs.read(text)


@pytest.mark.parametrize(("decimal", "group"), [(",", ","), (None, ".")])
def test_one_sign_cannot_be_both(decimal: str | None, group: str) -> None:
    with pytest.raises(ValueError, match="is the decimal sign too"):
        NumberSigns(decimal, group)
