"""What is agreed of releases, orders and clocks, and the defaults where nothing is said."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.terms import Parties, Release, ReleaseException, Required
from events.data import ReleaseDecided
from tests.builders import agreement

BOTH: Parties = ("cmo", "sponsor")


def release(*exceptions: dict[str, Any], **general: Any) -> Release:
    apart = tuple(ReleaseException(**each) for each in exceptions)
    return Release(exceptions=apart, **general)


def test_what_is_not_agreed_is_the_usual() -> None:
    agreed = agreement()
    assert (agreed.term, agreed.answer_within) == ("fca", 5)
    assert (agreed.window.early, agreed.window.late) == (10, 0)
    assert (agreed.tolerance.under, agreed.tolerance.over) == (0.10, 0.10)
    assert agreed.release.of("pills", "us") == Required(BOTH, {})
    assert agreed.sites == {}
    clocks = agreed.clocks
    assert (clocks.notification.critical, clocks.notification.major) == (1, 3)
    assert (clocks.deviation_closure, clocks.audit_response) == (30, 30)


@pytest.mark.parametrize("turn", [1, -1])
def test_the_narrowest_of_what_is_agreed_on_a_release_holds(turn: int) -> None:
    apart: list[dict[str, Any]] = [
        {"market": "us", "within": {"sponsor": 15}},
        {"product": "bulk", "parties": ("cmo",)},
        {"product": "bulk", "market": "us", "parties": BOTH},
    ]
    agreed = release(*apart[::turn], within={"cmo": 20, "sponsor": 10})
    assert agreed.of("pills", "eu") == Required(BOTH, {"cmo": 20, "sponsor": 10})
    assert agreed.of("pills", "us") == Required(BOTH, {"cmo": 20, "sponsor": 15})
    assert agreed.of("bulk", "eu") == Required(("cmo",), {"cmo": 20})
    assert agreed.of("bulk", "us") == Required(BOTH, {"cmo": 20, "sponsor": 15})
    assert agreed.of(None, None) == Required(BOTH, {"cmo": 20, "sponsor": 10})


def test_of_a_product_and_a_market_the_product_is_narrower() -> None:
    agreed = release(
        {"product": "bulk", "parties": ("cmo",)}, {"market": "us", "parties": ("sponsor",)}
    )
    assert agreed.of("bulk", "us").parties == ("cmo",)


def test_a_market_of_an_event_is_that_of_the_agreement_however_it_is_written() -> None:
    agreed = release({"market": "US", "parties": ("sponsor",)})
    decided = ReleaseDecided(lot="L1", decision="released", markets=("Us", "U S"))
    assert agreed.of("pills", decided.markets[0]).parties == ("sponsor",)
    assert agreed.of("pills", decided.markets[1]).parties == BOTH


def test_two_faults_between_parts_are_both_told() -> None:
    with pytest.raises(ValidationError) as caught:
        agreement(effective=date(2024, 2, 1), end=date(2024, 1, 1), product_roles={"p": {"a": "b"}})
    told = str(caught.value)
    assert "end: 2024-01-01 lies before effective 2024-02-01" in told
    assert "product_roles.p: a is no role" in told
    assert "product_roles.p: b is no role" in told
