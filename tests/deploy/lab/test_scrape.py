"""Reading a worker's metrics back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.judge import Verdict
from deploy.lab.demo.errors import ScrapeFailed
from deploy.lab.demo.scrape import scrape, snapshot
from deploy.lab.demo.snapshot import About, Figure, OpenBreach, Shard

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OTIF = 'kpi="delivery_otif",cmo="nordwerk",site="",product="",lot_state="",topic="",percentile=""'
BREACH = OTIF.replace(',percentile=""', ',severity="critical",breach_id="delivery_otif:nordwerk:1"')
TEXT = f"""\
# HELP cmo_kpi_state What the reading is worth.
# TYPE cmo_kpi_state gauge
cmo_kpi_state{{{OTIF}}} 2
cmo_kpi_reading{{{OTIF}}} 0.872
cmo_kpi_evidence{{{OTIF}}} 132
cmo_kpi_limit{{{OTIF},severity="warning"}} 0.95
cmo_kpi_limit{{{OTIF},severity="critical"}} 0.9
cmo_delivery_otif_ratio{{cmo="nordwerk",product=""}} 0.872
cmo_breach_open{{{BREACH}}} 1
cmo_breach_since_timestamp_seconds{{breach_id="delivery_otif:nordwerk:1"}} 1772366400
cmo_feed_last_event_timestamp_seconds{{cmo="nordwerk",topic="cmo.lots"}} 1772366400
cmowatch_shard_ready{{partition="0"}} 1
cmowatch_shard_ready{{partition="1"}} 0
cmowatch_shard_caught_up_ratio{{partition="0"}} 1
cmowatch_shard_caught_up_ratio{{partition="1"}} 0.25
cmowatch_shard_heard_until_timestamp_seconds{{partition="0"}} 1772366400
cmowatch_outputs_due{{partition="0"}} 3
cmowatch_events_duplicate_total{{partition="0",topic="cmo.lots"}} 7
# TYPE cmowatch_events_accepted_total counter
cmowatch_events_accepted_total{{topic="cmo.lots"}} 900
cmowatch_events_accepted_total{{topic="cmo.releases"}} 80
cmowatch_events_rejected_total{{topic="cmo.lots",reason="not_json"}} 15
cmowatch_events_rejected_total{{topic="cmo.releases",reason="not_json"}} 5
"""


def test_a_figure_is_put_together_from_its_series() -> None:
    assert snapshot(TEXT, NOW).figures == (
        Figure(About("delivery_otif", "nordwerk"), "", Verdict.CRITICAL, 0.872, 132, 0.95, 0.9),
    )


def test_a_figure_without_a_limit_has_no_state() -> None:
    (figure,) = snapshot(f"cmo_kpi_reading{{{OTIF}}} 0.9\n", NOW).figures
    assert figure.state is None


def test_a_value_that_is_not_a_number_is_no_value() -> None:
    text = f"cmo_kpi_state{{{OTIF}}} -2\ncmo_kpi_reading{{{OTIF}}} NaN\n"
    (figure,) = snapshot(text, NOW).figures
    assert (figure.state, figure.value) == (Verdict.UNKNOWN, None)


def test_breaches_feeds_shards_and_counts_are_read() -> None:
    taken = snapshot(TEXT, NOW)
    since = datetime(2026, 3, 1, 12, tzinfo=UTC)
    scope = About("delivery_otif", "nordwerk")
    assert taken.breaches == (OpenBreach("delivery_otif:nordwerk:1", scope, "critical", since),)
    assert taken.feeds == {("nordwerk", "cmo.lots"): since}
    assert taken.shards == {0: Shard(True, 1.0, since, 3), 1: Shard(False, 0.25)}
    assert (taken.accepted, taken.duplicates, taken.refused) == (980, 7, {"not_json": 20})
    assert taken.counted == 1007
    assert not taken.ready


def settled(**shard: object) -> bool:
    known = {"ready": True, "caught_up": 1.0, "heard_until": NOW + timedelta(seconds=1)}
    taken = replace(snapshot(TEXT, NOW), shards={0: Shard(**{**known, **shard})})  # type: ignore[arg-type]
    return taken.settled(NOW)


def test_it_is_settled_once_judged_again_with_nothing_left_to_say() -> None:
    assert settled()
    assert not settled(ready=False)
    assert not settled(heard_until=NOW)
    assert not settled(due=1)


def test_it_is_not_settled_while_a_broken_limit_has_no_breach() -> None:
    shards = {0: Shard(True, 1.0, NOW + timedelta(seconds=1))}
    assert not replace(snapshot(TEXT, NOW), shards=shards, breaches=()).settled(NOW)


def test_text_that_is_no_metrics_is_refused_with_words() -> None:
    with pytest.raises(ScrapeFailed, match="text format"):
        snapshot('cmo_kpi_state{kpi="a} nonsense\n', NOW)


def test_an_address_nobody_answers_at_is_named() -> None:
    with pytest.raises(ScrapeFailed, match=r"http://127\.0\.0\.1:1/metrics did not answer"):
        scrape("http://127.0.0.1:1/metrics", NOW)
