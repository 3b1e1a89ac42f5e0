"""Simulated worlds, each made once by a process of tests, whoever asks for it there."""

from datetime import UTC, datetime
from functools import cache

from deploy.lab.simulate.simulator import UNTIL, Simulated, simulate

_BEGUN = datetime.now(UTC)


def world(seed: int = 1, events: int | None = None, months: int = 13) -> Simulated:
    """The world that ends when simulations end that are not told when."""
    return _made(seed, events, months, UNTIL)


def world_until_now(events: int) -> list[bytes]:
    """The events of a world that ends as the tests begin, in the order they were recorded."""
    return _made(1, events, 13, _BEGUN).events


@cache
def _made(seed: int, events: int | None, months: int, until: datetime) -> Simulated:
    return simulate(seed, events, months, until)
