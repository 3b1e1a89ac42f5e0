"""The one that may write a partition, on a real broker, and what is relied on in aiokafka."""

import asyncio
import inspect
import time
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerFenced
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.producer.producer import AIOKafkaProducer
from aiokafka.producer.sender import AddPartitionsToTxnHandler, EndTxnHandler, Sender

from events.data import BREACHES, DEAD_LETTERS
from streams.errors import TopicRefused, Withheld
from streams.kafka.clocks import Stamp
from streams.kafka.producer import PartitionProducer, Stamps
from streams.settings import Settings
from tests.conftest import delete
from tests.end_to_end.clean_pass import own_topics

on_a_broker = pytest.mark.broker


class Said(NamedTuple):
    value: bytes
    topic: str = BREACHES
    partition: int = 3
    key: bytes | None = b"acme"
    headers: Sequence[tuple[str, bytes]] = ()


async def standing(settings: Settings) -> list[bytes | None]:
    return [message.value for message in (await own_topics(settings)).breaches]


@on_a_broker
async def test_outputs_stand_on_the_partition_they_name_with_key_and_headers(
    settings: Settings,
) -> None:
    producer = await PartitionProducer.started(settings, 3)
    letter = Said(b"raw", DEAD_LETTERS, headers=[("reason", b"not_json")])
    await producer.send([Said(b"first"), letter])
    await producer.send([Said(b"x" * 1_000_000), Said(b"last")])
    await producer.close()
    own = await own_topics(settings)
    assert [(m.partition, m.key) for m in own.breaches] == [(3, b"acme")] * 3
    assert [len(m.value or b"") for m in own.breaches] == [5, 1_000_000, 4]
    [found] = own.dead_letters
    assert (found.partition, found.value, list(found.headers)) == (3, b"raw", letter.headers)


@on_a_broker
async def test_the_later_one_of_a_partition_fences_the_earlier_and_no_other(
    settings: Settings,
) -> None:
    earlier, other = [await PartitionProducer.started(settings, number) for number in (3, 2)]
    later = await PartitionProducer.started(settings, 3)
    with pytest.raises(ProducerFenced):
        await earlier.send([Said(b"of a zombie")])
    await other.send([Said(b"beside", partition=2)])
    await later.send([Said(b"of the owner")])
    await asyncio.gather(earlier.close(), later.close(), other.close())
    assert sorted(await standing(settings), key=str) == [b"beside", b"of the owner"]


@on_a_broker
async def test_what_the_earlier_one_left_open_is_undone_before_the_later_one_is_started(
    settings: Settings,
) -> None:
    earlier = await PartitionProducer.started(settings, 3)
    await earlier._producer.begin_transaction()
    await earlier._producer.send_and_wait(BREACHES, b"half", partition=3)
    later = await PartitionProducer.started(settings, 3)
    assert await standing(settings) == []
    with pytest.raises(ProducerFenced):
        await earlier._producer.commit_transaction()
    await later.send([Said(b"whole")])
    await asyncio.gather(earlier.close(), later.close())
    assert await standing(settings) == [b"whole"]


@on_a_broker
async def test_our_clock_is_measured_by_a_record_that_nobody_sees(settings: Settings) -> None:
    producer = await PartitionProducer.started(settings, 3)
    began, stamps = time.time(), await producer.measure([DEAD_LETTERS, BREACHES])
    await producer.send([Said(b"after it")])
    await producer.close()
    assert set(stamps) == {DEAD_LETTERS, BREACHES}
    for stamp in stamps.values():
        assert stamp.before < stamp.after
        assert began - 0.001 <= stamp.first == stamp.last <= time.time()
    own = await own_topics(settings)
    assert (own.dead_letters, [m.value for m in own.breaches]) == ([], [b"after it"])


@on_a_broker
async def test_what_may_not_stand_by_its_stamps_is_undone(settings: Settings) -> None:
    found: dict[str, Stamp] = {}

    def may_stand(stamps: Stamps) -> bool:
        found.update(stamps)
        return False

    producer, began = await PartitionProducer.started(settings, 3), time.time()
    with pytest.raises(Withheld):
        await producer.send([Said(b"judged"), Said(b"letter", DEAD_LETTERS)], may_stand)
    await producer.close()
    assert set(found) == {DEAD_LETTERS, BREACHES}
    assert all(began - 0.001 <= at.first <= at.last <= time.time() for at in found.values())
    own = await own_topics(settings)
    assert (own.dead_letters, own.breaches) == ([], [])


@on_a_broker
async def test_a_topic_that_believes_its_producers_clocks_measures_nothing(
    settings: Settings,
) -> None:
    await delete(settings, DEAD_LETTERS)
    admin = AIOKafkaAdminClient(**settings.client())
    await admin.start()
    await admin.create_topics([NewTopic(DEAD_LETTERS, settings.partitions, 1)])
    await admin.close()
    producer = await PartitionProducer.started(settings, 3)
    with pytest.raises(TopicRefused, match=r"cmo.dead-letters believes .* Operator action"):
        await producer.measure([DEAD_LETTERS])
    await producer.close()


async def test_without_a_broker_none_is_started_and_nothing_stays_open() -> None:
    with pytest.raises(KafkaConnectionError):
        await PartitionProducer.started(Settings(brokers="127.0.0.1:1"), 0)


# --- contracts: what an upgrade of aiokafka must not change


def test_aiokafka_tells_of_an_old_epoch_as_fenced() -> None:
    for handler in (AddPartitionsToTxnHandler, EndTxnHandler):
        source = inspect.getsource(handler.handle_response)
        assert "error_type is InvalidProducerEpoch:\n" in source
        assert "raise ProducerFenced()" in source


def test_aiokafka_is_started_once_it_has_an_epoch_of_its_own() -> None:
    assert "self._maybe_wait_for_pid()" in inspect.getsource(Sender.start)
    assert "await self._sender.start()" in inspect.getsource(AIOKafkaProducer.start)


async def test_aiokafka_lets_a_producer_close_whose_messages_were_failed() -> None:
    assert "self._exception = exception" in inspect.getsource(MessageAccumulator.fail_all)
    assert "self._drain_waiter = create_future()" in inspect.getsource(MessageBatch.__init__)
    made = PartitionProducer(Settings(), 0)
    assert made._producer._txn_manager.wait_for_transaction_end() is None
    await made.close()
    with pytest.raises(KafkaError, match="the producer was closed"):
        await made._producer._message_accumulator.add_message(None, b"", b"", 1.0)


def test_aiokafka_asks_the_coordinator_under_its_generation_and_forgets_one_that_is_gone() -> None:
    beat = inspect.getsource(GroupCoordinator._do_heartbeat)
    assert "HeartbeatRequest(self.group_id, self.generation, self.member_id)" in beat
    assert beat.count("self.reset_generation()") == 2
    assert "self.generation = OffsetCommitRequest.DEFAULT_GENERATION_ID" in inspect.getsource(
        GroupCoordinator.reset_generation
    )
