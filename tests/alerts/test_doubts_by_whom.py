"""Doubts end by a word of who was refused, or the sponsor, and of what may move as much."""

from alerts.judge import Verdict
from events.data import LotProgressed, LotReplanned
from tests.alerts.test_doubts import ACCEPTED, reads
from tests.builders import Each, completed, decided, on, spoiled, started, told

DECIDED: list[Each] = [
    each
    for lot in ("L0", "L1", "L2", "L3")
    for each in (started(lot, 1), completed(lot, 2), decided(lot, "released", 6))
]
REFUSED_REJECTION = spoiled(decided("L0", "rejected", 8, "sponsor"), role=7)


def test_no_word_of_the_cmo_makes_up_for_a_refused_rejection_by_the_sponsor() -> None:
    doubted = [*DECIDED, REFUSED_REJECTION]
    assert reads(doubted, 10, ACCEPTED).state is Verdict.UNKNOWN
    progressed = told(LotProgressed(lot="L0", step="packed"), on(9))
    released_again = decided("L0", "released", 9.5)
    assert reads([*doubted, progressed, released_again], 10, ACCEPTED).state is Verdict.UNKNOWN
    said_again = decided("L0", "rejected", 9, "sponsor")
    mended = reads([*doubted, said_again], 10, ACCEPTED)
    assert (mended.numerator, mended.denominator, mended.why) == (3, 4, "")


def test_what_moves_nothing_makes_up_for_nothing_that_may_have_moved() -> None:
    refused = spoiled(decided("L0", "rejected", 8), role=7)
    progressed = told(LotProgressed(lot="L0", step="packed"), on(9))
    assert reads([*DECIDED, refused, progressed], 10, ACCEPTED).state is Verdict.UNKNOWN
    assert (
        reads([*DECIDED, refused, decided("L0", "released", 9)], 10, ACCEPTED).state is Verdict.OK
    )


def test_a_word_that_was_logged_before_makes_up_for_nothing_when_its_time_has_come() -> None:
    ahead = told(LotReplanned(lot="L0", reason="r"), on(9), recorded=on(1))
    refused = spoiled(told(LotReplanned(lot="L0", reason="r"), on(8)), reason=7)
    story = [*DECIDED, ahead, refused]
    assert reads(story, 8.5, ACCEPTED).state is Verdict.UNKNOWN
    assert reads(story, 10, ACCEPTED).state is Verdict.UNKNOWN
