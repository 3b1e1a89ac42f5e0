"""Agreements that were wrong and are put right leave no trace: all equals one clean pass."""

from collections.abc import Callable
from datetime import date
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.agreements import DEFAULT_SOURCES, Agreements
from events.data import DEAD_LETTERS, INBOUND, Speaker
from events.outcomes import Reason
from events.sources import Source
from streams.outbox import AGAIN_AFTER
from streams.shard import Shard
from tests.alerts import laws, refusals
from tests.alerts.laws import NOW, judged, letters, publish, same, settle
from tests.builders import (
    FIRST,
    Log,
    Told,
    agreement,
    completed,
    counted,
    days,
    deviation,
    log,
    message,
    on,
    promised,
    released,
    retracted,
    started,
)

LOTS = "cmo.lots"
ACME, BETA = laws.CMOS


def agreements(*, use_default: bool = False, **beta: Any) -> Agreements:
    """What is agreed with two CMOs, of which one is agreed with otherwise; or not at all."""
    made = [agreement(ACME, **laws.TERMS)]
    if use_default:
        default = agreement(BETA, **laws.TERMS).model_copy(update={"cmo": None, "default": True})
        made.append(default)
    elif beta.pop("there", True):
        made.append(agreement(BETA, **{**laws.TERMS, **beta}))
    return Agreements(made, use_default=beta.pop("cover", use_default))


def sources(**changed: Any) -> tuple[Source, ...]:
    """The usual sources, but the CMO's own, which is changed."""
    own, *others = DEFAULT_SOURCES
    return (own.model_copy(update=changed), *others)


RIGHT = agreements()
WRONG: dict[str, tuple[Agreements, Agreements, Reason]] = {
    "no agreement is there": (agreements(there=False), RIGHT, Reason.UNKNOWN_CMO),
    "it comes into force too late": (
        agreements(effective=date(2030, 1, 1)),
        RIGHT,
        Reason.UNKNOWN_CMO,
    ),
    "it ended by mistake": (agreements(end=date(2020, 1, 2)), RIGHT, Reason.UNKNOWN_CMO),
    "the default agreement is off": (
        Agreements([agreement(ACME, **laws.TERMS)]),
        agreements(use_default=True),
        Reason.UNKNOWN_CMO,
    ),
    "its source is spelled wrong": (
        agreements(sources=sources(source="/cmo/boreals")),
        RIGHT,
        Reason.UNKNOWN_SOURCE,
    ),
    "its source may speak too late": (
        agreements(sources=sources(start=date(2030, 1, 1))),
        RIGHT,
        Reason.UNKNOWN_SOURCE,
    ),
    "its source speaks as a laboratory": (
        agreements(sources=sources(speaker=Speaker.LAB)),
        RIGHT,
        Reason.NOT_ENTITLED,
    ),
}

DECIDED_ANEW = ("unknown_cmo", "unknown_source", "not_entitled", "other_content")

MESSAGES = [
    *(each for name in ("L1", "L2") for each in released(name, days(3), cmo=BETA)),
    deviation("D", "major", "L1", cmo=BETA),
    *released("L3", cmo=ACME),
    started("L4", cmo=BETA),
]
TAKEN_BACK = retracted(MESSAGES[0], on(9))
STORY = [*MESSAGES, MESSAGES[1], MESSAGES[2], TAKEN_BACK]


def worker(agreed: Agreements, own: Log, held: Log, random: Random | None = None) -> Shard:
    """A new worker: our own topics first, then the inbound ones, caught up and judged."""
    shard = Shard(0, 1, agreed, clock=lambda: 0.0)
    for topic, said in own.items():
        shard.fold(topic, len(said), said)
    if random is None:
        for topic in INBOUND:
            shard.fold(topic, len(held.get(topic, ())), held.get(topic, []))
    else:
        laws.feed(shard, held, random)
    list(shard.tick(NOW))
    return shard


def nothing_said() -> Log:
    return Log({DEAD_LETTERS: [], "cmo.breaches": []})


