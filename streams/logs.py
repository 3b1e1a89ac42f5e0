"""Log lines on stderr, few of a kind: a broker's loss says one thing two thousand times."""

import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class FewOfAKind(logging.Filter):
    """Lets `most` lines of one template through in `seconds`, and says how many it held back."""

    def __init__(
        self, most: int = 5, seconds: float = 30.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._most, self._seconds, self._now = most, seconds, now
        self._since: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        kind, now = (record.name, str(record.msg)[:200]), self._now()
        began, count = self._since.get(kind, (now, 0))
        if now - began >= self._seconds:
            if count > self._most:
                record.msg = f"{record.getMessage()} ({count - self._most} like it held back)"
                record.args = None
            began, count = now, 0
        self._since[kind] = (began, count + 1)
        if len(self._since) > 10_000:
            self._since.clear()
        return count < self._most


def log_to(stream: TextIO, level: str) -> None:
    """Sends the log lines of this process to `stream`, few of a kind, from a level on.

    Libraries say what they do at `info`: theirs come from `warning` on, and all of them at `debug`.
    """
    others = "warning" if level == "info" else level
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.addFilter(FewOfAKind())
    logging.basicConfig(level=others.upper(), handlers=[handler], force=True)
    logging.getLogger("streams").setLevel(level.upper())
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: object) -> None:
    logging.getLogger("cmowatch").critical("uncaught", exc_info=error)
