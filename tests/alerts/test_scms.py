"""Real deliveries: every site's on-time figures equal those worked out from the file alone."""

import csv
import gzip
import os
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from alerts.agreements import Agreement, Agreements, Limit
from events.adapters.table import read_table
from events.decode import Decoder
from events.event import Event
from events.files import as_replayed
from events.outcomes import AcceptedEvent, Message
from events.values import identifier, microseconds
from streams.replay import Pass, end_of
from streams.shard import decoder_of

ROOT = Path(__file__).parents[2]
NAMED = os.environ.get("CMOWATCH_SCMS")
DELIVERIES = Path(NAMED) if NAMED else ROOT.parent / "shared" / "data" / "scms_deliveries.csv.gz"
TOTALS = {
    "2008-12-31": (202, 202),
    "2010-06-30": (322, 352),
    "2012-03-31": (312, 350),
    "2014-06-30": (292, 349),
}
KPI = "delivery_on_time"
AGREEMENTS = Agreements(
    [
        Agreement(
            default=True,
            version="1",
            effective=date(2000, 1, 1),
            contingency="Call.",
            limits={KPI: Limit(window_days=90)},
        )
    ],
    use_default=True,
)
Figures = dict[str, tuple[int, int]]


def delivered_or_missing() -> Path:
    """The file of the deliveries; without it a test fails in CI, and is skipped elsewhere."""
    if not DELIVERIES.exists():
        missing = f"{DELIVERIES} is missing; name the file in CMOWATCH_SCMS"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return DELIVERIES


@pytest.fixture(scope="module")
def outcomes() -> list[AcceptedEvent]:
    delivered_or_missing()
    return list(_outcomes(decoder_of(AGREEMENTS, 1)))


def _outcomes(decoder: Decoder) -> Iterator[AcceptedEvent]:
    rows = read_table(ROOT / "deploy" / "lab" / "demo" / "scms.yaml", DELIVERIES)
    for offset, event in enumerate(rows):
        assert isinstance(event, Event)
        assert event.recordedtime is not None
        assert event.partitionkey is not None
        stamp, key = microseconds(event.recordedtime) // 1_000, event.partitionkey.encode()
        line = Message(event.topic, 0, offset, stamp, key, event.json_line())
        outcome = as_replayed(decoder.decode(line))
        assert isinstance(outcome, AcceptedEvent), outcome
        yield outcome


def by_hand(day: date) -> Figures:
    """On time and due of each site over 90 days, by the file alone, knowing what was by then."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    with gzip.open(DELIVERIES, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            promised = date.fromisoformat(row["Scheduled Delivery Date"])
            came = date.fromisoformat(row["Delivered to Client Date"])
            counts_on = promised if came <= day else promised + timedelta(days=1)
            if day - timedelta(days=89) <= counts_on <= day:
                site = found[identifier(row["Manufacturing Site"])]
                site[0] += came <= promised
                site[1] += 1
    return {site: (kept, n) for site, (kept, n) in found.items()}


@pytest.mark.parametrize("day", TOTALS)
def test_on_time_of_every_site_equals_an_independent_computation(
    day: str, outcomes: list[AcceptedEvent]
) -> None:
    clean = Pass(AGREEMENTS, end_of(day))
    clean.fold(outcomes)
    found = [r for r in clean.readings() if r.kpi.name == KPI]
    figures = {r.cmo: (r.numerator, r.denominator) for r in found if r.n}
    assert figures == by_hand(date.fromisoformat(day))
    kept, due = zip(*figures.values(), strict=True)
    assert (sum(k or 0 for k in kept), sum(d or 0 for d in due)) == TOTALS[day]
    assert not clean.refused
    assert all(r.as_of == microseconds(end_of(day)) for r in found)


def test_as_of_is_the_last_moment_of_a_day_or_a_moment_with_its_zone() -> None:
    assert end_of("2014-06-30") == datetime(2014, 6, 30, 23, 59, 59, 999_999, tzinfo=UTC)
    assert end_of("2014-06-30T01:00:00+02:00") == datetime(2014, 6, 29, 23, tzinfo=UTC)
    with pytest.raises(ValueError, match="has no zone"):
        end_of("2014-06-30T01:00:00")
