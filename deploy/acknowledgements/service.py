"""The service: looks at Alertmanager again and again, and passes on what is new."""

import signal
import threading
from collections.abc import Iterable
from typing import Final

import click

from deploy.acknowledgements.acknowledged import acknowledgements
from deploy.acknowledgements.silences import AlertmanagerError, silences
from events.data import BreachAcknowledged
from events.errors import EventError, NotPermitted
from events.event import Event
from events.publish import Delivery, Publisher
from streams.commands.configuration import security
from streams.commands.refused import printable
from streams.settings import Settings

UNAVAILABLE: Final = 69

_PATIENCE: Final = 30
"""How many times in a row Alertmanager or the brokers may fail before the process ends."""


class Bridge:
    """Hands over what silences say, each word once while it runs; once more after a restart."""

    def __init__(self, url: str, source: str, settings: Settings) -> None:
        self._url, self._source, self._settings = url, source, settings
        self._delivered: set[str] = set()
        self._refused: set[str] = set()

    def pass_on(self) -> list[Event]:
        """What was new and is delivered; raises `AlertmanagerError` or `EventError`.

        What one of them cannot be delivered for keeps back none of the others.
        """
        acknowledged = acknowledgements(silences(self._url), self._source, self._refuse)
        new = [each for each in acknowledged if each.id not in self._delivered]
        if not new:
            return []
        reports: list[Delivery] = []
        given = security(self._settings)
        with Publisher(self._settings.brokers, security=given, report=reports.append) as publisher:
            for each in new:
                publisher.publish(each)
        self._delivered |= {report.event.id for report in reports if report.error is None}
        for report in reports:
            if report.error is not None:
                raise report.error
        return new

    def _refuse(self, why: str) -> None:
        if why not in self._refused:
            self._refused.add(why)
            click.echo(printable(why), err=True)


def serve(bridge: Bridge, every: float) -> int:
    """Passes on, `every` so many seconds, until a signal comes; returns the exit code.

    0 after SIGTERM or SIGINT, 69 when Alertmanager or the brokers failed 30 times in a row. Raises
    `NotPermitted` at once: trying again grants nothing.
    """
    stopped = threading.Event()
    ends = (signal.SIGTERM, signal.SIGINT)
    before = {each: signal.signal(each, lambda *_: stopped.set()) for each in ends}
    try:
        return _until(stopped, bridge, every)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _until(stopped: threading.Event, bridge: Bridge, every: float) -> int:
    failures = 0
    while not stopped.is_set():
        try:
            tell(bridge.pass_on())
            failures = 0
        except (AlertmanagerError, EventError) as error:
            if isinstance(error, NotPermitted):
                raise
            failures += 1
            click.echo(printable(f"{failures} of {_PATIENCE}: {error}"), err=True)
            if failures == _PATIENCE:
                return UNAVAILABLE
        stopped.wait(every)
    return 0


def tell(passed_on: Iterable[Event]) -> None:
    """Says on stderr who has taken which breach on, until when and why."""
    for each in passed_on:
        data = each.data
        assert isinstance(data, BreachAcknowledged)
        click.echo(printable(f"{data.breach}: {data.by}, until {data.until}: {data.why}"), err=True)
