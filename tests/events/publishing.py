"""A publisher whose client is a fake, and events for it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from events.data import LotCompleted
from events.event import ANY_EVENT, Event, event
from events.publish import Publisher

NOW = datetime(2024, 5, 2, 10, tzinfo=UTC)


class Future:
    """What the client gives back; it is settled when the test says so."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []
        self.arrived: Callable[[Any], None] = lambda _: None
        self.failed: Callable[[Exception], None] = lambda _: None

    def add_callback(self, call: Callable[[int, Any], None], token: int) -> None:
        self.arrived = lambda at: call(token, at)

    def add_errback(self, call: Callable[[int, Exception], None], token: int) -> None:
        self.failed = lambda error: call(token, error)


class FakeClient:
    """Takes events as kafka-python does; on flush they arrive, or fail with `error`."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.sent: list[Event] = []
        self.keys: list[bytes] = []
        self.under_way: list[Future] = []
        self.most_under_way = 0
        self.error: Exception | None = None
        self.on_send: Exception | None = None
        self.closed = False

    def __call__(self, **settings: Any) -> "FakeClient":
        self.settings = settings
        return self

    def send(self, topic: str, *, value: bytes, key: bytes) -> Future:
        if self.on_send:
            raise self.on_send
        said = ANY_EVENT.validate_json(value)
        assert said.topic == topic
        self.sent.append(said)
        self.keys.append(key)
        self.under_way.append(Future())
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        return self.under_way[-1]

    def flush(self, timeout: float) -> None:
        assert timeout > 0
        for offset, future in enumerate(self.under_way):
            if self.error:
                future.failed(self.error)
            else:
                future.arrived(SimpleNamespace(partition=3, offset=offset))
        self.under_way = []

    def close(self, timeout: float) -> None:
        assert timeout > 0
        self.closed = True

    @property
    def numbers(self) -> list[int | None]:
        return [said.sequence for said in self.sent]


def publisher(client: FakeClient, **given: Any) -> Publisher:
    about = {"source": "/cmo/acme", "cmo": "Acme", **given}
    return Publisher("broker:9092", client=client, clock=lambda: NOW, **about)


def completed(id_: str = "e1", **envelope: Any) -> Event:
    given = {"source": "/cmo/acme", "time": NOW, **envelope}
    return event(LotCompleted(lot="L1"), id=id_, **given)


def saved(state: Path) -> Any:
    return json.loads(state.read_text())
