"""Doubts: what a refused message was about is unknown until it is mended or settled."""

from collections.abc import Iterable
from typing import Any

import pytest

from alerts.agreements import Agreements, Limit
from alerts.doubts import MOST_REFUSALS, MOST_THINGS, Doubts, Refusal
from alerts.judge import Verdict
from alerts.readings import Reading
from events.data import (
    DEAD_LETTERS,
    INVENTORY,
    LOTS,
    RELEASES,
    Heartbeat,
    Speaker,
)
from events.outcomes import Reason
from streams.shard import Shard
from tests.alerts import laws
from tests.builders import (
    ACME,
    Each,
    Log,
    Settling,
    Spoiled,
    Told,
    adjusted,
    agreed,
    completed,
    consumed,
    counted,
    decided,
    delivered,
    deviation,
    forecast,
    log,
    message,
    on,
    promised,
    received,
    released,
    retracted,
    spoiled,
    started,
    told,
)

COVER, AGE, VALIDITY = "days_of_supply", "open_lot_age", "feed_validity"
ACCEPTED, OTIF = "lot_acceptance_dispositioned", "delivery_otif"
TERMS = agreed(
    limits={COVER: Limit(warning=30, critical=10), ACCEPTED: Limit(warning=0.9, critical=0.8)},
    time_in_state=dict.fromkeys(("in_process", "completed", "on_hold"), 40 * 86_400),
)


def shard(events: Iterable[Each], terms: Agreements = TERMS) -> Shard:
    return laws.clean(log(events), terms)


def reads(events: Iterable[Each] | Shard, day: float, kpi: str, **scope: Any) -> Reading:
    watched = events if isinstance(events, Shard) else shard(events)
    list(watched.tick(on(day)))
    (found,) = (
        each
        for each in watched.readings()
        if each.kpi.name == kpi and each.scope.named == scope
        if each.judged or not each.kpi.quantiles
    )
    return found


def cover(events: Iterable[Each] | Shard, day: float, product: str = "pills") -> Reading:
    return reads(events, day, COVER, product=product)


def bad_count(day: float, product: str = "pills", **how: Any) -> Spoiled:
    return spoiled(counted(product, 1, day=day, **how), quantity={"value": -1, "unit": "EA"})


STOCK: list[Each] = [
    counted("pills", 6_000, day=0),
    counted("drops", 6_000, day=0),
    forecast("pills", 10_000, 0, 99),
    forecast("drops", 10_000, 0, 99),
]
"""6,000 of each of two products, 100 needed a day: sixty days."""


# --- stock


def test_a_refused_count_leaves_supply_unknown_until_the_next_count_is_taken() -> None:
    assert cover(STOCK, 3).state is Verdict.OK
    doubted = [*STOCK, bad_count(2)]
    found = cover(doubted, 3)
    assert found.state is Verdict.UNKNOWN
    assert found.why == (
        "stock plant pills unrestricted is in doubt: refused for invalid_value at "
        f"{INVENTORY}[0] offset 4"
    )
    assert reads(doubted, 3, "stock_blocked_share", site="plant", product="pills").why == found.why
    assert cover(doubted, 3, "drops").state is Verdict.OK, "another product is not in doubt"
    mended = cover([*doubted, counted("pills", 2_000, day=4)], 5)
    assert (mended.value, mended.state, mended.why) == (20, Verdict.WARNING, "")


def test_a_movement_makes_up_for_no_count_that_was_refused() -> None:
    moved = [*STOCK, bad_count(2), consumed("pills", 100, day=3), adjusted("pills", -1, day=3)]
    assert cover(moved, 5).state is Verdict.UNKNOWN
    bad_movement = spoiled(consumed("pills", 10, day=2), quantity=None)
    assert cover([*STOCK, bad_movement], 5).state is Verdict.UNKNOWN
    assert cover([*STOCK, bad_movement, consumed("pills", 10, day=3)], 5).state is Verdict.OK
    assert cover([*STOCK, bad_movement, counted("pills", 5_000, day=3)], 5).state is Verdict.OK


