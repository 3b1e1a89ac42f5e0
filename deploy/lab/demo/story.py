"""What the demo tells: a simulated year of eight CMOs and, when given, real deliveries."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.lab.simulate.simulator import simulate
from deploy.lab.simulate.truth import Truth
from events.adapters.base import RowError
from events.adapters.table import read_table
from events.event import Event

MAPPING = Path(__file__).with_name("scms.yaml")
SEED = 1
TREND = timedelta(days=30)
"""How long before now the readings lie that the board's arrows compare with."""

_ABOUT_THE_DELIVERIES = (
    "The deliveries are read as the SCMS Delivery History (USAID, a US Government work, public "
    "domain), moved by {days:,} days so that the last falls on today. Lateness in them is of "
    "delivery to the client, and no fault of the named firms."
)


@dataclass(frozen=True, slots=True)
class Story:
    """All events in one file of NDJSON, how many they are, and what is true of the simulation."""

    file: Path
    events: int
    truth: Truth


def tell(folder: Path, now: datetime, deliveries: Path | None, say: Callable[[str], None]) -> Story:
    """Writes the story, which ends now, into `folder`.

    Raises `UnreadableTable` when the deliveries are not a table of the SCMS columns.
    """
    simulated = simulate(SEED, until=now)
    lines = simulated.events
    say(f"simulated {len(lines):,} events of {simulated.truth.makers} CMOs in 13 months")
    if deliveries is not None:
        lines = [*lines, *_delivered(deliveries, now, say)]
    file = folder / "events.ndjson"
    with file.open("wb") as out:
        out.writelines(line + b"\n" for line in lines)
    return Story(file, len(lines), simulated.truth)


def _delivered(table: Path, now: datetime, say: Callable[[str], None]) -> Iterator[bytes]:
    days = days_to_shift(table, now)
    say(_ABOUT_THE_DELIVERIES.format(days=days))
    bad = count = 0
    for item in read_table(MAPPING, table, days):
        if isinstance(item, RowError):
            bad += 1
        else:
            count += 1
            yield item.json_line()
    say(f"read {count:,} events from {table.name}; {bad:,} bad cells were left out")


def days_to_shift(table: Path, now: datetime) -> int:
    """How many days the deliveries have to move for the last of them to fall on today in UTC."""
    delivered = (
        item.time
        for item in read_table(MAPPING, table)
        if isinstance(item, Event) and item.type == "cmo.order.delivered.v1"
    )
    last = max(delivered, default=now)
    return (now.astimezone(UTC).date() - last.date()).days
