"""The Faust application: one agent over all topics, a tick, commits, health and metrics."""

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Any, cast

import faust
from mode.utils.logging import get_logger

from events.data import TOPICS
from streams.errors import WrongPartitions
from streams.exits import exit_on_unexpected_error, exit_when_forbidden
from streams.health import CatchingUp, ClockWatch, Damaged, health, lacking
from streams.kafka.assignment import Assignment, PartitionProgress
from streams.kafka.extents import Extents
from streams.kafka.looks import Looks, note_compaction
from streams.kafka.transport import Consumer, Transport
from streams.kafka.writers import Writers
from streams.memory import Collector
from streams.settings import Settings

log = get_logger(__name__)

Page = Callable[[], Awaitable[tuple[bytes, str]]]
"""Makes a page of the web server: its body and content type; others may run meanwhile."""

Pages = Mapping[str, Page]
"""Pages by their path."""

_COMMIT = 1.0
_SETTINGS = 30.0  # seconds for which a topic may be compacted without a look at it
_OPEN = 0.1  # seconds: how long a partition that came may go without a producer
_BUFFERED = 16


class App(faust.App):
    """Faust's application without the folders it would make for tables."""

    def _create_directories(self) -> None:
        """We keep no state on disk."""


def create_app(settings: Settings, assignment: Assignment, pages: Pages) -> App:
    """The application that follows all topics with this assignment, and serves these pages."""
    app = App(
        settings.group,
        broker=f"kafka://{settings.brokers}",
        broker_credentials=_credentials(settings),
        **_FAUST,
        broker_session_timeout=settings.session_timeout,
        broker_request_timeout=settings.session_timeout + 30,
        broker_heartbeat_interval=settings.heartbeat,
        broker_max_poll_records=settings.max_poll_records,
        topic_partitions=settings.partitions,
        topic_replication_factor=settings.replication,
        web_bind=settings.web_host,
        web_port=settings.web_port,
    )
    app.transport = Transport(settings, assignment, app)
    _follow(app)
    _hold_what_comes(app, settings, assignment)
    writers = Writers(settings, assignment)
    _keep_open(app, settings, writers)
    _keep_time(app, settings, assignment, writers)
    _serve(app, settings, assignment, pages)
    return app


_FAUST: dict[str, Any] = {
    "store": "memory://",
    "autodiscover": False,
    "value_serializer": "raw",
    "stream_buffer_maxsize": _BUFFERED,
    "stream_wait_empty": False,
    "consumer_auto_offset_reset": "earliest",
    "consumer_max_fetch_size": (2 << 20) + 65_536,
    "broker_commit_interval": 60.0,
    "consumer_metadata_max_age_ms": 10_000,  # how late a topic that was missing is noticed
    "table_standby_replicas": 1,  # with 0 Faust deals partitions round, and splits their numbers
    "topic_disable_leader": True,
    "topic_allow_declare": False,
    "web_router_enabled": False,
    "web_tables_enabled": False,
    "web_cors_options": {},
}


def _credentials(settings: Settings) -> Any:
    if settings.security.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.username,
            password=settings.secret,
            mechanism=settings.sasl_mechanism,
            ssl_context=settings.ssl,
        )
    return faust.SSLCredentials(settings.ssl) if settings.ssl else None


