"""A program of ours: what it says is kept, and it is gone when we are or when it is told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.lab.process import Child

ROOT = Path(__file__).resolve().parents[3]
SLEEPS = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)")
DEAF = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\n"
    "time.sleep(600)",
)


def up(child: Child) -> Child:
    eventually(lambda: child.last_words == "up")
    return child


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_it_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    child = up(Child(SLEEPS, tmp_path / "log"))
    assert child.exit_code is None
    child.stop(20)
    assert child.exit_code == -signal.SIGTERM
    child.stop(20)
    assert child.last_words == "up"


def test_it_is_ended_when_it_does_not_listen(tmp_path: Path) -> None:
    child = up(Child(DEAF, tmp_path / "log"))
    child.stop(0.1)
    assert child.exit_code == -signal.SIGKILL


def test_its_last_words_are_kept_beside_its_answers(tmp_path: Path) -> None:
    script = "import os, sys; print(os.environ['WORD'], os.getcwd()); print('why', file=sys.stderr)"
    with (tmp_path / "answer").open("wb") as answer:
        child = Child(
            [sys.executable, "-c", script],
            tmp_path / "log",
            folder=tmp_path,
            environment={**os.environ, "WORD": "yes"},
            output=answer,
        )
    eventually(lambda: child.exit_code == 0)
    assert (tmp_path / "answer").read_text() == f"yes {tmp_path}\n"
    assert child.last_words == "why"


@pytest.mark.parametrize("killed", [False, True])
def test_it_does_not_outlive_whoever_started_it(tmp_path: Path, killed: bool) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom deploy.lab.process import Child\n"
        f"child = Child({SLEEPS!r}, Path({str(tmp_path / 'log')!r}))\n"
        "while child.last_words != 'up':\n    time.sleep(0.02)\n"
        f"print(child.pid, flush=True)\ntime.sleep({600 if killed else 0})\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if killed:
            parent.kill()
    eventually(lambda: not runs(pid))
