"""What comes too late: long after a record was settled, as the log itself tells."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from alerts.calendar import DAY
from alerts.facts import Fact
from alerts.kind import Kind, Withdrawn

LATE: Final = 800 * DAY
"""How long after a settlement was logged a word changes nothing any more."""

Derive = Callable[[Sequence[Fact]], Any]
"""The view of facts in their order; None where nothing was agreed."""


def counted(
    kind: Kind, facts: Iterable[Fact], withdrawn: Iterable[Withdrawn], derive: Derive
) -> list[Fact]:
    """The facts that count: not those that came too late, but those that were taken back too late.

    A word, a fact or its retraction, is too late where the record, by what the log got before it,
    has been settled for over 800 days. That follows from the log's own times alone: a worker that
    never stopped and one that reads the log again, the topics in whatever turns, come to the same.
    What counts however late comes last, in the order of the log, and unsettles nothing: what
    follows it is late as before. It may be taken back however late.
    """
    stood: list[Fact] = []
    ever: list[Fact] = []
    past = _Past(derive)
    for logged, words in groupby(sorted(_words(facts, withdrawn)), key=itemgetter(0)):
        if past.is_settled_since(logged - LATE):
            lasting = (word for word in words if type(word[1].data) in kind.never_late)
            _hear(lasting, ever, list.append)
        else:
            _hear(words, stood, insort)
            past.note(logged, stood)
    return [*stood, *ever]


class _Past:
    """What stood when the log got a word, and whether that was settled: derived where asked."""

    def __init__(self, derive: Derive) -> None:
        self._derive = derive
        self._logged: list[int] = []
        self._stood: list[tuple[Fact, ...]] = []
        self._settled: list[bool | None] = []

    def note(self, logged: int, stood: Iterable[Fact]) -> None:
        """From then on these facts stand."""
        self._logged.append(logged)
        self._stood.append(tuple(stood))
        self._settled.append(None)

    def is_settled_since(self, before: int) -> bool:
        """Whether it was settled all the time since some word before."""
        first = bisect_left(self._logged, before) - 1
        return first >= 0 and all(map(self._was_settled, range(first, len(self._logged))))

    def _was_settled(self, at: int) -> bool:
        settled = self._settled[at]
        if settled is None:
            view = self._derive(self._stood[at])
            settled = self._settled[at] = view is not None and view.is_settled
        return settled


_Word = tuple[int, Fact, bool]
"""When the log got it, the fact it is about, and whether it takes that back."""


def _words(facts: Iterable[Fact], withdrawn: Iterable[Withdrawn]) -> Iterator[_Word]:
    """All that was said, but for what was taken back before it counted."""
    for fact in facts:
        yield fact.logged, fact, False
    for each in withdrawn:
        if each.fact.logged < each.logged:
            yield each.fact.logged, each.fact, False
            yield each.logged, each.fact, True


def _hear(
    words: Iterable[_Word], heard: list[Fact], add: Callable[[list[Fact], Fact], None]
) -> None:
    for _, fact, takes_back in words:
        if not takes_back:
            add(heard, fact)
        elif fact in heard:
            heard.remove(fact)
