"""What the board asks, answered by Prometheus itself over series made up for each claim."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from deploy.grafana import queries
from deploy.grafana.states import NO_LIMIT, NOTHING_DUE, UNWATCHED
from events.dimensions import DIMENSIONS

HOUR = 60
READY = 'cmowatch_shard_ready{partition="0",instance="a"}'
KPI = 'cmo="acme",kpi="delivery_otif"'
SINCE = "cmo_breach_since_timestamp_seconds"


def state(value: str, **labels: str) -> dict[str, str]:
    more = "".join(f',{name}="{text}"' for name, text in labels.items())
    return {f"cmo_kpi_state{{{KPI}{more}}}": value}


def program() -> str:
    """Where promtool lies; only in CI it has to be there."""
    if found := shutil.which("promtool"):
        return found
    if os.environ.get("CI"):
        pytest.fail("promtool is not here: apt-get install prometheus")
    pytest.skip("promtool is not here: apt-get install prometheus")


def asked(
    folder: Path,
    expression: str,
    series: Mapping[str, str],
    expected: Mapping[str, float],
    *,
    minute: int = 10,
) -> None:
    """Asserts what Prometheus answers at a minute, from series of one value a minute."""
    for name in ("cmo", "site", "product"):
        expression = expression.replace(f"${name}", ".*")
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": k, "value": v} for k, v in expected.items()],
            }
        ],
    }
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}), encoding="utf-8")
    done = subprocess.run(
        [program(), "test", "rules", file], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("states", "worst"),
    [
        (("0", "2", "-2"), 2),
        (("0", "1", "-2"), 1),
        (("0", "-1", "-2"), -2),
        (("0", "-1", "0"), -1),
        (("0", "0", "0"), 0),
    ],
)
def test_the_state_that_asks_for_most_attention_is_shown(
    tmp_path: Path, states: tuple[str, ...], worst: int
) -> None:
    series: dict[str, str] = {}
    for number, value in enumerate(states):
        series |= state(f"{value}x20", product=f"p{number}")
    asked(tmp_path, queries.worst_states(), series, {f"{{{KPI}}}": worst})


def test_a_reading_that_no_limit_judges_is_shown_as_such(tmp_path: Path) -> None:
    series = {f"cmo_kpi_evidence{{{KPI}}}": "7x20"}
    asked(tmp_path, queries.worst_states(), series, {f"{{{KPI}}}": NO_LIMIT})


def test_a_reading_of_which_nothing_was_due_is_told_from_one_without_a_limit(
    tmp_path: Path,
) -> None:
    series = {f"cmo_kpi_evidence{{{KPI}}}": "0x20", **state("0x20", product="pills")}
    asked(tmp_path, queries.worst_states(), series, {f"{{{KPI}}}": 0})
    series = {f'cmo_kpi_evidence{{{KPI},instance="{name}"}}': "0x20" for name in "ab"}
    asked(tmp_path, queries.worst_states(), series, {f"{{{KPI}}}": NOTHING_DUE})


def test_two_workers_that_tell_of_one_breach_count_it_once(tmp_path: Path) -> None:
    breach = f'cmo_breach_open{{{KPI},breach_id="b",severity="critical",judged="ticket"'
    series = {READY: "1x20", f'{breach},instance="a"}}': "1x20", f'{breach},instance="b"}}': "1x20"}
    asked(tmp_path, queries.open_breaches("critical"), series, {"{}": 1})
    asked(tmp_path, queries.open_breaches("warning"), series, {"{}": 0})


@pytest.mark.parametrize("ready", [{}, {READY: "0x20"}], ids=["no worker", "none is ready"])
@pytest.mark.parametrize(
    "count",
    [
        queries.open_breaches("critical"),
        queries.unknown_cmos(),
        queries.silent_feeds(),
        queries.gaps(),
        queries.due(),
        queries.refused(),
    ],
)
def test_a_count_is_unknown_while_nobody_watches(
    tmp_path: Path, count: str, ready: dict[str, str]
) -> None:
    asked(tmp_path, count, ready, {"{}": UNWATCHED})


def test_a_partition_whose_worker_went_is_missed_for_an_hour(tmp_path: Path) -> None:
    series = {READY: "1x5", 'cmowatch_shard_ready{partition="1"}': "1x90"}
    asked(tmp_path, queries.shards_missing(), series, {"{}": 1}, minute=20)
    asked(tmp_path, queries.shards_missing(), series, {"{}": 0}, minute=80)


NOWHERE = " ".join("" for _ in DIMENSIONS)
"""What a CMO as a whole is about, below it."""


def test_what_opened_before_midnight_is_no_change_of_today(tmp_path: Path) -> None:
    opened = {f'{SINCE}{{{KPI},breach_id="b"}}': f"{HOUR * 60}x3000"}
    found = {f'{{{KPI},change="opened",where="{NOWHERE}"}}': HOUR * 60 * 1000.0}
    asked(tmp_path, queries.opened_today(), opened, found, minute=23 * HOUR)
    asked(tmp_path, queries.opened_today(), opened, {}, minute=25 * HOUR)


def test_a_breach_that_stands_no_more_has_cleared_once_all_shards_are_ready(
    tmp_path: Path,
) -> None:
    stood = {f'{SINCE}{{{KPI},breach_id="b"}}': "60x5 _x60"}
    found = {f'{{{KPI},change="cleared",where="{NOWHERE}"}}': 60_000.0}
    asked(tmp_path, queries.cleared_today(), stood | {READY: "1x60"}, found, minute=20)
    replaying = stood | {READY: "1x5 0x60"}
    asked(tmp_path, queries.cleared_today(), replaying, {}, minute=20)
    standing = {f'{SINCE}{{{KPI},breach_id="b"}}': "60x60", READY: "1x60"}
    asked(tmp_path, queries.cleared_today(), standing, {}, minute=20)


def test_only_what_was_known_before_has_turned_unknown(tmp_path: Path) -> None:
    found = {f'{{{KPI},change="turned unknown",where="{NOWHERE}"}}': 0}
    asked(tmp_path, queries.turned_unknown_today(), state("0x5 -2x20"), found)
    asked(tmp_path, queries.turned_unknown_today(), state("-2x20"), {})


PAST = 'cmo_kpi_reading{kpi="k",cmo="acme",job="cmowatch-backfill"}'
LIVE = 'cmo_kpi_reading{kpi="k",cmo="acme",job="cmowatch"}'


def test_the_past_is_shown_for_a_day_after_its_sample_and_until_a_worker_speaks(
    tmp_path: Path,
) -> None:
    series = {PAST: "0.5 _x3000", LIVE: f"_x{2 * HOUR} 0.9x10 _x3000"}
    expression = queries.all_along("cmo_kpi_reading", "cmo", 'kpi="k"')
    found = '{cmo="acme"}'
    asked(tmp_path, expression, series, {found: 0.5}, minute=HOUR)
    asked(tmp_path, expression, series, {found: 0.9}, minute=2 * HOUR + 5)
    asked(tmp_path, expression, series, {found: 0.5}, minute=3 * HOUR)
    asked(tmp_path, expression, series, {}, minute=25 * HOUR)


def climbed(breach: str, *roles: str) -> dict[str, str]:
    named = f'{KPI},breach_id="{breach}",severity="critical",judged="ticket"'
    tiers = {
        f'cmo_breach_escalation_tier{{{named},role="{role}"}}': f"{tier}x20"
        for tier, role in enumerate(roles, start=1)
    }
    since = {f'{SINCE}{{{KPI},breach_id="{breach}"}}': "0x20"}
    return {f"cmo_breach_open{{{named}}}": "1x20"} | since | tiers


def test_of_all_who_were_told_the_last_is_shown_and_nobody_where_nobody_was(
    tmp_path: Path,
) -> None:
    series = climbed("a", "planner", "head") | climbed("b")
    found = {'{breach_id="a",notified="head"}': 2.0, '{breach_id="b",notified="nobody"}': 0.0}
    asked(tmp_path, queries.last_notified(), series, found)


def test_breaches_are_counted_by_the_level_they_have_climbed_to(tmp_path: Path) -> None:
    series = climbed("a", "planner", "head") | climbed("b") | climbed("c")
    found = {'{age="new",tier="2"}': 1.0, '{age="new",tier="0"}': 2.0}
    asked(tmp_path, queries.breaches_by_tier(0, 1, "new"), series, found)
    asked(tmp_path, queries.breaches_by_tier(1, None, "old"), series, {})


def test_an_acknowledgement_without_an_end_is_shown_as_such(tmp_path: Path) -> None:
    taken = f'cmo_breach_acknowledged_until_timestamp_seconds{{{KPI},breach_id="a",by="Ada"}}'
    series = climbed("a") | climbed("b") | {taken: "Inf " * 15}
    found = {'{breach_id="a",by="Ada"}': float(queries.NO_END), '{breach_id="b",by="nobody"}': 0.0}
    asked(tmp_path, queries.acknowledged(), series, found)
