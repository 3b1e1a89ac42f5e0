"""What the group's coordinator says of us, as the consumer's thread hears it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from streams.kafka.transport import ConsumerThread
from streams.kafka.writers import Membership


class Coordinator:
    """A coordinator that takes heartbeats of one generation."""

    def __init__(self, *, answers: bool, afterwards: int) -> None:
        self.generation, self._answers, self._afterwards = 7, answers, afterwards
        self.asked = 0

    async def _do_heartbeat(self) -> bool:
        self.asked += 1
        self.generation = self._afterwards
        return self._answers


def membership(coordinator: Any, generation: int = 7) -> Membership:
    thread = ConsumerThread.__new__(ConsumerThread)
    thread._consumer = SimpleNamespace(_coordinator=coordinator)
    return asyncio.run(thread._membership(generation))


@pytest.mark.parametrize(
    ("answers", "afterwards", "membership_is"),
    [
        (True, 7, Membership.HELD),
        (False, -1, Membership.LOST),
        (False, 7, Membership.UNKNOWN),
        (True, 8, Membership.UNKNOWN),
    ],
)
def test_a_member_is_who_the_coordinator_counts_in_under_the_same_generation(
    answers: bool, afterwards: int, membership_is: Membership
) -> None:
    assert membership(Coordinator(answers=answers, afterwards=afterwards)) is membership_is


def test_of_an_assignment_before_this_generation_nobody_is_asked() -> None:
    coordinator = Coordinator(answers=True, afterwards=7)
    assert membership(coordinator, generation=6) is Membership.UNKNOWN
    assert coordinator.asked == 0
