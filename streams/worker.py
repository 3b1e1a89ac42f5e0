"""A worker: waits for a broker and its topics, then follows the log until a signal ends it."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence

import faust
from mode.utils.logging import get_logger

from streams.app import Pages, create_app
from streams.errors import NoBroker, TopicRefused
from streams.exits import UNAVAILABLE, UNEXPECTED
from streams.kafka.assignment import Assignment
from streams.kafka.extents import refuse_old_brokers
from streams.kafka.topics import Difference, create_or_verify
from streams.logs import log_to
from streams.settings import Settings

log = get_logger(__name__)

_SHORTEST_WAIT, _LONGEST_WAIT = 0.5, 15.0


async def verified(settings: Settings) -> list[Difference]:
    """Creates and compares the topics; raises as that does, and `OldBroker`."""
    differences = await create_or_verify(settings)
    await refuse_old_brokers(settings)
    return differences


async def wait_for_topics(
    settings: Settings,
    verify: Callable[[Settings], Awaitable[list[Difference]]] = verified,
    unheard: Callable[[], None] = lambda: None,
) -> list[Difference]:
    """Waits for a broker, ever longer between attempts, then creates and verifies the topics.

    Says `unheard` at each attempt in vain. Raises `NoBroker` when none answered for
    `settings.broker_wait` seconds, and at once `NotPermitted` when one refuses us.
    """
    loop, wait = asyncio.get_running_loop(), _SHORTEST_WAIT
    until = loop.time() + settings.broker_wait
    while True:
        try:
            return await verify(settings)
        except NoBroker as error:
            if (left := until - loop.time()) <= 0:
                raise
            unheard()
            log.warning("%s Next attempt in %.1f s.", error, min(wait, left))
            await asyncio.sleep(min(wait, left))
            wait = min(wait * 2, _LONGEST_WAIT)


def run_worker(settings: Settings, assignment: Assignment, pages: Pages) -> int:
    """Follows the log until a signal ends it; returns the exit code of the process.

    0 after SIGTERM or SIGINT, 69 when no broker answered or lets it write, 70 when something was
    not foreseen.
    Raises `TopicError` when the topics are not as they must be, `OldBroker` when they have no ids,
    `NotPermitted` when the brokers do not let us follow them.
    """
    log_to(sys.stderr, settings.log_level)
    try:
        differences = asyncio.run(wait_for_topics(settings, unheard=assignment.heard_nothing))
    except NoBroker as error:
        log.critical("%s", error)
        return UNAVAILABLE
    refuse_other_settings(differences)
    gc.set_threshold(100_000, 50, 50)
    return _run(settings, assignment, pages)


def refuse_other_settings(differences: Sequence[Difference]) -> None:
    """Raises `TopicRefused` for a topic that is there and set otherwise; tells of those created.

    A log that forgets, that believes its producers' clocks, or that takes what bursts open cannot
    be followed exactly.
    """
    for difference in differences:
        log.warning("%s", difference)
    if wrong := [str(each) for each in differences if each.found is not None]:
        raise TopicRefused(
            f"{'; '.join(wrong)}. Operator action: set them so, with kafka-configs --alter, and "
            "start again."
        )


def _run(settings: Settings, assignment: Assignment, pages: Pages) -> int:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = create_app(settings, assignment, pages)
    worker = faust.Worker(app, loop=loop, quiet=True, override_logging=False)
    worker.spinner = None
    try:
        worker.execute_from_commandline()
    except SystemExit as ended:
        return UNEXPECTED if ended.code else 0
