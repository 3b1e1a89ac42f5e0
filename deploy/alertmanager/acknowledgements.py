"""Acknowledgements: a silence of a breach in Alertmanager becomes an event on `cmo.actions`."""

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import click
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from events.data import BreachAcknowledged
from events.errors import EventError, InvalidIdentifier
from events.event import Event, event
from events.publish import Delivery, Publisher
from events.values import microseconds
from streams.commands.configuration import security, settings_or_exit
from streams.commands.options import BROKERS
from streams.commands.refused import printable
from streams.settings import Settings

UNAVAILABLE: Final = 69

_PATIENCE: Final = 30
"""How many times in a row Alertmanager or the brokers may fail before the process ends."""

_LARGEST: Final = 32 << 20
_LONGEST: Final = 4_000
_AT_ONCE: Final = timedelta(seconds=1)


class AlertmanagerError(Exception):
    """Alertmanager did not answer, or not as it does."""


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class Matcher(_Told):
    """One label that a silence goes by."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool = True


class Status(_Told):
    """Whether a silence is still to come, holds or has ended."""

    state: Literal["pending", "active", "expired"]


class Silence(_Told):
    """A silence as Alertmanager's API tells of it."""

    id: str
    status: Status
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    created_by: str
    comment: str

    @property
    def breach(self) -> str | None:
        """The breach it takes on; None for one that goes by anything but the id of a breach."""
        if len(self.matchers) != 1:
            return None
        (by,) = self.matchers
        exact = by.name == "breach_id" and by.is_equal and not by.is_regex
        return by.value if exact and len(by.value.split(":")) > 2 else None

    @property
    def holds(self) -> bool:
        """Whether it is in force now."""
        return self.status.state == "active"

    @property
    def was_ended(self) -> bool:
        """Whether somebody ended it after it had begun and before its time."""
        begun_and_over = self.status.state == "expired" and self.starts_at < self.ends_at
        return begun_and_over and self.ends_at <= self.updated_at + _AT_ONCE


_SILENCES: Final = TypeAdapter(tuple[Silence, ...])


def acknowledgements(
    silences: Iterable[Silence], source: str, refuse: Callable[[str], None]
) -> Iterator[Event]:
    """What these silences say of each breach, as `source`; the same silences say the same.

    `refuse` is told of a breach that no event can be made of, once each time.
    """
    by_breach: dict[str, list[Silence]] = {}
    for silence in silences:
        if silence.breach is not None and silence.status.state != "pending":
            by_breach.setdefault(silence.breach, []).append(silence)
    for breach, held in by_breach.items():
        try:
            if (said := _said(held)) is not None:
                yield _acknowledged(breach, said, source)
        except (ValidationError, InvalidIdentifier) as error:
            refuse(f"{breach}: no breach has such an id: {type(error).__name__}")


def _said(held: Sequence[Silence]) -> tuple[Silence, datetime] | None:
    """The silence that holds longest, or else that was ended last, and when that became so.

    One that ran out by itself says nothing: its end was known.
    """
    changed = max(held, key=lambda each: (each.updated_at, each.id))
    holding = [each for each in held if each.holds]
    if not holding and not changed.was_ended:
        return None
    longest = max(holding, key=lambda each: (each.ends_at, each.id), default=changed)
    return longest, changed.updated_at.astimezone(UTC)


def _acknowledged(breach: str, of: tuple[Silence, datetime], source: str) -> Event:
    silence, changed = of
    said = BreachAcknowledged(
        breach=breach,
        by=silence.created_by.strip()[:_LONGEST] or "somebody",
        until=silence.ends_at.astimezone(UTC),
        why=silence.comment.strip()[:_LONGEST] or None,
    )
    name = f"silence-{silence.id}-{microseconds(changed)}"
    return event(said, id=name, source=source, time=changed, partitionkey=breach.split(":")[1])


def silences(url: str) -> tuple[Silence, ...]:
    """Every silence that Alertmanager knows of; raises `AlertmanagerError`."""
    try:
        with urlopen(f"{url.rstrip('/')}/api/v2/silences", timeout=10.0) as answer:
            return _SILENCES.validate_json(answer.read(_LARGEST))
    except (URLError, OSError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise AlertmanagerError(
            f"{url} does not answer: {error}. Operator action: check --alertmanager-url"
        ) from error
    except ValidationError as error:
        raise AlertmanagerError(
            f"{url} does not answer as Alertmanager does: {error.error_count()} faults. "
            "Operator action: check --alertmanager-url, its path included"
        ) from error


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
        said = acknowledgements(silences(self._url), self._source, self._refuse)
        new = [each for each in said if each.id not in self._delivered]
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


def _address(_: click.Context, __: click.Parameter, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise click.BadParameter("give an address like http://localhost:9093, without a user in it")
    return url


@click.command("acknowledgements")
@click.option(
    "--alertmanager-url",
    "url",
    default="http://localhost:9093",
    callback=_address,
    envvar="CMOWATCH_ALERTMANAGER_URL",
    show_default=True,
    show_envvar=True,
    help="Where Alertmanager is.",
)
@BROKERS
@click.option(
    "--source",
    default="/sponsor",
    show_default=True,
    help="The source that speaks: one that the agreements map to the sponsor.",
)
@click.option(
    "--every",
    type=click.FloatRange(min=0.5, max=3_600),
    default=10.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Look once, and end.")
def command(url: str, brokers: str | None, source: str, every: float, once: bool) -> None:
    """Pass on who has taken a breach on: silences in Alertmanager become events on cmo.actions.

    A silence whose only matcher is breach_id="…" is the acknowledgement of that breach: by whom,
    until when, why. Every message about a breach has a link that prepares one. While it holds, the
    ladder stops; a silence that is ended before its time gives the breach back. By whom is what
    that person wrote: Alertmanager does not ask who somebody is, so put it behind your login.

    One of these is enough; two say the same. Nothing is kept between runs: after a start what still
    holds is said again, under the same ids.

    Exit code: 0 stopped by a signal, or --once and all is passed on; 1 --once, and something
    failed; 2 wrong usage or settings; 69 Alertmanager or the brokers failed 30 times in a row.
    """
    bridge = Bridge(url, source, settings_or_exit(brokers=brokers))
    if once:
        try:
            _tell(bridge.pass_on())
        except (AlertmanagerError, EventError) as error:
            raise click.ClickException(str(error)) from error
        return
    sys.exit(_until_a_signal(bridge, every))


def _until_a_signal(bridge: Bridge, every: float) -> int:
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
            _tell(bridge.pass_on())
            failures = 0
        except (AlertmanagerError, EventError) as error:
            failures += 1
            click.echo(printable(f"{failures} of {_PATIENCE}: {error}"), err=True)
            if failures == _PATIENCE:
                return UNAVAILABLE
        stopped.wait(every)
    return 0


def _tell(said: Iterable[Event]) -> None:
    for each in said:
        data = each.data
        assert isinstance(data, BreachAcknowledged)
        click.echo(printable(f"{data.breach}: {data.by}, until {data.until}: {data.why}"), err=True)
