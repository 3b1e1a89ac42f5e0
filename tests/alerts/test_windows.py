"""Windows: what counts on which day, quantiles by nearest rank, and gaps in a sequence."""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from math import ceil
from random import Random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.calendar import DAY, HOUR
from alerts.clusters import cluster
from alerts.errors import NoEvidence
from alerts.facts import Evidence
from alerts.sequences import Sequence
from alerts.sums import NOTHING, Total
from alerts.windows import Spread, Values, Window, first_hour

TODAY = 19_000 * DAY


def on_day(day: int, numerator: int = 1, cluster: int = 0) -> Evidence:
    return Evidence(day * 24, day * DAY, numerator, 1, "e", cluster=cluster)


def in_hour(hour: int) -> Evidence:
    return Evidence(hour, hour * HOUR, 1, 1, "e")


def test_a_window_of_days_is_those_utc_days_ending_today() -> None:
    assert first_hour(90, TODAY) == first_hour(90, TODAY + DAY - 1) == (19_000 - 89) * 24


def test_a_window_of_days_holds_its_first_day_and_not_the_one_before() -> None:
    window = Window()
    window.add(on_day(19_000 - 89))
    assert window.total(90, TODAY + DAY - 1).n == 1
    assert window.total(90, TODAY + DAY) == NOTHING


def test_a_window_of_up_to_seven_days_is_whole_hours_ending_with_this_one() -> None:
    window = Window()
    window.add(in_hour(19_000 * 24))
    last = (19_000 * 24 + 7 * 24) * HOUR
    assert window.total(7, last - 1).n == 1
    assert window.total(7, last) == NOTHING
    assert window.total(8, last).n == 1


def test_evidence_later_than_now_waits() -> None:
    window = Window()
    window.add(on_day(19_001))
    assert window.total(90, TODAY + DAY - 1) == NOTHING
    assert window.newest(TODAY) == 0
    assert window.total(90, TODAY + DAY).n == 1


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3)), max_size=40), st.data())
def test_what_is_taken_out_leaves_the_sums_of_what_stays(
    held: list[tuple[int, int]], data: st.DataObject
) -> None:
    out = data.draw(st.lists(st.booleans(), min_size=len(held), max_size=len(held)))
    window, values = Window(), Values()
    for day, value in held:
        window.add(on_day(day, value))
        values.add(on_day(day, value))
    for (day, value), leaves in zip(held, out, strict=True):
        if leaves:
            window.remove(on_day(day, value))
            values.remove(on_day(day, value))
    stays = [value for (_, value), leaves in zip(held, out, strict=True) if not leaves]
    n = len(stays)
    assert window.total(3_000, 200 * DAY) == Total(sum(stays), n, n, 0)
    spread = [value for value, often in values.values(3_000, 200 * DAY) for _ in range(often)]
    assert spread == sorted(stays)
    assert bool(window) == bool(values) == bool(stays)


def weighed(held: list[tuple[int, int]], first: int, last: int) -> tuple[float, ...]:
    """Pieces, clusters and weight of the days from first to last, counted one by one."""
    names = [cluster or -at for at, (day, cluster) in enumerate(held, 1) if first <= day <= last]
    sizes = Counter(names).values()
    return len(names), len(sizes), len(names) ** 2 / sum(size**2 for size in sizes) if sizes else 0


def of(total: Total) -> tuple[float, ...]:
    return total.pieces, total.n, total.n_eff if total.pieces else 0


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 4)), max_size=40),
    st.lists(st.tuples(st.integers(0, 80), st.integers(8, 40), st.booleans()), max_size=6),
    st.integers(0, 2**32).map(Random),
)
def test_clusters_are_counted_as_evidence_and_days_enter_and_leave(
    held: list[tuple[int, int]], looks: list[tuple[int, int, bool]], random: Random
) -> None:
    window, stays = Window(), list[tuple[int, int]]()
    for day, days, lets_go in sorted(looks):
        for _ in range(min(len(held), random.randint(0, 9))):
            stays.append(held.pop())
            window.add(on_day(stays[-1][0], 1, stays[-1][1]))
        if stays and random.random() < 0.5:
            gone = stays.pop(random.randrange(len(stays)))
            window.remove(on_day(gone[0], 1, gone[1]))
        if lets_go:
            window.let_go(100, day * DAY)
        assert of(window.total(days, day * DAY)) == weighed(stays, day - days + 1, day)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 4)), max_size=30))
def test_the_days_to_come_have_the_clusters_that_they_will_have(
    held: list[tuple[int, int]],
) -> None:
    window = Window()
    for day, of_cluster in held:
        window.add(on_day(day, 1, of_cluster))
    ahead = list(window.ahead(30, 40 * DAY))
    for day, total in enumerate(ahead, start=41):
        assert of(total) == of(window.total(30, day * DAY)) == weighed(held, day - 29, day)