def counts(shard: Shard) -> Any:
    return shard.accepted, shard.duplicates, shard.rejected, dict(shard.lacking)


def is_clean(shard: Shard, own: Log, agreed: Agreements, held: Log) -> None:
    """All that is read, counted and said is what one pass makes of the log that never was wrong."""
    clean = worker(agreed, nothing_said(), held)
    same(judged(shard, NOW), judged(clean, NOW))
    assert counts(shard) == counts(clean)
    unsaid = nothing_said()
    settle(clean, unsaid, NOW)
    assert letters(own) == letters(unsaid)
    # What opened by mistake may stand on, unknown or between a limit and its eased one.
    assert shard.ledger.standing.keys() >= clean.ledger.standing.keys()


@pytest.mark.parametrize("wrong", WRONG)
def test_what_was_refused_by_mistake_is_taken_once_that_is_put_right(wrong: str) -> None:
    mistaken, right, reason = WRONG[wrong]
    held, own = log(STORY), nothing_said()
    settle(bad := worker(mistaken, own, held), own, NOW)
    assert {why for (_, why), n in bad.rejected.items() if n} == {reason}
    assert set(letters(own).values()) == {reason}
    settle(good := worker(right, own, held), own, NOW)
    assert not letters(own)
    is_clean(good, own, right, held)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_was_taken_by_mistake_is_refused_once_that_is_put_right(wrong: str) -> None:
    right, mistaken, reason = WRONG[wrong]
    held, own = log(STORY), nothing_said()
    settle(worker(mistaken, own, held), own, NOW)
    assert not letters(own)
    settle(good := worker(right, own, held), own, NOW)
    assert set(letters(own).values()) == {reason}
    assert {r.cmo: r.n for r in good.readings() if r.kpi.name == "right_first_time"} == {
        ACME: 1,
        **({BETA: 0} if good.judged.get(BETA) else {}),
    }


