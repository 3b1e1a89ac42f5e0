"""Breaches: opened, worsened, eased, acknowledged, cleared and why, each under its own id."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.agreements import Limit
from alerts.breaches import Ledger, transitions
from alerts.cmo import Cmo
from alerts.readings import readings
from alerts.records.order_line import ORDER_LINE, derive
from alerts.records.stock import STOCK
from events.breaches import BREACH_EVENT, BreachEvent
from events.values import microseconds
from tests.builders import (
    Told,
    accepted,
    acknowledged,
    agreed,
    changed,
    completed,
    counted,
    days,
    delivered,
    deriving,
    deviation,
    folded,
    forecast,
    heartbeat,
    hours,
    looked_at,
    on,
    promised,
    retracted,
    started,
)

KPI = "delivery_on_time"
INVENTORY = "cmo.inventory"


class Watch:
    """A CMO and what stands published of it; a tick publishes what is due and reads it back."""

    def __init__(self, events: Iterable[Told] = (), kpi: str = KPI, **terms: object) -> None:
        self.cmo: Cmo = folded([], agreed(**terms))  # type: ignore[arg-type]
        self.ledger = Ledger()
        self.kpi = kpi
        self.tell(*events)

    def tell(self, *events: Told) -> None:
        for each in events:
            self.cmo.take(accepted(each, len(self.cmo.names)))

    def due(self, now: datetime) -> list[BreachEvent]:
        at = microseconds(now)
        looked_at(self.cmo, at)
        found = transitions(self.cmo, readings(self.cmo, at), self.ledger, at)
        return [event for event in found if event.data.kpi == self.kpi]

    def tick(self, now: datetime) -> list[BreachEvent]:
        found = self.due(now)
        for event in found:
            self.ledger.fold(BREACH_EVENT.validate_json(event.json_line()))
        return found

    def turn(self, now: datetime) -> tuple[str, str] | None:
        """The turn and severity at this tick, or what a clearing was due to."""
        found = self.tick(now)
        assert len(found) < 2
        assert not self.due(now), "what was read back is due no more"
        return next(((e.data.turn, e.data.cleared_by or e.data.severity) for e in found), None)


def lines(good: int, bad: int, by_day: int = 10, name: str = "l") -> list[Told]:
    """Lines due on a day: good ones delivered the day before, bad ones a day late."""
    numbers = [f"{name}{n}" for n in range(good + bad)]
    arrivals = [
        delivered(number, by_day - 1 if n < good else by_day + 1)
        for n, number in enumerate(numbers)
    ]
    return [*(promised(number, by_day) for number in numbers), *arrivals]


def test_nothing_is_published_while_all_is_well_or_too_little_is_known() -> None:
    assert Watch(lines(40, 0)).tick(on(20)) == []
    assert Watch(lines(0, 19)).tick(on(20)) == []


def test_a_breach_opens_under_an_id_made_from_where_and_how_often() -> None:
    watch = Watch(lines(10, 10))
    (event,) = watch.tick(on(20))
    said = event.data
    assert event.id == "delivery_on_time:acme:1/1"
    assert (said.turn, said.severity, said.ordinal, said.since) == ("opened", "critical", 1, on(20))
    assert (said.value, said.numerator, said.denominator, said.n) == (0.5, 10, 20, 20)
    assert (said.warning, said.critical, said.minimum) == (0.95, 0.90, 20)


def test_the_next_breach_of_the_same_scope_has_the_next_number() -> None:
    watch = Watch(lines(10, 10))
    assert watch.turn(on(20)) == ("opened", "critical")
    assert watch.turn(on(100)) == ("cleared", "aged_out")
    watch.tell(*lines(10, 10, 110, "again"))
    (event,) = watch.tick(on(120))
    assert event.id == "delivery_on_time:acme:2/1"


def test_a_breach_worsens_eases_and_clears_as_improved() -> None:
    watch = Watch(lines(37, 3))  # 0.925: warning
    assert watch.turn(on(20)) == ("opened", "warning")
    watch.tell(*lines(0, 20, 30, "bad"))  # 37 of 60
    assert watch.turn(on(40)) == ("worsened", "critical")
    watch.tell(*lines(160, 0, 50, "good"))  # 197 of 220: 0.895, high 0.929
    assert watch.turn(on(60)) == ("eased", "warning")
    watch.tell(*lines(400, 0, 70, "more"))  # 597 of 620: 0.963
    assert watch.turn(on(75)) == ("cleared", "improved")


def test_each_transition_has_the_next_ordinal() -> None:
    watch = Watch(lines(37, 3))
    ids = [watch.tick(on(20))[0].id]
    watch.tell(*lines(0, 20, 30, "bad"))
    ids.append(watch.tick(on(40))[0].id)
    watch.tell(*lines(700, 0, 50, "good"))
    ids.append(watch.tick(on(60))[0].id)
    assert ids == [f"delivery_on_time:acme:1/{n}" for n in (1, 2, 3)]


def test_a_standing_breach_clears_only_back_past_its_limit_by_a_tenth() -> None:
    watch = Watch(lines(37, 3))
    assert watch.turn(on(20)) == ("opened", "warning")
    watch.tell(*lines(20, 0, 30, "a"))  # 57 of 60: 0.95, no breach of its own
    assert watch.turn(on(35)) is None
    watch.tell(*lines(10, 0, 40, "b"))  # 67 of 70: 0.957
    assert watch.turn(on(45)) == ("cleared", "improved")


def test_without_new_evidence_a_breach_ages_out() -> None:
    watch = Watch(lines(20, 20))
    (event,) = watch.tick(on(20))
    assert event.data.clears_on == on(10 + 90).date()
    assert watch.turn(on(99)) is None
    assert watch.turn(on(100)) == ("cleared", "aged_out")


def test_a_breach_with_too_little_left_ages_out_whatever_else_is_said() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    watch.tell(*lines(5, 0, 98, "few"))
    assert watch.turn(on(105)) == ("cleared", "aged_out")


def test_a_changed_limit_clears_as_such() -> None:
    watch = Watch(lines(37, 3))
    watch.tick(on(20))
    other = Watch(lines(37, 3), limits={KPI: Limit(warning=0.80, critical=0.70)})
    other.ledger = watch.ledger
    assert other.turn(on(21)) == ("cleared", "limit_changed")


def test_a_breach_is_held_while_its_feed_is_silent() -> None:
    watch = Watch(lines(10, 10), cadence={INVENTORY: 86_400.0})
    watch.tell(heartbeat(INVENTORY, on(20)))
    assert watch.turn(on(20)) == ("opened", "critical")
    assert watch.turn(on(150)) is None  # all evidence has left, and nobody was heard
    watch.tell(heartbeat(INVENTORY, on(150)))
    assert watch.turn(on(150)) == ("cleared", "aged_out")


def test_a_breach_is_held_while_units_are_unlike() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    mixed = delivered("mixed", 25, unit="KGM")
    watch.tell(promised("mixed", 30), mixed, *lines(900, 0, 30, "good"))
    assert watch.turn(on(40)) is None
    watch.tell(retracted(mixed, on(41)), delivered("mixed", 26))
    assert watch.turn(on(41)) == ("cleared", "corrected")


def test_an_acknowledgement_is_published_once() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    watch.tell(acknowledged("delivery_on_time:acme:1", on(21)))
    (event,) = watch.tick(on(22))
    assert (event.data.turn, event.data.acknowledged_by) == ("acknowledged", "Ada")
    assert watch.tick(on(23)) == []


def late_claims(n: int, at: float = 30) -> list[Told]:
    """Deliveries of lines of the first batch that were on time, and told only after the due day."""
    return [delivered(f"l{19 - k}", 9.5, recorded=on(at)) for k in range(n)]


def test_a_correction_by_the_cmo_does_not_clear_a_critical_breach_until_it_is_accepted() -> None:
    late = [delivered(f"l{n}", 11) for n in range(10, 20)]
    watch = Watch([e for e in lines(10, 10) if e.id not in {each.id for each in late}])
    watch.tell(*late)
    assert watch.turn(on(20)) == ("opened", "critical")
    watch.tell(*(retracted(each, on(30)) for each in late), *late_claims(10))
    assert watch.turn(on(31)) is None
    watch.tell(acknowledged("delivery_on_time:acme:1", on(32), "cmo", accepts=True))
    assert watch.turn(on(32)) is None
    watch.tell(acknowledged("delivery_on_time:acme:1", on(33), accepts=True))
    assert watch.turn(on(33)) == ("cleared", "corrected")


def test_a_correction_by_the_sponsor_clears_a_critical_breach_at_once() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    bad = [delivered(f"l{n}", 11) for n in range(10, 20)]
    watch.tell(*(retracted(each, on(30), "sponsor") for each in bad))
    watch.tell(*(changed(f"l{n}", "sponsor", by_day=200, recorded=on(30)) for n in range(10, 20)))
    assert watch.turn(on(31)) is not None


@pytest.mark.parametrize("turn", [1, -1])
def test_what_the_sponsor_retracts_too_is_accepted_in_whichever_order(turn: int) -> None:
    watch = Watch([e for n in range(20) for e in _bad_lot(f"L{n}")], "right_first_time")
    watch.tick(on(20))
    for n in range(20):
        bad = deviation(f"D-L{n}", "major", f"L{n}")
        both = [retracted(bad, on(30)), retracted(bad, on(31), "sponsor")]
        watch.tell(*both[::turn])
    assert watch.turn(on(32)) == ("cleared", "corrected")


def test_asking_what_was_corrected_leaves_no_trace() -> None:
    count = counted("pills", 300)
    watch = Watch([*lines(10, 10), count])
    watch.tick(on(20))
    watch.tell(retracted(count, on(30)), *lines(900, 0, 30, "good"))
    assert watch.turn(on(40)) == ("cleared", "improved")
    assert not any(record.facts for record in watch.cmo.records(STOCK).values())


def test_what_was_withdrawn_before_its_formula_could_raise_stops_nobody() -> None:
    def raises(facts: Any, terms: Any) -> Any:
        if facts[0].data.line == "poison":
            raise ZeroDivisionError
        return derive(facts, terms)

    with deriving(ORDER_LINE, raises):
        watch = Watch(lines(10, 10))
        watch.tick(on(20))
        poison = promised("poison")
        watch.tell(retracted(poison, on(30), "sponsor"), poison, *lines(900, 0, 30, "good"))
        assert watch.turn(on(40)) == ("cleared", "improved")


@pytest.mark.parametrize("n_retracted", [5, 20])
def test_retracting_what_it_rests_on_does_not_end_a_critical_breach(n_retracted: int) -> None:
    events = [started("L1"), *(e for n in range(20) for e in _bad_lot(f"L{n}"))]
    watch = Watch(events, "right_first_time")
    assert watch.turn(on(20)) == ("opened", "critical")
    watch.tell(*(retracted(completed(f"L{n}"), on(30)) for n in range(n_retracted)))
    assert watch.turn(on(31)) is None
    watch.tell(acknowledged("right_first_time:acme:1", on(32), accepts=True))
    assert watch.turn(on(33)) == ("cleared", "corrected")


def _bad_lot(lot: str) -> list[Told]:
    return [completed(lot), deviation(f"D-{lot}", "major", lot)]


def test_ordinary_good_deliveries_are_no_correction() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    watch.tell(*lines(900, 0, 30, "good"))
    assert watch.turn(on(40)) == ("cleared", "improved")


def test_a_warning_needs_nobodys_acceptance() -> None:
    watch = Watch(lines(37, 3))
    watch.tick(on(20))
    bad = [delivered(f"l{n}", 11) for n in range(37, 40)]
    watch.tell(*(retracted(each, on(30)) for each in bad))
    watch.tell(*(delivered(f"l{n}", 9.5, recorded=on(30)) for n in range(37, 40)))
    assert watch.turn(on(31)) == ("cleared", "corrected")


def test_a_breach_lists_its_newest_failing_events_and_how_many_it_omits() -> None:
    watch = Watch(lines(0, 30, 10, "old") + lines(0, 30, 12, "new"))
    (event,) = watch.tick(on(20))
    late = [delivered(f"new{n}", 13).id for n in range(30)]
    assert (len(event.data.events), event.data.omitted) == (50, 10)
    assert sorted(event.data.events[:30]) == sorted(late)


def test_what_a_breach_rests_on_is_the_same_in_whatever_order_it_was_told() -> None:
    events = lines(10, 30)
    there, back = Watch(events), Watch(reversed(events))
    assert there.due(on(20)) == back.due(on(20))


def test_a_stock_out_opens_a_critical_breach_without_any_limit() -> None:
    watch = Watch([counted("pills", 0), forecast("pills", 100)], "days_of_supply")
    (event,) = watch.tick(on(3))
    assert event.id == "days_of_supply:acme:pills:1/1"
    watch.tell(counted("pills", 500, day=3.5))
    assert watch.turn(on(4)) == ("cleared", "improved")


def test_a_scope_that_is_no_more_clears_its_breach() -> None:
    watch = Watch([started("L1")], "open_lot_age", time_in_state={"in_process": 86_400})
    assert watch.turn(on(9)) == ("opened", "critical")
    watch.tell(retracted(started("L1"), on(10), by="sponsor"))
    cleared = watch.turn(on(10))
    assert cleared is not None
    assert cleared[0] == "cleared"


def test_the_lowest_offset_of_an_id_wins() -> None:
    watch = Watch(lines(10, 10))
    (event,) = watch.due(on(20))
    other = event.model_copy(update={"data": event.data.model_copy(update={"severity": "warning"})})
    for said in (event, other):
        watch.ledger.fold(said)
    assert [s.said.severity for s in watch.ledger.standing.values()] == ["critical"]


@pytest.mark.parametrize("apart", [days(0), hours(1), timedelta(seconds=1)])
def test_the_same_log_the_same_standing_and_the_same_now_give_the_same_difference(
    apart: timedelta,
) -> None:
    events = lines(10, 10)
    assert Watch(events).due(on(20) + apart) == Watch(events).due(on(20) + apart)


def test_a_breach_of_a_lot_the_cmo_takes_back_stands_until_the_sponsor_accepts_it() -> None:
    watch = Watch([started("L1")], "open_lot_age", time_in_state={"in_process": 86_400})
    assert watch.turn(on(9)) == ("opened", "critical")
    watch.tell(retracted(started("L1"), on(10)))
    assert watch.turn(on(10)) is None
    watch.tell(acknowledged("open_lot_age:acme:in_process:1", on(11), accepts=True))
    assert watch.turn(on(11)) is not None


def test_a_stock_out_stands_while_nobody_can_say_how_much_there_is() -> None:
    watch = Watch([counted("p", 0), forecast("p", 10, end=20)], "days_of_supply")
    assert watch.turn(on(9)) == ("opened", "critical")
    watch.tell(counted("p", 50, day=10, unit="KGM"))
    assert watch.turn(on(11)) is None
    assert watch.turn(on(40)) is None
