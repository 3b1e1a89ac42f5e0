"""Bad input as an attack: floods, bombs, forgeries, and clients that put messages elsewhere."""

import asyncio
import json
import subprocess
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer
from kafka import KafkaProducer
from kafka.errors import MessageSizeTooLargeError

from events.data import LOTS
from events.outcomes import Message
from events.partition import partition_of
from streams.dead_letters import WHOLE_PER_MINUTE
from streams.settings import Settings
from tests.chaos.conftest import check, footprint, share, stands
from tests.end_to_end.clean_pass import all_is_said, judged_by, own_topics
from tests.end_to_end.conftest import Worker, eventually
from tests.end_to_end.poisons import lot_completed, poisons

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.slow]

Watch = Callable[..., Worker]
FLOOD = 20_000
AT_MOST = 15.0  # seconds until the events of others are applied, on a machine thrice as slow
ACME = b"acme"
BESIDE, ELSEWHERE = b"beta", b"other-works"  # on the partition of acme, and on another
COMPRESSIONS = ("gzip", "snappy", "lz4", "zstd")
BASE = 64 << 20  # bytes a worker may grow by at its first flood
ROOM = 2_000  # and by each message it refused: its coordinates and reason

Sent = tuple[bytes | None, bytes | None]


async def flood(settings: Settings, messages: Iterable[Sent], partition: int) -> None:
    producer = AIOKafkaProducer(**settings.client(), max_batch_size=1 << 19)
    await producer.start()
    try:
        batch, under_way = producer.create_batch(), []
        for key, value in messages:
            if batch.append(key=key, value=value, timestamp=None) is None:
                under_way.append(await producer.send_batch(batch, LOTS, partition=partition))
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        under_way.append(await producer.send_batch(batch, LOTS, partition=partition))
        await asyncio.gather(*under_way)
    finally:
        await producer.stop()


def completed(key: bytes, name: str) -> bytes:
    cmo = key.decode()
    lot = lot_completed(id=name, source=f"/cmo/{cmo}", data={"lot": f"{cmo}-{name}"})
    return json.dumps(lot).encode()


def accepted(*workers: Worker) -> int:
    return int(
        sum(worker.total("cmowatch_events_accepted_total", topic=LOTS) for worker in workers)
    )


def has_accepted(count: int, *workers: Worker) -> bool:
    return accepted(*workers) == count


def refused(letters: Iterable[Message]) -> Iterator[tuple[dict[str, str], Message]]:
    """What the headers of each dead letter say, and the letter."""
    for letter in letters:
        yield {name: value.decode() for name, value in letter.headers}, letter


@pytest.mark.alone
def test_a_flood_of_each_poison_holds_up_nobody_and_is_one_dead_letter_a_message(
    settings: Settings, watch: Watch
) -> None:
    workers = [watch(), watch()]
    eventually(share(4, *workers), "all is held", 90)
    place = partition_of(ACME, settings.partitions)
    good = completed(ACME, "good")
    asyncio.run(flood(settings, [(ACME, good)], place))
    bad = poisons(lot_completed())
    before, took = [footprint(worker).memory for worker in workers], []
    for number, (kind, (key, value, _)) in enumerate(bad.items(), start=1):
        asyncio.run(flood(settings, [(key, value)] * FLOOD, place))
        began = time.monotonic()
        for neighbour in (BESIDE, ELSEWHERE):
            said = [(neighbour, completed(neighbour, f"n-{number}"))]
            asyncio.run(flood(settings, said, partition_of(neighbour, settings.partitions)))
        eventually(partial(has_accepted, 1 + 2 * number, *workers), f"others amid {kind}", 30)
        took.append(time.monotonic() - began)
    eventually(all_is_said(stands(settings), *workers), "all is said", 150)
    count = len(bad) * FLOOD
    check_letters(settings, count)
    assert sorted(took)[-3] < AT_MOST, took  # the two worst are the machine's
    after = [footprint(worker).memory for worker in workers]
    assert sum(after) - sum(before) < BASE + ROOM * count, (before, after)