def test_of_several_positions_the_one_that_was_refused_has_to_be_counted() -> None:
    two = [counted("pills", 10, day=1, lot=lot) for lot in ("A", "B")]
    doubted = [*STOCK, *two, bad_count(2, lot="A"), counted("pills", 10, day=3, lot="B")]
    assert cover(doubted, 5).why.startswith("stock plant pills A unrestricted is in doubt")
    assert cover([*doubted, counted("pills", 9, day=4, lot="A")], 5).state is Verdict.OK


def test_where_the_position_cannot_be_told_any_of_the_product_there_may_be_it() -> None:
    vague = spoiled(counted("pills", 1, day=2), status="free", lot=7)
    found = cover([*STOCK, vague], 3)
    assert found.why.startswith("stock plant pills is in doubt")
    assert cover([*STOCK, vague, counted("pills", 10, day=2, site="other")], 4).why == found.why
    assert cover([*STOCK, vague, counted("pills", 5_000, day=3, lot="A")], 4).why == ""


def test_a_product_of_which_only_a_refused_count_is_known_is_unknown_and_not_nothing() -> None:
    found = cover([*STOCK, bad_count(2, "cream")], 3, "cream")
    assert (found.state, found.value) == (Verdict.UNKNOWN, None)


def test_who_owns_no_site_casts_no_doubt_on_its_stock_and_takes_none_away() -> None:
    assert cover([*STOCK, bad_count(2, by="carrier")], 3).state is Verdict.OK
    carried = [*STOCK, bad_count(2), counted("pills", 3, day=3, by="carrier")]
    assert cover(carried, 4).state is Verdict.UNKNOWN


def test_a_refused_forecast_leaves_the_supply_of_its_product_unknown() -> None:
    doubted = [*STOCK, spoiled(forecast("pills", 1, at=on(2)), quantity="many")]
    assert cover(doubted, 3).why.startswith("demand pills is in doubt")
    share = reads(doubted, 3, "stock_blocked_share", product="pills")
    assert share.why == "", "what is blocked rests on no forecast"
    assert cover([*doubted, forecast("pills", 20_000, 0, 99, version=2, at=on(4))], 5).value == 30


def test_what_is_always_critical_is_unknown_without_a_limit_too() -> None:
    assert cover(shard([*STOCK, bad_count(2)], agreed()), 3).state is Verdict.UNKNOWN
    assert cover(shard(STOCK, agreed()), 3).state is None


# --- lots and order lines


def ages(events: Iterable[Each], day: float) -> dict[str, str]:
    watched = shard(events)
    list(watched.tick(on(day)))
    found = (each for each in watched.readings() if each.kpi.name == AGE)
    return {each.scope.lot_state or "": str(each.state) for each in found}


def bad_completion(lot: str, day: float) -> Spoiled:
    return spoiled(completed(lot, day), actual={"value": -5, "unit": "EA"})


def test_a_refused_completion_leaves_the_ages_of_its_lots_state_unknown() -> None:
    lots: list[Each] = [*(started(f"L{n}", 0) for n in (1, 2, 3)), completed("L3", 1)]
    assert ages(lots, 20) == {"in_process": "ok", "completed": "ok"}
    doubted = [*lots, bad_completion("L1", 10)]
    assert ages(doubted, 20) == {"in_process": "unknown", "completed": "ok"}
    assert ages([*doubted, completed("L1", 10, recorded=on(11))], 20) == {
        "in_process": "ok",
        "completed": "ok",
    }


def test_a_lot_of_which_nothing_else_is_known_may_be_in_any_state() -> None:
    new = spoiled(started("L9", 2), product=None)
    doubted: list[Each] = [started("L1", 0), completed("L2", 0), new]
    assert ages(doubted, 5) == {"in_process": "unknown", "completed": "unknown"}


