"""How far a replay is: said at its end, and shown on a terminal alone."""

import asyncio
import gzip
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from deploy.cli import main
from deploy.lab.demo import AGREEMENTS
from deploy.lab.demo.load import load
from events.files import messages
from streams.agreements import read_agreements
from streams.commands.replayed import Replayed
from streams.kafka.whole_log import outcomes
from streams.settings import Settings
from streams.shard import decoder_of

LINES = 2_500


def line(number: int) -> bytes:
    event = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "/cmo/acme",
        "type": "cmo.lot.completed.v1",
        "time": "2024-05-02T10:00:00Z",
        "data": {"lot": f"L{number}"},
    }
    return json.dumps(event).encode() + b"\n"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"".join(map(line, range(LINES))))
    return path


class Terminal(Console):
    """A console that takes itself for a terminal, or does not."""

    def __init__(self, *, there: bool) -> None:
        super().__init__(file=io.StringIO(), force_terminal=there, width=100)

    @property
    def shown(self) -> str:
        assert isinstance(self.file, io.StringIO)
        return self.file.getvalue()


class Watch:
    """A clock that a test puts forward."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def replayed(console: Console, watch: Watch) -> Replayed:
    with Replayed(console, watch) as counted:
        for part in counted.slices(range(4_000)):
            assert len(part) <= 1_000
            watch.now += 0.5
            counted.at(counted.events, 4_000)
    return counted


def test_what_was_read_in_which_time_and_how_fast_is_said_at_the_end() -> None:
    assert replayed(Terminal(there=False), Watch()).summary() == (
        "read 4,000 events in 2.0 s, 2,000 events/s"
    )


def test_nothing_is_shown_where_there_is_no_terminal() -> None:
    replayed(console := Terminal(there=False), Watch())
    assert console.shown == ""


def test_a_terminal_shows_how_far_it_is_and_how_fast() -> None:
    replayed(console := Terminal(there=True), Watch())
    assert "reading" in console.shown
    assert "events/s" in console.shown


@pytest.mark.parametrize("packed", [False, True])
def test_the_position_in_a_file_is_that_of_its_bytes(events: Path, packed: bool) -> None:
    if packed:
        events.write_bytes(gzip.compress(events.read_bytes(), mtime=0))
    size, heard = events.stat().st_size, list[int]()
    assert len(list(messages(str(events), position=heard.append))) == LINES
    assert len(heard) == 2
    assert 0 < heard[0] <= heard[1] <= size
    if not packed:
        assert heard == [sum(len(line(n)) for n in range(count)) for count in (1_000, 2_000)]


def run(*arguments: str, events: Path) -> Result:
    return CliRunner().invoke(main, [arguments[0], str(events), *arguments[1:]])


def test_a_replay_ends_by_saying_what_it_read(events: Path) -> None:
    result = run("replay", "--as-of", "2024-06-30", "--json", events=events)
    assert result.exit_code == 0
    (said,) = result.stderr.splitlines()
    assert said.startswith("read 2,500 events in ")
    assert said.endswith(" events/s")


def test_a_backfill_ends_by_saying_what_it_read(events: Path, tmp_path: Path) -> None:
    result = run("backfill", "--out", str(tmp_path / "history.txt"), events=events)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1].startswith("read 2,500 events in ")


@pytest.mark.broker
def test_a_replay_of_the_topics_ends_by_saying_what_it_read(
    settings: Settings, events: Path
) -> None:
    asyncio.run(load(settings, events, lambda _: None))
    heard: list[tuple[int, int]] = []

    async def read() -> int:
        decoder = decoder_of(read_agreements(None, use_default=True), settings.partitions)
        found = outcomes(settings, decoder, lambda *position: heard.append(position))
        return len([each async for each in found])

    assert asyncio.run(read()) == LINES
    assert heard == sorted(heard)
    assert heard[-1] == (LINES, LINES)
    given = {
        "CMOWATCH_BROKERS": settings.brokers,
        "CMOWATCH_PARTITIONS": str(settings.partitions),
        "CMOWATCH_AGREEMENTS": str(AGREEMENTS),
        "CMOWATCH_DEFAULT_AGREEMENT": "true",
    }
    arguments = ["replay", "--topics", "--as-of", "2024-06-30", "--json"]
    result = CliRunner().invoke(main, arguments, env=given)
    assert result.exit_code == 0, result.output
    assert '"cmo": "acme"' in result.stdout
    (said,) = result.stderr.splitlines()
    assert said.startswith("read 2,500 events in ")