@settings(deadline=None)
@given(
    laws.stories(),
    st.lists(st.sampled_from(sorted(WRONG)), min_size=1, max_size=3),
    st.integers(0, 2**32).map(Random),
)
def test_any_mistakes_one_after_the_other_leave_nothing(
    events: list[Told], wrong: list[str], random: Random
) -> None:
    """Duplicates, retractions and poison amid it; workers killed before all that is due is read."""
    events = [*events, *random.sample(events, len(events) // 4)]
    held, own = refusals.poisoned(log(events), random), nothing_said()
    for name in wrong:
        killed = worker(WRONG[name][0], own, held, random)
        sent = killed.to_send()
        publish(own, sent[: random.randint(0, len(sent))])
    settle(good := worker(RIGHT, own, held, random), own, NOW)
    is_clean(good, own, RIGHT, held)


# --- which of two is first


def contradicting() -> list[Told]:
    return [started("L1", cmo=BETA, id="same"), completed("L2", cmo=BETA, id="same")]


def test_of_two_that_contradict_the_first_that_may_be_said_stands() -> None:
    early, late = contradicting()
    held = log([early, late._replace(recorded=on(20))])
    since = agreements(sources=sources(start=FIRST.replace(day=15)))
    own = nothing_said()
    settle(worker(since, own, held), own, NOW)
    assert letters(own) == {f"{LOTS}/0/0": "unknown_source"}
    settle(good := worker(RIGHT, own, held), own, NOW)
    assert letters(own) == {f"{LOTS}/0/1": "other_content"}
    is_clean(good, own, RIGHT, held)
    settle(again := worker(since, own, held), own, NOW)
    is_clean(again, own, since, held)


def test_a_letter_whose_reason_is_another_one_now_is_said_anew() -> None:
    held, own = log([started("L1", cmo=BETA)]), nothing_said()
    settle(worker(WRONG["no agreement is there"][0], own, held), own, NOW)
    settle(worker(WRONG["its source is spelled wrong"][0], own, held), own, NOW)
    assert letters(own) == {f"{LOTS}/0/0": "unknown_source"}
    kinds = [dict(each.headers)["kind"] for each in own[DEAD_LETTERS]]
    assert kinds == [b"refused", b"refused"]


@pytest.mark.parametrize("reason", sorted({*Reason} - {*DECIDED_ANEW}))
def test_what_stands_in_the_message_or_in_the_fold_is_refused_for_good(reason: Reason) -> None:
    held, own = log([started("L1", cmo=BETA)]), nothing_said()
    refusal = worker(WRONG["no agreement is there"][0], own, held).to_send()[0]
    said = [(name, value) for name, value in refusal.headers if name != "reason"]
    publish(own, [refusal._replace(headers=[*said, ("reason", reason.encode())])])
    settle(good := worker(RIGHT, own, held), own, NOW)
    assert letters(own) == {f"{LOTS}/0/0": reason}
    assert good.rejected == {(LOTS, reason): 1}


# --- kills


def kill_points() -> list[Callable[[list[Any]], list[Any]]]:
    return [lambda sent: [], lambda sent: sent[: len(sent) // 2], lambda sent: sent]


@pytest.mark.parametrize("first", kill_points())
@pytest.mark.parametrize("second", kill_points())
def test_a_worker_killed_before_it_reads_back_what_it_said_leaves_nothing(
    first: Callable[[list[Any]], list[Any]], second: Callable[[list[Any]], list[Any]]
) -> None:
    held, own = log(STORY), nothing_said()
    publish(own, first(worker(WRONG["no agreement is there"][0], own, held).to_send()))
    publish(own, second(worker(RIGHT, own, held).to_send()))
    settle(good := worker(RIGHT, own, held), own, NOW)
    is_clean(good, own, RIGHT, held)
    assert not worker(RIGHT, own, held).to_send()


def test_a_word_of_one_ordinal_has_one_content() -> None:
    """What a worker sent and another sends again says the same, but for the bytes it keeps."""
    held, own = log(STORY), nothing_said()
    for agreed in (WRONG["no agreement is there"][0], RIGHT):
        for _ in range(2):
            publish(
                own, worker(agreed, nothing_said() if agreed is not RIGHT else own, held).to_send()
            )
    contents: dict[Any, Any] = {}
    for each in own[DEAD_LETTERS]:
        said = dict(each.headers)
        word = said.get("topic"), said.get("offset"), said.get("ordinal"), said.get("cmo")
        assert contents.setdefault(word, each.headers) == each.headers


def test_a_message_beyond_what_keeps_its_bytes_is_withdrawn_too() -> None:
    held, own = log(started(f"L{n}", cmo=BETA) for n in range(150)), nothing_said()
    settle(worker(WRONG["no agreement is there"][0], own, held), own, NOW)
    assert len(letters(own)) == 150
    settle(good := worker(RIGHT, own, held), own, NOW)
    assert not letters(own)
    assert good.accepted[LOTS] == 150


# --- two workers that do not agree


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def both_live(*shards: Shard, own: Log, clock: Clock, rounds: int = 20) -> list[int]:
    """What shards that hold one partition at the same time say, round by round, and read."""
    said = []
    for _ in range(rounds):
        clock.now += AGAIN_AFTER
        before = len(own[DEAD_LETTERS])
        for shard in shards:
            publish(own, [each for each in shard.to_send() if each.topic == DEAD_LETTERS])
        for shard in shards:
            at = shard.next[DEAD_LETTERS]
            shard.fold(DEAD_LETTERS, len(own[DEAD_LETTERS]), own[DEAD_LETTERS][at:])
        said.append(len(own[DEAD_LETTERS]) - before)
    return said


@pytest.mark.parametrize("old_first", [True, False])
def test_two_that_never_agree_come_to_an_end(old_first: bool) -> None:
    held, own, clock = log([started("L1", cmo=BETA)]), nothing_said(), Clock()
    terms = [WRONG["no agreement is there"][0], RIGHT]
    old, new = (Shard(0, 1, each, clock) for each in (terms if old_first else terms[::-1]))
    for shard in (old, new):
        shard.fold(DEAD_LETTERS, len(own[DEAD_LETTERS]), own[DEAD_LETTERS])
        shard.fold(LOTS, 1, held[LOTS])
        both_live(shard, own=own, clock=clock, rounds=2)
    said = both_live(old, new, own=own, clock=clock)
    assert sum(said) == 2
    assert not any(said[4:])
    assert not old.due
    assert not new.due
    expected = {} if old_first else {f"{LOTS}/0/0": "unknown_cmo"}
    assert letters(own) == expected, "who came last has the last word"


@pytest.mark.parametrize(
    ("by", "site", "sites"),
    [("sponsor", "depot", {"depot": "sponsor"}), ("cmo", "plant", {}), ("cmo", "plant", None)],
)
def test_who_owns_a_site_is_decided_anew(by: str, site: str, sites: dict[str, Any] | None) -> None:
    right = agreements(sites=sites or {"plant": "cmo"})
    wrong = agreements(sites={site: "carrier"})
    held, own = log([counted("pills", 5, site=site, by=by, cmo=BETA), *STORY]), nothing_said()
    for agreed, refused in ((wrong, 1), (right, 0), (wrong, 1), (right, 0)):
        settle(shard := worker(agreed, own, held), own, NOW)
        assert list(letters(own).values()) == ["not_entitled"] * refused
        is_clean(shard, own, agreed, held)


def test_handing_over_and_back_says_one_word_a_message_each_time() -> None:
    held, own = log([started("L1", cmo=BETA), started("L2", cmo=BETA)]), nothing_said()
    said = [0]
    for agreed in (WRONG["no agreement is there"][0], RIGHT) * 3:
        settle(worker(agreed, own, held), own, NOW)
        said.append(sum(dict(m.headers)["kind"] != b"covered" for m in own[DEAD_LETTERS]))
    assert [after - before for before, after in pairwise(said)] == [2] * 6


def test_what_another_version_could_not_read_meanwhile_is_withdrawn_by_who_reads_it() -> None:
    """Else whoever folds next would refuse what this one has taken."""
    held, own = log([promised("1", cmo=BETA)]), nothing_said()
    good = worker(RIGHT, own, held)
    held_by = message(promised("1", cmo=BETA), 0)
    other = Shard(0, 1, RIGHT)
    other.fold(held_by.topic, 1, [held_by.having(value=b"{")])
    publish(own, other.to_send())
    good.fold(DEAD_LETTERS, 1, own[DEAD_LETTERS])
    settle(good, own, NOW)
    assert not letters(own)
    is_clean(worker(RIGHT, own, held), own, RIGHT, held)


# --- an agreement that is gone


def test_a_cmo_that_was_covered_once_is_missed_by_every_start_until_that_is_put_right() -> None:
    held, own = log(STORY), nothing_said()
    settle(good := worker(RIGHT, own, held), own, NOW)
    assert not good.lacking
    count = sum(each.cmo == BETA for each in STORY)
    for _ in range(2):
        settle(bad := worker(WRONG["no agreement is there"][0], own, held), own, NOW)
        assert bad.lacking == {BETA: count}
    assert not worker(RIGHT, own, held).lacking
    assert not worker(WRONG["it ended by mistake"][0], own, held).lacking


def test_a_stranger_is_never_missed() -> None:
    held, own = log([started("L1", cmo="stranger"), started("L2", cmo=ACME)]), nothing_said()
    settle(shard := worker(RIGHT, own, held), own, NOW)
    assert letters(own) == {f"{LOTS}/0/0": "unknown_cmo"}
    assert not shard.lacking
    assert not worker(RIGHT, own, held).lacking


def test_that_a_cmo_is_covered_is_said_once_it_was_heard_and_once() -> None:
    held, own = log(each for each in STORY if each.cmo == ACME), nothing_said()
    settle(worker(RIGHT, own, held), own, NOW)
    assert [m.key for m in own[DEAD_LETTERS]] == [b"acme"]
    held = log(STORY)
    for _ in range(3):
        settle(worker(RIGHT, own, held), own, NOW)
    covered = [m.key for m in own[DEAD_LETTERS] if dict(m.headers)["kind"] == b"covered"]
    assert covered == [b"acme", b"borealis"]
