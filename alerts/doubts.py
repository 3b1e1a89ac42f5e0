"""Doubts: what a refused message was about is not known until something is accepted about it."""

from bisect import insort
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from alerts.agreements import Agreement
from alerts.calendar import DAY
from alerts.entitlement import owner
from alerts.facts import Fact
from alerts.kind import Key, Kind, Record
from alerts.records import BY_KIND, KINDS, TAKERS
from events.claims import claim
from events.compact import COMPACT, Said
from events.data import RefusalSettled, Speaker
from events.outcomes import Reason, Rejection, shown

MOST_THINGS: Final = 1_000
"""Of how many things a CMO may be in doubt before it is as a whole."""

MOST_KEPT: Final = 10_000
"""How many things of a CMO are kept of which something was refused."""

MOST_REFUSALS: Final = 16
"""How many refused messages about one thing are kept one by one, the newest."""

CASTING_DOUBT: Final = frozenset(
    (
        Reason.INVALID_VALUE,
        Reason.UNKNOWN_TYPE,
        Reason.UNKNOWN_VERSION,
        Reason.FROM_THE_FUTURE,
        Reason.OTHER_CONTENT,
        Reason.UNFOLDABLE,
    )
)
"""The reasons for which somebody who may speak had something to say that is not known now."""

SETTLED: Final = COMPACT[RefusalSettled]

Thing = tuple[str, Key]
"""The name of a record kind and a key; a shorter key stands for all records that begin with it."""

Place = tuple[int, str, int]
"""Where something stands in the log: when the log got it, its topic and its offset."""

Where = tuple[str, int]
"""The topic and the offset of a message, of whichever partition its CMO is on."""

NOWHERE: Final[Place] = (0, "", -1)


class Refusal(NamedTuple):
    """A refused message about a thing, in the order of the log.

    `tells_all` says that it would have told all there is, or may have: then only another that does
    makes up for it. `moves` says that it may have moved the thing: then only what does makes up.
    """

    logged: int
    topic: str
    offset: int
    partition: int
    reason: Reason
    tells_all: bool
    moves: bool
    speaker: Speaker

    @property
    def place(self) -> Place:
        """Where it stands in the log."""
        return self[:3]

    @property
    def where(self) -> Where:
        """By what it is settled."""
        return self[1:3]

    @property
    def text(self) -> str:
        """Why it was refused, and where it lies."""
        return f"{self.reason} at {self.topic}[{self.partition}] offset {self.offset}"


