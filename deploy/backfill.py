"""History: readings of the past, day by day, for the Prometheus that will hold those to come."""

import asyncio
import sys
from array import array
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Final

import click
from rich.console import Console

from alerts.agreements import Agreements
from alerts.calendar import days_from_epoch
from alerts.readings import Reading
from deploy.prometheus.retention import KEPT_DAYS
from events.files import replay
from events.outcomes import AcceptedEvent, Rejection
from streams.commands.configuration import agreements_or_exit, settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import one_of, reads_events
from streams.commands.refused import tell_refused
from streams.commands.replayed import Replayed
from streams.kafka.whole_log import outcomes
from streams.metrics.exposition import ReadingFamilies
from streams.metrics.text_format import Add, label
from streams.replay import Diary, recorded
from streams.settings import Settings
from streams.shard import decoder_of

JOB: Final = "cmowatch-backfill"

_Outcomes = list[AcceptedEvent | Rejection]


class History:
    """Samples of many days in memory, 16 bytes each, until they are written as OpenMetrics."""

    def __init__(self) -> None:
        self._heads: dict[str, str] = {}
        self._families: dict[str, dict[str, array[float]]] = {}
        self._at = 0.0
        self._show = ReadingFamilies(self).show

    def family(self, name: str, kind: str, help_: str) -> Add:
        """A family of series; what it gives adds a sample of the day being told."""
        self._heads[name] = f"# HELP {name} {help_}\n# TYPE {name} {kind}\n"
        series = self._families.setdefault(name, {})
        return lambda labels, value: series.setdefault(labels, array("d")).extend((self._at, value))

    def tell(self, day: date, found: list[Reading]) -> None:
        """Adds the readings of a day, later than those before, at the last of its milliseconds."""
        self._at = (days_from_epoch(day) + 1) * 86_400 - 0.001
        for reading in found:
            self._show(reading)

    @property
    def series(self) -> int:
        """How many series there are."""
        return sum(map(len, self._families.values()))

    @property
    def samples(self) -> int:
        """How many samples there are, of all series."""
        every = (each for series in self._families.values() for each in series.values())
        return sum(len(samples) // 2 for samples in every)

    def lines(self) -> Iterator[str]:
        """OpenMetrics text: each series in one piece, as strict readers want it."""
        job = label("job", JOB)
        for name, series in self._families.items():
            if series:
                yield self._heads[name]
            for labels, samples in series.items():
                for at, value in zip(samples[::2], samples[1::2], strict=True):
                    yield f"{name}{{{labels},{job}}} {value} {at:.3f}\n"
        yield "# EOF\n"


_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@reads_events
@click.option(
    "--from",
    "first",
    type=_DAY,
    metavar="DATE",
    help="The first day; 400 days with the last one, or as far back as anything was recorded, "
    "when not given.",
)
@click.option(
    "--to",
    "last",
    type=_DAY,
    metavar="DATE",
    help="The last day; that of the last record, yesterday at the latest, when not given.",
)
@click.option(
    "--out",
    type=click.File("w", encoding="utf-8", lazy=True),
    required=True,
    help="Where the OpenMetrics text goes; - is stdout.",
)
def backfill(
    file: str | None,
    from_topics: bool,
    first: datetime | None,
    last: datetime | None,
    out: IO[str],
    agreements: Path | None,
    brokers: str | None,
) -> None:
    """Write the KPIs of the past for Prometheus, from FILE (NDJSON; - is stdin) or the topics.

    Every reading at the end of each day, in UTC, under the names and labels a worker gives it and
    job="cmowatch-backfill". Breaches and single lots or orders have no history here.

    \b
    cmowatch backfill events.ndjson --out history.txt
    promtool tsdb create-blocks-from openmetrics --max-block-duration=2232h history.txt data/

    A day is written as a worker would have shown it then: it knows what was recorded by then, and
    judges by the agreement in force that day. `cmowatch replay --as-of` differs: it knows all that
    had happened by a moment, whenever it was told. For a file the default agreement covers every
    CMO without one of its own, and --agreements may be left out.

    Prometheus has to keep 400 days (--storage.tsdb.retention.time=400d), or it deletes the history.
    What is refused is told on stderr, and at the end how many events were read, and how fast; on a
    terminal also how long it still takes.

    Exit code: 0 all was read, 1 something in the FILE was refused, there is nothing to write or no
    broker answers, 2 wrong usage, settings or agreements, 77 the brokers do not let us.
    """  # noqa: D301
    one_of(file, from_topics)
    settings = settings_or_exit(brokers=brokers, agreements=agreements)
    agreed = agreements_or_exit(settings, of_file=file is not None)
    with Replayed(Console(stderr=True)) as replayed:
        found = _read(file, settings, agreed, replayed)
        begin, end = _span(found, first, last)
        diary, history = Diary(agreed), History()
        days = diary.days(found, begin, end)
        for day, readings in replayed.then(days, (end - begin).days + 1, "days"):
            history.tell(day, readings)
    with out as written:
        written.writelines(history.lines())
    summary = f"{history.samples:,} samples of {history.series:,} series, {begin} to {end}"
    tell_refused(diary.refused)
    click.echo(summary, err=True)
    click.echo(replayed.summary(), err=True)
    sys.exit(1 if diary.refused and file is not None else 0)


def _read(
    file: str | None, settings: Settings, agreed: Agreements, replayed: Replayed
) -> _Outcomes:
    with errors_end_the_command():
        if file is None:
            return asyncio.run(_from_topics(settings, agreed, replayed))
        lines = replay(file, decoder_of(agreed, 1), position=replayed.of_file(file))
        return [outcome for part in replayed.slices(lines) for outcome in part]


async def _from_topics(settings: Settings, agreed: Agreements, replayed: Replayed) -> _Outcomes:
    decoder = decoder_of(agreed, settings.partitions)
    found = outcomes(settings, decoder, replayed.at)
    return [outcome async for part in replayed.slices_of(found) for outcome in part]


def _span(found: _Outcomes, first: datetime | None, last: datetime | None) -> tuple[date, date]:
    """The days asked for, or those something is known of; only such as are over."""
    over = datetime.now(UTC).date() - timedelta(days=1)
    known = [recorded(outcome).date() for outcome in found if isinstance(outcome, AcceptedEvent)]
    if not known:
        raise click.ClickException("no event was taken, so there is no history to write")
    end = last.date() if last else min(max(known), over)
    begin = first.date() if first else max(min(known), end - timedelta(days=KEPT_DAYS - 1))
    if end > over:
        raise click.BadParameter(
            f"{end} is not over yet; {over} is the last day", param_hint="--to"
        )
    if begin > end:
        if not first and not last:
            raise click.ClickException(
                f"nothing was recorded before {begin}, which is not over yet"
            )
        raise click.BadParameter(f"{begin} is after {end}", param_hint="--from")
    return begin, end
