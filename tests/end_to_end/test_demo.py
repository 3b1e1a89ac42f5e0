"""The demo on a real broker: what it loads, what it leaves alone, and what it finds."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from deploy.lab.demo.errors import NotEmpty, NotLoaded
from deploy.lab.demo.load import load
from events.data import INBOUND
from events.partition import partition_of
from streams.settings import Settings
from tests.end_to_end.conftest import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

COMMAND = [sys.executable, "-c", "from deploy.cli import main; main()", "demo"]


def heartbeats(folder: Path, count: int, *cmos: str) -> Path:
    file = folder / "events.ndjson"
    lines = [
        json.dumps(
            {
                "specversion": "1.0",
                "id": f"{cmo}-{number}",
                "source": f"/cmo/{cmo}",
                "type": "cmo.feed.heartbeat.v1",
                "time": "2026-03-01T00:00:00Z",
                "data": {"topic": INBOUND[number % 4]},
            }
        )
        for cmo in cmos
        for number in range(count)
    ]
    file.write_text("\n".join(lines) + "\n")
    return file


async def stored(settings: Settings) -> list[tuple[str, int, bytes, bytes]]:
    consumer = AIOKafkaConsumer(**settings.client(), auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(t, p) for t in INBOUND for p in range(settings.partitions)]
        consumer.assign(places)
        expected = sum((await consumer.end_offsets(places)).values())
        found: list[tuple[str, int, bytes, bytes]] = []
        while len(found) < expected:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                found += [(r.topic, r.partition, r.key, r.value) for r in records]
        return found
    finally:
        await consumer.stop()


def nothing(_: int) -> None:
    """The progress nobody looks at."""


def test_every_line_is_loaded_once_onto_the_partition_of_its_key(
    settings: Settings, tmp_path: Path
) -> None:
    file, advanced = heartbeats(tmp_path, 3_000, "acme", "borealis"), list[int]()
    assert asyncio.run(load(settings, file, advanced.append)) == sum(advanced) == 6_000
    found = asyncio.run(stored(settings))
    assert Counter(value for *_, value in found) == Counter(file.read_bytes().splitlines())
    assert all(
        partition == partition_of(key, settings.partitions) for _, partition, key, _ in found
    )


def test_topics_that_hold_events_are_left_alone(settings: Settings, tmp_path: Path) -> None:
    file = heartbeats(tmp_path, 1, "acme")
    asyncio.run(load(settings, file, nothing))
    with pytest.raises(NotEmpty, match=r"cmo\.lots .* hold events already"):
        asyncio.run(load(settings, file, nothing))
    assert len(asyncio.run(stored(settings))) == 1


def test_an_event_that_belongs_nowhere_is_told(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_text("{}\n")
    with pytest.raises(NotLoaded, match="belongs nowhere"):
        asyncio.run(load(settings, file, nothing))


def test_the_demo_finds_every_trouble_it_made_and_stops_what_it_started(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "--once"], env=environment(tmp_path), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "✘" not in done.stdout
    assert "No breach of the" in done.stdout
    assert re.search(r"Alerts that arrived: \d+\npage ", done.stdout), done.stdout
    assert leftovers(tmp_path) == []


def test_ctrl_c_stops_everything(tmp_path: Path) -> None:
    with subprocess.Popen(
        COMMAND, env=environment(tmp_path), stdout=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        assert any("metrics at" in line for line in demo.stdout)
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 130
    eventually(lambda: leftovers(tmp_path) == [], "everything the demo started has ended")


def environment(folder: Path) -> dict[str, str]:
    """An environment whose cache folder is the test's own, with the jars of the usual one."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "cmowatch"
    ours = folder / "cmowatch"
    ours.mkdir()
    for jars in usual.glob("kafka-*"):
        (ours / jars.name).symlink_to(jars)
    known = {name: value for name, value in os.environ.items() if name != "CMOWATCH_BROKERS"}
    return {**known, "XDG_CACHE_HOME": str(folder)}


def leftovers(folder: Path) -> list[str]:
    """Folders and processes of a demo that should be gone."""
    folders = [path.name for path in (folder / "cmowatch").glob("demo-*")]
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    return folders + [
        line for line in listed.stdout.splitlines() if f"{folder}/cmowatch/demo-" in line
    ]
