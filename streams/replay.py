"""Replay: readings as of a moment of event time, or day by day as they became known."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import ValidationError

from alerts.agreements import Agreements
from alerts.readings import Reading, readings
from alerts.state import REFUSALS, Cmo
from events.decode import Accepted, Rejection
from events.values import EPOCH, Instant, StrictModel, microseconds


def end_of(text: str) -> datetime:
    """The moment meant by a TIME with its zone, or the end of a DATE in UTC.

    Raises `ValueError` for anything else, a time without a zone included.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError(f"{text} has no zone; write {text}Z for UTC") from None
        return moment.astimezone(UTC)
    return datetime.combine(day, time.min, UTC) + timedelta(days=1, microseconds=-1)


class _Fold:
    """All CMOs over what was taken so far, and what was refused on the way."""

    def __init__(self, agreements: Agreements) -> None:
        self.cmos: dict[str, Cmo] = {}
        self.refused: list[Rejection] = []
        self.taken = 0
        self._agreements = agreements

    def _readings(self, as_of: datetime) -> Iterator[Reading]:
        """Every reading of every CMO, by id."""
        now = microseconds(as_of)
        for name in sorted(self.cmos.keys() | set(self._agreements.cmos)):
            cmo = self._cmo(name)
            for event, fault in cmo.ripen(now):
                self.refused.append(event.refused(REFUSALS[type(fault)], str(fault)))
            yield from readings(cmo, now)

    def _take(self, event: Accepted) -> None:
        try:
            self._cmo(event.cmo).take(event)
        except tuple(REFUSALS) as fault:
            self._refuse(event.refused(REFUSALS[type(fault)], str(fault)))
        else:
            self.taken += 1

    def _refuse(self, rejection: Rejection) -> None:
        self.refused.append(rejection)
        if rejection.cmo is not None:
            self._cmo(rejection.cmo).refuse(rejection)

    def _cmo(self, name: str) -> Cmo:
        if name not in self.cmos:
            self.cmos[name] = Cmo(name, self._agreements)
        return self.cmos[name]


class Pass(_Fold):
    """One clean pass over outcomes, as of a moment; what happened later is not known."""

    def __init__(self, agreements: Agreements, as_of: datetime) -> None:
        super().__init__(agreements)
        self._as_of = as_of

    def fold(self, outcomes: Iterable[Accepted | Rejection]) -> None:
        """Take in what a decoder made of messages, in their order."""
        for outcome in outcomes:
            if isinstance(outcome, Rejection):
                self._refuse(outcome)
            elif outcome.event.time <= self._as_of:
                recorded = outcome.recorded <= self._as_of
                self._take(outcome if recorded else outcome._replace(timely=False, heard=False))
            else:
                self._cmo(outcome.cmo).pass_over(outcome)

    def readings(self) -> Iterator[Reading]:
        """Every reading of every CMO, by id."""
        return self._readings(self._as_of)

    def _refuse(self, rejection: Rejection) -> None:
        """Refuse what was recorded by then; what is of no known CMO is only told."""
        if rejection.message.timestamp / 1_000 <= self._as_of.timestamp():
            super()._refuse(rejection)
        else:
            self.refused.append(rejection)


class Diary(_Fold):
    """One pass over outcomes in the order they were recorded: each day as a worker showed it.

    Here nothing is known before it was recorded, however long ago it happened; a `Pass` knows all
    that had happened, whenever it was told.
    """

    def days(
        self, outcomes: Iterable[Accepted | Rejection], first: date, last: date
    ) -> Iterator[tuple[date, list[Reading]]]:
        """Every reading at the end of each day from `first` to `last`, in UTC.

        Outcomes come in any order, those of one topic in that of the topic.
        """
        waiting = deque(sorted(outcomes, key=recorded))
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            end = end_of(day.isoformat())
            while waiting and recorded(waiting[0]) <= end:
                self._know(waiting.popleft())
            yield day, list(self._readings(end))

    def _know(self, outcome: Accepted | Rejection) -> None:
        if isinstance(outcome, Rejection):
            self._refuse(outcome)
        else:
            self._take(outcome)


class _Imported(StrictModel):
    """What a message of an import says of its own recording."""

    recordedtime: Instant


def recorded(outcome: Accepted | Rejection) -> datetime:
    """When an event was recorded; of what was refused, when its import says, else the log.

    An import comes onto a topic long after its events were recorded: were its refused events known
    only then, their numbers would be missing until then.
    """
    if isinstance(outcome, Accepted):
        return outcome.recorded
    if outcome.source is not None:
        with suppress(ValidationError):
            return _Imported.model_validate_json(outcome.message.value or b"").recordedtime
    return EPOCH + timedelta(milliseconds=outcome.message.timestamp)


def as_dict(reading: Reading) -> dict[str, Any]:
    """A reading as `replay --json` prints it: null where something is not applicable."""
    scope, interval = reading.scope, reading.interval
    return {
        "kpi": reading.kpi.name,
        "cmo": reading.cmo,
        "site": scope.site,
        "product": scope.product,
        "lot_state": scope.lot_state,
        "topic": scope.topic,
        "quantile": reading.quantile,
        "value": reading.value,
        "numerator": reading.numerator,
        "denominator": reading.denominator,
        "n": reading.n,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "state": str(reading.state) if reading.state is not None else None,
        "as_of": _iso(reading.as_of),
    }


def _iso(at: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
    return moment.isoformat().replace("+00:00", "Z")


def as_line(reading: Reading) -> str:
    """A reading as a JSON object."""
    return json.dumps(as_dict(reading), allow_nan=False)


def as_array(lines: Iterable[str]) -> str:
    """JSON objects as one array, an object a line."""
    return "[" + ",\n ".join(lines) + "]"


def as_json(found: Iterable[Reading]) -> str:
    """Readings as one JSON array, a reading a line."""
    return as_array(map(as_line, found))
