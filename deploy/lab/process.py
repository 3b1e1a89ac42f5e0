"""Servers as processes of ours: on a free port of this machine, and gone when we are."""

import shutil
import signal
import socket
import subprocess
import sys
import threading

LOOPBACK = "127.0.0.1"


def dying_with_us() -> list[str]:
    """What to put before a command, so that it does not outlive us.

    On Linux the kernel kills a process with the thread that started it: ours, the main one.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return []
    return [setpriv, "--pdeathsig", signal.SIGKILL.name.removeprefix("SIG")]


def end(process: "subprocess.Popen[bytes]", patience: float) -> None:
    """Asks a process to end, and ends it when that takes longer than `patience` seconds."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port(wanted: int | None = None) -> int:
    """The wanted port of this machine, or a free one when it is taken or none is wanted."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted or 0))
        except OSError:
            probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