def refusals(
    rejection: Rejection, terms_on: Callable[[int], Agreement | None]
) -> Iterator[tuple[Thing, Refusal]]:
    """The things that a rejection casts doubt on; none where they cannot be told.

    `terms_on` gives what is agreed on a day, counted from the epoch.
    """
    cmo, speaker, message = rejection.cmo, rejection.speaker, rejection.message
    if cmo is None or speaker is None or rejection.reason not in CASTING_DOUBT:
        return
    said, names = claim(message, cmo, rejection.given)
    if said is not None and speaker not in said.SPEAKERS:
        return
    place = message.timestamp * 1_000, message.topic, message.offset
    for kind in KINDS if said is None else TAKERS[said]:
        tells_all = said is None or said in kind.telling_all
        moves = said is None or said in kind.moves
        lies = message.partition, rejection.reason
        refusal = Refusal(*place, *lies, tells_all, moves, speaker)
        for key in _keys(kind, said, names):
            if kind.site is None or speaker == owner(kind.site(key), terms_on(place[0] // DAY)):
                yield (kind.name, key), refusal


def _keys(kind: Kind, said: type[Said] | None, names: Any) -> tuple[Key, ...]:
    """The keys of a kind that names tell; what an invalid field would name is not there."""
    for keys_of in (kind.keys_of[said] if said is not None else None, kind.may_be):
        try:
            if keys_of is not None:
                return tuple(keys_of(names))
        except AttributeError:
            continue
    return ()


def name(thing: Thing) -> str:
    """A thing in words, short enough to print."""
    kind, key = thing
    return shown(" ".join((kind, *(part for part in key if part))))


class _Refused:
    """The refused messages about one thing: the newest in their order, the last of those before."""

    __slots__ = ("before", "kept")

    def __init__(self) -> None:
        self.kept: list[Refusal] = []
        self.before: Refusal | None = None

    def add(self, refusal: Refusal) -> None:
        """One more, in whichever order they come."""
        insort(self.kept, refusal)
        if len(self.kept) > MOST_REFUSALS:
            oldest = self.kept.pop(0)
            self.before = oldest if self.before is None else max(self.before, oldest)

    def __iter__(self) -> Iterator[Refusal]:
        """From the newest on."""
        yield from reversed(self.kept)
        if self.before is not None:
            yield self.before


LastWord = Callable[[Thing, Refusal], Place]
"""Where the last word about a thing stands that was accepted, not taken back, and makes up for it.

That is one of the same speaker, or the sponsor's.
"""


class Doubts:
    """What of a CMO is in doubt: a fold of refusals, settlements, and what was accepted.

    A refusal casts doubt until something about its thing is accepted that the log got later, or it
    is settled. What is known when is a matter of `refresh`; until then it is as it was before.
    `standing` has each thing in doubt with the newest refusal that is open; `version` is another
    one whenever that, or what is known of such a thing, may have changed.
    """

    def __init__(self) -> None:
        self.standing: dict[Thing, Refusal] = {}
        self.version = 0
        self._refused: dict[Thing, _Refused] = {}
        self._settled: dict[Where, set[bytes]] = {}
        self._changed: dict[Thing, None] = {}
        self._forgotten: Refusal | None = None

    @property
    def is_crowded(self) -> bool:
        """Whether there is so much that it should be refreshed at once."""
        return len(self._refused) >= 2 * MOST_KEPT

    @property
    def whole(self) -> Refusal | None:
        """The refusal that is told where the CMO as a whole is in doubt.

        Of more things than are kept it is the last that is not: its settlement settles all those.
        """
        if self._forgotten is not None and self._forgotten.where not in self._settled:
            return self._forgotten
        return max(self.standing.values()) if len(self.standing) > MOST_THINGS else None

    def refuse(self, thing: Thing, refusal: Refusal) -> None:
        """A message about a thing was refused."""
        refused = self._refused.get(thing)
        if refused is None:
            refused = self._refused[thing] = _Refused()
        refused.add(refusal)
        self._changed[thing] = None

    def settle(self, where: Where, by: bytes, sign: int) -> None:
        """The sponsor settled what was refused there, or took that back where the sign is -1."""
        words = self._settled.setdefault(where, set())
        (words.add if sign > 0 else words.discard)(by)
        if not words:
            del self._settled[where]
        self._changed.update(dict.fromkeys(self._refused))

    def touch(self, kind: str, key: Key) -> None:
        """A record changed."""
        if self._refused:
            for thing in ((kind, key), (kind, key[:2])):
                if thing in self._refused:
                    self._changed[thing] = None

    def refresh(self, last_word: LastWord) -> None:
        """Bring up to date what is in doubt."""
        if not self._changed:
            return
        for thing in self._changed:
            if (refusal := self._open(thing, last_word)) is not None:
                self.standing[thing] = refusal
            else:
                self.standing.pop(thing, None)
        self._changed = {}
        self.version += 1
        if len(self._refused) > MOST_KEPT:
            self._forget()

    def _open(self, thing: Thing, last_word: LastWord) -> Refusal | None:
        """The newest refusal about a thing that is neither made up for nor settled."""
        last: dict[tuple[Any, ...], Place] = {}
        for refusal in self._refused[thing]:
            if refusal.where in self._settled:
                continue
            alike = refusal[5:]
            if alike not in last:
                last[alike] = last_word(thing, refusal)
            if refusal.place > last[alike]:
                return refusal
        return None

    def _forget(self) -> None:
        """Keep so many things: what is in doubt no more goes first, then what was refused first."""
        self._refused = {thing: self._refused[thing] for thing in self.standing}
        by_age = sorted(self._refused, key=lambda thing: self._refused[thing].kept[-1])
        for thing in by_age[: len(by_age) - MOST_KEPT]:
            newest = self._refused.pop(thing).kept[-1]
            del self.standing[thing]
            self._forgotten = newest if self._forgotten is None else max(self._forgotten, newest)


def last_of(record: Record, kind: Kind, refusal: Refusal) -> Place:
    """Where the last word that stands of a record, and makes up for a refusal, lies in the log."""
    if record.is_let_go:
        return record.last_logged, "", -1
    said = kind.telling_all if refusal.tells_all and kind.telling_all else None
    if said is None and refusal.moves:
        said = kind.moves
    words = (
        (_logged(fact), fact.topic, fact.offset)
        for fact in record.facts
        if (said is None or type(fact.data) in said)
        and (fact.speaker is refusal.speaker or fact.by_sponsor)
    )
    return max(words, default=NOWHERE)


def _logged(fact: Fact) -> int:
    """When the log got a fact, or before: one about a time to come counts as logged only then."""
    return fact.recorded if fact.time > fact.recorded else fact.logged


def kind_of(thing: Thing) -> Kind:
    """The record kind of a thing."""
    return BY_KIND[thing[0]]
