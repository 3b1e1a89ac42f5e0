"""What the command line tells while events are read, refused and sent."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from events.adapters.table import RowError
from events.decode import Rejection
from events.errors import InvalidSetting, Unaddressable
from events.event import Event
from events.publish import Delivery, Publisher
from streams.settings import Settings

Refused = Rejection | RowError
_SELDOM = 256  # drawing the bar costs more than an event


@dataclass
class Tally:
    """Counts what was read, refused and delivered, and tells each fault as it is met."""

    console: Console
    taken: int = 0
    refused: int = 0
    sent: int = 0
    undelivered: int = 0
    _bar: Progress = field(init=False)

    def __post_init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self.console, transient=True)
        self._task = self._bar.add_task("")

    @property
    def faultless(self) -> bool:
        """Whether nothing was refused and nothing failed to arrive."""
        return not self.refused and not self.undelivered

    def taken_from(self, items: Iterable[Event | Refused]) -> Iterator[Event]:
        """The events among what was read; what is none is told, and counted."""
        self._bar.disable = not self.console.is_terminal
        with self._bar:
            for item in items:
                if isinstance(item, Event):
                    self.taken += 1
                    yield item
                else:
                    self.refuse(refusal(item))
                if (self.taken + self.refused) % _SELDOM == 0:
                    self._bar.update(self._task, description=self.summary())

    def refuse(self, why: str) -> None:
        """Counts and tells something that is no event, or belongs to nobody."""
        self.refused += 1
        self._tell(why)

    def delivered(self, delivery: Delivery) -> None:
        """Counts a delivery; tells of one that failed, under the id of its event."""
        if delivery.error is None:
            self.sent += 1
            return
        self.undelivered += 1
        about = f"{delivery.topic}: event {delivery.event.id}"
        self._tell(f"{about}: {type(delivery.error).__name__}: {delivery.error}")

    def summary(self) -> str:
        """One line of counts."""
        return f"sent {self.sent:,}, refused {self.refused:,}, undelivered {self.undelivered:,}"

    def _tell(self, text: str) -> None:
        self.console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def refusal(item: Refused) -> str:
    """A line of a file that is no event: where, which field, which value, and why."""
    if isinstance(item, RowError):
        return f"row {item.row}: {item.column or 'row'} = {item.value!r}: {item.reason}"
    where = f"line {item.message.offset}: {item.field or 'event'}"
    return f"{where} = {item.value!r}: {item.reason}: {item.detail}"


def printable(text: str) -> str:
    """The text without anything that would move a terminal's cursor."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def security(settings: Settings) -> Mapping[str, Any]:
    """How the settings speak to the brokers, in the names kafka-python shares with aiokafka.

    Raises `InvalidSetting` when a file of theirs cannot be read.
    """
    try:
        given = settings.client()
    except OSError as error:
        raise InvalidSetting(f"password or certificates cannot be read: {error}") from None
    return {name: value for name, value in given.items() if name != "bootstrap_servers" and value}


def send(publisher: Publisher, items: Iterable[Event | Refused], tally: Tally) -> None:
    """Publishes the events among what was read; the publisher reports to the tally."""
    with publisher:
        for event in tally.taken_from(items):
            try:
                publisher.publish(event)
            except Unaddressable as error:
                tally.refuse(f"event {event.id}: {error}")
