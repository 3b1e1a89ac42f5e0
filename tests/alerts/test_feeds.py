"""Feeds: silence in working time, how much could be taken, and how late it was said."""

from datetime import UTC, date, datetime
from itertools import permutations
from random import Random

from alerts.agreements import Agreements
from alerts.breaches import transitions
from alerts.judge import Verdict
from alerts.ledger import Ledger
from alerts.readings import readings
from events.data import LotPlanned
from events.outcomes import Reason, Rejection
from events.values import microseconds
from tests.alerts import laws
from tests.alerts.standing import Standing, both_agree
from tests.builders import (
    FIRST,
    Told,
    agreed,
    agreement,
    completed,
    days,
    due,
    folded,
    gap,
    heartbeat,
    hours,
    message,
    on,
    read,
    retracted,
    started,
    told,
)

SILENCE, VALIDITY, TIMELINESS = "feed_silence", "feed_validity", "data_timeliness"
LOTS, RELEASES = "cmo.lots", "cmo.releases"
DAY = 86_400
WEEK = ("mon", "tue", "wed", "thu", "fri")
DAILY = agreed(cadence={LOTS: DAY})


def silence(events: list[Told], now: datetime, agreements: Agreements = DAILY) -> float:
    return read(folded(events, agreements), now, SILENCE, topic=LOTS).value or 0


def test_silence_runs_from_the_record_time_of_the_last_word() -> None:
    said = [started("L1", 0, recorded=on(0) + hours(6)), heartbeat(LOTS, on(1))]
    assert silence(said[:1], on(1)) == 18 * 3_600
    assert silence(said, on(3)) == 2 * DAY


def test_another_speaker_does_not_break_the_silence() -> None:
    assert silence([heartbeat(LOTS, on(0)), heartbeat(LOTS, on(2), by="lab")], on(3)) == 3 * DAY


def test_silence_counts_working_days_only() -> None:
    terms = agreed(cadence={LOTS: DAY}, working_days=WEEK, holidays=(due(7),))
    # Friday noon to the Tuesday noon after next Monday's holiday: half a Friday, half a Tuesday.
    assert silence([heartbeat(LOTS, on(4))], on(8), terms) == DAY


def test_a_working_day_is_that_of_the_place() -> None:
    terms = agreed(cadence={LOTS: DAY}, working_days=WEEK, zone="Asia/Tokyo")
    friday = datetime(2024, 1, 5, 14, tzinfo=UTC)  # 23:00 in Tokyo
    assert silence([heartbeat(LOTS, friday)], friday + days(2), terms) == 3_600


def test_who_was_never_heard_is_silent_from_the_start_of_the_agreement() -> None:
    assert silence([], on(3), agreed(cadence={LOTS: DAY}, effective=FIRST)) == 3.5 * DAY


def test_a_new_version_of_the_agreement_does_not_end_a_silence() -> None:
    old = agreement(cadence={LOTS: DAY}, effective=FIRST)
    new = agreement(cadence={LOTS: DAY}, effective=due(2), version="2")
    assert silence([], on(3), Agreements([old, new])) == 3.5 * DAY


def test_silence_is_judged_by_multiples_of_the_cadence_and_makes_what_needs_it_unknown() -> None:
    cmo = folded([heartbeat(LOTS, on(0))], DAILY)
    states = [read(cmo, on(day), SILENCE, topic=LOTS).state for day in (1.5, 1.6, 3, 3.1)]
    assert states == [Verdict.OK, Verdict.WARNING, Verdict.WARNING, Verdict.CRITICAL]
    assert read(cmo, on(3), "right_first_time").why == ""
    found = read(cmo, on(3.1), "right_first_time")
    assert (found.state, found.why) == (Verdict.UNKNOWN, "cmo.lots is silent")


def test_a_topic_without_an_agreed_cadence_makes_nothing_unknown() -> None:
    cmo = folded([started("L1"), completed("L1")])
    assert read(cmo, on(300), "right_first_time").why == ""


def test_what_nobody_ever_spoke_of_is_unknown_where_words_are_agreed() -> None:
    cmo = folded([heartbeat(RELEASES, on(0))], agreed(cadence={LOTS: 30 * DAY}, effective=FIRST))
    found = read(cmo, on(1), "right_first_time")
    assert (found.state, found.why) == (Verdict.UNKNOWN, "nothing was ever heard on cmo.lots")
    assert read(cmo, on(1), "lot_acceptance_dispositioned").state is None


