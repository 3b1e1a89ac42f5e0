"""Programs in processes of ours: on a free port of this machine, and gone when we are."""

import atexit
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

LOOPBACK: Final = "127.0.0.1"
_LAST: Final = 20


class Child:
    """A program that runs in a process of its own, and does not outlive us."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | int | None = None,
    ) -> None:
        """Starts it; what it says goes to the end of `log`, or its answers to `output`."""
        self._log = log
        with log.open("ab") as words:
            self.process = subprocess.Popen(
                [*_dying_with_us(), *command],
                stdin=subprocess.DEVNULL,
                stdout=words if output is None else output,
                stderr=words,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        atexit.register(self.kill)

    @property
    def pid(self) -> int | None:
        """Its process, None once that has ended."""
        return self.process.pid if self.exit_code is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended, None while it runs."""
        return self.process.poll()

    @property
    def last_words(self) -> str:
        """The last lines of its log."""
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LAST:])

    def stop(self, patience: float) -> None:
        """Asks it to end, and ends it when that takes longer than `patience` seconds."""
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._ended()

    def kill(self) -> None:
        """Ends it at once, as a power cut does: SIGKILL."""
        self.process.kill()
        self._ended()

    def _ended(self) -> None:
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        atexit.unregister(self.kill)


def _dying_with_us() -> list[str]:
    """What to put before a command, so that not even a SIGKILL of ours lets it go on.

    On Linux the kernel kills a process with the thread that started it: ours, the main one.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return []
    return [setpriv, "--pdeathsig", signal.SIGKILL.name.removeprefix("SIG")]


def free_port(wanted: int | None = None) -> int:
    """The wanted port of this machine, or a free one when it is taken or none is wanted."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, wanted or 0))
        except OSError:
            probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
