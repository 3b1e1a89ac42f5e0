"""What a kind of fact can change: kept step by step, a record is what all its facts derive."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts import apply
from alerts.changes import Changes
from alerts.cmo import Cmo
from alerts.derivation import Unfoldable, links_of, terms_of
from alerts.formulas import FORMULAS, Formula, evidence_of, routes
from alerts.kind import Kind, Record
from alerts.kpi import Kpi
from alerts.kpis import KPIS
from alerts.records import KINDS
from alerts.records.lot import LOT, LotView
from alerts.records.order_line import ORDER_LINE
from events import data as said
from events.compact import COMPACT, Said
from events.dimensions import WHOLE, Scope
from tests.alerts import laws
from tests.builders import (
    ACME,
    Told,
    accepted,
    changed,
    completed,
    days,
    decided,
    delivered,
    deviation,
    due,
    expected,
    on,
    pieces,
    promised,
    requested,
    retracted,
    started,
    told,
)

lawful = settings(
    derandomize=True,
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
RANDOMS = st.integers(0, 2**32).map(Random)


def as_refolded(cmo: Cmo) -> None:
    """Every record is what its facts amount to, all of them folded anew."""
    for kind in KINDS:
        for record in cmo.records(kind).values():
            _is_its_refold(cmo, kind, record)


def _is_its_refold(cmo: Cmo, kind: Kind, record: Record) -> None:
    assert list(record.facts) == sorted(record.facts)
    terms, _ = terms_of(cmo, record.facts)
    if not record.facts:
        assert (record.view, record.evidence) == (None, ())
        return
    assert terms is not None
    view = kind.derive(record.facts, terms)
    assert record.view == view
    assert record.evidence == evidence_of(kind, view, links_of(cmo, view), terms)


def taken_one_by_one(events: Iterable[Told]) -> Cmo:
    """A CMO after each of these, every record looked at after each."""
    cmo = Cmo(ACME, laws.AGREEMENTS)
    for offset, each in enumerate(events):
        cmo.take(accepted(each, offset))
        as_refolded(cmo)
    return cmo


# --- every type that a kind takes

_DAY = st.integers(0, 30)
_SIDE = st.sampled_from(["cmo", "sponsor"])
_PURPOSES = st.sampled_from([None, "commercial", "clinical"])
_DAYS = st.one_of(st.none(), _DAY.map(due))
_MADE = st.one_of(
    st.builds(said.LotPlanned, lot=st.just("L"), product=st.just("pills"), purpose=_PURPOSES),
    st.builds(said.LotStarted, lot=st.just("L"), product=st.just("drops"), purpose=_PURPOSES),
    st.builds(said.LotProgressed, lot=st.just("L"), step=st.just("s")),
    st.builds(said.LotReplanned, lot=st.just("L"), reason=st.just("r")),
    st.builds(said.LotCompleted, lot=st.just("L")),
    st.builds(said.LotCancelled, lot=st.just("L")),
    st.builds(said.LotAborted, lot=st.just("L")),
    st.builds(
        said.LotTested,
        lot=st.just("L"),
        test=st.just("t"),
        purpose=st.just("release"),
        result=st.just("passes"),
    ),
    st.builds(
        said.OosOpened,
        oos=st.just("O"),
        lot=st.just("L"),
        test=st.just("t"),
        purpose=st.just("release"),
    ),
    st.builds(
        said.OosConcluded, oos=st.just("O"), lot=st.just("L"), conclusion=st.just("confirmed")
    ),
    st.builds(
        said.CertificateIssued, lot=st.just("L"), kind=st.just("analysis"), certificate=st.just("C")
    ),
    st.builds(said.ReleaseRequested, lot=st.just("L"), due=_DAYS),
    st.builds(
        said.ReleaseStepCompleted,
        lot=st.just("L"),
        step=st.just("s"),
        holder_before=st.just("cmo"),
        holder_after=st.just("sponsor"),
    ),
    st.builds(
        said.ReleaseDecided,
        lot=st.just("L"),
        decision=st.sampled_from(["released", "rejected", "on_hold", "rework", "reprocessing"]),
    ),
    st.builds(said.ReleaseQuestionAsked, lot=st.just("L"), question=st.just("Q")),
    st.builds(said.ReleaseQuestionAnswered, lot=st.just("L"), question=st.just("Q")),
    st.builds(
        said.ReleaseReworkAgreed,
        lot=st.just("L"),
        kind=st.sampled_from(["rework", "reprocessing"]),
        due=_DAYS,
    ),
    st.builds(said.LotDestroyed, lot=st.just("L"), quantity=st.sampled_from([None, pieces(1)])),
    st.builds(said.LotShipped, lot=st.just("L"), under_quarantine=st.booleans()),
    st.builds(said.LotRecalled, lot=st.just("L")),
)
_DEVIATED = st.builds(
    lambda kind, class_: kind(deviation="D", class_=class_, lots=("L", "M")),
    st.sampled_from([said.DeviationOpened, said.DeviationClosed]),
    st.sampled_from(["minor", "major"]),
)
_AMOUNT = st.sampled_from([1, 60, 100]).map(pieces)
_ON_LINE: dict[str, Any] = {"order": st.just("O"), "line": st.just("1")}
_NUMBER = st.sampled_from([None, None, "1", "2"])
_SCHEDULE = st.lists(
    st.builds(said.ScheduleLine, date=_DAY.map(due), quantity=_AMOUNT), min_size=1, max_size=3
).map(tuple)
_ORDERED = st.one_of(
    st.builds(
        said.OrderPlaced,
        **_ON_LINE,
        product=st.sampled_from(["pills", "drops"]),
        schedule=_SCHEDULE,
        tolerance=st.none(),
    ),
    st.builds(said.OrderConfirmed, **_ON_LINE, answer=st.just("accepted")),
    st.builds(said.OrderChanged, **_ON_LINE, schedule=_SCHEDULE),
    st.builds(said.OrderExpected, **_ON_LINE, expected=_DAY.map(due), schedule_number=_NUMBER),
    st.builds(said.OrderDelivered, **_ON_LINE, quantity=_AMOUNT, schedule_number=_NUMBER),
    st.builds(said.OrderCancelled, **_ON_LINE, schedule_number=_NUMBER),
    st.builds(said.LotReceived, lot=st.just("L"), **_ON_LINE, quantity=_AMOUNT),
)
_IN_STOCK: dict[str, Any] = {"site": st.just("plant"), "product": st.just("pills")}
_UNITS = st.sampled_from(["EA", "EA", "EA", "KGM"])
_SOME = st.one_of(st.builds(pieces, st.sampled_from([0, 5]), _UNITS), st.just(pieces(0.5, "KGM")))
_STOCKED = st.one_of(
    st.builds(said.StockCounted, **_IN_STOCK, quantity=_SOME),
    st.builds(said.StockConsumed, **_IN_STOCK, quantity=_SOME),
    st.builds(said.StockAdjusted, **_IN_STOCK, delta=_SOME, reason=st.just("r")),
    st.builds(
        said.DemandForecast,
        product=st.just("pills"),
        version=st.integers(1, 3),
        quantity=_SOME,
        start=_DAY.map(due),
        end=_DAY.map(due),
    ),
)
OF_A_SITE = (said.StockCounted, said.StockConsumed, said.StockAdjusted)
"""What the owner of the site alone may say."""
_ANYTHING = st.one_of(_MADE, _DEVIATED, _ORDERED, _STOCKED)


LIVES = {
    "lot": [
        started("L", 1),
        completed("L", 2),
        requested("L", 20, at=on(3)),
        decided("L", "released", 4),
    ],
    "line": [
        expected("1", 20, at=on(0)),
        promised("1", 20, at=on(1)),
        delivered("1", 2, 60),
        delivered("1", 3, 40),
    ],
}
"""A usual life of each kind; facts come after some of it, or after all."""


@st.composite
def life_stories(draw: st.DrawFn) -> list[Told]:
    """Facts about a lot or two, a line and a position: mostly in order, some of them taken back."""
    random = Random(draw(st.integers(0, 2**32)))
    facts = draw(st.lists(st.tuples(_ANYTHING, _DAY, _SIDE), min_size=5, max_size=30))
    usual = [each for life in LIVES.values() for each in life if random.random() < 0.8]
    said_by = ((data, day, "cmo" if type(data) in OF_A_SITE else by) for data, day, by in facts)
    found = {e.id: e for e in (*usual, *(told(data, on(day), by) for data, day, by in said_by))}
    events = sorted(found.values(), key=lambda each: each.event.time)
    for each in random.sample(events, len(events) // 6):
        events.append(retracted(each, each.recorded + days(1), "sponsor"))
    for _ in range(random.choice([0, 3])):
        events.insert(random.randrange(len(events)), events.pop(random.randrange(len(events))))
    return events


@lawful
@given(life_stories())
def test_kept_step_by_step_a_record_is_its_full_refold(events: list[Told]) -> None:
    taken_one_by_one(events)


@lawful
@given(laws.stories(), RANDOMS)
def test_a_record_is_its_full_refold_in_any_order_of_a_story(
    events: list[Told], random: Random
) -> None:
    mine = [each for each in events if each.cmo == ACME]
    if random.random() < 0.5:
        mine.sort(key=lambda each: each.event.time)
    taken_one_by_one(mine)


def test_every_type_that_a_kind_takes_is_among_those_drawn() -> None:
    drawn: set[type[Said]] = set()

    @settings(derandomize=True, deadline=None, max_examples=1_000, database=None)
    @given(_ANYTHING)
    def draw(data: Any) -> None:
        drawn.add(COMPACT[type(data)])

    draw()
    assert drawn == {data for kind in KINDS for data in kind.keys_of}


# --- each declaration is needed

WITH_EVIDENCE = [kpi for kpi in KPIS if kpi.evidence]
NEVER_THE_LAST = {("release_cycle_time", COMPACT[said.LotCompleted])}
"""A decision before the completion gives no cycle time, however they come."""

NEEDED = [
    (kpi, moving)
    for kpi in WITH_EVIDENCE
    for moving in sorted(kpi.moving, key=lambda each: each.TYPE)
    if (kpi.name, moving) not in NEVER_THE_LAST
]


@contextmanager
def not_moved_by(kpi: Kpi, said: type[Said]) -> Iterator[None]:
    """A KPI whose declaration lacks one event type meanwhile."""
    kind = kpi.kinds[0].name
    shortened = tuple(_without(each, kpi, said) for each in FORMULAS[kind])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply, "ROUTES", routes({**FORMULAS, kind: shortened}))
        yield


def _without(formula: Formula, kpi: Kpi, said: type[Said]) -> Formula:
    if formula.kpi != kpi.name:
        return formula
    return formula._replace(moving=formula.moving - {said})


_LASTS: dict[str, list[Told]] = {
    "lot": [
        told(said.LotPlanned(lot="L", product="pills", purpose="clinical"), on(9)),
        started("L", 9, purpose="clinical"),
        completed("L", 9),
        deviation("D", "major", "L", day=9),
        deviation("D", "major", "L", day=9, closed=True),
        requested("L", 25, at=on(9)),
        *(decided("L", each, 9, "sponsor") for each in ("released", "rejected", "rework")),
        told(said.ReleaseReworkAgreed(lot="L", kind="rework", due=due(25)), on(9), "sponsor"),
        told(said.LotCancelled(lot="L"), on(9), "sponsor"),
        told(said.LotAborted(lot="L"), on(9), "sponsor"),
    ],
    "line": [
        promised("1", 20, at=on(9)),
        changed("1", "sponsor", by_day=25, at=on(9)),
        delivered("1", 9),
        told(
            said.LotReceived(lot="L", order="O", line="1", quantity=pieces(100)), on(9), "sponsor"
        ),
        told(said.OrderCancelled(order="O", line="1"), on(9), "sponsor"),
    ],
}


def _endings(kpi: Kpi, moving: type[Said]) -> Iterator[list[Told]]:
    """Lives of its kind, whole or broken off, to which one more fact of a type comes."""
    life = LIVES[kpi.kinds[0].name]
    for last in _LASTS[kpi.kinds[0].name]:
        if COMPACT[type(last.event.data)] is moving:
            yield from ([*life[:begun], last] for begun in range(len(life) + 1))


def _is_found_out(story: list[Told]) -> bool:
    try:
        taken_one_by_one(story)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize(
    ("kpi", "moving"), NEEDED, ids=lambda each: each.name if isinstance(each, Kpi) else each.TYPE
)
def test_a_declaration_that_lacks_an_event_type_is_found_out(kpi: Kpi, moving: type[Said]) -> None:
    endings = list(_endings(kpi, moving))
    assert endings, f"_LASTS has no {moving.TYPE}; add one, or leave it out of moved_by"
    assert not any(map(_is_found_out, endings))
    with not_moved_by(kpi, moving):
        found = any(map(_is_found_out, endings))
    assert found, f"{moving.TYPE} changes nothing {kpi.name} says; leave it out of moved_by"


def test_a_view_that_cannot_be_asked_refuses_its_event_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cmo = taken_one_by_one([started("L1")])
    before = dict(cmo.records(LOT)), cmo.revision

    def fails(_: LotView) -> bool:
        raise KeyError("no state")

    monkeypatch.setattr(LotView, "is_open", property(fails))
    with pytest.raises(Unfoldable, match="no state"):
        cmo.take(accepted(started("L2"), 1))
    assert (dict(cmo.records(LOT)), cmo.revision) == before


def test_evidence_that_stays_as_it_is_moves_with_the_scope_of_its_record() -> None:
    cmo = taken_one_by_one([promised("1", 10)])
    changes, place = Changes(cmo), (ORDER_LINE, ("O", "1"))
    record = cmo.records(ORDER_LINE)["O", "1"]
    changes.records[place] = replace(record, scope=Scope(product="drops"))
    cmo.commit(changes)
    held = cmo.windows("delivery_otif")
    assert set(held) == {WHOLE, Scope(product="drops")}
