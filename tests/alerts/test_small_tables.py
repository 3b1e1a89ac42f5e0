"""The small tables of the core, each against the plainest thing that does the same."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.calendar import DAY, HOUR
from alerts.exceptions import Exceptions
from alerts.facts import Evidence
from alerts.identities import Identities, Known, identity
from alerts.index import LISTED, EvidenceIndex
from alerts.kpi import Finding, Measured
from alerts.kpis import BY_NAME
from alerts.ranking import Ranking
from alerts.sums import Total
from alerts.windows import Spread, Values, Window, first_hour
from events.dimensions import WHOLE, Scope

lawful = settings(derandomize=True, deadline=None, max_examples=60)
RANDOMS = st.integers(0, 2**32).map(Random)


# --- identities


def known(random: Random) -> Known:
    record = random.choice([0, 1, random.getrandbits(40)])
    return Known(random.getrandbits(64) - (1 << 63), record, random.random() < 0.5)


def keys(random: Random, many: int, alike: bool) -> list[bytes]:
    """Identities, alike in what tells buckets apart or not, some with the bytes of one another."""
    made = [random.randbytes(16) for _ in range(many)]
    if alike:
        made = [b"\0" * 7 + each[:9] for each in made]
    return [*made, *(each[8:] + each[:8] for each in made[: many // 8])]


@settings(lawful, max_examples=12)
@given(RANDOMS, st.booleans())
def test_identities_hold_what_a_dictionary_holds(random: Random, alike: bool) -> None:
    table, plain = Identities(), dict[bytes, Known]()
    some = keys(random, 2_000, alike)
    for key in random.choices(some, k=4_000):
        if random.random() < 0.2:
            table.remove(key)
            plain.pop(key, None)
        else:
            plain[key] = known(random)
            table.put(key, plain[key])
    assert len(table) == len(plain)
    assert {key: table.get(key) for key in some} == {key: plain.get(key) for key in some}


def test_an_identity_is_found_after_every_split() -> None:
    table, random = Identities(), Random(1)
    some = keys(random, 1_000, alike=False)
    for n, key in enumerate(some):
        table.put(key, Known(n << 40, n))
        for earlier in random.sample(some[: n + 1], min(n + 1, 5)):
            assert table.get(earlier) == Known(some.index(earlier) << 40, some.index(earlier))


def test_an_entry_that_holds_the_bytes_of_another_identity_is_not_it() -> None:
    table = Identities()
    one, other = b"a" * 8 + b"b" * 8, b"b" * 8 + b"c" * 8
    table.put(one, Known(int.from_bytes(b"c" * 8, "little"), 1))
    assert table.get(other) is None
    table.put(other, Known(2, 2))
    table.remove(other)
    assert table.get(one) == Known(int.from_bytes(b"c" * 8, "little"), 1)


def test_no_two_spellings_share_an_identity() -> None:
    spelt = [
        ("t", "ab", "c"),
        ("t", "a", "bc"),
        ("t", "a\0", "c"),
        ("t", "a", "\0c"),
        ("ta", "b", "c"),
    ]
    assert len({identity(*each) for each in spelt}) == len(spelt)


# --- windows

DAY_0 = 19_000


def piece(random: Random, today: int) -> Evidence:
    """Evidence of any hour around today, visible at once, later that day, or the day after."""
    hour = today * 24 + random.randint(-40 * 24, 15 * 24)
    if random.random() < 0.5:
        hour -= hour % 24
    visible = hour * HOUR + random.choice([0, 0, 5 * HOUR, DAY, 3 * HOUR + 1])
    value = random.choice([0, 1, 2, 17, 40, 1_000, 12_345_678])
    return Evidence(hour, visible, value, random.randint(0, 3), "e", unlike=random.random() < 0.1)


def within(held: list[Evidence], days: int, now: int) -> list[Evidence]:
    first = first_hour(days, now)
    return [says for says in held if says.hour >= first and says.visible <= now]


def sums(held: list[Evidence], days: int, now: int) -> Total:
    inside = within(held, days, now)
    return Total(
        sum(says.numerator for says in inside),
        sum(says.denominator for says in inside),
        len(inside),
        sum(says.unlike for says in inside),
    )


def values(held: list[Evidence], days: int, now: int) -> list[tuple[int, int]]:
    return sorted(Counter(says.numerator for says in within(held, days, now)).items())


Read = Callable[[Any, int, int], Any]
Plain = Callable[[list[Evidence], int, int], Any]
BOTH: list[tuple[type[Window] | type[Values], Read, Plain]] = [
    (Window, lambda window, days, now: window.total(days, now), sums),
    (Values, lambda window, days, now: window.values(days, now), values),
]
both = pytest.mark.parametrize(("made", "read", "plain"), BOTH, ids=["window", "values"])


@both
@lawful
@given(random=RANDOMS)
def test_running_sums_are_those_of_what_is_held(
    made: Any, read: Read, plain: Plain, random: Random
) -> None:
    window, held, now = made(), list[Evidence](), DAY_0 * DAY
    for _ in range(80):
        if held and random.random() < 0.3:
            window.remove(held.pop(random.randrange(len(held))))
        else:
            held.append(piece(random, DAY_0))
            window.add(held[-1])
        if random.random() < 0.5:
            now += random.choice([0, 1, HOUR, 5 * HOUR, -HOUR, DAY])
            days = random.choice([1, 2, 7, 8, 30])
            assert read(window, days, now) == plain(held, days, now)
        assert bool(window) == bool(held)


@both
@lawful
@given(random=RANDOMS, longest=st.sampled_from([5, 8, 30]))
def test_letting_go_changes_no_window_up_to_the_longest(
    made: Any, read: Read, plain: Plain, random: Random, longest: int
) -> None:
    """Times only go on, as a worker's do; evidence goes out and in whatever its age."""
    window, held, now = made(), list[Evidence](), DAY_0 * DAY
    for _ in range(120):
        if held and random.random() < 0.3:
            window.remove(held.pop(random.randrange(len(held))))
        else:
            held.append(piece(random, now // DAY))
            window.add(held[-1])
        now += random.choice([0, 0, HOUR, 7 * HOUR, DAY])
        if random.random() < 0.2:
            window.let_go(longest, now)
        days = random.choice([each for each in (1, 5, 7, 8, 30) if each <= longest])
        assert read(window, days, now) == plain(held, days, now)
        assert bool(window) == bool(held)


@both
@lawful
@given(random=RANDOMS, days=st.sampled_from([1, 5, 7, 8, 30]), lets_go=st.booleans())
def test_what_lies_ahead_is_what_will_be_read_on_those_days(
    made: Any, read: Read, plain: Plain, random: Random, days: int, lets_go: bool
) -> None:
    window, now = made(), DAY_0 * DAY + random.randrange(24) * HOUR
    held = [piece(random, DAY_0) for _ in range(30)]
    for says in held:
        window.add(says)
    read(window, days, now - random.choice([0, HOUR, DAY]))
    if lets_go:
        window.let_go(30, now)
    ahead = [each if made is Window else each.counted() for each in window.ahead(days, now)]
    assert ahead == [plain(held, days, now + day * DAY) for day in range(1, days + 1)]
    assert read(window, days, now) == plain(held, days, now)


def test_what_is_let_go_takes_no_room() -> None:
    window = Window()
    for hour in range(30 * 24):
        window.add(Evidence(DAY_0 * 24 + hour, (DAY_0 * 24 + hour) * HOUR, 1, 1, "e"))
    window.let_go(20, (DAY_0 + 30) * DAY)
    merged, hourly = 20 - 1 - 8, 8 * 24
    assert len(list(window._held)) == merged + hourly


# --- spreads

_VALUES = st.one_of(st.integers(-40, 40), st.integers(-(10**14), 10**14))


@lawful
@given(st.lists(_VALUES, min_size=1, max_size=80), st.sampled_from([50, 90, 95, 100]), RANDOMS)
def test_a_quantile_of_a_spread_is_that_of_the_sorted_list(
    values: list[int], hundredths: int, random: Random
) -> None:
    spread, held = Spread(), list[int]()
    for value in values:
        spread.count(value, 1)
        held.append(value)
        if len(held) > 1 and random.random() < 0.3:
            spread.count(held.pop(random.randrange(len(held))), -1)
    copied = spread.copy()
    spread.count(10**15, 1)
    assert copied.quantile(hundredths) == sorted(held)[ceil(len(held) * hundredths / 100) - 1]
    assert copied.counted() == sorted(Counter(held).items())
    assert copied.n == len(held)


# --- rankings


@lawful
@given(RANDOMS)
def test_a_ranking_is_what_sorting_gives(random: Random) -> None:
    def rank(view: tuple[str, int, str]) -> tuple[Any, ...]:
        return view

    ranking, views = Ranking(rank), dict[tuple[str, ...], tuple[str, int, str]]()
    for _ in range(60):
        key = (random.choice("abcdefgh"),)
        if random.random() < 0.3:
            views.pop(key, None)
        else:
            views[key] = random.choice(["held", "held up", "made"]), random.randint(0, 4), f"e{key}"
        ranking.touch(key)
        if random.random() < 0.3:
            for _ in ranking.refresh(views):
                pass
            ordered = sorted(views, key=lambda key: (*views[key], key))
            assert ranking.first(3) == ordered[:3]
            assert ranking.first(99) == ordered
            assert len(ranking) == len(views)
            assert [tuple(each) for each in ranking.oldest()] == oldest(views)


def oldest(views: dict[tuple[str, ...], tuple[str, int, str]]) -> list[tuple[str, int, str, int]]:
    found = []
    for state in sorted({state for state, _, _ in views.values()}):
        of = [(time, event) for each, time, event in views.values() if each == state]
        first = min(time for time, _ in of)
        found.append((state, first, max(event for time, event in of if time == first), len(of)))
    return found


# --- the evidence index


@lawful
@given(RANDOMS)
def test_the_newest_evidence_is_what_sorting_gives(random: Random) -> None:
    index, held = EvidenceIndex(), list[Evidence]()
    whole, other = (index.adverse("delivery_otif", s) for s in (WHOLE, Scope(product="other")))
    for n in range(random.choice([10, 80, 200])):
        hour = random.randint(0, 9)
        held.append(Evidence(hour, hour * HOUR, 0, 1, f"e{n % 150}", adverse=True))
        whole.count(held[-1], 1)
        other.count(held[-1], 1)
        if random.random() < 0.3:
            whole.count(held.pop(random.randrange(len(held))), -1)
    first, now = random.randint(0, 12), random.randint(0, 40) * HOUR
    index.let_go("delivery_otif", first - 1)
    whole.count(Evidence(0, 0, 0, 1, "never there", adverse=True), -1)
    kept = [says for says in held if says.hour >= first and says.visible <= now]
    for fails in (None, lambda says: says.event != "e1"):
        there = ((s.hour, s.event) for s in kept if fails is None or fails(s))
        newest = sorted(there, reverse=True)
        events, omitted = index.newest("delivery_otif", WHOLE, first, now, fails)
        assert events == tuple(event for _, event in newest[:LISTED])
        assert omitted == max(0, len(newest) - LISTED)


# --- exceptions

COUNTING = replace(
    BY_NAME["delivery_otif"],
    name="lines_wrong",
    unit="count",
    evidence=None,
    moved_by=None,
    window_days=None,
    interval=False,
    exceptions=lambda view, links, terms, now: (),
)
Wrong = dict[tuple[str, ...], tuple[Scope, list[Finding]]]


@lawful
@given(RANDOMS)
def test_what_is_wrong_is_counted_as_by_looking_at_everything(random: Random) -> None:
    exceptions, now, wrong = Exceptions(COUNTING), 100 * DAY, Wrong()
    for _ in range(40):
        key = (random.choice("abcdef"), "1")
        if random.random() < 0.3:
            wrong.pop(key, None)
        else:
            wrong[key] = _found(key, random)
        exceptions.touch(key)
        if random.random() < 0.4:
            now += random.choice([0, HOUR])
            for _ in exceptions.refresh(list(wrong), lambda _, key, __: wrong.get(key), now):
                pass
            _counts_alike(list(exceptions.measured()), wrong)


def _found(key: tuple[str, ...], random: Random) -> tuple[Scope, list[Finding]]:
    scope = Scope(product=random.choice(["pills", "drops"]))
    many = random.choice([0, 1, 1, 2, 40])
    found = [Finding(f"e{key[0]}{n}", float(random.randint(0, 3))) for n in range(many)]
    return scope, found


def _counts_alike(measured: list[Measured], wrong: Wrong) -> None:
    every = [finding for _, found in wrong.values() for finding in found]
    whole = next(each for each in measured if each.scope == WHOLE)
    worst = sorted(every, key=lambda each: (each.rank, each.event), reverse=True)
    assert (whole.value, whole.n) == (len(every), len(wrong))
    assert whole.events == tuple(each.event for each in worst[:LISTED])
    assert whole.omitted == max(0, len(every) - LISTED)
    for each in measured:
        of = [found for scope, found in wrong.values() if each.scope in (WHOLE, scope)]
        assert (each.value, each.n) == (sum(map(len, of)), len(of))
