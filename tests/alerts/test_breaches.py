"""Breaches: opened, worsened, eased, acknowledged, cleared and why, each under its own id."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from alerts.agreements import Limit
from alerts.breaches import transitions
from alerts.cmo import Cmo
from alerts.judge import Verdict
from alerts.ledger import Ledger
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
    read,
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
        looked_at(self.cmo, at, self.ledger)
        found = transitions(self.cmo, readings(self.cmo, at), self.ledger, at)
        return [event for event in found if event.data.kpi == self.kpi]

    def tick(self, now: datetime) -> list[BreachEvent]:
        found = self.due(now)
        for event in found:
            self.ledger.fold(BREACH_EVENT.validate_json(event.json_line()))
        return found

    def transition(self, now: datetime) -> tuple[str, str] | None:
        """The transition and severity at this tick, or what a clearing was due to."""
        found = self.tick(now)
        assert len(found) < 2
        assert not self.due(now), "what was read back is due no more"
        return next(
            ((e.data.transition, e.data.cleared_by or e.data.severity) for e in found), None
        )


def line(n: int, name: str = "l") -> str:
    """The only line of an order."""
    return f"{name}{n}/1"


def lines(good: int, bad: int, by_day: int = 10, name: str = "l") -> list[Told]:
    """Lines due on a day, each of its own order: good ones come the day before, bad ones late."""
    numbers = [line(n, name) for n in range(good + bad)]
    arrivals = [
        delivered(number, by_day - 1 if n < good else by_day + 1)
        for n, number in enumerate(numbers)
    ]
    return [*(promised(number, by_day) for number in numbers), *arrivals]


def test_nothing_is_published_while_all_is_well_or_too_little_is_known() -> None:
    assert Watch(lines(40, 0)).tick(on(20)) == []
    assert Watch(lines(0, 2)).tick(on(20)) == []


def test_a_breach_opens_under_an_id_made_from_where_and_how_often() -> None:
    watch = Watch(lines(10, 10))
    (event,) = watch.tick(on(20))
    breach = event.data
    assert event.id == "delivery_on_time:acme:1/1"
    assert (breach.transition, breach.severity, breach.ordinal, breach.since) == (
        "opened",
        "critical",
        1,
        on(20),
    )
    assert (breach.value, breach.numerator, breach.denominator, breach.n) == (0.5, 10, 20, 20)
    assert (breach.warning, breach.critical, breach.minimum) == (0.95, 0.90, 3)


def test_the_next_breach_of_the_same_scope_has_the_next_number() -> None:
    watch = Watch(lines(10, 10))
    assert watch.transition(on(20)) == ("opened", "critical")
    assert watch.transition(on(375)) == ("cleared", "aged_out")
    watch.tell(*lines(10, 10, 380, "again"))
    (event,) = watch.tick(on(390))
    assert event.id == "delivery_on_time:acme:2/1"


def test_nothing_is_said_of_a_scope_before_what_a_clock_ahead_of_ours_said_of_it_last() -> None:
    watch = Watch(lines(10, 10))
    assert watch.transition(on(20)) == ("opened", "critical")
    assert watch.due(on(19)) == [], "it would clear before it opened"
    assert watch.transition(on(375)) == ("cleared", "aged_out")
    watch.tell(*lines(10, 10, 360, "again"))
    assert watch.due(on(374)) == [], "the next would open before it cleared"
    assert watch.transition(on(375)) == ("opened", "critical")


def test_a_breach_worsens_eases_and_clears_as_improved() -> None:
    watch = Watch(lines(10, 2))  # up to 0.943 with 90 %
    assert watch.transition(on(20)) == ("opened", "warning")
    watch.tell(*lines(0, 20, 30, "bad"))  # 10 of 32
    assert watch.transition(on(40)) == ("worsened", "critical")
    watch.tell(*lines(118, 0, 50, "good"))  # 128 of 150: up to 0.901 with 95 %, not yet 0.905
    assert watch.transition(on(60)) is None
    watch.tell(*lines(10, 0, 60, "better"))  # 138 of 160: up to 0.907 with 95 %
    assert watch.transition(on(65)) == ("eased", "warning")
    watch.tell(*lines(440, 0, 70, "more"))  # 578 of 600: up to 0.974 with 90 %
    assert watch.transition(on(75)) == ("cleared", "improved")


def test_each_transition_has_the_next_ordinal() -> None:
    watch = Watch(lines(10, 2))
    ids = [watch.tick(on(20))[0].id]
    watch.tell(*lines(0, 20, 30, "bad"))
    ids.append(watch.tick(on(40))[0].id)
    watch.tell(*lines(700, 0, 50, "good"))
    ids.append(watch.tick(on(60))[0].id)
    assert ids == [f"delivery_on_time:acme:1/{n}" for n in (1, 2, 3)]


def test_a_standing_breach_clears_only_back_past_its_limit_by_a_tenth() -> None:
    watch = Watch(lines(10, 2))
    assert watch.transition(on(20)) == ("opened", "warning")
    watch.tell(*lines(3, 0, 30, "a"))  # 13 of 15: up to 0.9548, no breach of its own
    assert read(watch.cmo, on(35), KPI).state is Verdict.OK
    assert watch.transition(on(35)) is None
    watch.tell(*lines(1, 0, 40, "b"))  # 14 of 16: up to 0.958, past the eased 0.955
    assert watch.transition(on(45)) == ("cleared", "improved")


def test_fifteen_of_sixteen_clear_what_two_of_six_opened() -> None:
    watch = Watch(lines(2, 4))
    (event,) = watch.tick(on(20))
    assert event.data.severity == "critical"
    assert (event.data.low, event.data.high) == pytest.approx((0.097, 0.700), abs=5e-4)
    watch.tell(*lines(15, 1, 380, "good"))  # up to 0.986 with 90 %; the six have left
    assert watch.transition(on(390)) == ("cleared", "improved")


def test_late_lines_of_one_order_due_on_one_day_are_too_little_to_open_a_breach() -> None:
    one_order = [promised(f"A/{n}") for n in range(20)]
    assert Watch(one_order).tick(on(20)) == []
    others = [*lines(0, 2), *one_order]
    (event,) = Watch(others).tick(on(20))
    assert (event.data.numerator, event.data.denominator, event.data.n) == (0, 22, 3)


def test_a_breach_clears_on_the_day_its_clusters_become_too_few() -> None:
    of_one = [promised(f"A/{n}", 10) for n in range(20)]
    watch = Watch([*of_one, *lines(0, 1, 30), *lines(0, 1, 50, "m"), *lines(0, 1, 60, "n")])
    (event,) = watch.tick(on(70))
    assert (event.data.n, event.data.denominator) == (4, 23)
    # Undelivered, the twenty count from day 11 to day 375; the others came late, and count on
    # day 30, 50 and 60: three are left until day 394, and two from day 395 on.
    assert event.data.clears_on == on(30 + 365).date()
    assert watch.transition(on(394)) is None
    assert watch.transition(on(395)) == ("cleared", "aged_out")


def test_without_new_evidence_a_breach_ages_out() -> None:
    watch = Watch(lines(20, 20))
    (event,) = watch.tick(on(20))
    assert event.data.clears_on == on(10 + 365).date()
    assert watch.transition(on(374)) is None
    assert watch.transition(on(375)) == ("cleared", "aged_out")


def test_a_breach_with_too_little_left_ages_out_whatever_else_is_said() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    watch.tell(*lines(2, 0, 373, "few"))
    assert watch.transition(on(380)) == ("cleared", "aged_out")


def test_a_changed_limit_clears_as_such() -> None:
    watch = Watch(lines(10, 2))
    watch.tick(on(20))
    other = Watch(lines(10, 2), limits={KPI: Limit(warning=0.80, critical=0.70)})
    other.ledger = watch.ledger
    assert other.transition(on(21)) == ("cleared", "limit_changed")


def test_a_breach_is_held_while_its_feed_is_silent() -> None:
    watch = Watch(lines(10, 10), cadence={INVENTORY: 86_400.0})
    watch.tell(heartbeat(INVENTORY, on(20)))
    assert watch.transition(on(20)) == ("opened", "critical")
    assert watch.transition(on(400)) is None  # all evidence has left, and nobody was heard
    watch.tell(heartbeat(INVENTORY, on(400)))
    assert read(watch.cmo, on(400), KPI).words == "nothing was due"
    assert watch.transition(on(400)) == ("cleared", "aged_out")


def test_a_breach_is_held_while_units_are_unlike() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    mixed = delivered("mixed", 25, unit="KGM")
    watch.tell(promised("mixed", 30), mixed, *lines(900, 0, 30, "good"))
    assert watch.transition(on(40)) is None
    watch.tell(retracted(mixed, on(41)), delivered("mixed", 26))
    assert watch.transition(on(41)) == ("cleared", "corrected")


def test_an_acknowledgement_is_published_once() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    watch.tell(acknowledged("delivery_on_time:acme:1", on(21)))
    (event,) = watch.tick(on(22))
    assert (event.data.transition, event.data.acknowledged_by) == ("acknowledged", "Ada")
    assert watch.tick(on(23)) == []


def late_claims(n: int, at: float = 30) -> list[Told]:
    """Deliveries of lines of the first batch that were on time, and told only after the due day."""
    return [delivered(line(19 - k), 9.5, recorded=on(at)) for k in range(n)]


def test_a_correction_by_the_cmo_does_not_clear_a_critical_breach_until_it_is_accepted() -> None:
    late = [delivered(line(n), 11) for n in range(10, 20)]
    watch = Watch([e for e in lines(10, 10) if e.id not in {each.id for each in late}])
    watch.tell(*late)
    assert watch.transition(on(20)) == ("opened", "critical")
    watch.tell(*(retracted(each, on(30)) for each in late), *late_claims(10))
    assert watch.transition(on(31)) is None
    watch.tell(acknowledged("delivery_on_time:acme:1", on(32), "cmo", accepts=True))
    assert watch.transition(on(32)) is None
    watch.tell(acknowledged("delivery_on_time:acme:1", on(33), accepts=True))
    assert watch.transition(on(33)) == ("cleared", "corrected")


def test_a_correction_by_the_sponsor_clears_a_critical_breach_at_once() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    bad = [delivered(line(n), 11) for n in range(10, 20)]
    watch.tell(*(retracted(each, on(30), "sponsor") for each in bad))
    watch.tell(*(changed(line(n), "sponsor", by_day=200, recorded=on(30)) for n in range(10, 20)))
    assert watch.transition(on(31)) == ("cleared", "corrected")


@pytest.mark.parametrize("turn", [1, -1])
def test_what_the_sponsor_retracts_too_is_accepted_in_whichever_order(turn: int) -> None:
    watch = Watch([e for n in range(20) for e in _bad_lot(f"L{n}")], "right_first_time")
    watch.tick(on(20))
    for n in range(20):
        bad = deviation(f"D-L{n}", "major", f"L{n}")
        both = [retracted(bad, on(30)), retracted(bad, on(31), "sponsor")]
        watch.tell(*both[::turn])
    assert watch.transition(on(32)) == ("cleared", "corrected")


def test_asking_what_was_corrected_leaves_no_trace() -> None:
    count = counted("pills", 300)
    watch = Watch([*lines(10, 10), count])
    watch.tick(on(20))
    watch.tell(retracted(count, on(30)), *lines(900, 0, 30, "good"))
    assert watch.transition(on(40)) == ("cleared", "improved")
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
        assert watch.transition(on(40)) == ("cleared", "improved")


@pytest.mark.parametrize("n_retracted", [18, 20])
def test_retracting_what_it_rests_on_does_not_end_a_critical_breach(n_retracted: int) -> None:
    events = [started("L1"), *(e for n in range(20) for e in _bad_lot(f"L{n}"))]
    watch = Watch(events, "right_first_time")
    assert watch.transition(on(20)) == ("opened", "critical")
    watch.tell(*(retracted(completed(f"L{n}"), on(30)) for n in range(n_retracted)))
    assert watch.transition(on(31)) is None
    watch.tell(acknowledged("right_first_time:acme:1", on(32), accepts=True))
    assert watch.transition(on(33)) == ("cleared", "corrected")


def _bad_lot(lot: str) -> list[Told]:
    return [completed(lot), deviation(f"D-{lot}", "major", lot)]


def test_ordinary_good_deliveries_are_no_correction() -> None:
    watch = Watch(lines(10, 10))
    watch.tick(on(20))
    watch.tell(*lines(900, 0, 30, "good"))
    assert watch.transition(on(40)) == ("cleared", "improved")


def test_a_warning_needs_nobodys_acceptance() -> None:
    watch = Watch(lines(10, 2))
    watch.tick(on(20))
    bad = [delivered(line(n), 11) for n in (10, 11)]
    watch.tell(*(retracted(each, on(30)) for each in bad))
    watch.tell(*(delivered(line(n), 9.5, recorded=on(30)) for n in (10, 11)))
    assert watch.transition(on(31)) == ("cleared", "corrected")


def test_a_breach_lists_its_newest_failing_events_and_how_many_it_omits() -> None:
    watch = Watch(lines(0, 30, 10, "old") + lines(0, 30, 12, "new"))
    (event,) = watch.tick(on(20))
    late = [delivered(line(n, "new"), 13).id for n in range(30)]
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
    assert watch.transition(on(4)) == ("cleared", "improved")


def test_a_scope_that_is_no_more_clears_its_breach() -> None:
    watch = Watch([started("L1")], "open_lot_age", time_in_state={"in_process": 86_400})
    assert watch.transition(on(9)) == ("opened", "critical")
    watch.tell(retracted(started("L1"), on(10), by="sponsor"))
    cleared = watch.transition(on(10))
    assert cleared is not None
    assert cleared[0] == "cleared"


def test_the_lowest_offset_of_an_id_wins() -> None:
    watch = Watch(lines(10, 10))
    (event,) = watch.due(on(20))
    other = event.model_copy(update={"data": event.data.model_copy(update={"severity": "warning"})})
    for said in (event, other):
        watch.ledger.fold(said)
    assert [s.breach.severity for s in watch.ledger.standing.values()] == ["critical"]


@pytest.mark.parametrize("apart", [days(0), hours(1), timedelta(seconds=1)])
def test_the_same_log_the_same_standing_and_the_same_now_give_the_same_difference(
    apart: timedelta,
) -> None:
    events = lines(10, 10)
    assert Watch(events).due(on(20) + apart) == Watch(events).due(on(20) + apart)


def test_a_breach_of_a_lot_the_cmo_takes_back_stands_until_the_sponsor_accepts_it() -> None:
    watch = Watch([started("L1")], "open_lot_age", time_in_state={"in_process": 86_400})
    assert watch.transition(on(9)) == ("opened", "critical")
    watch.tell(retracted(started("L1"), on(10)))
    assert watch.transition(on(10)) is None
    watch.tell(acknowledged("open_lot_age:acme:in_process:1", on(11), accepts=True))
    assert watch.transition(on(11)) is not None


def test_a_breach_of_stock_that_nobody_knows_any_more_is_held() -> None:
    out = counted("p", 0)
    watch = Watch([out, forecast("p", 10, end=99)], "days_of_supply")
    assert watch.transition(on(9)) == ("opened", "critical")
    watch.tell(retracted(out, on(10), "sponsor"))
    assert read(watch.cmo, on(11), "days_of_supply", product="p").why == "no stock is known"
    assert watch.transition(on(11)) is None
    watch.tell(counted("p", 500, day=12))
    assert watch.transition(on(13)) is not None


def test_a_stock_out_stands_while_nobody_can_say_how_much_there_is() -> None:
    watch = Watch([counted("p", 0), forecast("p", 10, end=20)], "days_of_supply")
    assert watch.transition(on(9)) == ("opened", "critical")
    watch.tell(counted("p", 50, day=10, unit="KGM"))
    assert watch.transition(on(11)) is None
    assert watch.transition(on(40)) is None


def test_a_breach_of_a_scope_that_is_judged_no_more_clears() -> None:
    watch = Watch(lines(10, 10), "delivery_otif")
    (opened,) = watch.tick(on(20))
    stands = opened.data.model_copy(update={"site": "plant"})
    watch.ledger = Ledger()
    watch.ledger.fold(opened.model_copy(update={"data": stands}))
    cleared = [event.data for event in watch.due(on(21)) if event.data.scope.site]
    assert [each.transition for each in cleared] == ["cleared"]


def test_nothing_is_said_of_a_breach_before_it_opened() -> None:
    watch = Watch(lines(10, 10))
    opened = watch.tick(on(20))
    assert [event.data.transition for event in opened] == ["opened"]
    watch.tell(acknowledged("delivery_on_time:acme:1", on(20)), *lines(900, 0, 10, "good"))
    assert watch.due(on(19)) == []
    assert watch.due(on(-400)) == []
    assert [event.data.transition for event in watch.due(on(20))] == ["cleared"]


SEALED = int(on(21).timestamp() * 1000)


def after_a_seal(*left: Told, events_lost: bool = True) -> Watch:
    """A breach that stood, and what is left of what it rested on once the log was sealed anew."""
    before, after = Watch(lines(10, 10)), Watch(left)
    before.tick(on(20))
    after.ledger = before.ledger
    after.ledger.seal(SEALED, events_lost=events_lost)
    return after


def test_a_breach_whose_evidence_was_lost_clears_as_that_in_words_never_used() -> None:
    (event,) = after_a_seal(*lines(1, 0)).tick(on(22))
    assert event.id == f"delivery_on_time:acme:1/{SEALED + 1}"
    assert event.data.cleared_by == "evidence_lost"


def test_a_breach_that_ends_by_what_was_said_since_or_with_no_event_lost_ends_as_any() -> None:
    since = after_a_seal(*lines(40, 0, by_day=24))
    assert since.transition(on(30)) == ("cleared", "improved")
    whole = after_a_seal(*lines(40, 0), events_lost=False)
    cleared_by = whole.transition(on(22))
    assert cleared_by is not None
    assert cleared_by[1] != "evidence_lost"


def test_a_breach_that_opens_after_a_seal_has_a_number_that_was_never_used() -> None:
    watch = Watch(lines(10, 10))
    watch.ledger.seal(SEALED, events_lost=True)
    (event,) = watch.tick(on(22))
    assert event.id == f"delivery_on_time:acme:{SEALED + 1}/1"
    watch.ledger.seal(SEALED + 1, events_lost=True)
    watch.tell(*lines(200, 0, by_day=25))
    (event,) = watch.tick(on(30))
    assert event.id == f"delivery_on_time:acme:{SEALED + 1}/{SEALED + 2}"


def test_words_read_after_the_seal_go_on_as_those_read_before_it() -> None:
    opened, sealed = Watch(lines(10, 10)).tick(on(20)), Watch(lines(1, 0))
    sealed.ledger.seal(SEALED, events_lost=True)
    for event in opened:
        sealed.ledger.fold(event)
    (event,) = sealed.tick(on(22))
    assert event.id == f"delivery_on_time:acme:1/{SEALED + 1}"
