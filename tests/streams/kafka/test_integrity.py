"""How a shard goes from a log that is not compared yet to one that is whole, or damaged."""

import asyncio
from types import SimpleNamespace
from typing import Any

from alerts.agreements import Agreements
from events.data import LOTS, RELEASES, TOPICS
from streams.kafka.assignment import Assignment
from streams.kafka.integrity import Integrity
from streams.kafka.looks import Looks
from streams.seals import Damage, Extent, Kind, Memory, next_seal
from streams.settings import Settings
from streams.shard import Shard

EMPTY = {topic: Extent(topic, 0, 0) for topic in TOPICS}
ANEW = {**EMPTY, LOTS: Extent("another", 0, 0)}
SEAL = next_seal(None, EMPTY, (), 1_000)
REPAIRED = next_seal(SEAL, ANEW, (), 2_000, [Damage(LOTS, Kind.RECREATED)], "so be it")
FOUND = (Damage(LOTS, Kind.RECREATED),)


def begun() -> Integrity:
    integrity = Integrity()
    assert not integrity.compare(SEAL, EMPTY, {}, integrity.memories)
    return integrity


def test_nothing_is_intact_before_it_is_sealed_and_compared() -> None:
    integrity = Integrity()
    assert (integrity.intact, "not compared yet" in integrity.words) == (False, True)
    assert not integrity.compare(None, EMPTY, {}, integrity.memories)
    assert not integrity.intact
    assert not integrity.compare(SEAL, EMPTY, {}, integrity.memories)
    assert (integrity.intact, integrity.words) == (True, "")


def test_a_shard_of_a_log_that_is_damaged_since_begins_anew_and_knows_why() -> None:
    integrity = begun()
    assert integrity.compare(SEAL, ANEW, {}, integrity.memories)
    anew = integrity.anew()
    assert (anew.damages, anew.intact) == (FOUND, False)
    assert anew.words == "the log is damaged: cmo.lots was deleted and created anew"


def test_what_is_found_once_is_damage_though_the_log_looks_whole_again() -> None:
    integrity = begun()
    integrity.note(Damage(RELEASES, Kind.SHORTENED))
    assert integrity.compare(SEAL, EMPTY, {}, integrity.memories)
    anew = integrity.anew()
    assert not anew.compare(SEAL, EMPTY, {}, anew.memories)
    assert anew.damages == (Damage(RELEASES, Kind.SHORTENED),)


def test_what_is_noted_before_anything_was_compared_is_damage_once_it_is() -> None:
    integrity = Integrity()
    integrity.note(Damage(RELEASES, Kind.SHORTENED))
    assert not integrity.compare(SEAL, EMPTY, {}, integrity.memories)
    assert integrity.damages == (Damage(RELEASES, Kind.SHORTENED),)
    assert integrity.to_keep({})[LOTS] == Memory(0, SEAL.number, integrity.damages)
    assert integrity.compare(REPAIRED, ANEW, {}, integrity.memories)
    assert not integrity.anew().compare(REPAIRED, ANEW, {}, {})


def test_what_is_noted_of_a_log_without_a_seal_is_damage_until_it_is_sealed() -> None:
    integrity = Integrity()
    integrity.note(Damage(RELEASES, Kind.SHORTENED))
    assert not integrity.compare(None, EMPTY, {}, integrity.memories)
    assert integrity.damages == (Damage(RELEASES, Kind.SHORTENED),)
    assert integrity.compare(SEAL, EMPTY, {}, integrity.memories)
    assert not integrity.words.startswith("the log is damaged")


def test_a_topic_that_is_missing_meanwhile_is_not_kept_as_missing_for_good() -> None:
    integrity, without = begun(), {t: e for t, e in EMPTY.items() if t != LOTS}
    integrity.note(Damage(RELEASES, Kind.SHORTENED))
    assert integrity.compare(SEAL, without, {}, integrity.memories)
    assert set(integrity.damages) == {
        Damage(LOTS, Kind.MISSING),
        Damage(RELEASES, Kind.SHORTENED),
    }
    assert integrity.to_keep({})[LOTS].damages == (Damage(RELEASES, Kind.SHORTENED),)
    assert integrity.anew().damages == (Damage(RELEASES, Kind.SHORTENED),)


