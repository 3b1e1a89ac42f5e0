"""What a contestant tells of itself while it folds, a JSON object a line on its own stdout."""

import json
import os
from time import monotonic, process_time

_BETWEEN = 0.5


class Stopwatch:
    """The time from just before the first event is folded to just after the last of so many.

    With it goes the processor's time that the process took meanwhile, which tells more where others
    use the machine, too.
    """

    def __init__(self, events: int) -> None:
        self._events = events
        self._folded = 0
        self._began = self._told = self._spent = 0.0
        self._done = False

    def begin(self) -> None:
        """An event is about to be folded."""
        if not self._began:
            self._began = self._told = monotonic()
            self._spent = process_time()

    def count(self, folded: int) -> None:
        """So many more were folded."""
        self._folded += folded
        now = monotonic()
        if self._folded >= self._events and not self._done:
            self._done = True
            spent = process_time() - self._spent
            _tell(events=self._folded, seconds=now - self._began, processor=spent)
        elif now - self._told > _BETWEEN:
            self._told = now
            _tell(folded=self._folded)


def _tell(**report: float) -> None:
    os.write(1, json.dumps(report).encode() + b"\n")  # Faust takes print and sys.stdout for itself
