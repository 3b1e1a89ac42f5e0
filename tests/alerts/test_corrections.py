"""Corrections: what a CMO takes back, or claims late, ends no critical breach by itself."""

from collections.abc import Sequence
from random import Random

import pytest

from events.breaches import BREACH_EVENT
from events.data import BREACHES, DEAD_LETTERS
from streams.shard import Shard
from tests.alerts import laws
from tests.alerts.standing import Standing, both_agree
from tests.builders import (
    Log,
    Told,
    acknowledged,
    agreed,
    completed,
    decided,
    delivered,
    deviation,
    log,
    on,
    promised,
    retracted,
    started,
)

FIRST_TIME, ACCEPTANCE = "right_first_time", "lot_acceptance_dispositioned"


def said(standing: Standing, kpi: str) -> list[tuple[str, str | None]]:
    """What was published of a KPI's breach: each transition, and what a clearing was due to."""
    events = [BREACH_EVENT.validate_json(m.value or b"").data for m in standing.own[BREACHES]]
    return [(each.transition, each.cleared_by) for each in events if each.kpi == kpi]


def after(events: Sequence[Told], *days: float) -> Standing:
    """A shard that looked on these days; at the last of them one that reads anew says the same."""
    return both_agree(events, days, days[-1:], Random(0), agreed())


def made(lots: int) -> list[Told]:
    return [each for n in range(lots) for each in (started(f"L{n}", 0), completed(f"L{n}", 5))]


def deviations(of: int, lots_each: int) -> list[Told]:
    names = [[f"L{n * lots_each + k}" for k in range(lots_each)] for n in range(of)]
    return [deviation(f"D{n}", "major", *lots) for n, lots in enumerate(names)]


@pytest.mark.parametrize(("of", "lots_each"), [(4, 5), (20, 1)])
def test_what_heals_many_lots_holds_as_what_heals_one_each(of: int, lots_each: int) -> None:
    wrong = deviations(of, lots_each)
    events = [*made(30), *wrong, *(retracted(each, on(20)) for each in wrong)]
    assert said(after(events, 10, 21, 60), FIRST_TIME) == [("opened", None)]


def test_corrections_end_a_breach_that_would_have_ended_without_them() -> None:
    wrong = deviations(4, 5)
    more = [each for n in range(400) for each in (started(f"M{n}", 11), completed(f"M{n}", 12))]
    events = [*made(30), *wrong, *more, *(retracted(each, on(20)) for each in wrong)]
    cleared = after(events, 10, 11.5, 21)
    assert said(cleared, FIRST_TIME) == [("opened", None), ("cleared", "corrected")]


def test_a_failure_of_two_parts_is_put_back_whole() -> None:
    bad = [
        (completed(f"B{n}", 12), deviation(f"D{n}", "major", f"B{n}", day=11)) for n in range(40)
    ]
    good = [each for n in range(60) for each in (started(f"G{n}", 0), completed(f"G{n}", 13))]
    taken_back = [retracted(each, on(20)) for pair in bad for each in pair]
    starts = [started(f"B{n}", 0) for n in range(40)]
    events = [*starts, *good, *(each for pair in bad for each in pair), *taken_back]
    assert said(after(events, 15, 21, 60), FIRST_TIME) == [("opened", None)]


def rejections(lots: int) -> list[Told]:
    return [decided(f"L{n}", "rejected", 8) for n in range(lots)]


def test_what_the_sponsor_accepts_is_what_was_corrected_by_then() -> None:
    wrong, word = rejections(12), acknowledged(f"{ACCEPTANCE}:acme:1", on(25), accepts=True)
    good = [decided(f"L{n}", "released", 9) for n in range(12, 32)]
    taken_back = [retracted(each, on(20 if n == 0 else 60)) for n, each in enumerate(wrong)]
    events = [*made(32), *wrong, *good, word, *taken_back]
    held = said(after(events, 8.5, 21, 26, 61, 65), ACCEPTANCE)
    assert [transition for transition, _ in held] == ["opened", "acknowledged"]
    again = acknowledged(f"{ACCEPTANCE}:acme:1", on(70), accepts=True)
    cleared = after([*events, again], 8.5, 26, 61, 71)
    assert said(cleared, ACCEPTANCE)[-1] == ("cleared", "corrected")


