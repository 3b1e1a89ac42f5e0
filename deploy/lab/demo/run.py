"""The demo: a real Kafka, a year of events, the worker, and the board of what it finds."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from deploy.lab.demo import AGREEMENTS
from deploy.lab.demo.alerting import Alerting, alerting
from deploy.lab.demo.board import render
from deploy.lab.demo.errors import DemoError, NotJudged, ScrapeFailed
from deploy.lab.demo.load import load
from deploy.lab.demo.program import Earlier, Worker
from deploy.lab.demo.scrape import scrape
from deploy.lab.demo.snapshot import Snapshot
from deploy.lab.demo.story import TREND, Story, tell
from deploy.lab.demo.verdict import findings, verdict
from deploy.lab.kafka import KafkaError, LocalKafka, cache_folder
from deploy.lab.process import LOOPBACK
from events.errors import EventError
from streams.commands.configuration import settings_or_exit
from streams.errors import StreamError
from streams.kafka.topics import create_or_verify
from streams.settings import Settings

ALL_FOUND, NOT_FOUND, FAILED, INTERRUPTED = 0, 1, 1, 130
_GROUP = "cmowatch-demo"
_BETWEEN = 1.0
_LONGEST = 300.0
_LONGEST_FOR_ALERTS = 15.0
_Say = Callable[[str], None]


def demo(*, once: bool, deliveries: Path | None, console: Console) -> int:
    """Runs the demo until Ctrl-C or, with `once`, until everything is judged.

    Returns 0 when every injected trouble was found, 1 when one was not or the demo could not run,
    130 when it was interrupted before everything was judged. A cluster named by CMOWATCH_BROKERS
    is used instead of one of the demo's own, when its topics are empty.
    """
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {text}", highlight=False, soft_wrap=True)

    try:
        with _terminated_as_interrupted(), ExitStack() as stack:
            stage = _set_up(stack, deliveries, console, say)
            return _end(stage, _watched(stage, console, say, once=once), console, say)
    except (DemoError, KafkaError, StreamError, EventError) as error:
        console.print(f"The demo ends: {error}", style="bold red", highlight=False, soft_wrap=True)
        return FAILED
    except KeyboardInterrupt:
        say("stopped")
        return INTERRUPTED


@dataclass(frozen=True, slots=True)
class _Stage:
    story: Story
    worker: Worker
    earlier: Earlier
    alerting: Alerting


def _set_up(stack: ExitStack, deliveries: Path | None, console: Console, say: _Say) -> _Stage:
    """Everything up to the running worker; what was started ends with `stack`."""
    settings = _settings()
    now = datetime.now(UTC)
    cache_folder().mkdir(parents=True, exist_ok=True)
    temporary = TemporaryDirectory(prefix="demo-", dir=cache_folder(), ignore_cleanup_errors=True)
    folder = Path(stack.enter_context(temporary))
    with ThreadPoolExecutor(1) as aside:
        told = aside.submit(tell, folder, now, deliveries, say)
        brokers = _brokers(stack, folder, say)
        settings = settings.model_copy(update={"brokers": brokers})
        story = told.result()
    earlier = stack.enter_context(Earlier(settings, story.file, now - TREND))
    _publish(settings, story, console, say)
    worker = stack.enter_context(Worker(settings, folder / "worker.log"))
    say(f"the worker shows its metrics at {worker.metrics}")
    return _Stage(story, worker, earlier, alerting(stack, folder / "alerting", worker.metrics, say))


def _brokers(stack: ExitStack, folder: Path, say: _Say) -> str:
    if brokers := environ.get("CMOWATCH_BROKERS"):
        say(f"using the Kafka at {brokers}")
        return brokers
    return stack.enter_context(LocalKafka(folder / "kafka", progress=say)).brokers


def _settings() -> Settings:
    return settings_or_exit(
        group=_GROUP,
        agreements=AGREEMENTS,
        default_agreement=True,
        web_host=LOOPBACK,
    )


def _publish(settings: Settings, story: Story, console: Console, say: _Say) -> None:
    began = time.monotonic()
    for difference in asyncio.run(create_or_verify(settings)):
        if difference.found is not None:
            say(str(difference))
    columns = TextColumn("publishing"), BarColumn(), MofNCompleteColumn()
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("", total=story.events)
        asyncio.run(load(settings, story.file, lambda more: progress.advance(task, more)))
    say(f"published {story.events:,} events in {time.monotonic() - began:.1f} s")


def _watched(stage: _Stage, console: Console, say: _Say, *, once: bool) -> Snapshot:
    """The last snapshot: with `once` the first that is judged, else that of Ctrl-C."""
    snapshot = Snapshot(at=datetime.now(UTC), metrics=stage.worker.metrics)
    read_at, until = None, time.monotonic() + _LONGEST
    judged = False
    with _shown(console, say) as show:
        try:
            while True:
                stage.worker.check()
                snapshot = _next(stage, snapshot)
                show(snapshot)
                if read_at is None and snapshot.counted >= stage.story.events:
                    read_at = snapshot.at
                judged = judged or (read_at is not None and snapshot.settled(read_at))
                if once and judged and stage.earlier.known:
                    return _told(stage, snapshot)
                if once and time.monotonic() > until:
                    raise NotJudged(_what_is_missing(stage, snapshot))
                time.sleep(_BETWEEN)
        except KeyboardInterrupt:
            if once or not judged:
                raise
    return snapshot


def _told(stage: _Stage, snapshot: Snapshot) -> Snapshot:
    """The moment at which the alerts have arrived, or were waited for long enough."""
    until = time.monotonic() + _LONGEST_FOR_ALERTS
    snapshot = _next(stage, snapshot)
    while not snapshot.told and time.monotonic() < until:
        time.sleep(_BETWEEN)
        snapshot = _next(stage, snapshot)
    return snapshot


def _next(stage: _Stage, last: Snapshot) -> Snapshot:
    """The board's next moment; the last one while the worker does not answer."""
    at = datetime.now(UTC)
    try:
        taken = scrape(stage.worker.metrics, at)
    except ScrapeFailed:
        return replace(last, at=at, rate=None)
    seconds = (at - last.at).total_seconds()
    return replace(
        taken,
        earlier=stage.earlier.values,
        alerts=stage.alerting.arrived,
        published=stage.story.events,
        rate=(taken.counted - last.counted) / seconds if seconds else None,
    )


