"""The worker that the command composes."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.commands import watch
from streams.kafka.assignment import Assignment
from streams.shard import FOLDS_FOR, Shard
from tests.end_to_end.conftest import free_port


def test_shards_of_a_worker_do_not_hold_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme.yaml").write_text(
        'cmo: acme\nversion: "1"\neffective: 2024-01-01\ncontingency: Call.\n'
    )
    shards: list[Shard] = []

    def run(_: object, assignment: Assignment, __: object) -> int:
        assignment.hold({0})
        shards.extend(progress.shard for progress in assignment)  # type: ignore[misc]
        return 0

    monkeypatch.setattr(watch, "run_worker", run)
    arguments = ["worker", "--agreements", str(tmp_path), "--web-port", str(free_port())]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert [shard.folds_for for shard in shards] == [FOLDS_FOR]
