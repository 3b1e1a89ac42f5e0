"""Which log a partition number is folded from: what a seal and the group's memory give away."""

from typing import Any

import pytest

from events.data import BREACHES, DEAD_LETTERS, LOTS, RELEASES, TOPICS
from events.outcomes import Reason
from streams.dead_letters import Coordinates, Word, read_back, sealed
from streams.letters import Letters
from streams.seals import Damage, Extent, Kind, Memory, Seal, damages, memory, next_seal

EMPTY = {topic: Extent(f"id-of-{topic}", 0, 0) for topic in TOPICS}
BEGUN = next_seal(None, EMPTY, (), 1_000)


def there(**changed: Extent) -> dict[str, Extent]:
    named = {"lots": LOTS, "breaches": BREACHES, "dead_letters": DEAD_LETTERS}
    return {**EMPTY, **{named[name]: extent for name, extent in changed.items()}}


def found(seal: Seal | None, **changed: Extent) -> set[Damage]:
    return set(damages(seal, there(**changed), {}, {}))


def test_a_log_that_begins_is_whole() -> None:
    assert found(None, dead_letters=Extent("a", 0, 3)) == set()
    assert found(BEGUN) == set()


def test_a_log_that_begins_above_0_or_in_which_more_was_said_than_is_sealed_is_damaged() -> None:
    assert found(None, lots=Extent("a", 40, 50)) == {Damage(LOTS, Kind.TRUNCATED)}
    assert found(None, breaches=Extent("a", 0, 1)) == {Damage(DEAD_LETTERS, Kind.UNSEALED)}


def test_a_topic_that_was_created_anew_is_another_however_long_it_is() -> None:
    again = Extent("another id", 0, 9_999)
    assert found(BEGUN, lots=again) == {Damage(LOTS, Kind.RECREATED)}


def test_records_deleted_since_it_was_sealed_are_missed_and_those_from_before_are_not() -> None:
    cut = Extent(EMPTY[LOTS].topic_id, 40, 50)
    assert found(BEGUN, lots=cut) == {Damage(LOTS, Kind.TRUNCATED)}
    assert found(next_seal(BEGUN, there(lots=cut), (), 2_000), lots=cut) == set()


def test_a_topic_that_ends_before_what_was_folded_or_committed_is_damaged() -> None:
    short = {LOTS: Damage(LOTS, Kind.SHORTENED)}
    assert damages(BEGUN, EMPTY, {}, {LOTS: 1}) == (short[LOTS],)
    assert damages(BEGUN, EMPTY, {LOTS: Memory(1, BEGUN.number)}, {}) == (short[LOTS],)
    assert damages(BEGUN, EMPTY, {LOTS: Memory(1, BEGUN.number - 1)}, {}) == ()


def test_what_was_found_stays_until_a_later_seal() -> None:
    noted = {RELEASES: Memory(0, BEGUN.number, (Damage(LOTS, Kind.SHORTENED),))}
    assert damages(BEGUN, EMPTY, noted, {}) == (Damage(LOTS, Kind.SHORTENED),)
    later = next_seal(BEGUN, EMPTY, noted.values(), 2_000)
    assert damages(later, EMPTY, noted, {}) == ()


def test_a_log_of_which_the_group_knows_a_later_seal_has_lost_that() -> None:
    known = {LOTS: Memory(0, BEGUN.number + 1)}
    lost = (Damage(DEAD_LETTERS, Kind.UNSEALED),)
    assert damages(BEGUN, EMPTY, known, {}) == lost
    assert damages(None, EMPTY, known, {}) == lost


def test_a_missing_topic_is_said_alone() -> None:
    without = {topic: extent for topic, extent in EMPTY.items() if topic != LOTS}
    assert damages(BEGUN, without, {}, {}) == (Damage(LOTS, Kind.MISSING),)


def test_a_seal_has_a_greater_number_than_any_before_it_though_a_clock_was_ahead() -> None:
    ahead = next_seal(None, EMPTY, (), 9_000_000)
    assert next_seal(ahead, EMPTY, (), 5).number > ahead.number + 1
    assert next_seal(None, EMPTY, [Memory(3, 7_000_000)], 5).number > 7_000_001


def test_a_seal_is_read_back_as_it_was_written() -> None:
    lost = Damage(LOTS, Kind.RECREATED), Damage(BREACHES, Kind.SHORTENED)
    extents = there(lots=Extent("b", 3, 9), breaches=Extent("c", 0, 5))
    seal = next_seal(BEGUN, extents, (), 7, lost, "the disk is gone")
    assert read_back(sealed(seal, 3).headers) == seal
    assert seal.events_lost
    assert (seal.topics[LOTS].until, seal.topics[BREACHES].until) == (0, 0)
    assert seal.topics[RELEASES].until == EMPTY[RELEASES].end
    assert not next_seal(BEGUN, EMPTY, (), 7, lost[1:]).events_lost


def test_without_a_seal_nothing_that_was_said_of_any_message_holds() -> None:
    lost = [Damage(DEAD_LETTERS, Kind.UNSEALED)]
    extents = there(lots=Extent("b", 0, 9))
    assert next_seal(None, extents, (), 7, lost).topics[LOTS].until == 0
    assert next_seal(BEGUN, extents, (), 7, lost).topics[LOTS].until == 0
    assert next_seal(None, extents, (), 7).topics[LOTS].until == 9


@pytest.mark.parametrize(
    "changed", [{"number": b"x"}, {"topics": b"[]"}, {"topics": b"{}"}, {"topics": b"null"}]
)
def test_what_only_looks_like_a_seal_is_none(changed: dict[str, bytes]) -> None:
    headers = {**dict(sealed(BEGUN, 0).headers), **changed}
    assert read_back(headers.items()) is None


@pytest.mark.parametrize("text", ["", "of another program", "-1", "1.5"])
def test_what_others_keep_with_an_offset_is_no_memory_of_ours(text: str) -> None:
    assert memory(5, text) == Memory(5, 0)


def test_a_memory_is_read_back_as_it_was_kept() -> None:
    kept = Memory(5, 17, (Damage(LOTS, Kind.SHORTENED), Damage(BREACHES, Kind.RECREATED)))
    assert memory(5, kept.text) == kept


def test_what_was_said_of_messages_that_are_lost_holds_no_more_and_is_not_said_in_those_words() -> (
    None
):
    letters, lost = Letters(), [Damage(LOTS, Kind.RECREATED)]
    for offset, topic in ((1, LOTS), (1, RELEASES), (8, RELEASES)):
        letters.read(Word(Coordinates(topic, offset), 1, Reason.NOT_JSON), folded=False)
    whole: dict[str, Any] = dict.fromkeys(TOPICS, Extent("a", 0, 5))
    seal = next_seal(BEGUN, whole, (), 5_000, lost)
    letters.seal(seal)
    assert letters.reason(LOTS, 1) is None
    assert letters.reason(RELEASES, 1) is Reason.NOT_JSON
    assert letters.reason(RELEASES, 8) is None
    assert letters.decide(Coordinates(LOTS, 1), Reason.NOT_JSON) == seal.number + 1