def test_that_a_shard_is_to_begin_anew_stays_so_until_it_does() -> None:
    damaged = Integrity()
    damaged.compare(SEAL, ANEW, {}, damaged.memories)
    for _ in range(2):
        assert damaged.compare(REPAIRED, ANEW, {}, damaged.memories)
        assert (damaged.intact, "about to be read anew" in damaged.words) == (False, True)


def test_once_a_log_is_sealed_anew_a_shard_begins_anew_and_then_is_intact() -> None:
    damaged = Integrity()
    assert not damaged.compare(SEAL, ANEW, {}, damaged.memories)
    assert damaged.compare(REPAIRED, ANEW, {}, damaged.memories)
    anew = damaged.anew()
    assert not anew.compare(REPAIRED, ANEW, {}, anew.memories)
    assert anew.intact


def test_a_shard_that_reads_a_later_seal_begins_anew_though_it_missed_nothing() -> None:
    assert begun().compare(next_seal(SEAL, EMPTY, (), 2_000), EMPTY, {}, {})


def test_a_missing_topic_is_no_reason_to_begin_anew() -> None:
    integrity, without = begun(), {t: e for t, e in EMPTY.items() if t != LOTS}
    assert not integrity.compare(SEAL, without, {}, integrity.memories)
    assert not integrity.intact
    assert not integrity.compare(SEAL, EMPTY, {}, integrity.memories)
    assert integrity.intact


def test_the_group_keeps_how_far_which_log_is_folded_and_never_goes_back() -> None:
    integrity = begun()
    assert integrity.to_keep({LOTS: 3}) == {LOTS: Memory(3, SEAL.number)}
    integrity.memories[LOTS] = Memory(9, SEAL.number)
    assert integrity.to_keep({LOTS: 3}) == {}
    integrity.memories[LOTS] = Memory(9, SEAL.number - 1)
    assert integrity.to_keep({LOTS: 3}) == {LOTS: Memory(3, SEAL.number)}


def test_the_group_keeps_what_was_found_under_the_seal_by_which_it_was_found() -> None:
    damaged = Integrity()
    damaged.memories[RELEASES] = Memory(4, SEAL.number)
    damaged.compare(SEAL, {**ANEW, RELEASES: Extent(RELEASES, 0, 4)}, {}, damaged.memories)
    kept = damaged.to_keep({})
    assert set(kept) == set(TOPICS)
    assert kept[LOTS] == Memory(0, SEAL.number, FOUND)
    assert kept[RELEASES] == Memory(4, SEAL.number, FOUND)
    damaged.memories.update(kept)
    assert damaged.to_keep({}) == {}


def test_what_is_found_before_anything_was_kept_is_kept_under_the_seal_too() -> None:
    damaged = Integrity()
    damaged.compare(SEAL, ANEW, {}, damaged.memories)
    assert damaged.to_keep({})[LOTS] == Memory(0, SEAL.number, FOUND)


def test_a_log_that_grows_and_is_read_on_while_the_brokers_are_asked_is_whole() -> None:
    async def growing(_: object) -> dict[int, dict[str, Extent]]:
        """What there was before the worker read on, and the group kept how far."""
        progress.take(LOTS, 9, ())
        progress.committed(LOTS, Memory(9, 1_000))
        return {0: {**EMPTY, LOTS: Extent(LOTS, 0, 5)}}

    assignment = Assignment(lambda number: Shard(number, 1, Agreements([])))
    assignment.hold([0])
    (progress,) = assignment
    progress.shard.seal = SEAL
    progress.integrity.begun = 1_000
    extents: Any = SimpleNamespace(told=growing)
    consumer: Any = None  # nothing begins anew
    looks = Looks(Settings(), assignment, extents)
    assert asyncio.run(looks.look(consumer)) == [progress]
    assert progress.integrity.intact