def test_a_word_on_another_topic_that_the_log_got_later_ends_a_doubt_and_an_earlier_does_not() -> (
    None
):
    lots: list[Each] = [started("L1", 0), bad_completion("L1", 10)]
    assert ages([*lots, decided("L1", "on_hold", 9)], 20) == {"on_hold": "unknown"}
    assert ages([*lots, decided("L1", "on_hold", 11)], 20) == {"on_hold": "ok"}


def test_of_two_messages_of_one_moment_the_later_on_the_topic_counts() -> None:
    bad, mended = bad_completion("L1", 10), completed("L1", 10)
    assert ages([started("L1", 0), bad, mended], 20) == {"completed": "ok"}
    assert ages([started("L1", 0), mended, bad], 20) == {"completed": "unknown"}


def test_a_repeated_word_is_no_later_word() -> None:
    start = started("L1", 0)
    again = start._replace(recorded=on(12))
    assert ages([start, bad_completion("L1", 10), again], 20) == {"in_process": "unknown"}


def test_a_word_that_is_taken_back_makes_up_for_nothing() -> None:
    later = decided("L1", "on_hold", 11)
    lots: list[Each] = [started("L1", 0), bad_completion("L1", 10), later]
    assert ages([*lots, retracted(later, on(12))], 20) == {"in_process": "unknown"}


def test_a_rate_shows_how_much_is_in_doubt_and_is_unknown_beyond_a_tenth() -> None:
    lots: list[Each] = [each for n in range(20) for each in released(f"L{n}")]
    one = spoiled(decided("L0", "rejected", 12), decision="?")
    found = reads([*lots, one], 20, ACCEPTED)
    assert (found.n, found.doubtful, found.state) == (20, 1, Verdict.OK)
    two = [*lots, one, spoiled(decided("L1", "rejected", 13), decision="?")]
    found = reads(two, 20, ACCEPTED)
    assert (found.doubtful, found.state) == (2, Verdict.OK), "a tenth is not more than a tenth"
    three = reads([*two, spoiled(decided("L2", "rejected", 14), decision="?")], 20, ACCEPTED)
    assert (three.n, three.doubtful, three.state) == (20, 3, Verdict.UNKNOWN)
    assert three.why.startswith("3 in doubt, n is 20; lot L2 is in doubt, as are 2 more: refused")


def test_one_more_and_one_less_in_doubt_is_seen_at_the_next_look() -> None:
    lots: list[Each] = [each for n in range(20) for each in released(f"L{n}")]
    watched, seen = shard(lots), [0]
    for number, lot in enumerate(("L0", "L1")):
        bad = spoiled(decided(lot, "rejected", 12 + number), decision="?")
        watched.fold(RELEASES, 41 + number, [message(bad, 40 + number)])
        seen.append(reads(watched, 15, ACCEPTED).doubtful)
    watched.fold(RELEASES, 43, [message(decided("L1", "rejected", 16), 42)])
    seen.append(reads(watched, 17, ACCEPTED).doubtful)
    assert seen == [0, 1, 2, 1]


def test_an_order_line_in_doubt_counts_for_its_product_and_for_any_where_that_is_not_known() -> (
    None
):
    lines: list[Each] = [
        *(promised(f"{n}", 5) for n in range(4)),
        *(delivered(f"{n}", 4) for n in range(4)),
        promised("D", 5, product="drops"),
        delivered("D", 4),
    ]
    bad = spoiled(received("1", 6), quantity=-1)
    assert reads([*lines, bad], 20, OTIF, product="pills").doubtful == 1
    assert reads([*lines, bad], 20, OTIF, product="drops").doubtful == 0
    assert reads([*lines, bad], 20, OTIF).state is Verdict.UNKNOWN
    new = spoiled(promised("new", 5), schedule=[])
    assert reads([*lines, new], 20, OTIF, product="drops").doubtful == 1
    assert reads([*lines, bad, received("1", 6, recorded=on(7))], 20, OTIF).doubtful == 0


