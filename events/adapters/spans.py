"""From which day to which the events of a table are, at their place: what a wrong format shows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from events.adapters.mapping import TableMapping


@dataclass
class Span:
    """The first and the last day of the events of one type, and the zones they are days in."""

    first: date
    last: date
    zones: set[str] = field(default_factory=set)

    def reach(self, moment: datetime, zone: ZoneInfo) -> None:
        """Makes the span reach to the day of a moment."""
        day = moment.astimezone(zone).date()
        self.first, self.last = min(self.first, day), max(self.last, day)
        self.zones.add(zone.key)


@dataclass
class Spans:
    """The spans of the events made of a table, by their type."""

    _by_type: dict[str, Span] = field(default_factory=dict)

    def hear(self, type_: str, moment: datetime, zone: ZoneInfo) -> None:
        """Takes in the time of one event."""
        day = moment.astimezone(zone).date()
        self._by_type.setdefault(type_, Span(day, day)).reach(moment, zone)

    def lines(self, mapping: TableMapping) -> Iterator[str]:
        """One line for each type, with the columns its time is read from."""
        for type_, span in self._by_type.items():
            times = [each.fields["time"] for each in mapping.events if each.type == type_]
            columns = dict.fromkeys(name for value in times for name in value.columns)
            zones = ", ".join(sorted(span.zones))
            whence = f" {', '.join(columns)}" if columns else ""
            yield f"{type_}: time:{whence} from {span.first} to {span.last} ({zones})"
