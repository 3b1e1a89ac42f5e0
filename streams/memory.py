"""The garbage collector, kept from going through all that is folded again and again."""

import gc

_OFTEN = 1_000
"""Events whose objects it goes through at once, in some twenty milliseconds."""


class Collector:
    """Goes once through what each thousand events left behind, and never again.

    A fold keeps nearly all it makes, and none of it in cycles: to look for garbage there takes
    seconds, in which nothing else runs.
    """

    def __init__(self) -> None:
        self._since = 0

    def folded(self, events: int) -> None:
        """So many more events are folded."""
        self._since += events
        if self._since >= _OFTEN:
            self._since = 0
            gc.collect(1)
            gc.freeze()