def check_letters(settings: Settings, count: int) -> None:
    """One dead letter a message; few of a key and a minute keep their bytes."""
    letters = asyncio.run(own_topics(settings)).dead_letters
    where: Counter[tuple[str, str]] = Counter()
    whole: Counter[tuple[bytes | None, str]] = Counter()
    for said, letter in refused(letters):
        where[said["partition"], said["offset"]] += 1
        if said["bytes"] == "whole":
            whole[letter.key, str(int(said["timestamp"]) // 60_000)] += 1
        else:
            assert letter.value == b""
    assert (len(where), set(where.values())) == (count, {1})
    assert max(whole.values()) <= WHOLE_PER_MINUTE


def test_every_client_is_read_in_every_compression_and_told_when_it_chose_a_wrong_partition(
    settings: Settings, watch: Watch
) -> None:
    workers = [watch(), watch()]
    eventually(share(4, *workers), "all is held", 90)
    assert zlib.crc32(ACME) % settings.partitions != partition_of(ACME, settings.partitions)
    for compression in COMPRESSIONS:
        kafka_python(settings, compression)
        for partitioner in ("murmur2_random", "consistent_random"):
            confluent(settings, compression, partitioner)
            kcat(settings, compression, partitioner)
    check(settings, *workers)
    letters = [said for said, _ in refused(asyncio.run(own_topics(settings)).dead_letters)]
    assert accepted(*workers) == 3 * len(COMPRESSIONS) * 25
    assert len(letters) == 2 * len(COMPRESSIONS) * 25
    assert {said["reason"] for said in letters} == {"wrong_partition"}
    assert all("partitioner=murmur2_random" in said["detail"] for said in letters)


def told(*name: str) -> list[bytes]:
    return [completed(ACME, "-".join([*name, str(n)])) for n in range(25)]


def kafka_python(settings: Settings, compression: str) -> None:
    producer = KafkaProducer(bootstrap_servers=settings.brokers, compression_type=compression)
    for value in told("kafka-python", compression):
        producer.send(LOTS, key=ACME, value=value)
    producer.flush()
    producer.close()


def confluent(settings: Settings, compression: str, partitioner: str) -> None:
    producer = Producer(
        {
            "bootstrap.servers": settings.brokers,
            "compression.type": compression,
            "partitioner": partitioner,
        }
    )
    for value in told("confluent", compression, partitioner):
        producer.produce(LOTS, key=ACME, value=value)
    assert producer.flush(30) == 0


def kcat(settings: Settings, compression: str, partitioner: str) -> None:
    command = ["kcat", "-P", "-b", settings.brokers, "-t", LOTS, "-k", ACME.decode()]
    options = ["-z", compression, "-X", f"partitioner={partitioner}"]
    lines = b"\n".join(told("kcat", compression, partitioner))
    subprocess.run([*command, *options], input=lines, check=True, timeout=60)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_decompression_bomb_is_refused_by_the_broker(
    compression: str, settings: Settings
) -> None:
    bomb = b"\0" * (96 << 20)
    producer = KafkaProducer(
        bootstrap_servers=settings.brokers,
        compression_type=compression,
        max_request_size=128 << 20,
    )
    with pytest.raises(MessageSizeTooLargeError):
        producer.send(LOTS, key=ACME, value=bomb).get(timeout=60)
    producer.close()
    assert stands(settings) == 0


def test_an_event_forged_into_another_message_is_never_heard(
    settings: Settings, watch: Watch
) -> None:
    own, victim = completed(ACME, "own"), completed(BESIDE, "forged")
    under_its_key = json.dumps({**json.loads(victim), "partitionkey": BESIDE.decode()}).encode()
    inner = own[:-1] + b', "data": ' + victim + b"}"
    forgeries = [
        own + b"\n" + victim,
        own + victim,
        own + b"," + victim,
        own + b"\0" + victim,
        b"[" + own + b"," + victim + b"]",
        victim,
        under_its_key,
        inner,
        own[:-1] + b"}\n" + victim,
    ]
    place = partition_of(ACME, settings.partitions)
    asyncio.run(flood(settings, [(ACME, value) for value in forgeries], place))
    workers = [watch(), watch()]
    check(settings, *workers)
    assert accepted(*workers) == 0
    letters = asyncio.run(own_topics(settings)).dead_letters
    assert sorted(letter.value or b"" for letter in letters) == sorted(forgeries)
    assert BESIDE.decode() not in {reading["cmo"] for reading in judged_by(*workers)}
