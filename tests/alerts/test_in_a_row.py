"""Three refused in a row on a topic: a breach of validity, whatever the rate."""

from collections.abc import Iterable
from typing import Any

from alerts.judge import Verdict
from events.data import DEAD_LETTERS, LOTS
from tests.alerts import laws
from tests.alerts.test_doubts import TERMS, bad_completion, reads
from tests.builders import Each, Log, completed, decided, log, message, on, started

VALIDITY = "feed_validity"


def states(events: Iterable[Each], day: float) -> tuple[Any, int]:
    found = reads(events, day, VALIDITY)
    return found.state, found.in_a_row


def test_three_refused_in_a_row_are_a_breach_whatever_the_rate() -> None:
    good: list[Each] = [started(f"L{n}", 1) for n in range(500)]
    bad: list[Each] = [bad_completion(f"L{n}", 2) for n in range(3)]
    assert states([*good, *bad[:2]], 3) == (Verdict.OK, 2)
    assert states([*good, *bad], 3) == (Verdict.WARNING, 3)
    assert states([*good, *bad[:2], completed("L9", 2), bad[2]], 3)[1] == 1
    elsewhere = decided("L1", "on_hold", 2.5)
    assert states([*good, *bad, elsewhere], 3)[1] == 3, "another topic says nothing of this one"
    assert states([*good, *bad, completed("L9", 2.5)], 3) == (Verdict.OK, 0)


def test_a_breach_by_three_in_a_row_stands_while_nothing_is_taken_and_then_has_improved() -> None:
    events: list[Each] = [started("L1", 1), *(bad_completion(f"L{n}", 2) for n in range(3))]
    held, own = log(events), Log({DEAD_LETTERS: [], "cmo.breaches": []})
    watched = laws.clean(held, TERMS)
    for day in (3, 20):
        list(watched.tick(on(day)))
        laws.settle(watched, own, on(day))
        (standing,) = watched.ledger.standing.values()
        assert (standing.breach.kpi, standing.breach.severity) == (VALIDITY, "warning")
    assert standing.breach.events == tuple(f"{LOTS}/0/{n}" for n in (3, 2, 1))
    assert standing.breach.clears_on is None
    watched.fold(LOTS, 5, [message(completed("L1", 21), 4)])
    list(watched.tick(on(22)))
    laws.settle(watched, own, on(22))
    assert not watched.ledger.standing
    (ended,) = watched.ledger.cleared.values()
    assert ended.by == "improved"