def test_nothing_due_on_a_feed_that_lives_is_no_state() -> None:
    cmo = folded([heartbeat(LOTS, on(0))], agreed(cadence={LOTS: DAY}))
    found = read(cmo, on(0.5), "right_first_time")
    assert (found.state, found.n, found.value) == (None, 0, None)
    assert (found.why, found.words) == ("", "nothing was due")
    spoken = read(folded([started("L1"), completed("L1", 1)]), on(2), "right_first_time")
    assert (spoken.n, spoken.words) == (1, "")
    assert read(folded([]), on(2), "right_first_time").words == "nothing was due"


def test_of_two_sources_with_gaps_the_same_one_is_named_in_whatever_order_they_came() -> None:
    told = [
        heartbeat(LOTS, on(day), by=by, sequence=number)
        for by in ("cmo", "lab")
        for day, number in ((1, 1), (2, 3))
    ]
    there, back = (read(folded(each), on(9), "right_first_time") for each in (told, told[::-1]))
    assert there.why == back.why == "cmo.lots from /cmo/acme lacks sequence 2 to 2"


def test_a_gap_makes_what_needs_the_topic_unknown_until_it_is_closed() -> None:
    one, three = started("L1", sequence=1), completed("L1", sequence=3)
    cmo = folded([one, three])
    assert read(cmo, on(9), "right_first_time").why.endswith("lacks sequence 2 to 2")
    late = started("L2", sequence=2)
    assert read(folded([one, three, late]), on(9), "right_first_time").why == ""
    declared = gap(LOTS, 2, 2, on(6), sequence=4)
    assert read(folded([one, three, declared]), on(9), "right_first_time").why == ""


def test_a_gap_whose_declaration_is_taken_back_is_open_again_in_whatever_order() -> None:
    one, three = started("L1", sequence=1), completed("L1", sequence=3)
    declared = gap(LOTS, 2, 2, on(6), sequence=4)
    withdrawal = retracted(declared, on(7))
    for events in permutations((one, three, declared, withdrawal)):
        why = read(folded(events), on(9), "right_first_time").why
        assert why.endswith("lacks sequence 2 to 2")
    again = gap(LOTS, 2, 2, on(8), sequence=5)
    for events in permutations((one, three, declared, withdrawal, again)):
        assert read(folded(events), on(9), "right_first_time").why == ""


def test_a_gap_declared_from_its_end_to_its_beginning_declares_nothing() -> None:
    upside_down = gap(LOTS, 9, 3, on(6), sequence=3)
    cmo = folded([started("L1", sequence=1), upside_down])
    assert read(cmo, on(9), "right_first_time").why.endswith("lacks sequence 2 to 2")


def refusal(sequence: int | None, offset: int, at: datetime) -> Rejection:
    bad = message(started("L9", recorded=at), offset)
    return Rejection(Reason.NOT_JSON, "x", bad, cmo="acme", source="/cmo/acme", sequence=sequence)


def test_a_refused_message_fills_its_place_in_the_sequence_and_counts_as_not_valid() -> None:
    cmo = folded([started("L1", sequence=1), completed("L1", 1, sequence=3)])
    cmo.refuse(refusal(2, 7, on(1)))
    assert read(cmo, on(2), "right_first_time").why == ""
    found = read(cmo, on(2), VALIDITY)
    assert (found.numerator, found.denominator, found.state) == (2, 3, Verdict.INSUFFICIENT)
    assert read(cmo, on(2), VALIDITY, topic=LOTS).denominator == 3


def test_validity_forgets_after_seven_days_of_whole_hours() -> None:
    cmo = folded([started("L1")])
    assert read(cmo, on(7) - hours(0.01), VALIDITY).n == 1
    assert read(cmo, on(7), VALIDITY).n == 0


def test_a_duplicate_is_valid() -> None:
    cmo = folded([started("L1"), started("L1")])
    assert read(cmo, on(1), VALIDITY).numerator == 2


def test_the_newest_refused_are_kept_in_whatever_order_their_topics_are_read() -> None:
    refusals = [refusal(None, n, on(1) + hours(n % 5)) for n in range(60)]
    there, back = folded([]), folded([])
    for each in refusals:
        there.refuse(each)
    for each in reversed(refusals):
        back.refuse(each)
    assert there.refused == back.refused
    assert len(there.refused) == 50


