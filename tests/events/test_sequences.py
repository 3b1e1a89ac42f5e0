"""The file of sequence numbers: what cannot be in it is named, and nothing counts from 0 again."""

import json
from pathlib import Path
from typing import Any

import pytest

from events.data import LOTS
from events.errors import InvalidState
from events.sequences import Sequences, Stream

STREAM = Stream("/cmo/acme", LOTS, "acme")
ROW: dict[str, Any] = {**STREAM._asdict(), "settled": 3, "reserved": 1_000, "lost": [[1, 2]]}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "sequence.json"


def the_next_of(state: Path) -> int:
    """Takes a number of the stream, whose event arrives."""
    with Sequences(state) as numbers:
        number = numbers.take(STREAM)
        numbers.sent(STREAM, number)
    return number


IMPOSSIBLE: dict[str, tuple[Any, str]] = {
    "no list": ({}, "valid array"),
    "nothing": (None, "valid array"),
    "a negative one": ([{**ROW, "settled": -1}], "0: settled: "),
    "one beyond what there is": ([{**ROW, "reserved": 2**53 + 1}], "0: reserved: "),
    "a text": ([{**ROW, "reserved": "1000"}], "0: reserved: "),
    "a boolean": ([{**ROW, "settled": True}], "0: settled: "),
    "a fraction": ([{**ROW, "settled": 3.0}], "0: settled: "),
    "settled beyond reserved": ([{**ROW, "settled": 1_001}], "settled is 1001, beyond reserved"),
    "lost that turn round": ([{**ROW, "lost": [[2, 1]]}], "lost are 2 to 1"),
    "lost that were never reserved": ([{**ROW, "lost": [[0, 1_000]]}], "never reserved"),
    "lost as a text": ([ROW, {**ROW, "lost": "12"}], "1: lost: "),
    "two rows of a stream": ([ROW, ROW], "two rows"),
    "a field too many": ([{**ROW, "next": 7}], "0: next: "),
    "no source": ([{**ROW, "source": ""}], "0: source: "),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_impossible_numbers_are_named_and_never_used(state: Path, what: str) -> None:
    saved, why = IMPOSSIBLE[what]
    state.write_text(json.dumps(saved))
    with pytest.raises(InvalidState, match="restore it") as refused:
        the_next_of(state)
    assert f"{state}: " in str(refused.value)
    assert why in str(refused.value)
    assert json.loads(state.read_text()) == saved


def test_numbers_that_are_possible_are_gone_on_from(state: Path) -> None:
    state.write_text(json.dumps([{**ROW, "settled": 1_000, "lost": []}]))
    assert the_next_of(state) == 1_000


def test_a_state_file_that_is_lost_is_missed(state: Path) -> None:
    assert the_next_of(state) == 0
    state.unlink()
    with pytest.raises(
        InvalidState, match=r"it is lost, .* restore it .* deletes sequence\.json\."
    ):
        the_next_of(state)
    state.with_name("sequence.json.lock").unlink()
    assert the_next_of(state) == 0


def test_a_state_file_nobody_ever_wrote_is_not_missed(state: Path) -> None:
    state.with_name("sequence.json.lock").touch()
    assert the_next_of(state) == 0


@pytest.mark.parametrize("there", [True, False])
def test_a_state_file_that_is_a_link_is_refused(state: Path, there: bool) -> None:
    other = state.with_name("other.json")
    if there:
        other.write_text("[]")
    state.symlink_to(other)
    with pytest.raises(InvalidState, match=r"symbolic link: name the file itself, .*other\.json"):
        the_next_of(state)
    assert state.is_symlink()
