"""What was refused is settled by the command that the runbook shows, on a real broker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaProducer

from deploy.prometheus.runbook import RUNBOOK, SETTLE
from events.data import INVENTORY
from events.outcomes import Message
from events.partition import partition_of
from streams.settings import Settings
from streams.shard import Shard
from tests.builders import ACME, agreed, counted, message, on, spoiled
from tests.end_to_end.test_publish import log

pytestmark = [pytest.mark.broker, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]


def refused(settings: Settings) -> int:
    """Publish a count that is refused; its offset."""
    bad = message(spoiled(counted("pills", 1), quantity={"value": -1, "unit": "EA"}), 0)
    producer = KafkaProducer(bootstrap_servers=settings.brokers)
    try:
        place = partition_of(ACME.encode(), settings.partitions)
        sent = producer.send(INVENTORY, bad.value, bad.key, partition=place)
        offset: int = sent.get(timeout=30).offset
        return offset
    finally:
        producer.close()


def in_doubt(settings: Settings, messages: list[Message]) -> int:
    """How many things are in doubt by a log."""
    (place,) = {each.partition for each in messages}
    shard = Shard(place, settings.partitions, agreed())
    shard.fold(INVENTORY, len(messages), messages)
    list(shard.tick(on(4_000)))
    return len(shard.cmos[ACME].doubts.standing)


def test_the_command_of_the_runbook_settles_what_was_refused_at_its_offset(
    settings: Settings,
) -> None:
    assert SETTLE in (ROOT / RUNBOOK).read_text("utf-8")
    offset = refused(settings)
    assert in_doubt(settings, log(settings, INVENTORY)) == 1
    typed = SETTLE.replace('"offset":42', f'"offset":{offset}').replace("2026-11-02", "2024-11-02")
    found = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", typed],
        env={**os.environ, "PATH": found, "CMOWATCH_BROKERS": settings.brokers},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    messages = log(settings, INVENTORY)
    assert len(messages) == 2
    assert in_doubt(settings, messages) == 0