def test_each_lot_that_is_named_is_in_doubt_and_none_where_the_list_is_invalid() -> None:
    lots: list[Each] = [started(f"L{n}", 0) for n in range(3)]
    bad = deviation("D", "minor", "L0", "L2", day=3)
    assert doubts([*lots, spoiled(bad, **{"class": "dire"})]) == {("lot", "L0"), ("lot", "L2")}
    assert not doubts([*lots, spoiled(bad, lots=["L0", 7])])


def doubts(events: Iterable[Each]) -> set[tuple[str, ...]]:
    """The things of the CMO that are in doubt."""
    watched = shard(events)
    list(watched.tick(on(20)))
    return {(kind, *key) for kind, key in watched.cmos[ACME].doubts.standing}


# --- which refusals cast doubt


@pytest.mark.parametrize("type_", ["cmo.lot.melted.v1", "cmo.lot.completed.v2"])
def test_an_unknown_type_or_version_is_about_what_its_fields_name(type_: str) -> None:
    new = spoiled(completed("L1", 3), type=type_)
    assert doubts([started("L1", 0), new]) == {("lot", "L1")}
    about_stock = spoiled(completed("L1", 3), type=type_, lot=None, site="Plant", product="pills")
    assert doubts([about_stock]) == {("stock", "plant", "pills")}
    of_a_line = spoiled(completed("L1", 3), type=type_, lot=None, order="O", line="1")
    assert doubts([of_a_line]) == {("line", "O", "1")}
    assert not doubts([spoiled(completed("L1", 3), type=type_, maker="borealis")])


def test_what_is_from_the_future_or_contradicts_itself_casts_doubt() -> None:
    ahead = completed("L1", 9, recorded=on(3))
    assert doubts([started("L1", 0), ahead]) == {("lot", "L1")}
    twice = decided("L1", "on_hold", 4, id="x"), decided("L1", "released", 5, id="x")
    assert doubts([started("L1", 0), *twice]) == {("lot", "L1")}


def test_who_may_not_say_it_and_what_cannot_be_read_cast_none() -> None:
    foreign = spoiled(decided("L1", "released", 3, by="lab"), decision="?")
    assert not doubts([started("L1", 0), foreign])
    unknown = completed("L1", 3)
    unknown = unknown._replace(
        event=unknown.event.model_copy(update={"source": "/cmo/borealis"}),
    )
    assert not doubts([started("L1", 0), spoiled(unknown, actual=-1)])
    assert not doubts([started("L1", 0), spoiled(completed("L1", 3), lot=" ")])
    held = log([started("L1", 0), completed("L1", 3)])
    held[LOTS][1] = held[LOTS][1].having(value=b'{"type": "cmo.lot.completed.v1"')
    watched = laws.clean(held, TERMS)
    list(watched.tick(on(9)))
    assert not watched.cmos[ACME].doubts.standing
    assert watched.rejected == {(LOTS, Reason.NOT_JSON): 1}


def test_what_no_figure_rests_on_casts_none() -> None:
    assert not doubts([told_heartbeat(1), spoiled(told_heartbeat(2), topic="?")])


def told_heartbeat(day: float) -> Told:
    return told(Heartbeat(topic="cmo.lots"), on(day))


# --- settling


def test_a_settled_refusal_casts_no_doubt_until_that_is_taken_back() -> None:
    bad = bad_count(2)
    settling = Settling(bad, on(4))
    assert cover([*STOCK, bad, settling], 9).state is Verdict.OK
    back = retracted(settling.told, on(5), "sponsor")
    assert cover([*STOCK, bad, settling, back], 9).state is Verdict.UNKNOWN
    assert cover([*STOCK, back, settling, bad], 9).state is Verdict.UNKNOWN
    anew = Settling(bad, on(6), "settled-again")
    assert cover([*STOCK, bad, settling, back, anew], 9).state is Verdict.OK


