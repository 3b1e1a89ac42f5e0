"""A shard: what it takes, what it refuses once and for all, what it sends until it is read back."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from alerts.agreements import Agreement, Agreements
from alerts.identities import identity
from alerts.records.lot import LOT
from alerts.records.order_line import ORDER_LINE, derive
from events import data as said
from events.compact import COMPACT
from events.data import BREACHES, DEAD_LETTERS, INBOUND
from events.outcomes import Message, Reason
from streams.dead_letters import WHOLE_PER_MINUTE, OutboxMessage
from streams.outbox import AGAIN_AFTER
from streams.seals import Extent, next_seal
from streams.shard import Shard
from tests.builders import (
    Told,
    agreed,
    agreement,
    changed,
    completed,
    counted,
    days,
    delivered,
    deriving,
    deviation,
    forecast,
    gap,
    hours,
    log,
    message,
    on,
    promised,
    retracted,
    started,
    told,
)

LOTS, INVENTORY = "cmo.lots", "cmo.inventory"
NOW = on(40)


class Clock:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def shard(agreements: Agreements | None = None, clock: Callable[[], float] | None = None) -> Shard:
    return Shard(0, 1, agreements or agreed(), clock or Clock())


def after(events: list[Told], made: Shard | None = None) -> Shard:
    made = made or shard()
    for topic, messages in log(events).items():
        made.fold(topic, len(messages), messages)
    return made


def ticked(made: Shard, now: datetime = NOW) -> Shard:
    assert list(dict.fromkeys(made.tick(now))) == sorted(made.cmos)
    return made


def headers(letter: OutboxMessage) -> dict[str, str]:
    return {name: value.decode() for name, value in letter.headers}


def read_back(made: Shard, *outputs: OutboxMessage) -> None:
    for topic in (DEAD_LETTERS, BREACHES):
        at = made.next[topic]
        mine = [o for o in outputs if o.topic == topic]
        messages = [
            Message(topic, 0, at + n, 0, o.key, o.value, o.headers) for n, o in enumerate(mine)
        ]
        made.fold(topic, at + len(mine), messages)


def only(outputs: list[OutboxMessage]) -> OutboxMessage:
    (output,) = but_covered(outputs)
    return output


def but_covered(outputs: list[OutboxMessage]) -> list[OutboxMessage]:
    """What is said, but for that a CMO was heard."""
    return [output for output in outputs if not output.id.startswith("covered/")]


def figures(made: Shard, kpi: str = "delivery_on_time") -> tuple[Any, Any]:
    found = next(r for r in ticked(made).readings() if r.kpi.name == kpi and r.judged)
    return found.numerator, found.denominator


# --- poison


def test_an_identity_said_again_with_other_content_is_refused_and_the_first_stands() -> None:
    first, other = promised("1", 10, id="p"), promised("1", 39, id="p")
    made = after([first, delivered("1", 12), other])
    letter = headers(only(made.to_send()))
    assert letter["reason"] == "other_content"
    assert (letter["topic"], letter["offset"]) == (INVENTORY, "2")
    assert figures(made) == (0, 1)


def test_the_same_said_again_is_a_duplicate() -> None:
    made = after([promised("1"), promised("1")])
    assert (made.accepted[INVENTORY], made.duplicates[INVENTORY]) == (1, 1)
    assert not made.to_send()


@pytest.mark.parametrize("by", ["lab", "cmo"])
def test_a_retraction_by_who_did_not_say_it_is_refused(by: str) -> None:
    target = promised("1")
    made = after([target, delivered("1"), retracted(target, on(3), by)])
    assert headers(only(made.to_send()))["reason"] == "not_entitled"
    assert figures(made) == (1, 1)


def test_the_sponsor_may_retract_what_the_cmo_said() -> None:
    arrival = delivered("1")
    made = after([promised("1"), arrival, retracted(arrival, on(12), "sponsor")])
    assert not made.to_send()
    assert figures(made) == (0, 1)


def test_a_formula_that_raises_ends_as_one_dead_letter_and_changes_nothing() -> None:
    def raises(facts: Any, terms: Any) -> Any:
        if any(isinstance(fact.data, COMPACT[said.OrderChanged]) for fact in facts):
            raise ZeroDivisionError("a formula")
        return derive(facts, terms)

    change, lone = (changed(line, "sponsor", at=on(-5)) for line in ("1", "2"))
    with deriving(ORDER_LINE, raises):
        made = after([promised("1"), delivered("1"), change, lone])
    letters = [headers(o) for o in made.to_send()]
    assert [(x["reason"], x["detail"]) for x in letters] == [
        ("unfoldable", "ZeroDivisionError: a formula")
    ] * 2
    assert figures(made) == (1, 1)
    assert set(made.cmos["acme"].records(ORDER_LINE)) == {("O", "1")}
    assert made.rejected == {(INVENTORY, Reason.UNFOLDABLE): 2}


def test_a_retraction_whose_remainder_raises_changes_nothing() -> None:
    def raises(facts: Any, terms: Any) -> Any:
        if len(facts) == 1 and not isinstance(facts[0].data, COMPACT[said.OrderPlaced]):
            raise ValueError("no promise")
        return derive(facts, terms)

    promise = promised("1")
    with deriving(ORDER_LINE, raises):
        made = after([promise, delivered("1"), retracted(promise, on(3), "sponsor")])
    assert headers(only(made.to_send()))["reason"] == "unfoldable"
    assert figures(made) == (1, 1)


def test_an_event_that_cannot_be_joined_when_its_time_comes_is_a_dead_letter_too() -> None:
    def raises(*_: Any) -> Any:
        raise ValueError("no")

    made = after([promised("1", at=on(5), recorded=on(1))])
    assert not but_covered(ticked(made, on(4)).to_send())
    with deriving(ORDER_LINE, raises):
        letter = only(ticked(made, on(6)).to_send())
    assert headers(letter)["reason"] == "unfoldable"
    assert b"cmo.order.placed.v1" in letter.value


# --- dead letters are folded by coordinates


def test_once_refused_stays_refused_even_when_it_could_now_be_read() -> None:
    good = log([promised("1"), delivered("1")])
    bad = shard()
    bad.fold(INVENTORY, 1, [good[INVENTORY][0].having(value=b"{")])
    again = shard()
    read_back(again, only(bad.to_send()))
    again.fold(INVENTORY, 2, good[INVENTORY])
    assert figures(again) == (0, 0)
    assert again.rejected == {(INVENTORY, Reason.NOT_JSON): 1}
    assert not but_covered(again.to_send())


def test_a_dead_letter_is_the_bytes_untouched_with_coordinates_and_reason() -> None:
    made = shard()
    raw = b'\xff{"specversion":'
    made.fold(LOTS, 8, [message(started("L1"), 7).having(value=raw)])
    letter = only(made.to_send())
    assert (letter.id, letter.topic, letter.partition) == ("cmo.lots/0/7", DEAD_LETTERS, 0)
    assert (letter.value, letter.key) == (raw, b"acme")
    assert headers(letter)["reason"] == "not_json"


def test_dead_letters_of_one_key_beyond_a_hundred_a_minute_leave_their_bytes_where_they_are() -> (
    None
):
    made = shard()
    bad = message(started("L1"), 0).having(value=b"{")
    n = WHOLE_PER_MINUTE + 1
    made.fold(LOTS, n, [bad.having(offset=at) for at in range(n)])
    assert [len(o.value) for o in made.to_send()] == [1] * WHOLE_PER_MINUTE + [0]


def word(**changed: bytes) -> list[tuple[str, bytes]]:
    given = {"kind": b"refused", "topic": b"cmo.lots", "offset": b"1", "ordinal": b"1"}
    return list({**given, "reason": b"not_json", **changed}.items())


@pytest.mark.parametrize(
    "given",
    [
        [],
        [("kind", b"refused"), ("topic", b"cmo.lots")],
        word(offset=b"x"),
        word(reason=b"of a later version"),
        word(kind=b"of a later version"),
        word(topic=b"cmo.breaches"),
        word(ordinal=b""),
        [(name, None) for name, _ in word()],
        [(name, value) for name, value in word() if name != "reason"],
        [("kind", b"covered")],
    ],
)
def test_an_unreadable_record_of_ours_is_counted_and_skipped(given: Any) -> None:
    made = shard()
    made.fold(DEAD_LETTERS, 1, [Message(DEAD_LETTERS, 0, 0, 0, None, b"", given)])
    assert made.unreadable[DEAD_LETTERS] == 1


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b'{"id": 1}'])
def test_an_unreadable_breach_is_counted_and_skipped(value: bytes | None) -> None:
    made = shard()
    made.fold(BREACHES, 1, [Message(BREACHES, 0, 0, 0, b"acme", value)])
    assert made.unreadable[BREACHES] == 1


# --- what is due is sent until it is read back


def stock_out(clock: Clock) -> Shard:
    return ticked(after([counted("pills", 0), forecast("pills", 9)], shard(clock=clock)), on(3))


def test_what_was_sent_and_not_read_back_is_sent_again_after_a_while_under_the_same_id() -> None:
    clock = Clock()
    made = stock_out(clock)
    sent = only(made.to_send())
    assert sent.id == "days_of_supply:acme:pills:1/1"
    assert made.to_send() == []
    clock.now = AGAIN_AFTER - 0.1
    assert made.to_send() == []
    clock.now = AGAIN_AFTER
    ticked(made, on(3) + hours(1))
    assert but_covered(made.to_send()) == [sent]
    read_back(made, sent)
    clock.now = 3 * AGAIN_AFTER
    assert but_covered(ticked(made, on(3) + hours(2)).to_send()) == []


def test_who_starts_over_judges_anew_and_sends_at_once_what_was_refused_and_not_read_back() -> None:
    made = stock_out(Clock())
    made.fold(LOTS, 1, [message(started("L1"), 0).having(value=b"{")])
    said = made.to_send()
    judged = only([each for each in said if each.topic == BREACHES])
    made.start_over()
    again = made.to_send()
    assert again == [each for each in said if each is not judged]
    assert "cmo.lots/0/0" in {each.id for each in again}
    later = only(ticked(made, on(3) + hours(1)).to_send())
    assert (later.id, later.value == judged.value) == (judged.id, False)


def test_one_id_read_back_twice_counts_once() -> None:
    made = stock_out(Clock())
    sent = only(made.to_send())
    read_back(made, sent, sent)
    assert made.ledger.next_id(next(iter(made.ledger.standing))) == "days_of_supply:acme:pills:2"


def test_a_new_shard_that_read_what_was_sent_has_nothing_to_say() -> None:
    events = [counted("pills", 0), forecast("pills", 9)]
    sent = only(ticked(after(events), on(3)).to_send())
    again = shard()
    read_back(again, sent)
    assert but_covered(ticked(after(events, again), on(4)).to_send()) == []


# --- who belongs here, and how far it has come


def test_a_cmo_that_never_spoke_belongs_to_one_shard() -> None:
    names = [f"site-{n}" for n in range(20)]
    terms = Agreements([agreement(name) for name in names])
    shards = [Shard(number, 4, terms) for number in range(4)]
    assert sorted(name for each in shards for name in each.cmos) == sorted(names)


def test_a_shard_knows_how_far_it_has_folded_each_topic() -> None:
    made = after([promised("1"), delivered("1"), started("L1")])
    assert made.next == {DEAD_LETTERS: 0, BREACHES: 0, **dict.fromkeys(INBOUND, 0)} | {
        INVENTORY: 2,
        LOTS: 1,
    }


# --- hostile, and valid


def test_two_sources_that_spell_one_text_with_another_s_id_are_two() -> None:
    assert identity("t", "/lab/x\0y", "z") != identity("t", "/lab/x", "y\0z")


def test_a_deviation_of_a_hundred_lots_joins_them_all() -> None:
    names = [f"L{n}" for n in range(100)]
    made = after([*(completed(name) for name in names), deviation("D", "major", *names)])
    found = next(r for r in ticked(made).readings() if r.kpi.name == "right_first_time")
    assert (found.numerator, found.denominator) == (0, 100)


def test_the_widest_gap_may_be_declared_and_the_highest_number_used() -> None:
    events = [
        started("L1", sequence=0),
        completed("L1", sequence=2**53),
        gap(LOTS, 1, 2**53 - 1, on(6), sequence=5),
    ]
    made = after(events)
    assert not made.to_send()
    found = next(r for r in ticked(made).readings() if r.kpi.name == "right_first_time")
    assert found.why == ""


def test_a_retraction_is_not_retracted_in_whichever_order_they_come() -> None:
    late = started("L1", 0, recorded=on(3))
    once = retracted(late, on(4), recorded=on(5))
    twice = retracted(once, on(6))
    orders = [late, once, twice], [twice, once, late]
    there, back = (ticked(after(events), on(7)) for events in orders)
    assert list(there.readings()) == list(back.readings())
    assert there.to_send() == back.to_send()
    assert not there.rejected


def test_events_of_one_instant_and_one_id_on_two_topics_are_two_facts() -> None:
    lot = told(said.LotRecalled(lot="L1"), on(1), "sponsor", id="same")
    plan = told(said.LotPlanned(lot="L1", product="pills"), on(1), "sponsor", id="same")
    made = after([lot, plan])
    assert len(made.cmos["acme"].records(LOT)["L1",].facts) == 2


def test_an_event_at_the_end_of_the_calendar_waits_and_harms_nobody() -> None:
    far = promised("1", 10, at=datetime.fromisoformat("2100-12-31T23:59:59+00:00"), recorded=on(0))
    made = after([far, promised("2"), delivered("2")])
    assert figures(made) == (1, 1)


def test_the_lowest_offset_of_a_transition_wins() -> None:
    late = [each for n in range(30) for each in (promised(f"{n}/1"), delivered(f"{n}/1", 20))]
    made = ticked(after(late), on(40))
    (opened,) = [o.value for o in made.to_send() if o.id.startswith("delivery_otif:acme:1")]
    other = opened.replace(b'"severity":"critical"', b'"severity":"warning"')
    assert other != opened
    back = [Message(BREACHES, 0, n, 0, b"acme", value) for n, value in enumerate((opened, other))]
    made.fold(BREACHES, 2, back)
    (standing,) = made.ledger.standing.values()
    assert standing.breach.severity == "critical"


class Ticking(Clock):
    """A clock on which every look takes a second."""

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.mark.parametrize(("seconds", "folds"), [(0.0, 1), (1.5, 2), (2.5, 3), (100.0, 12)])
def test_a_shard_stops_amid_much_work_and_goes_on_where_it_stopped(
    seconds: float, folds: int
) -> None:
    events = [each for n in range(6) for each in (promised(f"{n}/1"), delivered(f"{n}/1", 20))]
    messages = log(events)[INVENTORY]
    made, ends = Shard(0, 1, agreed(), Ticking(), folds_for=seconds), [0]
    while ends[-1] < len(messages):
        made.fold(INVENTORY, len(messages), messages[ends[-1] :])
        ends.append(made.next[INVENTORY])
    assert ends[1] == folds
    assert made.accepted[INVENTORY] == len(messages)
    assert figures(made) == figures(after(events))


def test_a_shard_that_stops_skips_no_offset_that_is_not_there() -> None:
    first, second = log([promised("1"), promised("2")])[INVENTORY]
    made = Shard(0, 1, agreed(), Ticking(), folds_for=0.0)
    made.fold(INVENTORY, 9, [first, second.having(offset=7)])
    assert made.next[INVENTORY] == 7
    made.fold(INVENTORY, 9, [second.having(offset=7)])
    assert made.next[INVENTORY] == 9


def test_a_shard_judges_what_ripens_between_ticks() -> None:
    made = after([promised("1", at=on(5), recorded=on(4.5)), delivered("1", 9, recorded=on(9))])
    ticked(made, on(4.6))
    assert figures(made) == (1, 1)
    assert NOW - days(40) == on(0)


def test_a_seal_that_was_proposed_before_a_partition_was_opened_is_not_said() -> None:
    made, empty = shard(), {topic: Extent(topic, 0, 0) for topic in said.TOPICS}
    made.propose(next_seal(None, empty, (), 1_000))
    made.start_over()
    assert made.to_send() == []
    made.propose(next_seal(None, empty, (), 2_000))
    [seal] = made.to_send()
    assert dict(seal.headers)["number"] == b"2000"


def test_a_cmo_that_is_known_by_its_events_alone_is_unknown_where_they_are_lost() -> None:
    default = Agreement(default=True, version="1", effective=date(2020, 1, 1), contingency="Call.")
    by_default = Agreements([default], use_default=True)
    before = after([completed("L1")], shard(by_default))
    anew = shard(by_default)
    assert list(anew.unknown("why", NOW)) == []
    anew.remember(before.names)
    assert {each.cmo for each in anew.unknown("why", NOW)} == {"acme"}
