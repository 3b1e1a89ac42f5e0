"""Of stock at a site speaks its owner: the CMO, unless the agreement says whose it is."""

import pytest

from alerts.entitlement import NotItsToSay
from events.data import LotReceived, Place, StockAdjusted, StockListed, StockMoved
from tests.builders import (
    Told,
    accepted,
    agreed,
    consumed,
    counted,
    folded,
    forecast,
    on,
    pieces,
    promised,
    reading,
    received,
    told,
)

NOW = on(5)
SITES = {"dc-basel": "sponsor", "cold-store": "carrier", "plant": "cmo"}
TERMS = agreed(sites=SITES)
OWNERS = {**SITES, "elsewhere": "cmo"}
SPEAKERS = ("cmo", "sponsor", "carrier")


def of_stock(site: str, by: str) -> dict[str, Told]:
    """Everything that the owner of a site alone may say, each by its name."""
    moved_by = StockAdjusted(site=site, product="p", delta=pieces(100), reason="found")
    listed = StockListed(site=site, list="1", positions=())
    moved = StockMoved(
        product="p",
        quantity=pieces(1),
        origin=Place(site=site, status="unrestricted"),
        to=Place(site="elsewhere", status="blocked"),
    )
    return {
        "counted": counted("p", 300, site=site, by=by),
        "adjusted": told(moved_by, on(2), by),
        "consumed": consumed("p", 3, site=site, by=by),
        "listed": told(listed, on(2), by),
        "moved": told(moved, on(2), by),
        "received": told(LotReceived(lot="L1", site=site), on(2), by),
    }


@pytest.mark.parametrize("by", SPEAKERS)
@pytest.mark.parametrize("site", OWNERS)
@pytest.mark.parametrize("what", of_stock("s", "cmo"))
def test_another_than_the_owner_is_refused_and_told_what_to_say(
    what: str, site: str, by: str
) -> None:
    cmo = folded([], TERMS)
    event = accepted(of_stock(site, by)[what], 1)
    if by == OWNERS[site] or (what == "received" and by == "sponsor"):
        assert cmo.take(event)
        return
    with pytest.raises(NotItsToSay, match=f"say `sites: {{{site}: {by}}}` in the agreement"):
        cmo.take(event)
    assert cmo.take(accepted(of_stock(site, OWNERS[site])[what], 2))


@pytest.mark.parametrize("site", OWNERS)
def test_the_owner_s_stock_is_counted(site: str) -> None:
    owned = of_stock(site, OWNERS[site])
    events = [owned["counted"], owned["adjusted"], forecast("p", 200)]
    found = reading(events, "days_of_supply", NOW, TERMS, product="p")
    assert found.value == 20


def test_a_receipt_at_a_site_of_the_carrier_fills_a_line() -> None:
    events = [promised("1"), received("1", site="cold-store", by="carrier")]
    found = reading(events, "delivery_in_full", on(30), TERMS)
    assert (found.numerator, found.denominator) == (1, 1)
