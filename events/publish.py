"""Events handed to Kafka: keyed by CMO, idempotent, in sequence, each with its delivery report."""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self
from uuid import uuid4

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from events.data import Data, GapDeclared
from events.decode import judge_times
from events.errors import (
    EventRefused,
    EventTooLarge,
    InvalidSetting,
    PublishError,
    TopicMissing,
    Undelivered,
)
from events.event import LARGEST_EVENT, Event, event
from events.files import key_of
from events.forms import Doubtful
from events.kafka_client import REFUSALS, TO_FIND_A_TOPIC, connected, ours
from events.outcomes import Message, Reason, Refused
from events.quick import structured
from events.reading import content_of, read
from events.sequences import Sequences, Span, Stream
from events.values import identifier, microseconds

UNACKNOWLEDGED = 32 << 20
"""How many bytes of events may be under way before a sender waits."""

_PER_EVENT = 1_000  # what an event under way costs besides its bytes
_GRACE = 5.0


class Delivery(NamedTuple):
    """What became of an event: its partition and offset, or the error."""

    event: Event
    topic: str
    partition: int | None = None
    offset: int | None = None
    error: PublishError | None = None


class _UnderWay(NamedTuple):
    event: Event
    size: int
    stream: Stream | None
    closes: Span | None


class Publisher:
    """Sends events to Kafka for as long as its `with` block lasts.

    `source` and `cmo` are whose word `send` gives, and about whom. With a `state` file events get
    sequence numbers that stay contiguous over restarts; an event that brings its own keeps it.
    `report` is called with each `Delivery`, on the caller's thread; without one the block ends with
    the first `PublishError`, if any. `security` holds kafka-python's settings that begin with
    `sasl_` or `ssl_`, and `security_protocol`; their values are never shown.

    Raises `BrokersUnreachable`, `NotPermitted`, `InvalidSetting` or `InvalidState` on entry.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        source: str | None = None,
        cmo: str | None = None,
        state: Path | str | None = None,
        report: Callable[[Delivery], None] | None = None,
        compression: Literal["gzip", "lz4", "snappy", "zstd"] | None = "gzip",
        timeout: timedelta = timedelta(minutes=2),
        security: Mapping[str, Any] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        client: Callable[..., Any] = KafkaProducer,
    ) -> None:
        self._source, self._cmo = source, identifier(cmo) if cmo is not None else None
        self._sequences = Sequences(Path(state)) if state is not None else None
        self._producer: Any = None
        self._report = report
        self._timeout = timeout.total_seconds()
        self._clock = clock
        self._connect = partial(connected, client, bootstrap, compression, timeout, security or {})
        self._sending = threading.RLock()
        self._changed = threading.Condition()
        self._under_way: dict[int, _UnderWay] = {}
        self._bytes = 0
        self._count = 0
        self._done: list[tuple[_UnderWay, Delivery]] = []
        self._missing: dict[str, TopicMissing] = {}
        self._failed: list[Delivery] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._sequences:
                stack.enter_context(self._sequences)
            self._producer = self._connect()
            self._open = stack.pop_all()
        self._declare_lost()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._open:
            try:
                self._finish()
            finally:
                _close(self._producer)
        if error is None:
            self._raise_failed()

    def send(self, data: Data, *, id: str, time: datetime, **envelope: Any) -> None:
        """Sends what `data` says, as `source`, about `cmo`, under an id no other event has."""
        if self._source is None or self._cmo is None:
            raise InvalidSetting("send needs a Publisher with a source and a cmo")
        given = {"source": self._source, "partitionkey": self._cmo, **envelope}
        self.publish(event(data, id=id, time=time, **given))

    def publish(self, event: Event) -> None:
        """Sends a ready event; waits while too much is under way.

        Raises `Unaddressable` for one that names no CMO; any other fault is in its `Delivery`.
        """
        key = key_of(event.partitionkey, event.source)
        with self._sending:
            self._publish(event, key)
            self._tell()

    def flush(self) -> None:
        """Waits until each event sent is delivered or has failed, and reports it."""
        with self._sending:
            self._finish()
            self._raise_failed()

    def _publish(self, event: Event, key: bytes, closes: Span | None = None) -> None:
        error = self._missing.get(event.topic) or _unfit(event, self._clock())
        if error:
            self._settle(_UnderWay(event, 0, None, None), Delivery(event, event.topic, error=error))
            return
        stream = Stream(event.source, event.topic, key.decode())
        if self._sequences is None or event.sequence is not None:
            self._hand_over(event, key, None, closes)
            return
        numbered = event.model_copy(update={"sequence": self._sequences.take(stream)})
        self._hand_over(numbered, key, stream, closes)

    def _hand_over(
        self, event: Event, key: bytes, stream: Stream | None, closes: Span | None
    ) -> None:
        value = event.json_line()
        self._count += 1
        token, under_way = self._count, _UnderWay(event, len(value) + _PER_EVENT, stream, closes)
        self._wait_for_room(under_way.size)
        with self._changed:
            self._under_way[token] = under_way
            self._bytes += under_way.size
        try:
            future = self._producer.send(event.topic, value=value, key=key)
        except kafka_errors.KafkaTimeoutError as error:
            self._missing[event.topic] = TopicMissing(
                f"{event.topic}: not found within {TO_FIND_A_TOPIC:.0f} s: create the topics "
                "first, or see whether the brokers run"
            )
            self._fail(token, error)
        except REFUSALS as error:
            self._fail(token, error)
        else:
            future.add_callback(self._arrived, token)
            future.add_errback(self._fail, token)

    def _wait_for_room(self, size: int) -> None:
        def room() -> bool:
            return not self._under_way or self._bytes + size <= UNACKNOWLEDGED

        with self._changed:
            if not self._changed.wait_for(room, self._timeout + _GRACE):
                self._give_up()

    def _arrived(self, token: int, at: Any) -> None:
        """Called on the client's thread, which must not do more than take note."""
        self._note(token, at.partition, at.offset, None)

    def _fail(self, token: int, error: Exception) -> None:
        known = self._under_way.get(token)
        missing = self._missing.get(known.event.topic) if known else None
        self._note(token, None, None, missing or ours(error))

    def _note(
        self, token: int, partition: int | None, offset: int | None, error: PublishError | None
    ) -> None:
        with self._changed:
            under_way = self._under_way.pop(token, None)
            if under_way is None:
                return
            self._bytes -= under_way.size
            event = under_way.event
            delivery = Delivery(event, event.topic, partition, offset, error)
            self._done.append((under_way, delivery))
            self._changed.notify_all()

    def _finish(self) -> None:
        self._wake_the_client()
        with self._changed:
            empty = self._changed.wait_for(lambda: not self._under_way, self._timeout + _GRACE)
            if not empty:
                self._give_up()
        self._missing.clear()
        self._tell()

    def _wake_the_client(self) -> None:
        """Asks the client to send what it still gathers; what fails is told event by event."""
        try:
            self._producer.flush(timeout=self._timeout + _GRACE)
        except kafka_errors.KafkaError:
            return

    def _give_up(self) -> None:
        for token in list(self._under_way):
            self._note(token, None, None, Undelivered("the client gave no answer in time"))

    def _tell(self) -> None:
        with self._changed:
            done, self._done = self._done, []
        for under_way, delivery in done:
            self._settle(under_way, delivery)

    def _settle(self, under_way: _UnderWay, delivery: Delivery) -> None:
        if self._sequences and under_way.stream and delivery.event.sequence is not None:
            settle = self._sequences.lose if delivery.error else self._sequences.sent
            settle(under_way.stream, delivery.event.sequence)
            if under_way.closes and not delivery.error:
                self._sequences.declared(under_way.stream, under_way.closes)
        if self._report:
            self._report(delivery)
        elif delivery.error:
            self._failed.append(delivery)

    def _declare_lost(self) -> None:
        """Says of the numbers that an earlier run may have lost that they will not come."""
        for stream, span in list(self._sequences.lost()) if self._sequences else ():
            gap = GapDeclared(topic=stream.topic, first=span.first, last=span.last)  # type: ignore[arg-type]
            said = event(
                gap,
                id=f"gap-{uuid4()}",
                source=stream.source,
                time=self._clock(),
                partitionkey=stream.key,
            )
            self._publish(said, stream.key.encode(), span)

    def _raise_failed(self) -> None:
        failed, self._failed = self._failed, []
        if failed and (error := failed[0].error):
            others = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
            raise type(error)(f"event {failed[0].event.id}{others}: {error}") from error


def _unfit(event: Event, now: datetime) -> EventRefused | EventTooLarge | None:
    """Why an event would be refused wherever it is sent, in the words of its decoder."""
    try:
        value = _written(event)
        if len(value) > LARGEST_EVENT:
            return EventTooLarge(
                f"{len(value):,} bytes; {LARGEST_EVENT:,} is the most: say it in more events"
            )
        _read_again(value)
        judge_times(event, microseconds(now))
    except Refused as refused:
        reason, detail, field, given = refused.fault
        return EventRefused(f"{field or 'event'} = {given!r}: {reason}: {detail}")
    return None


def _written(event: Event) -> bytes:
    """An event as it is sent, once all it holds can be written; raises `Refused`."""
    content_of(event)
    try:
        return event.json_line()
    except ValueError as error:
        raise Refused(Reason.INVALID_VALUE, str(error)) from error


def _read_again(value: bytes) -> None:
    """Reads an event as a decoder will; raises `Refused`."""
    try:
        structured(value)
    except Doubtful:
        read(Message("", 0, 0, 0, None, value))


def _close(producer: Any) -> None:
    try:
        producer.close(timeout=_GRACE)
    except kafka_errors.KafkaError:
        return  # what was under way has been reported
