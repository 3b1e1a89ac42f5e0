"""Record kinds: what the facts about one thing are joined into, each declared in a file of its own.

A kind knows which events it takes and which records each is about, in which order facts of one
instant come, and what the facts amount to: its view. It knows nothing of KPIs.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec import structs

from alerts.agreements import Agreement
from alerts.facts import Evidence, Fact
from events.compact import COMPACT, Said
from events.data import Data
from events.dimensions import WHOLE, Scope

Key = tuple[str, ...]
"""What names a record among those of its kind and CMO."""

Place = tuple["Kind", Key]
"""Where a record is kept."""

MOST_LINKS: Final = 100
"""How many other records one may be linked to."""


class View:
    """What the facts about one thing amount to; whoever has one only reads it.

    `links` are the records that are worked out anew when this one changes; `MOST_LINKS` at most.
    """

    __slots__ = ()
    links: "Sequence[Link]" = ()

    @property
    def scope(self) -> Scope:
        """What its evidence is counted for, besides the CMO as a whole."""
        return WHOLE

    @property
    def is_open(self) -> bool:
        """Whether somebody waits for it."""
        return False

    @property
    def is_settled(self) -> bool:
        """Whether nobody will wait for anything about it any more."""
        return False


class Link(msgspec.Struct, frozen=True, gc=False):
    """Another record: the name of its kind, and its key."""

    kind: str
    key: Key


class Takes(msgspec.Struct, frozen=True):
    """An event type that a kind takes, the records it is about, and whether it moves the view.

    `keys` gives the keys of at most `MOST_LINKS` records. `moves` is False for what only shows
    that the thing progresses. `names_product` says that the product, and the site if any, that it
    names are counted: a CMO may have so many. `ever` says that it counts however late it comes.
    `tells_all` says that it tells all there is, whatever was said before.
    """

    data: type[Data]
    keys: Callable[[Any], Iterable[Key]]
    moves: bool = True
    names_product: bool = False
    ever: bool = False
    tells_all: bool = False


def _of_its_view(_: Key, view: Any) -> Scope | None:
    return None if view is None else view.scope


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kind:
    """A record kind.

    `takes` are its events in the order of the life cycle, which is that of facts of one instant.
    `derive` gives the view of facts in their order; `advance`, where there is one, the view after
    one more fact, the last. `most_facts` is how many one record may have. `group` names the part of
    a key by which its records are looked up together. `settles` says that its views are once
    settled, from when on facts may come too late; `condense` gives what is kept of a settled view
    once nothing can ask for the rest.

    Of a refused message `may_be` gives the keys it may be about where its type, or the whole key,
    cannot be told: of an invalid field it finds no attribute. `site` gives the site of a key where
    its owner alone may speak: of another's word nothing is lost. `about` gives for a key, and the
    view if there is one, what its record is counted for, None where that cannot be told.
    """

    name: str
    takes: tuple[Takes, ...]
    derive: Callable[[Sequence[Fact], Agreement], Any]
    advance: Callable[[Any, Fact, Agreement], Any] | None = None
    most_facts: int | None = None
    group: Callable[[Key], str] | None = None
    settles: bool = False
    condense: Callable[[Any], Any] | None = None
    may_be: Callable[[Any], Iterable[Key]] | None = None
    site: Callable[[Key], str] | None = None
    about: Callable[[Key, Any], Scope | None] = _of_its_view
    rank: dict[type[Said], int] = field(init=False)
    keys_of: dict[type[Said], Callable[[Any], Iterable[Key]]] = field(init=False)
    moves: frozenset[type[Said]] = field(init=False)
    naming: frozenset[type[Said]] = field(init=False)
    never_late: frozenset[type[Said]] = field(init=False)
    telling_all: frozenset[type[Said]] = field(init=False)

    def __post_init__(self) -> None:
        types = [each.data for each in self.takes]
        if twice := {each.__name__ for each in types if types.count(each) > 1}:
            raise TypeError(f"{self.name}: takes {', '.join(sorted(twice))} twice")
        compact = [COMPACT[each] for each in types]
        pairs = list(zip(compact, self.takes, strict=True))
        if self.advance is None and any(each.ever for each in self.takes):
            raise TypeError(f"{self.name}: what counts however late needs advance")
        object.__setattr__(self, "rank", {each: rank for rank, each in enumerate(compact)})
        object.__setattr__(self, "keys_of", {each: takes.keys for each, takes in pairs})
        for name, chosen in (
            ("moves", [each for each, takes in pairs if takes.moves]),
            ("naming", [each for each, takes in pairs if takes.names_product]),
            ("never_late", [each for each, takes in pairs if takes.ever]),
            ("telling_all", [each for each, takes in pairs if takes.tells_all]),
        ):
            object.__setattr__(self, name, frozenset(chosen))


class Withdrawn(msgspec.Struct, frozen=True, gc=False):
    """A fact that was taken back, and when the log got the first word of that."""

    fact: Fact
    logged: int


class Record(msgspec.Struct, frozen=True, gc=False):
    """The facts of one thing in their order, and what they amount to under the terms agreed.

    `number` is its place among all records of its CMO. `evidence` is what it says for each KPI.
    `logged` is when the log got the first and the last word about it. `withdrawn` are the facts
    that were taken back, in time or too late; `gone` is how many those are and the facts that were
    let go. `past` is the view of the latter, if any; facts that came since are too late, and stay.
    `terms` are those agreed on the day of its first fact; where there were none yet, others may
    come to hold. `scope`, `is_open` and `is_settled` are the view's, `WHOLE` and False for none.
    """

    number: int
    facts: tuple[Fact, ...] = ()
    view: Any = None
    evidence: tuple[tuple[str, Evidence], ...] = ()
    first_logged: int = 0
    last_logged: int = 0
    withdrawn: tuple[Withdrawn, ...] = ()
    gone: int = 0
    past: Any = None
    terms: Agreement | None = None
    scope: Scope = WHOLE
    is_open: bool = False
    is_settled: bool = False

    @property
    def is_let_go(self) -> bool:
        """Whether the facts that count are no longer kept."""
        return self.past is not None

    def having_withdrawn(self, withdrawn: tuple[Withdrawn, ...]) -> "Record":
        """The same with other facts taken back, before it is worked out what that amounts to."""
        gone = self.gone - len(self.withdrawn) + len(withdrawn)
        return structs.replace(self, withdrawn=withdrawn, gone=gone)


def outline(view: View) -> tuple[Scope, bool, bool]:
    """What a record has of its view beside it: scope, whether it is open, whether it is settled.

    So whatever a view may raise, it raises before anything is changed.
    """
    return view.scope, view.is_open, view.is_settled
