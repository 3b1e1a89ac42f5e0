"""What is counted and told while events are read, refused and sent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from events.event import Event
from events.publish import Delivery
from streams.commands.refused import Refused, printable, refusal

NOT_ALL: Final = 1
"""Exit code when something was refused or did not arrive."""

_SELDOM: Final = 256  # drawing the bar costs more than an event


@dataclass
class Tally:
    """Counts what was read, refused and delivered, and tells each fault as it is met."""

    console: Console
    taken: int = 0
    refused: int = 0
    sent: int = 0
    undelivered: int = 0
    _share: str = ""
    _bar: Progress = field(init=False)

    def __post_init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self.console, transient=True)
        self._task = self._bar.add_task("")

    @property
    def exit_code(self) -> int:
        """0 when nothing was refused and nothing failed to arrive."""
        return NOT_ALL if self.refused or self.undelivered else 0

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
                    self._show()

    def done(self, share: float) -> None:
        """Shows how much of a file is gone through, 1 the whole."""
        self._share = f"{share:.0%} of the file, "
        self._show()

    def _show(self) -> None:
        counts = f"taken {self.taken:,}, refused {self.refused:,}"
        self._bar.update(self._task, description=self._share + counts)

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
