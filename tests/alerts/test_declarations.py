"""A declaration that cannot be meant fails where it is made, by its name."""

from dataclasses import fields
from typing import Any

import pytest

from alerts.kind import Kind, Takes
from alerts.kpi import Kpi
from alerts.kpis import BY_NAME, KPIS, Catalogue
from alerts.records import ABOUT_BREACHES, ABOUT_FEEDS, KINDS, NOT_FOLDED, placed
from events.data import (
    DATA,
    DisputeRaised,
    DisputeResolved,
    Heartbeat,
    LotStarted,
    OrderPlaced,
)

OUTSIDE = (*ABOUT_FEEDS, *ABOUT_BREACHES, *NOT_FOLDED)
RATIO = BY_NAME["right_first_time"]


def _declared(**otherwise: Any) -> Kpi:
    """A KPI like one there is, but for what is named."""
    like = {each.name: getattr(RATIO, each.name) for each in fields(Kpi)}
    return Kpi(**{**like, "name": "wrong", **otherwise})


def _finds_nothing(*_: object) -> tuple[()]:
    return ()


@pytest.mark.parametrize(
    ("otherwise", "fault"),
    [
        ({"measure": _finds_nothing}, "2 formulas; give one of evidence, exceptions"),
        ({"evidence": None}, "0 formulas; give one of evidence, exceptions"),
        ({"dimensions": (("country",),)}, "dimension country is unknown"),
        ({"kinds": ()}, "kinds is empty; name the record kind"),
        ({"window_days": None}, "evidence goes with window_days"),
        ({"moved_by": (LotStarted, OrderPlaced)}, "moved_by has OrderPlaced"),
        ({"warning": 0.80, "critical": 0.90}, "critical is on the better side of warning"),
        (
            {"higher_is_better": False, "warning": 0.10, "critical": 0.05},
            "critical is on the better side of warning",
        ),
        (
            {"evidence": None, "exceptions": _finds_nothing, "window_days": None},
            "exceptions go with unit count",
        ),
        (
            {"evidence": None, "exceptions": _finds_nothing, "unit": "count", "interval": False},
            "exceptions go with unit count and without window_days",
        ),
        (
            {"unit": "count", "interval": False, "window_days": None, "moved_by": None},
            "evidence goes with window_days",
        ),
        ({"unit": "seconds"}, "interval goes with unit ratio"),
        ({"quantiles": ("p51",)}, "quantiles has {'p51'}"),
        ({"action": "Look at it"}, "action is no sentence"),
    ],
    ids=lambda given: ", ".join(given) if isinstance(given, dict) else "",
)
def test_a_kpi_that_cannot_be_meant_is_named(otherwise: dict[str, Any], fault: str) -> None:
    with pytest.raises(TypeError) as raised:
        _declared(**otherwise)
    assert str(raised.value).startswith("wrong: ")
    assert fault in str(raised.value)


def test_the_kpi_that_the_wrong_ones_are_made_of_is_right() -> None:
    assert _declared().name == "wrong"


def test_two_kpis_of_one_name_are_named() -> None:
    with pytest.raises(TypeError, match="two KPIs share the name right_first_time"):
        Catalogue((*KPIS, RATIO))


def test_a_kpi_of_a_record_kind_that_nothing_is_folded_into_is_named() -> None:
    kind = _kind("dispute", DisputeRaised, DisputeResolved)
    with pytest.raises(TypeError, match="wrong: record kind dispute is not in KINDS"):
        Catalogue((_declared(kinds=(kind,), moved_by=None),))


def test_a_family_that_nobody_leads_and_one_that_two_lead_are_named() -> None:
    alone = _declared(family="alone", leads=False)
    with pytest.raises(TypeError, match="wrong: family alone is led by none; give leads=True"):
        Catalogue((alone,))
    with pytest.raises(TypeError, match="family quality is led by right_first_time and wrong"):
        Catalogue((*KPIS, _declared(family="quality", leads=True)))
    with pytest.raises(TypeError, match="wrong: leads goes with urgency page or ticket"):
        _declared(urgency="review", leads=True)


def _kind(name: str, *types: Any) -> Kind:
    takes = tuple(Takes(each, lambda data: ((data.dispute,),)) for each in types)
    return Kind(name=name, takes=takes, derive=lambda *_: None)


def test_a_kind_that_takes_an_event_type_twice_is_named() -> None:
    with pytest.raises(TypeError, match="dispute: takes DisputeRaised twice"):
        _kind("dispute", DisputeRaised, DisputeResolved, DisputeRaised)


def test_a_kind_that_cannot_go_on_from_what_was_let_go_is_named() -> None:
    takes = Takes(DisputeRaised, lambda data: ((data.dispute,),), ever=True)
    with pytest.raises(TypeError, match="dispute: what counts however late needs advance"):
        Kind(name="dispute", takes=(takes,), derive=lambda *_: None)


def test_two_kinds_of_one_name_are_named() -> None:
    with pytest.raises(TypeError, match="two record kinds are named lot"):
        placed((*KINDS, _kind("lot", DisputeRaised)), OUTSIDE, DATA)


def test_an_event_type_that_is_nowhere_is_named() -> None:
    without = [each for each in OUTSIDE if each is not DisputeResolved]
    with pytest.raises(TypeError, match=r"cmo\.dispute\.resolved\.v1: no record kind takes it"):
        placed(KINDS, without, DATA)


def test_an_event_type_that_a_kind_takes_and_that_is_listed_as_outside_is_named() -> None:
    kinds = (*KINDS, _kind("dispute", DisputeRaised))
    with pytest.raises(TypeError, match=r"cmo\.dispute\.raised\.v1: dispute takes it, and"):
        placed(kinds, OUTSIDE, DATA)


def test_every_event_type_has_its_place() -> None:
    takers = placed(KINDS, OUTSIDE, DATA)
    assert len(takers) == len(list(DATA))
    assert Heartbeat in OUTSIDE
