"""Facts that come too late: long after a record was settled, as the log itself tells."""

from collections.abc import Sequence
from typing import Final

from alerts.agreements import Agreement
from alerts.calendar import DAY
from alerts.facts import Fact
from alerts.kind import Kind

LATE: Final = 800 * DAY
"""How long after a settlement was logged a fact changes nothing any more."""


def counted(kind: Kind, facts: Sequence[Fact], terms: Agreement) -> Sequence[Fact]:
    """The facts that count, of all that are kept: what came too late does not.

    A fact is too late where the record, by what was logged before it, has been settled for over 800
    days. That follows from the log's own times alone: a worker that never stopped and one that
    reads the log again, the topics in whatever turns, come to the same. What counts however late
    comes last, in the order of the log, and unsettles nothing: what follows it is late as before.
    """
    by_log = sorted(facts, key=lambda fact: fact.logged)
    beyond = by_log[0].logged + LATE
    taken: list[Fact] = []
    ever: list[Fact] = []
    for fact in by_log:
        if fact.logged <= beyond or not _settled_before(kind, taken, fact, terms):
            taken.append(fact)
        elif type(fact.data) in kind.never_late:
            ever.append(fact)
    return [*sorted(taken), *ever]


def _settled_before(kind: Kind, taken: list[Fact], fact: Fact, terms: Agreement) -> bool:
    """Whether a record was settled all the time from over 800 days before a fact up to it."""
    long_ago = fact.logged - LATE - 1
    earlier = [each for each in taken if each.logged <= long_ago]
    if not earlier:
        return False
    moments = {each.logged for each in taken if long_ago < each.logged < fact.logged}
    return all(
        kind.derive(sorted(each for each in taken if each.logged <= at), terms).is_settled
        for at in (long_ago, *sorted(moments))
    )