def test_twenty_pieces_of_one_cluster_weigh_as_one_and_ten_with_five_of_one_as_three() -> None:
    window = Window()
    for _ in range(20):
        window.add(on_day(5, 0, 7))
    assert of(window.total(90, 9 * DAY)) == (20, 1, 1)
    mixed = Window()
    for at in range(10):
        mixed.add(on_day(5, 0, 7 if at < 5 else 0))
    assert of(mixed.total(90, 9 * DAY)) == (10, 6, 100 / 30)


def test_a_cluster_that_is_in_the_window_in_part_is_as_large_as_that_part() -> None:
    window = Window()
    for day in (1, 2, 3):
        window.add(on_day(day, 1, 7))
    assert of(window.total(10, 11 * DAY)) == (2, 1, 1)
    assert of(window.total(10, 12 * DAY)) == (1, 1, 1)


def test_what_is_tallied_is_all_of_its_own() -> None:
    window = Window()
    window.tally({24 * 5: (60, 70), 24 * 5 + 1: (30, 30)})
    assert of(window.total(7, 6 * DAY)) == (100, 100, 100)


def test_a_window_without_named_clusters_keeps_none() -> None:
    window = Window()
    window.add(on_day(5))
    assert [each.clusters for each in window._held.values()] == [None]


def test_the_key_of_a_cluster_is_the_same_in_every_process() -> None:
    assert cluster("4500001", date(2026, 6, 1)) == 0xB9D06D3088DCAC67
    assert cluster("4500001", date(2026, 6, 1)) != cluster("4500001", date(2026, 6, 2))
    assert cluster("a", "b") != cluster("ab")


def nearest_rank(counted: Iterable[tuple[int, int]], hundredths: int) -> int:
    spread = Spread()
    for value, often in counted:
        spread.count(value, often)
    return spread.quantile(hundredths)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=60), st.sampled_from([50, 90, 95, 100]))
def test_a_quantile_is_the_value_at_its_rank_in_the_sorted_list(
    values: list[int], hundredths: int
) -> None:
    expected = sorted(values)[ceil(len(values) * hundredths / 100) - 1]
    assert nearest_rank([(value, 1) for value in sorted(values)], hundredths) == expected


def test_quantiles_of_one_to_ten_are_five_nine_and_ten() -> None:
    counted = [(value, 1) for value in range(1, 11)]
    assert [nearest_rank(counted, q) for q in (50, 90, 95)] == [5, 9, 10]


def test_there_is_no_quantile_of_nothing() -> None:
    with pytest.raises(NoEvidence):
        nearest_rank([], 50)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), max_size=30))
def test_a_sequence_misses_what_lies_between_what_it_saw(spans: list[tuple[int, int]]) -> None:
    sequence, seen = Sequence(), set[int]()
    for first, more in spans:
        sequence.see(first, first + more)
        seen |= set(range(first, first + more + 1))
    missing = {n for first, last in sequence.missing for n in range(first, last + 1)}
    assert missing == set(range(min(seen, default=0), max(seen, default=-1) + 1)) - seen
    assert sequence.gapped == bool(missing)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5), st.sampled_from([0, 1, -1]))))
def test_what_is_declared_may_be_taken_back_at_any_time(given: list[tuple[int, int, int]]) -> None:
    sequence, seen, declared = Sequence(), set[int](), list[tuple[int, int]]()
    for first, more, sign in given:
        span = first, first + more
        if sign == 0:
            sequence.see(*span)
            seen |= set(range(first, first + more + 1))
        elif sign > 0 or span in declared:
            sequence.declare(*span, sign)
            declared.append(span) if sign > 0 else declared.remove(span)
        known = seen | {n for begin, end in declared for n in range(begin, end + 1)}
        missing = {n for begin, end in sequence.missing for n in range(begin, end + 1)}
        assert missing == set(range(min(known, default=0), max(known, default=-1) + 1)) - known
        assert sequence.gapped == bool(missing)


def test_a_sequence_counts_from_the_lowest_seen() -> None:
    sequence = Sequence()
    sequence.see(7, 7)
    assert not sequence.gapped
    sequence.see(9, 9)
    assert list(sequence.missing) == [(8, 8)]
    sequence.see(8, 8)
    assert not sequence.gapped


def test_a_span_as_wide_as_can_be_costs_no_more_than_a_number() -> None:
    sequence = Sequence()
    sequence.see(5, 5)
    sequence.see(0, 2**53)
    assert not sequence.gapped


def test_numbers_full_of_gaps_in_any_order_are_taken_at_a_bounded_cost() -> None:
    numbers = [2 * n for n in range(20_000)]
    Random(1).shuffle(numbers)
    sequence, begun = Sequence(), process_time()
    for number in numbers:
        sequence.see(number, number)
    assert process_time() - begun < 5
    assert sum(1 for _ in sequence.missing) == 19_999