def _what_is_missing(stage: _Stage, snapshot: Snapshot) -> str:
    shards = snapshot.shards.values()
    return (
        f"after {_LONGEST:.0f} s {snapshot.counted:,} of {stage.story.events:,} events are read, "
        f"{sum(s.ready for s in shards)} of {len(shards)} shards are ready, and "
        f"{sum(s.due for s in shards)} outputs are not read back. Operator action: look at "
        f"{stage.worker.metrics} while it runs, without --once."
    )


@contextmanager
def _shown(console: Console, say: _Say) -> Iterator[Callable[[Snapshot], None]]:
    """How a snapshot is shown: on the whole terminal, or as a line of progress without one."""
    if not console.is_terminal:
        shown: list[str] = []

        def tell_progress(snapshot: Snapshot) -> None:
            line = f"{snapshot.caught_up:.0%} read, {len(snapshot.breaches)} breaches open"
            if shown != [line]:
                shown[:] = [line]
                say(line)

        yield tell_progress
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda snapshot: live.update(render(snapshot, console.height), refresh=True)


def _end(stage: _Stage, snapshot: Snapshot, console: Console, say: _Say) -> int:
    """Prints the final board, and what was done beside what was found."""
    found = findings(stage.story.truth, snapshot)
    console.print(render(snapshot))
    console.print()
    console.print(verdict(found, stage.story.truth, snapshot))
    seen = sum(each.found for each in found)
    say(f"{seen} of {len(found)} injected troubles were found; stopping")
    return ALL_FOUND if seen == len(found) else NOT_FOUND


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends the demo as cleanly as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