def test_timeliness_is_the_delay_that_ninety_five_in_a_hundred_do_not_exceed() -> None:
    said = [started(f"L{n}", 0, recorded=on(0) + hours(n)) for n in range(1, 21)]
    assert read(folded(said), on(2), TIMELINESS).value == 19 * 3_600


def test_what_is_recorded_before_it_happens_is_not_late() -> None:
    early = started("L1", 1, recorded=on(1) - hours(2))
    assert read(folded([early]), on(2), TIMELINESS).value == 0


def test_an_import_tells_of_timeliness_and_silence_only_when_it_was_timely() -> None:
    once = started("L1", 0, recorded=on(1))
    for timely, n in ((True, 1), (False, 0)):
        cmo = folded([once._replace(timely=timely)], DAILY)
        assert read(cmo, on(2), TIMELINESS).n == n
        assert (cmo.silent_since(LOTS) is not None) == timely


def test_the_timeliness_of_a_retracted_event_goes_with_it() -> None:
    late = started("L1", 0, recorded=on(3))
    cmo = folded([late, retracted(late, on(3))])
    found = read(cmo, on(4), TIMELINESS)
    assert (found.value, found.n) == (0, 1)  # that of the retraction itself


def test_a_cmo_without_cadence_has_no_silence() -> None:
    cmo = folded([started("L1")], agreed(effective=date(2024, 1, 1)))
    assert not cmo.agreement(0)
    assert cmo.silent_since("cmo.releases") is None


def said_of_silence(hours_later: float, heard_again: float | None = None) -> list[str]:
    """What is published of a CMO silent for so long, when the log was heard again at an hour."""
    cmo, now = folded([heartbeat(LOTS, on(0))], DAILY), microseconds(on(0) + hours(hours_later))
    again = microseconds(on(0) + hours(heard_again)) if heard_again is not None else 0
    found = transitions(cmo, readings(cmo, now), Ledger(), now, again)
    return [event.data.transition for event in found if event.data.kpi == SILENCE]


def test_a_silence_that_we_may_have_been_deaf_to_is_not_held_against_the_cmo() -> None:
    assert said_of_silence(100) == ["opened"]
    assert said_of_silence(100, heard_again=100) == []
    assert said_of_silence(100, heard_again=100 - 9 / 60) == []
    assert said_of_silence(100, heard_again=100 - 10 / 60) == ["opened"]


def test_a_silence_that_stands_is_not_worsened_while_we_may_have_been_deaf() -> None:
    cmo, ledger = folded([heartbeat(LOTS, on(0))], DAILY), Ledger()

    def transitions_at(at: datetime, heard_again: int = 0) -> list[str]:
        now = microseconds(at)
        found = list(transitions(cmo, readings(cmo, now), ledger, now, heard_again))
        for event in found:
            ledger.fold(event)
        return [event.data.transition for event in found if event.data.kpi == SILENCE]

    assert transitions_at(on(2)) == ["opened"]
    assert transitions_at(on(4), heard_again=microseconds(on(4))) == []
    assert transitions_at(on(4)) == ["worsened"]


def test_a_word_ahead_of_its_time_never_was_if_it_is_refused_when_that_comes() -> None:
    told_all = [started("L", 0), *(completed("L", 1 + each / 1_000) for each in range(499))]
    plan = told(LotPlanned(lot="L", product="pills"), on(30), recorded=on(20))
    standing = Standing([*told_all, plan], DAILY)
    standing.ticks(21, 31)
    anew = standing.anew(32, Random(0))
    laws.same(standing.looks(32), laws.judged(anew, on(32)))
    silent = [r for r in standing.shard.readings() if r.kpi.name == SILENCE]
    assert [r.value for r in silent] == [(on(32) - on(1.498)).total_seconds()]
    assert standing.shard.rejected == anew.rejected == {(LOTS, Reason.UNFOLDABLE): 1}


def test_a_word_ahead_of_its_time_is_heard_as_long_as_it_waits_and_after() -> None:
    plan = told(LotPlanned(lot="L", product="pills"), on(30), recorded=on(20))
    standing = both_agree([started("L", 0), plan], (21, 31), (21, 32), Random(0), DAILY)
    silent = [r for r in standing.shard.readings() if r.kpi.name == SILENCE]
    assert [r.value for r in silent] == [12 * DAY]
