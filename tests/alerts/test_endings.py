"""Agreements that end: what is expected of a CMO that was left, and of one that comes back."""

from random import Random

import pytest

from alerts.agreements import Agreement, Agreements
from alerts.breaches import transitions
from alerts.cmo import Cmo
from alerts.judge import Verdict
from alerts.ledger import Ledger
from alerts.readings import readings
from events.breaches import BreachEvent
from events.outcomes import Reason
from events.values import microseconds
from streams.metrics.exposition import Exposed, page
from streams.shard import Shard
from tests.alerts import laws
from tests.alerts.standing import both_agree
from tests.builders import (
    ACME,
    Log,
    Told,
    accepted,
    agreement,
    completed,
    delivered,
    due,
    folded,
    heartbeat,
    log,
    looked_at,
    on,
    promised,
    read,
    retracted,
    started,
)

LOTS, SILENCE, DAY = "cmo.lots", "feed_silence", 86_400
END = 20
"""The last day of what is agreed."""


def version(begins: int, end: int | None = None, **terms: object) -> Agreement:
    week = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    given = {"cadence": {LOTS: DAY}, "working_days": week, "version": str(begins), **terms}
    last = None if end is None else due(end)
    return agreement(effective=due(begins), end=last, **given)  # type: ignore[arg-type]


LEFT = Agreements([version(0, END)])
BACK = Agreements([version(0, END), version(60)])


def late_lines() -> list[Told]:
    return [
        told
        for n in range(9)
        for told in (promised(f"{n}/1", 5, at=on(0)), delivered(f"{n}/1", 12))
    ]


def due_of(cmo: Cmo, ledger: Ledger, day: float) -> list[BreachEvent]:
    """What is due of a CMO on a day, and read back."""
    at = microseconds(on(day))
    looked_at(cmo, at)
    found = list(transitions(cmo, list(readings(cmo, at)), ledger, at))
    for event in found:
        ledger.fold(event)
    return found


def test_after_the_end_there_is_nothing_to_read() -> None:
    cmo = folded([started("L1"), completed("L1", 5), heartbeat(LOTS, on(16))], LEFT)
    assert read(cmo, on(END), SILENCE, topic=LOTS).state is Verdict.CRITICAL
    assert read(cmo, on(END), "right_first_time").why == "cmo.lots is silent"
    assert not list(readings(looked_at(cmo, microseconds(on(END + 1))), microseconds(on(END + 1))))


def test_what_stands_clears_with_the_end_whatever_it_waits_for() -> None:
    told = late_lines()
    cmo, ledger = folded(told, LEFT), Ledger()
    opened = due_of(cmo, ledger, END)
    assert {event.data.kpi for event in opened} >= {"delivery_otif", SILENCE}
    for each in told[1::2]:
        cmo.take(accepted(retracted(each, on(END)), 1_000))
    standing = {each.breach.breach for each in ledger.standing.values()}
    cleared = due_of(cmo, ledger, END + 1)
    assert {event.data.breach for event in cleared} == standing
    assert {(e.data.transition, e.data.cleared_by) for e in cleared} == {
        ("cleared", "agreement_ended")
    }
    assert not ledger.standing
    assert not due_of(cmo, ledger, END + 200)


def test_its_events_are_taken_to_the_last_day_and_refused_after_it() -> None:
    shard = Shard(0, 1, LEFT)
    last, after = on(END), on(END + 0.5)
    messages = log([heartbeat(LOTS, last), heartbeat(LOTS, after)])
    shard.fold(LOTS, 2, messages[LOTS])
    assert shard.accepted[LOTS] == 1
    assert shard.rejected == {(LOTS, Reason.UNKNOWN_CMO): 1}


def test_the_default_does_not_cover_a_cmo_that_was_left() -> None:
    default = version(0).model_copy(update={"cmo": None, "default": True})
    agreed = Agreements([version(0, END), default], use_default=True)
    assert agreed.of(ACME, due(END)) is not None
    assert agreed.of(ACME, due(END + 1)) is None
    assert agreed.of("other", due(END + 1)) is default