def test_one_settlement_of_two_that_is_taken_back_changes_nothing() -> None:
    bad = bad_count(2)
    both = Settling(bad, on(4)), Settling(bad, on(5), "another")
    back = retracted(both[0].told, on(6), "sponsor")
    assert cover([*STOCK, bad, *both, back], 9).state is Verdict.OK


def test_each_refusal_about_a_thing_has_to_be_settled() -> None:
    first, last = bad_count(2), bad_count(3)
    assert cover([*STOCK, first, last, Settling(last, on(4))], 9).state is Verdict.UNKNOWN
    both = Settling(last, on(4)), Settling(first, on(4), "the-first")
    assert cover([*STOCK, first, last, *both], 9).state is Verdict.OK


def test_only_the_sponsor_settles() -> None:
    bad = bad_count(2)
    settling = Settling(bad, on(4), offset=4).told
    by_cmo = settling._replace(
        event=settling.event.model_copy(update={"source": f"/cmo/{ACME}"}),
    )
    watched = shard([*STOCK, bad, by_cmo])
    assert cover(watched, 9).state is Verdict.UNKNOWN
    assert watched.rejected[INVENTORY, Reason.NOT_ENTITLED] == 1


def test_a_settlement_that_names_nothing_refused_is_taken_and_does_nothing() -> None:
    bad = bad_count(2)
    good = counted("drops", 5_000, day=1)
    watched = shard([*STOCK, good, bad, Settling(good, on(4))])
    assert cover(watched, 9).state is Verdict.UNKNOWN
    assert watched.accepted[INVENTORY] == len(STOCK) + 2


# --- breaches


def test_a_standing_breach_is_held_while_what_it_rests_on_is_in_doubt() -> None:
    """And while the age of its state can not be known, no other lot's hides it."""
    low: list[Each] = [counted("pills", 500, day=0), STOCK[2]]
    own: Log = {DEAD_LETTERS: [], "cmo.breaches": []}
    watched = shard(low)
    list(watched.tick(on(1)))
    laws.settle(watched, own, on(1))
    assert [each.severity for each in watched.ledger.standing.values()] == [Verdict.CRITICAL]
    watched.fold(INVENTORY, 3, [message(bad_count(2), 2)])
    list(watched.tick(on(3)))
    laws.settle(watched, own, on(3))
    assert [each.severity for each in watched.ledger.standing.values()] == [Verdict.CRITICAL]
    watched.fold(INVENTORY, 4, [message(counted("pills", 9_000, day=4), 3)])
    list(watched.tick(on(5)))
    laws.settle(watched, own, on(5))
    assert not watched.ledger.standing


# --- restarts, mending, and agreements put right


def test_refused_restarted_mended_settled_reads_as_one_clean_pass() -> None:
    bad, worse = bad_count(2), bad_completion("L1", 3)
    mended = counted("pills", 2_000, day=4)
    events: list[Each] = [*STOCK, started("L1", 0), bad, worse, mended, Settling(worse, on(5))]
    held, own = log(events), Log({DEAD_LETTERS: [], "cmo.breaches": []})
    until = {topic: len(each) - 1 for topic, each in held.items()}
    first = Shard(0, 1, TERMS, clock=lambda: 0.0)
    for topic, end in until.items():
        first.fold(topic, end, held[topic][:end])
    list(first.tick(on(4)))
    assert cover(first, 4).state is Verdict.UNKNOWN
    laws.publish(own, first.to_send())
    again = Shard(0, 1, TERMS, clock=lambda: 0.0)
    for topic, messages in (*own.items(), *((t, held[t][: until[t]]) for t in held)):
        again.fold(topic, len(messages), messages)
    laws.same(laws.judged(again, on(4)), laws.judged(first, on(4)))
    for topic, end in until.items():
        for each in (first, again):
            each.fold(topic, len(held[topic]), held[topic][end:])
    clean = laws.judged(laws.clean(held, TERMS), on(9))
    laws.same(laws.judged(again, on(9)), clean)
    laws.same(laws.judged(first, on(9)), clean)
    assert not again.cmos[ACME].doubts.standing
    never = laws.judged(shard([*STOCK, started("L1", 0), mended]), on(9))
    for name, reading in laws.judged(again, on(9)).items():
        if reading.kpi.kinds:  # validity has seen the refusals
            assert (reading.state, reading.value, reading.why) == (
                never[name].state,
                never[name].value,
                never[name].why,
            )


