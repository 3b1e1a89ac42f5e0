"""Two names that come to one id: what rests on it is unknown, until they are said to be one."""

from datetime import date
from itertools import permutations

import pytest

from alerts.agreements import Agreements, Limit
from alerts.judge import Verdict
from alerts.products import Product, Products
from tests.builders import Told, agreement, counted, folded, forecast, on, read

NOW = on(5)
AGREED = agreement(limits={"days_of_supply": Limit(warning=20, critical=10)})
MICRO, PLAIN = "Vial 5 µg", "Vial 5 ug"


def agreed(*aliases: str) -> Agreements:
    """What is agreed, with the product declared by these names besides its id."""
    each = {"vial-5-ug": Product(unit="EA", aliases=aliases)}
    products = Products(version="1", effective=date(2020, 1, 1), products=each)
    return Agreements([AGREED], products=[products])


UNDECLARED = Agreements([AGREED])


def story(*names: str) -> list[Told]:
    return [
        *(counted(name, 100, day=day) for day, name in enumerate(names)),
        forecast("vial-5-ug", 10),
        counted("pills", 100),
        forecast("pills", 10),
    ]


def cover(events: list[Told], agreements: Agreements, product: str) -> tuple[object, str]:
    found = read(folded(events, agreements), NOW, "days_of_supply", product=product)
    return found.state, found.why


@pytest.mark.parametrize("names", list(permutations([MICRO, PLAIN])))
def test_two_names_of_one_id_make_what_rests_on_it_unknown_and_nothing_else(
    names: tuple[str, ...],
) -> None:
    state, why = cover(story(*names), UNDECLARED, "vial-5-ug")
    assert state is Verdict.UNKNOWN
    assert repr(MICRO) in why
    assert repr(PLAIN) in why
    assert cover(story(*names), UNDECLARED, "pills")[1] == ""


@pytest.mark.parametrize(
    "names", [(MICRO,), (PLAIN, "VIAL 5-UG"), (PLAIN, "vial-5-ug"), (MICRO, "vial-5-ug")]
)
def test_what_differs_in_case_space_or_punctuation_or_is_the_id_is_one(
    names: tuple[str, ...],
) -> None:
    assert cover(story(*names), UNDECLARED, "vial-5-ug")[1] == ""


@pytest.mark.parametrize(
    ("aliases", "one"), [((MICRO, PLAIN), True), ((MICRO,), True), ((), False), (("x",), False)]
)
def test_products_say_that_two_names_are_one(aliases: tuple[str, ...], one: bool) -> None:
    """The id itself is a name of the product, in which `Vial 5 ug` differs by spaces only."""
    assert (cover(story(MICRO, PLAIN), agreed(*aliases), "vial-5-ug")[1] == "") is one


def test_of_ever_more_names_few_are_kept_whatever_their_order() -> None:
    names = ["5 µg", "5 ug", "5 μg!", "5 ùg", "5 úg", "5 ûg"]
    told = [counted(name, 1, day=day) for day, name in enumerate(names)]
    one, other = folded(told), folded(told[::-1])
    named = "product", "5-ug"
    assert len(one.spellings.of(named)) == 3
    assert one.spellings.of(named) == other.spellings.of(named)


def at_sites(*names: str) -> list[Told]:
    return [
        *(counted("pills", 100, site=name, day=day) for day, name in enumerate(names)),
        forecast("pills", 10),
        counted("drops", 100, site="elsewhere"),
        forecast("drops", 10),
    ]


HALL_MICRO, HALL_U = "Hall µ", "Hall u"


@pytest.mark.parametrize("names", list(permutations([HALL_MICRO, HALL_U])))
def test_two_names_of_one_site_make_the_stock_that_lies_there_unknown(
    names: tuple[str, ...],
) -> None:
    state, why = cover(at_sites(*names), UNDECLARED, "pills")
    assert state is Verdict.UNKNOWN
    assert repr(HALL_MICRO) in why
    assert repr(HALL_U) in why
    assert cover(at_sites(*names), UNDECLARED, "drops")[1] == ""


@pytest.mark.parametrize(
    ("said", "one"), [((HALL_MICRO,), True), ((HALL_MICRO, HALL_U), True), ((), False)]
)
def test_the_agreement_says_that_two_names_of_a_site_are_one(
    said: tuple[str, ...], one: bool
) -> None:
    agreed = AGREED.model_copy(update={"site_names": {"hall-u": said}})
    found = cover(at_sites(HALL_MICRO, HALL_U), Agreements([agreed]), "pills")
    assert (found[1] == "") is one
