"""A message whose header has a name that is no text, as other clients can write it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from deploy.lab.demo import AGREEMENTS
from events.partition import partition_of
from streams.kafka.tolerant_headers import TolerantRecords
from streams.settings import Settings
from tests.end_to_end.conftest import Worker, eventually

WATCHING = Path(__file__).with_name("watching_worker.py")
NO_TEXT = b"\xff\xfe\xff"


class _Raw(str):
    """A header name that is written as these bytes."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return NO_TEXT


def completed(lot: str) -> bytes:
    event = {
        "specversion": "1.0",
        "id": lot,
        "source": "/cmo/acme",
        "type": "cmo.lot.completed.v1",
        "time": "2026-01-01T00:00:00Z",
        "data": {"lot": lot},
    }
    return json.dumps(event).encode()


def batch(lots: list[str], compression: int = 0) -> bytes:
    """A batch in which the second event has a header whose name is no text."""
    builder = _DefaultRecordBatchBuilderPy(
        magic=2,
        compression_type=compression,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 20,
    )
    for at, lot in enumerate(lots):
        headers = [(_Raw("x"), b"1")] if at == 1 else []
        builder.append(at, timestamp=1, key=b"acme", value=completed(lot), headers=headers)
    return bytes(builder.build())


@pytest.mark.parametrize("compression", [0, 1, 2, 3, 4])
def test_every_record_is_read_whatever_its_headers_are_called(compression: int) -> None:
    records = TolerantRecords(batch(["L1", "L2", "L3"], compression))
    read = records.next_batch()
    assert read.validate_crc()
    found = [(record.value, list(record.headers)) for record in read]
    assert found == [
        (completed("L1"), []),
        (completed("L2"), [("\\xff\\xfe\\xff", b"1")]),
        (completed("L3"), []),
    ]
    assert records.next_batch() is None


@pytest.mark.broker
@pytest.mark.slow
def test_the_stream_goes_on_over_a_header_whose_name_is_no_text(
    settings: Settings, start_worker: Callable[..., Worker]
) -> None:
    agreed = {"agreements": AGREEMENTS, "default_agreement": True}
    worker = start_worker(WATCHING, **agreed)
    eventually(worker.ready, "the worker is ready")
    asyncio.run(_send(settings, batch(["L1", "L2", "L3"])))
    taken = "cmowatch_events_accepted_total"
    eventually(lambda: worker.total(taken, topic="cmo.lots") == 3, "all three are taken")


async def _send(settings: Settings, raw: bytes) -> None:
    """Hands a batch to the broker as it is."""
    from aiokafka.protocol.produce import ProduceRequest

    producer = AIOKafkaProducer(**settings.client())
    await producer.start()
    try:
        place = partition_of(b"acme", settings.partitions)
        await producer.partitions_for("cmo.lots")
        leader = producer.client.cluster.leader_for_partition(TopicPartition("cmo.lots", place))
        request = ProduceRequest(
            transactional_id=None,
            required_acks=-1,
            timeout=5_000,
            topics=[("cmo.lots", [(place, raw)])],
        )
        answer = await producer.client.send(leader, request)
        assert [code for _, [(_, code, *_)] in answer.topics] == [0]
    finally:
        await producer.stop()