def test_its_series_go_with_the_end_and_four_days_later_that_its_breaches_are_over() -> None:
    shard = Shard(0, 1, LEFT)
    held = log([*late_lines(), started("L1"), heartbeat(LOTS, on(17), sequence=3)])
    for topic, messages in held.items():
        shard.fold(topic, len(messages), messages)
    own: Log = {"cmo.dead-letters": [], "cmo.breaches": []}
    for day, shown in ((END, True), (END + 1, False), (END + 5, False)):
        list(shard.tick(on(day)))
        laws.settle(shard, own, on(day))
        text = page([Exposed(shard, True, 1.0, on(day))])
        series = {line.partition("{")[0] for line in text.split("\n") if 'cmo="acme"' in line}
        over = {"cmo_breach_cleared_timestamp_seconds"} if day == END + 1 else set()
        assert shown or series == over
        assert ("cmo_breach_open" in series) is shown


def test_it_begins_again_with_a_later_version_and_counts_from_there() -> None:
    cmo = folded([started("L1"), completed("L1", 5), heartbeat(LOTS, on(17))], BACK)
    assert not list(readings(cmo, microseconds(on(59))))
    silent = read(cmo, on(60.5), SILENCE, topic=LOTS)
    assert (silent.state, silent.value) == (Verdict.OK, DAY)
    assert read(cmo, on(61.5), SILENCE, topic=LOTS).state is Verdict.WARNING
    cmo.take(accepted(heartbeat(LOTS, on(61)), 1_000))
    assert read(cmo, on(61.5), SILENCE, topic=LOTS).value == DAY / 2
    assert read(cmo, on(61.5), "right_first_time").n == 1


def test_a_breach_after_it_began_again_is_the_next_one() -> None:
    cmo, ledger = folded([], BACK), Ledger()
    opened = due_of(cmo, ledger, END)
    due_of(cmo, ledger, END + 1)
    again = due_of(cmo, ledger, 90)
    assert [event.data.breach for event in opened] == [f"{SILENCE}:acme:cmo.lots:1"]
    assert [event.data.breach for event in again] == [f"{SILENCE}:acme:cmo.lots:2"]


@pytest.mark.parametrize("follows", [END - 9, END, END + 1])
def test_a_version_that_follows_without_a_pause_takes_its_place(follows: int) -> None:
    agreed = Agreements([version(0, END), version(follows)])
    found = [agreed.of(ACME, due(day)) for day in (-1, follows - 1, follows, END + 9)]
    assert [each and each.version for each in found] == [None, "0", str(follows), str(follows)]
    assert not any(agreed.has_ended(ACME, due(day)) for day in range(-1, END + 9))
    assert agreed.began_again(ACME, due(END + 9)) is None


def test_a_pause_between_versions_is_no_agreement() -> None:
    inside, again = due(40), due(60)
    assert BACK.of(ACME, inside) is None
    assert BACK.has_ended(ACME, inside)
    assert not BACK.has_ended(ACME, again)
    assert BACK.began_again(ACME, again) == again
    assert BACK.began_again(ACME, inside) is None
    assert [each.version for each in BACK.in_force(again)] == ["60"]
    assert BACK.in_force(inside) == []


def test_an_end_before_the_beginning_is_refused() -> None:
    with pytest.raises(ValueError, match="end: 2023-12-31 lies before effective 2024-01-01"):
        version(0, -1)


def test_who_stands_by_and_who_reads_anew_agree_before_at_and_after_the_end() -> None:
    told = [*late_lines(), started("L1"), completed("L1", 5), heartbeat(LOTS, on(62))]
    ticks = [10.0, END, END + 1, 59, 61, 70]
    both_agree(told, ticks, ticks, Random(1), BACK)
