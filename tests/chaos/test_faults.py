"""Faults, several at a time and on more than one worker: what is said is what one pass says."""

import signal
from collections.abc import Callable

import pytest

from deploy.lab.kafka import LocalKafka
from streams.settings import Settings
from tests.chaos.conftest import EVENTS, Telling, all_told, check, share
from tests.end_to_end.clean_pass import read_at
from tests.end_to_end.conftest import Worker, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.slow]

Watch = Callable[..., Worker]
Tell = Callable[..., Telling]
PACE = 0.1  # seconds between a thousand events, so that a fault falls among them


def test_a_worker_stopped_beyond_its_session_goes_on_while_the_other_is_killed(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    stopped, killed = watch(), watch()
    eventually(share(4, stopped, killed), "both hold their half", 90)
    telling = tell(history[:EVENTS], PACE)
    eventually(lambda: read_at(stopped, killed) > EVENTS // 4, "a quarter is read")
    stopped.signal(signal.SIGSTOP)
    eventually(lambda: len(killed.health()["partitions"]) == 4, "the other holds all", 90)
    killed.kill()
    stopped.signal(signal.SIGCONT)
    killed.start()
    all_told(telling)
    eventually(share(4, stopped, killed), "both hold their half again", 120)
    check(settings, stopped, killed)


def test_workers_killed_in_mid_replay_one_after_the_other_lose_nothing(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    all_told(tell(history))
    one, two = watch(), watch()
    eventually(lambda: read_at(one, two) > len(history) // 4, "amid the replay")
    one.kill()
    eventually(lambda: len(two.health()["partitions"]) == 4, "the other holds all", 90)
    two.kill()
    one.start()
    two.start()
    eventually(share(4, one, two), "both hold their half", 120)
    check(settings, one, two)


def test_a_broker_killed_amid_events_and_a_worker_killed_after_it_lose_nothing(
    settings: Settings, broker: LocalKafka, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    one, two = watch(), watch()
    eventually(share(4, one, two), "both hold their half", 90)
    telling = tell(history[:EVENTS], PACE)
    eventually(lambda: read_at(one, two) > EVENTS // 4, "a quarter is read")
    broker.kill()
    broker.start()
    one.kill()
    one.start()
    all_told(telling)
    eventually(share(4, one, two), "both hold their half again", 120)
    check(settings, one, two)


def test_workers_started_before_their_broker_read_it_once_it_is_there(
    settings: Settings, broker: LocalKafka, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    all_told(tell(history[: EVENTS // 2]))
    broker.kill()
    try:
        one, two = watch(), watch()
        telling = tell(history[EVENTS // 2 : EVENTS])
        eventually(lambda: "Next attempt" in one.errors.read_text(), "one waits")
        eventually(lambda: "Next attempt" in two.errors.read_text(), "the other too")
        one.kill()
        one.start()
    finally:
        broker.start()
    all_told(telling)
    eventually(share(4, one, two), "both hold their half", 120)
    check(settings, one, two, silence_waits=True)


def test_workers_that_join_while_another_replays_share_what_it_had(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    all_told(tell(history[: 2 * EVENTS]))
    one = watch()
    eventually(lambda: read_at(one) > EVENTS // 4, "amid the replay")
    two = watch()
    telling = tell(history[2 * EVENTS :])
    eventually(lambda: two.health()["partitions"], "the second holds some")
    three = watch()
    all_told(telling)
    eventually(share(4, one, two, three), "together they hold all", 120)
    check(settings, one, two, three)


def test_three_workers_that_join_and_leave_in_turn_lose_nothing(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    workers = [watch() for _ in range(3)]
    eventually(share(4, *workers), "together they hold all", 90)
    telling = tell(history[:EVENTS], 0.5)
    for number, leaving in enumerate(workers):
        others = [worker for worker in workers if worker is not leaving]
        if number == 1:
            leaving.kill()
        else:
            leaving.signal(signal.SIGTERM)
            assert leaving.ended(20) == 0
        eventually(share(4, *others), "the others hold all", 90)
        leaving.start()
        eventually(share(4, *workers), "together they hold all again", 90)
    all_told(telling)
    check(settings, *workers)


def test_batches_lost_on_the_way_are_gone_back_for_by_every_worker(
    settings: Settings,
    watch: Watch,
    tell: Tell,
    history: list[bytes],
    also_without: Callable[[str], None],
) -> None:
    also_without("whole_transport")
    all_told(tell(history[: EVENTS // 2]))
    one, two = watch(), watch()
    telling = tell(history[EVENTS // 2 : EVENTS], PACE)
    eventually(share(4, one, two), "together they hold all", 120)
    all_told(telling)
    check(settings, one, two)