def _follow(app: App) -> None:
    source = app.topic(
        *TOPICS,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        acks=False,
    )
    collector = Collector()

    @app.agent(source, name="fold")
    async def fold(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            with exit_on_unexpected_error(f"{message.topic}[{message.partition}]", message.value):
                await _consumer(app).fold(message)
            collector.folded(len(message.value.records))


def _hold_what_comes(app: App, settings: Settings, assignment: Assignment) -> None:
    @app.on_partitions_assigned.connect(weak=False)
    async def hold(_: Any, assigned: Any, **__: Any) -> None:
        with exit_on_unexpected_error("making the shards"):
            numbers = {tp.partition for tp in assigned}
            _refuse_beyond(numbers, settings.partitions)
            assignment.hold(numbers, app.consumer_generation_id)


def _refuse_beyond(numbers: Collection[int], pinned: int) -> None:
    if max(numbers, default=0) >= pinned:
        raise WrongPartitions(
            f"topics have got more than the pinned {pinned} partitions: publishers now write a "
            "CMO's events elsewhere than before. Operator action: stop the publishers, delete and "
            "re-create the topics, and publish again; or set CMOWATCH_PARTITIONS for new topics."
        )


def _keep_open(app: App, settings: Settings, writers: Writers) -> None:
    async def keep_open() -> None:
        while not app.should_stop:
            if not app.rebalancing:
                where = exit_on_unexpected_error("opening the producers")
                with where, exit_when_forbidden(settings, "Write"):
                    await writers.open(_consumer(app))
            await app.sleep(_OPEN)

    app.task(keep_open)

    @app.on_before_shutdown.connect(weak=False)
    async def close(_: Any, **__: Any) -> None:
        await writers.stop()


def _keep_time(app: App, settings: Settings, assignment: Assignment, writers: Writers) -> None:
    catching_up, clock = CatchingUp(assignment, assignment.now), ClockWatch(assignment)
    damage, extents = Damaged(assignment), Extents(settings)
    looks = Looks(settings, assignment, extents)

    async def tick() -> None:
        if app.rebalancing:
            return
        catching_up.say()
        clock.say()
        damage.say()
        with exit_on_unexpected_error("the log"):
            await _consumer(app).listen(time.monotonic())
        for progress in assignment:
            with exit_on_unexpected_error(f"the shard of partition {progress.shard.partition}"):
                await judge(progress, settings.stale_after, assignment.now())
        with exit_on_unexpected_error("the log"), exit_when_forbidden(settings):
            looked_at = await looks.look(_consumer(app))
        for progress in looked_at:
            with exit_on_unexpected_error(f"the shard of partition {progress.shard.partition}"):
                if assignment.holds(progress) and progress.may_speak and not app.rebalancing:
                    with exit_when_forbidden(settings, "Write"):
                        await writers.send(progress)

    async def commit() -> None:
        await _consumer(app).commit_folded()

    async def compare_settings() -> None:
        with exit_on_unexpected_error("the topics' settings"), exit_when_forbidden(settings):
            await note_compaction(settings, assignment)

    app.timer(settings.tick)(tick)
    app.timer(_SETTINGS)(compare_settings)
    app.timer(_COMMIT)(commit)

    @app.on_before_shutdown.connect(weak=False)
    async def close(_: Any, **__: Any) -> None:
        await extents.close()


def _consumer(app: App) -> Consumer:
    return cast(Consumer, app.consumer)


async def judge(progress: PartitionProgress, stale_after: float, now: datetime) -> None:
    """Ticks a shard at the instant up to which it heard the log, unless that is too long ago.

    Nothing is judged by a clock that is not known to be the broker's.
    """
    if not progress.trusts(now):
        return
    until, opening = progress.watermark, progress.opening
    if until and progress.caught_up and not progress.stale(now, stale_after):
        for _ in progress.judge(until, stale_after):
            await asyncio.sleep(0)
    if progress.opening != opening:  # meanwhile: judged before all was read that others wrote
        progress.shard.start_over()


def _serve(app: App, settings: Settings, assignment: Assignment, pages: Pages) -> None:
    @app.page("/health/live", name="live")
    async def live(view: Any, request: Any) -> Any:
        return view.text("alive\n")

    @app.page("/health/ready", name="ready")
    async def ready(view: Any, request: Any) -> Any:
        ok = assignment.ready and not app.rebalancing and not lacking(assignment)
        return view.json(health(assignment, settings.stale_after), status=200 if ok else 503)

    for path, page in pages.items():
        app.page(path, name=path)(_served(page))


def _served(page: Page) -> Callable[[Any, Any], Awaitable[Any]]:
    async def get(view: Any, request: Any) -> Any:
        body, content_type = await page()
        headers = {"Content-Type": content_type}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = await asyncio.to_thread(gzip.compress, body, 1)
            headers["Content-Encoding"] = "gzip"
        return view.bytes(body, headers=headers)

    return get