def test_a_breach_that_corrections_hold_ends_by_what_comes_after_them() -> None:
    wrong = deviations(4, 5)
    taken_back = [retracted(each, on(20)) for each in wrong]
    more = [each for n in range(400) for each in (started(f"M{n}", 30), completed(f"M{n}", 31))]
    events = [*made(30), *wrong, *taken_back, *more]
    cleared = said(after(events, 10, 21, 29, 32), FIRST_TIME)
    assert cleared == [("opened", None), ("cleared", "corrected")]


def test_nobody_accepts_before_a_breach_has_opened() -> None:
    wrong = rejections(12)
    word = acknowledged(f"{ACCEPTANCE}:acme:1", on(2), accepts=True)
    events = [*made(12), *wrong, word, *(retracted(each, on(20)) for each in wrong)]
    assert said(after(events, 10, 21, 60), ACCEPTANCE) == [("opened", None)]


def test_a_word_that_accepts_goes_with_its_retraction() -> None:
    wrong = rejections(12)
    word = acknowledged(f"{ACCEPTANCE}:acme:1", on(21), accepts=True)
    withdrawal = retracted(word, on(21.5), "sponsor")
    events = [*made(12), *wrong, *(retracted(each, on(20)) for each in wrong), word, withdrawal]
    assert ("cleared", "corrected") not in said(after(events, 10, 22, 60), ACCEPTANCE)
    cleared = after([each for each in events if each is not withdrawal], 10, 22)
    assert said(cleared, ACCEPTANCE)[-1] == ("cleared", "corrected")


def test_claims_after_the_due_day_hold_line_by_line() -> None:
    lines = [promised(f"A{n}/1", 10) for n in range(20)]
    claims = [delivered(f"A{n}/1", 9, recorded=on(30)) for n in range(20)]
    held = after([*lines, *claims], 20, 31, 60)
    assert said(held, "delivery_on_time") == [("opened", None)]
    word = acknowledged("delivery_on_time:acme:1", on(32), accepts=True)
    cleared = after([*lines, *claims, word], 20, 31, 33)
    assert said(cleared, "delivery_on_time")[-1] == ("cleared", "corrected")


def test_what_is_folded_between_two_turns_of_a_tick_is_read_whole_or_not_at_all() -> None:
    lines = [promised(str(n), 10, product=f"p{n}") for n in range(110)]
    first = [*rejections(5)]
    later = [decided(f"L{n}", "rejected", 12) for n in range(5, 105)]
    good = [decided(f"L{n}", "released", 11, recorded=on(20)) for n in range(5, 105)]
    held = log([*lines, *made(105), *first, *later, *good, *(retracted(e, on(20)) for e in later)])
    releases = held["cmo.releases"]
    for pause in range(12):
        shard, own = Shard(0, 1, agreed(), clock=lambda: 0.0), _own()
        for topic in set(held) - {"cmo.releases"}:
            shard.fold(topic, len(held[topic]), held[topic])
        for end, day in ((5, 9), (105, 14)):
            begin = shard.next["cmo.releases"]
            shard.fold("cmo.releases", end, releases[begin:end])
            list(shard.tick(on(day)))
            laws.settle(shard, own, on(day))
        for turn, _ in enumerate(shard.tick(on(20))):
            if turn == pause:
                shard.fold("cmo.releases", len(releases), releases[105:])
        whole = Shard(0, 1, agreed(), clock=lambda: 0.0)
        seen = len(releases) if pause < turn else 105  # by the last turn it has judged
        ends = {**dict.fromkeys(held, 10**9), "cmo.releases": seen}
        for topic, messages in (*own.items(), *held.items()):
            whole.fold(topic, len(messages), messages[: ends.get(topic)])
        list(whole.tick(on(20)))
        assert list(shard.readings()) == list(whole.readings())
        assert laws.said(shard) == laws.said(whole)


def _own() -> Log:
    return {DEAD_LETTERS: [], BREACHES: []}
