"""Seals: which log a partition number is folded from, so that no other is taken for it.

Whoever begins a log seals it, and so does who decides how to go on from a damaged one. The last
seal on `cmo.dead-letters` holds; the group keeps how far which log was folded, with its offsets.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from events.data import BREACHES, DEAD_LETTERS, INBOUND, TOPICS


class Extent(NamedTuple):
    """A partition of a topic as the brokers have it now: whose it is, where it begins and ends."""

    topic_id: str
    first: int
    end: int


class Sealed(NamedTuple):
    """A partition of a topic as it was sealed.

    What was said before of messages from `until` on, or below `first`, may be of others.
    """

    topic_id: str
    first: int
    until: int


class Seal(NamedTuple):
    """What a partition number is folded from, by topic.

    Of one that goes on from damage, `lost` are the topics that had lost anything, and `why` is what
    the person said who decided so. `number` is greater than any that was used before: milliseconds
    since the epoch. What we number goes on after it, so that nothing is ever called as something
    was that is lost.
    """

    number: int
    topics: Mapping[str, Sealed]
    lost: tuple[str, ...] = ()
    why: str = ""

    @property
    def events_lost(self) -> bool:
        """Whether any of what was lost was inbound."""
        return not set(INBOUND).isdisjoint(self.lost)

    def headers(self) -> dict[str, str]:
        """The seal as it stands on the topic."""
        topics = json.dumps(self.topics, separators=(",", ":"))
        lost = " ".join(self.lost)
        return {"number": str(self.number), "topics": topics, "lost": lost, "why": self.why}


def read_seal(fields: Mapping[str, str]) -> Seal:
    """A seal of its headers; raises `KeyError` or `ValueError` for what is none."""
    topics = json.loads(fields["topics"])
    if not isinstance(topics, dict) or set(topics) != set(TOPICS):
        raise ValueError("a seal names every topic")
    sealed = {}
    for topic, (topic_id, first, until) in topics.items():
        sealed[topic] = Sealed(str(topic_id), int(first), int(until))
    lost = tuple(fields.get("lost", "").split())
    return Seal(int(fields["number"]), sealed, lost, fields.get("why", ""))


class Kind(StrEnum):
    """What can be wrong with a log."""

    MISSING = "missing"
    RECREATED = "recreated"
    TRUNCATED = "truncated"
    SHORTENED = "shortened"
    COMPACTED = "compacted"
    UNSEALED = "unsealed"


_WORDS: Final = {
    Kind.MISSING: "is not there",
    Kind.RECREATED: "was deleted and created anew",
    Kind.TRUNCATED: "has lost records at its beginning",
    Kind.SHORTENED: "has lost records at its end",
    Kind.COMPACTED: "was compacted, and may have lost records anywhere",
    Kind.UNSEALED: "has lost what said which log was read",
}


_OTHERS_LIE_THERE: Final = (Kind.RECREATED, Kind.SHORTENED)
"""After which other messages lie, or will, at offsets of which something was said before.

Nobody knows how short a topic was when it grew again: so nothing that was said of it holds.
"""

_APART: Final = 1_000_000
"""How far apart seals are: more than a scope can have had breaches since, were a clock ahead."""


class Damage(NamedTuple):
    """What is wrong with a topic's partition."""

    topic: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.topic} {_WORDS[self.kind]}"


class Memory(NamedTuple):
    """What the group keeps of a topic's partition: how far it was folded, by which seal.

    `damages` are those of the whole partition number that were found since that seal.
    """

    offset: int
    number: int
    damages: tuple[Damage, ...] = ()

    @property
    def text(self) -> str:
        """What is kept beside the offset."""
        return " ".join([str(self.number), *(f"{d.kind}:{d.topic}" for d in self.damages)])


class SoFar(NamedTuple):
    """How far each topic of a partition number is folded, and what the group keeps of that.

    `targets` say up to where each has to be folded, by what the brokers told of its end before.
    """

    folded: Mapping[str, int]
    memories: Mapping[str, Memory]
    targets: Mapping[str, int] = {}


def memory(offset: int, text: str) -> Memory:
    """What the group kept, by its offset and what stands beside it; anything else is nothing."""
    number, *damages = text.split(" ")
    if not (number.isascii() and number.isdigit()):
        return Memory(offset, 0)
    found = (each.partition(":") for each in damages)
    known = tuple(Damage(topic, Kind(kind)) for kind, _, topic in found if kind in set(Kind))
    return Memory(offset, int(number), known)


def damages(
    seal: Seal | None,
    extents: Mapping[str, Extent],
    memories: Mapping[str, Memory],
    folded: Mapping[str, int],
) -> tuple[Damage, ...]:
    """What is wrong with the log of a partition number, by all that is known of how it was.

    `folded` says how far a shard has folded the topics that it reads.
    """
    if missing := [Damage(topic, Kind.MISSING) for topic in TOPICS if topic not in extents]:
        return tuple(missing)
    number = seal.number if seal else 0
    found = set(_against_seal(seal, extents) if seal else _without_seal(extents))
    for topic, held in memories.items():
        found |= set(held.damages if held.number >= number else ())
        if held.number > number:
            found.add(Damage(DEAD_LETTERS, Kind.UNSEALED))
        elif held.number == number and held.offset > extents[topic].end:
            found.add(Damage(topic, Kind.SHORTENED))
    cut = (topic for topic, offset in folded.items() if offset > extents[topic].end)
    return tuple(sorted(found | {Damage(topic, Kind.SHORTENED) for topic in cut}))


def later(seal: Seal, before: Seal | None) -> Seal:
    """The one of two seals that holds: whichever has the greater number, the first of equals."""
    return seal if before is None or seal.number > before.number else before


def _against_seal(seal: Seal, extents: Mapping[str, Extent]) -> Iterator[Damage]:
    for topic, sealed in seal.topics.items():
        if extents[topic].topic_id != sealed.topic_id:
            yield Damage(topic, Kind.RECREATED)
        elif extents[topic].first > sealed.first:
            yield Damage(topic, Kind.TRUNCATED)


def _without_seal(extents: Mapping[str, Extent]) -> Iterator[Damage]:
    """Nothing was sealed yet: so all is there from the beginning, and nothing was published."""
    for topic, extent in extents.items():
        if extent.first > 0:
            yield Damage(topic, Kind.TRUNCATED)
    if extents[BREACHES].end > 0:
        yield Damage(DEAD_LETTERS, Kind.UNSEALED)


def next_seal(
    before: Seal | None,
    extents: Mapping[str, Extent],
    memories: Iterable[Memory],
    now: int,
    found: Collection[Damage] = (),
    why: str = "",
) -> Seal:
    """The seal of a log that begins, or from which to go on though this damage was `found`.

    `now` is in milliseconds since the epoch.
    """
    used = [held.number for held in memories] + ([before.number] if before else [])
    anew = {each.topic for each in found if each.kind in _OTHERS_LIE_THERE}
    if found and (before is None or any(each.kind is Kind.UNSEALED for each in found)):
        anew = set(TOPICS)  # nobody knows any more which topics were read
    topics = {
        topic: Sealed(at.topic_id, at.first, 0 if topic in anew else at.end)
        for topic, at in extents.items()
    }
    number = max([now, *(number + _APART for number in used if number)])
    return Seal(number, topics, tuple(sorted({each.topic for each in found})), why)
