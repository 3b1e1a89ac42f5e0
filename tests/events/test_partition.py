"""A key's partition is the one Java's client and kafka-python give it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as murmur2_of_kafka_python

from events.partition import murmur2, partition_of


@given(st.binary(max_size=300))
def test_the_hash_is_that_of_kafka_python(key: bytes) -> None:
    assert murmur2(key) == murmur2_of_kafka_python(key)


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafkas_own_tests(key: bytes, hashed: int) -> None:
    assert murmur2(key) == hashed & 0xFFFFFFFF


@pytest.mark.parametrize("partitions", [1, 3, 8, 12, 50])
def test_a_thousand_keys_lie_where_kafka_python_puts_them(partitions: int) -> None:
    for number in range(1_000):
        key = f"cmo-{number}".encode()
        theirs = (murmur2_of_kafka_python(key) & 0x7FFFFFFF) % partitions
        assert partition_of(key, partitions) == theirs
