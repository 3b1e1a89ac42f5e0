"""What we send: counted when delivered, given up as a whole when the producer fails."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from aiokafka.errors import KafkaError, KafkaTimeoutError

from streams.kafka.producer import Sink
from streams.settings import Settings


class Said(NamedTuple):
    topic: str = "cmo.breaches"
    partition: int = 3
    key: bytes | None = b"acme"
    value: bytes = b"{}"
    headers: Sequence[tuple[str, bytes]] = ()


class Producer:
    """Delivers what it is sent, unless told to fail."""

    def __init__(self, error: KafkaError | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.stopped = False
        self._error = error

    async def start(self) -> None:
        pass

    async def send(self, topic: str, **message: Any) -> asyncio.Future[None]:
        self.sent.append({"topic": topic, **message})
        report = asyncio.get_running_loop().create_future()
        report.set_exception(self._error) if self._error else report.set_result(None)
        return report

    async def stop(self) -> None:
        self.stopped = True


def sink_with(*producers: Producer, monkeypatch: pytest.MonkeyPatch) -> Sink:
    left = list(producers)
    monkeypatch.setattr("streams.kafka.producer.AIOKafkaProducer", lambda **_: left.pop(0))
    return Sink(Settings())


async def test_an_output_goes_to_the_partition_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_with(producer := Producer(), monkeypatch=monkeypatch)
    assert await sink.send([Said()] * 3) == 3
    assert producer.sent[0] == {**Said()._asdict(), "headers": []}
    assert (sink.sent, sink.failed) == (3, 0)


async def test_nothing_to_say_starts_no_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await sink_with(monkeypatch=monkeypatch).send([]) == 0


async def test_after_a_failure_the_next_send_has_another_producer(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = Producer(KafkaTimeoutError()), Producer()
    sink = sink_with(broken, sound, monkeypatch=monkeypatch)
    assert await sink.send([Said()] * 2) == 0
    assert broken.stopped
    assert "will be sent again" in caplog.text
    assert await sink.send([Said()] * 2) == 2
    assert (sink.sent, sink.failed) == (2, 2)
