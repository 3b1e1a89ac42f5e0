"""Laws by property: however the log is read, readings and breaches are those of one pass."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.alerts import laws, refusals
from tests.builders import Each, Told, log

lawful = settings(
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
RANDOMS = st.integers(0, 2**32).map(Random)


@lawful
@given(laws.stories(), RANDOMS)
def test_any_order_within_and_across_topics_gives_the_same_readings(
    events: list[Told], random: Random
) -> None:
    laws.any_order_gives_the_same_readings(events, random)


@lawful
@given(refusals.doubted(), RANDOMS)
def test_what_is_in_doubt_is_the_same_in_any_order(events: list[Each], random: Random) -> None:
    laws.any_order_gives_the_same_readings(events, random)


@lawful
@given(refusals.doubted(), RANDOMS)
def test_doubts_are_read_again_from_the_log_after_a_crash_anywhere(
    events: list[Each], random: Random
) -> None:
    held = log(events)
    laws.batches_do_not_matter(held, random)
    laws.a_slice_that_breaks_leaves_nothing(held, random)
    laws.a_crash_anywhere_loses_and_doubles_nothing(held, random)


@lawful
@given(laws.stories(), RANDOMS)
def test_repeating_a_random_subset_changes_nothing(events: list[Told], random: Random) -> None:
    laws.a_repeated_subset_changes_nothing(events, random)


@lawful
@given(laws.stories(), RANDOMS)
def test_batches_and_turns_of_the_topics_do_not_matter(events: list[Told], random: Random) -> None:
    laws.batches_do_not_matter(events, random)


@lawful
@given(laws.stories(), RANDOMS)
def test_a_slice_that_breaks_amid_poison_leaves_nothing_behind(
    events: list[Told], random: Random
) -> None:
    laws.a_slice_that_breaks_leaves_nothing(refusals.poisoned(log(events), random), random)


@lawful
@given(laws.rated() | laws.stories(), RANDOMS)
def test_states_are_those_of_the_limits_agreed(events: list[Told], random: Random) -> None:
    laws.states_are_those_of_the_limits(events, random)


@lawful
@given(laws.rated() | laws.stories(), RANDOMS)
def test_a_breach_ends_past_the_eased_limits(events: list[Told], random: Random) -> None:
    laws.a_breach_ends_past_the_eased_limits(events, random)


@lawful
@given(laws.stories(), RANDOMS)
def test_a_retraction_counts_the_same_before_and_after_its_event(
    events: list[Told], random: Random
) -> None:
    laws.a_retraction_may_come_first(events, random)


@lawful
@given(laws.stories(), RANDOMS)
def test_moving_a_cmo_between_shards_changes_none_of_its_readings(
    events: list[Told], random: Random
) -> None:
    laws.moving_a_cmo_changes_none_of_its_readings(events, random)


@lawful
@given(laws.stories(), RANDOMS)
def test_a_crash_anywhere_amid_poison_loses_and_doubles_nothing(
    events: list[Told], random: Random
) -> None:
    laws.a_crash_anywhere_loses_and_doubles_nothing(refusals.poisoned(log(events), random), random)


@lawful
@given(laws.stories(), RANDOMS)
def test_the_same_log_breaches_and_now_give_the_same_difference(
    events: list[Told], random: Random
) -> None:
    laws.the_same_log_and_breaches_give_the_same_difference(events, random)