def test_a_doubt_goes_with_its_refusal_when_agreements_are_put_right() -> None:
    """Of two that contradict each other the later is refused, unless the first may not be said."""
    early, late = (counted("pills", n, day=n, id="same", recorded=on(n)) for n in (1, 2))
    held = log([*STOCK, early, late])
    assert cover(laws.clean(held, TERMS), 9).state is Verdict.UNKNOWN
    since = [
        each.model_copy(update={"start": on(2).date()} if "cmo" in each.source else {})
        for each in next(iter(TERMS.versions(ACME))).sources
    ]
    ruled = agreed(limits={COVER: Limit(warning=30)}, sources=tuple(since))
    assert cover(laws.clean(held, ruled), 9).why == ""


# --- bounds


def refusal(at: int, topic: str = LOTS) -> Refusal:
    return Refusal(at, topic, at, 0, Reason.INVALID_VALUE, False, True, Speaker.CMO)


def nothing(_: Any, __: Any) -> tuple[int, str, int]:
    return (0, "", -1)


def test_beyond_so_many_things_the_cmo_as_a_whole_is_in_doubt_until_it_is_fewer() -> None:
    many = [bad_completion(f"L{n}", 2) for n in range(MOST_THINGS)]
    events: list[Each] = [*STOCK, started("L1", 0), *many]
    assert cover(shard(events), 9).state is Verdict.OK
    one_more = bad_completion("one more", 3)
    watched = shard([*events, one_more])
    found = cover(watched, 9)
    assert found.state is Verdict.UNKNOWN
    assert found.why == (
        "more than 1,000 things are in doubt, the last: refused for invalid_value at "
        f"{LOTS}[0] offset 1001"
    )
    assert reads(watched, 9, VALIDITY).why == "", "feeds are known by what was refused"
    settled = shard([*events, one_more, Settling(one_more, on(4))])
    assert cover(settled, 9).state is Verdict.OK


def test_what_is_kept_is_bounded_and_what_is_not_kept_is_settled_by_its_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("alerts.doubts.MOST_KEPT", 5)
    held = Doubts()
    for n in range(1, 9):
        held.refuse(("lot", (f"L{n}",)), refusal(n))
    held.refresh(nothing)
    assert [key for _, key in sorted(held.standing)] == [(f"L{n}",) for n in range(4, 9)]
    assert held.whole == refusal(3)
    held.settle((LOTS, 3), b"1", 1)
    held.refresh(nothing)
    assert held.whole is None


def test_of_a_flood_about_one_thing_the_newest_are_kept_in_whatever_order_they_come() -> None:
    turns = [*range(1, 50)], [*range(49, 0, -1)], [*range(25, 50), *range(1, 25)]
    for turn in turns:
        held = Doubts()
        for n in turn:
            held.refuse(("lot", ("L1",)), refusal(n))
        for n in range(50 - MOST_REFUSALS, 50):
            held.settle((LOTS, n), b"1", 1)
        held.refresh(nothing)
        assert held.standing == {("lot", ("L1",)): refusal(49 - MOST_REFUSALS)}
        held.settle((LOTS, 49 - MOST_REFUSALS), b"1", 1)
        held.refresh(nothing)
        assert not held.standing
