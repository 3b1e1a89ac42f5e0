"""Mistakes made on purpose: each breaks a law, so the laws are able to fail."""

from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from alerts import breaches, derivation, judge, readings, sums, windows
from alerts.changes import Changes
from alerts.kpis import release
from alerts.ledger import Ledger
from alerts.records import order_line
from streams import shard
from tests.alerts import laws, refusals
from tests.builders import Told, log

Law = Callable[[list[Told], Random], None]
_number = count()


def crash(events: list[Told], random: Random) -> None:
    laws.a_crash_anywhere_loses_and_doubles_nothing(refusals.poisoned(log(events), random), random)


STORIES: dict[Law, st.SearchStrategy[list[Told]]] = dict.fromkeys(
    (laws.states_are_those_of_the_limits, laws.a_breach_ends_past_the_eased_limits), laws.rated()
)
"""What is told where a law needs much of one thing."""


def _joins_at_the_end(facts: list[Any], fact: Any) -> None:
    facts.append(fact)


_count = windows.Window.count


def _never_taken_out(window: windows.Window, says: Any, sign: int) -> None:
    if sign > 0:
        _count(window, says, sign)


def _judges_without_minimum(*given: Any, **side: Any) -> judge.Verdict:
    value, n_eff, _, bounds = given
    return judge.judge(value, n_eff, 10**9, bounds, **side)


def _judges_the_wrong_side(*given: Any, higher_is_better: bool, **more: Any) -> judge.Verdict:
    return judge.judge(*given, higher_is_better=not higher_is_better, **more)


def _judges_without_interval(*given: Any) -> judge.Verdict:
    kpi, value, _, n, bounds = given
    return readings.verdict(kpi, value, None, n, bounds)


def _as_they_are(bounds: judge.Bounds, **_side: Any) -> judge.Bounds:
    return bounds


def _of_its_own(*_name: Any) -> int:
    return 0


def _id_of_the_clock(_ledger: Ledger, where: Any) -> str:
    return f"{where.text}:{next(_number)}"


def _nothing(*_given: Any, **_more: Any) -> None:
    return None


MISTAKES: dict[str, tuple[Any, str, Any, Law]] = {
    "a fact is joined at the end, not in its place": (
        derivation,
        "insort",
        _joins_at_the_end,
        laws.any_order_gives_the_same_readings,
    ),
    "what was said again is joined again": (
        Changes,
        "known",
        _nothing,
        laws.a_repeated_subset_changes_nothing,
    ),
    "a retraction that came first is forgotten": (
        Changes,
        "retraction",
        _nothing,
        laws.a_retraction_may_come_first,
    ),
    "old evidence is not taken out of a window": (
        windows.Window,
        "count",
        _never_taken_out,
        laws.any_order_gives_the_same_readings,
    ),
    "the least number is ignored": (
        readings,
        "judge",
        _judges_without_minimum,
        laws.states_are_those_of_the_limits,
    ),
    "the better side counts as beyond": (
        readings,
        "judge",
        _judges_the_wrong_side,
        laws.states_are_those_of_the_limits,
    ),
    "n counts lines and lots, and not their clusters": (
        sums.Summed,
        "count_cluster",
        _nothing,
        laws.states_are_those_of_the_limits,
    ),
    "each line of an order is a cluster of its own": (
        order_line,
        "cluster",
        _of_its_own,
        laws.states_are_those_of_the_limits,
    ),
    "each lot of a deviation is a cluster of its own": (
        release,
        "cluster",
        _of_its_own,
        laws.states_are_those_of_the_limits,
    ),
    "a warning waits for the interval of 95 %": (
        judge,
        "Z_90",
        judge.Z_95,
        laws.states_are_those_of_the_limits,
    ),
    "critical is by the interval of 90 %": (
        judge,
        "Z_95",
        judge.Z_90,
        laws.states_are_those_of_the_limits,
    ),
    "eased limits are held against the reading itself": (
        breaches,
        "verdict",
        _judges_without_interval,
        laws.a_breach_ends_past_the_eased_limits,
    ),
    "a breach ends at its limit": (
        judge.Bounds,
        "eased",
        _as_they_are,
        laws.a_breach_ends_past_the_eased_limits,
    ),
    "a breach is named by a clock": (
        Ledger,
        "next_id",
        _id_of_the_clock,
        laws.the_same_log_and_breaches_give_the_same_difference,
    ),
    "breaches are not read back": (
        Ledger,
        "fold",
        _nothing,
        laws.the_same_log_and_breaches_give_the_same_difference,
    ),
    "dead letters are not read back": (shard, "read_back", _nothing, crash),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_breaks_its_law(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, wrong, law = MISTAKES[mistake]
    monkeypatch.setattr(owner, name, wrong)
    with pytest.raises(AssertionError):
        examples(law)()


@pytest.mark.parametrize(
    "law", dict.fromkeys(law for *_, law in MISTAKES.values()), ids=lambda law: law.__name__
)
def test_without_a_mistake_the_same_examples_keep_the_law(law: Law) -> None:
    examples(law, 10)()


def examples(law: Law, most: int = 2_000) -> Callable[[], None]:
    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=most,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(STORIES.get(law, laws.stories()), st.integers(0, 2**32).map(Random))
    def kept(events: list[Told], random: Random) -> None:
        law(events, random)

    return kept
