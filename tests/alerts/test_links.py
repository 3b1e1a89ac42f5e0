"""Records that say something of each other: a line of an order, and the lots received for it."""

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import asdict

from alerts.agreements import Agreement
from alerts.cmo import Cmo
from alerts.derivation import Unfoldable
from alerts.facts import Evidence, Fact
from alerts.formulas import FORMULAS, Formula
from alerts.kind import Kind, Link
from alerts.kpi import Links
from alerts.records import lot, order_line
from alerts.records.lot import LOT, LotView
from alerts.records.order_line import ORDER_LINE, OrderLineView
from tests.builders import (
    ACME,
    Told,
    accepted,
    agreed,
    completed,
    decided,
    deviation,
    on,
    promised,
    read,
    received,
    retracted,
    started,
)

KPI = "delivery_in_full"


class LinkedLine(OrderLineView, frozen=True, gc=False):
    """A line that names the lots received for it."""

    links: tuple[Link, ...] = ()


class LinkedLot(LotView, gc=False):
    """A lot that names the lines it was received for, until it is rejected."""

    links: tuple[Link, ...] = ()


def line_of(facts: Sequence[Fact], terms: Agreement) -> LinkedLine:
    lots = [fact.data.lot for fact in facts if hasattr(fact.data, "lot")]
    links = tuple(Link("lot", (name,)) for name in dict.fromkeys(lots))
    return LinkedLine(**asdict(order_line.derive(facts, terms)), links=links)


def lot_of(facts: Sequence[Fact], terms: Agreement) -> LinkedLot:
    view = lot.derive(facts, terms)
    named = [fact.data for fact in facts if getattr(fact.data, "order", None) is not None]
    stands = [] if view.state == "rejected" else named
    links = tuple(Link("line", (data.order, data.line)) for data in stands)
    return LinkedLot(**asdict(view), links=links)


def of_received_lots(line: Any, links: Links, _: Agreement) -> tuple[Evidence, ...]:
    """Whether all lots of a line are received; it cannot do lots that deviated."""
    lots = [links.get(each) for each in line.links]
    if any(each.deviations for each in lots if each is not None):
        raise KeyError("a lot that deviated")
    kept = bool(lots) and all(each is not None and each.state == "received" for each in lots)
    return tuple(
        Evidence(each.hour, each.visible, int(kept), 1, each.promise.event, not kept)
        for each in line.schedule
    )


def _set(kind: Kind, **fields: Any) -> None:
    for name, value in fields.items():
        object.__setattr__(kind, name, value)


@pytest.fixture(autouse=True)
def _linked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = [(kind, kind.derive, kind.advance) for kind in (LOT, ORDER_LINE)]
    monkeypatch.setitem(FORMULAS, "line", (Formula(KPI, of_received_lots, frozenset()),))
    _set(LOT, derive=lot_of, advance=None)
    _set(ORDER_LINE, derive=line_of)
    yield
    for kind, derive, advance in before:
        _set(kind, derive=derive, advance=advance)


def taken(events: Sequence[Told]) -> Cmo:
    cmo = Cmo(ACME, agreed())
    for offset, each in enumerate(events):
        cmo.take(accepted(each, offset))
    return cmo


def kept(cmo: Cmo) -> tuple[Any, Any]:
    found = read(cmo, on(40), KPI)
    return found.numerator, found.denominator


PROMISE, START, RECEIPT = promised("1", 10), started("lot-1", 0), received("1", 9)


@pytest.mark.parametrize("events", list(permutations((PROMISE, START, RECEIPT))))
def test_two_that_one_event_is_about_see_each_other_in_any_order(events: Sequence[Told]) -> None:
    assert kept(taken(events)) == (1, 1)


def test_what_is_linked_follows_what_it_is_linked_to() -> None:
    cmo = taken((PROMISE, START, RECEIPT))
    hold = decided("lot-1", "on_hold", 12)
    cmo.take(accepted(hold, 3))
    assert kept(cmo) == (0, 1)
    cmo.take(accepted(retracted(hold, on(13)), 4))
    assert kept(cmo) == (1, 1)


def test_a_link_that_goes_is_followed_once_more() -> None:
    cmo = taken((PROMISE, START, RECEIPT))
    cmo.take(accepted(decided("lot-1", "rejected", 12), 3))
    assert kept(cmo) == (0, 1)


def test_what_cannot_be_worked_out_for_a_linked_record_refuses_the_event_and_changes_nothing() -> (
    None
):
    cmo = taken((PROMISE, START, RECEIPT))
    records = dict(cmo.records(LOT)), dict(cmo.records(ORDER_LINE))
    with pytest.raises(Unfoldable, match="a lot that deviated"):
        cmo.take(accepted(deviation("D", "major", "lot-1", "lot-2", day=8), 3))
    assert (cmo.records(LOT), cmo.records(ORDER_LINE)) == records
    cmo.take(accepted(completed("lot-1", 5), 3))
    assert kept(cmo) == (1, 1)


def test_a_retraction_that_cannot_be_worked_out_for_a_linked_record_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold = decided("lot-1", "on_hold", 12)
    cmo = taken((PROMISE, START, RECEIPT, hold))

    def fails(*_: Any) -> tuple[Evidence, ...]:
        raise KeyError("no line")

    monkeypatch.setitem(FORMULAS, "line", (Formula(KPI, fails, frozenset()),))
    with pytest.raises(Unfoldable, match="no line"):
        cmo.take(accepted(retracted(hold, on(13)), 4))
    assert not cmo.has_retractions
    assert kept(cmo) == (0, 1)
