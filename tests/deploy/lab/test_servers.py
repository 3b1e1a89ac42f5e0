"""The local servers: had or told how to get, gone with whoever started them."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.alertmanager.routing import Pace
from deploy.lab.demo.alerting import alerting
from deploy.lab.servers import (
    LocalAlertmanager,
    LocalPrometheus,
    LocalServer,
    NotInstalled,
    NotStarted,
)
from tests.end_to_end.conftest import eventually

ROOT = Path(__file__).resolve().parents[3]
SERVERS: tuple[type[LocalServer], ...] = (LocalPrometheus, LocalAlertmanager)


def installed(server: type[LocalServer]) -> None:
    try:
        server.program()
    except NotInstalled as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


def alertmanager(folder: Path, pace: Pace | None = None) -> LocalAlertmanager:
    return LocalAlertmanager(folder, "http://127.0.0.1:9/{}".format, pace=pace or Pace())


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_is_not_installed_says_how_to_get_it(
    server: type[LocalServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotInstalled, match="apt-get install prometheus prometheus-alertmanager"):
        server.program()


def test_a_demo_without_the_servers_says_so_and_shows_no_alerts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    said: list[str] = []
    with ExitStack() as stack:
        shown = alerting(stack, tmp_path, "http://127.0.0.1:9/metrics", said.append)
    assert shown.arrived is None
    assert "apt-get install" in "".join(said)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    installed(LocalAlertmanager)
    with pytest.raises(NotStarted, match="not a valid duration"):
        alertmanager(tmp_path, Pace(wait="soon")).start()


def test_both_servers_start_and_stop(tmp_path: Path) -> None:
    for server in SERVERS:
        installed(server)
    with alertmanager(tmp_path) as told, LocalPrometheus(tmp_path, [], told) as prometheus:
        assert prometheus.port != told.port
    assert b"See you next time!" in prometheus.log.read_bytes()


@pytest.mark.slow
def test_a_server_does_not_outlive_the_process_that_started_it(tmp_path: Path) -> None:
    installed(LocalAlertmanager)
    script = tmp_path / "starts.py"
    script.write_text(
        "import sys, time\nfrom pathlib import Path\n"
        "from tests.deploy.lab.test_servers import alertmanager\n"
        "alertmanager(Path(sys.argv[1])).start()\nprint('started', flush=True)\ntime.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert parent.stdout is not None
    try:
        with parent.stdout:
            assert parent.stdout.readline() == "started\n"
        assert running(tmp_path)
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    eventually(lambda: not running(tmp_path), "the server has ended", 10)


def running(folder: Path) -> bool:
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True
    )
    return f"--config.file={folder}" in listed.stdout
