"""Replay: readings as of a moment of event time, or day by day as they became known."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import ValidationError

from alerts.agreements import Agreements
from alerts.calendar import moment
from alerts.cmo import Cmo
from alerts.fold import Fold, Slice
from alerts.readings import Reading, readings
from events.outcomes import AcceptedEvent, Rejection
from events.values import EPOCH, Instant, StrictModel, microseconds


def end_of(text: str) -> datetime:
    """The moment meant by a TIME with its zone, or the end of a DATE in UTC.

    Raises `ValueError` for anything else, a time without a zone included.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        meant = datetime.fromisoformat(text)
        if meant.tzinfo is None:
            raise ValueError(f"{text} has no zone; write {text}Z for UTC") from None
        return meant.astimezone(UTC)
    return datetime.combine(day, time.min, UTC) + timedelta(days=1, microseconds=-1)


class _Fold:
    """All CMOs over what was taken so far, and what was refused on the way."""

    def __init__(self, agreements: Agreements) -> None:
        self.refused: list[Rejection] = []
        self.taken = 0
        self._fold = Fold(agreements, agreements.cmos)

    @property
    def cmos(self) -> dict[str, Cmo]:
        """The CMOs by id."""
        return self._fold.cmos

    def _readings(self, as_of: datetime) -> Iterator[Reading]:
        """Every reading of every CMO, by id."""
        now = microseconds(as_of)
        for name in sorted(self.cmos):
            cmo = self.cmos[name]
            self.refused += self._fold.due(cmo, now)
            deque(cmo.refresh(now), maxlen=0)
            yield from readings(cmo, now)

    def _add(self, changes: Slice, outcome: AcceptedEvent | Rejection) -> None:
        if isinstance(refused := changes.add(outcome), Rejection):
            self.refused.append(refused)
        else:
            self.taken += 1


class Pass(_Fold):
    """One clean pass over outcomes, as of a moment.

    What had happened by then is known, whenever it was recorded; what is about a time after it is
    heard as a worker heard it, if it was recorded by then, and joined by nobody yet.
    """

    def __init__(self, agreements: Agreements, as_of: datetime) -> None:
        super().__init__(agreements)
        self._as_of = as_of

    def fold(self, outcomes: Iterable[AcceptedEvent | Rejection]) -> None:
        """Take in what a decoder made of messages, in their order."""
        changes, now = self._fold.begin(), microseconds(self._as_of)
        for outcome in outcomes:
            if isinstance(outcome, Rejection):
                self._refuse(changes, outcome)
            elif outcome.recorded <= now:
                self._add(changes, outcome)
            elif outcome.time <= now:
                self._add(changes, outcome.untimely(heard=False))
            else:
                changes.pass_over(outcome)
        changes.commit()

    def readings(self) -> Iterator[Reading]:
        """Every reading of every CMO, by id."""
        return self._readings(self._as_of)

    def _refuse(self, changes: Slice, rejection: Rejection) -> None:
        """Refuse what was recorded by then; what came later is only told."""
        if rejection.message.timestamp / 1_000 <= self._as_of.timestamp():
            self._add(changes, rejection)
        else:
            self.refused.append(rejection)


class Diary(_Fold):
    """One pass over outcomes in the order they were recorded: each day as a worker showed it.

    Here nothing is known before it was recorded, however long ago it happened; a `Pass` knows all
    that had happened, whenever it was told.
    """

    def days(
        self, outcomes: Iterable[AcceptedEvent | Rejection], first: date, last: date
    ) -> Iterator[tuple[date, list[Reading]]]:
        """Every reading at the end of each day from `first` to `last`, in UTC.

        Outcomes come in any order, those of one topic in that of the topic.
        """
        waiting = deque(sorted(outcomes, key=recorded))
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            end = end_of(day.isoformat())
            changes = self._fold.begin()
            while waiting and recorded(waiting[0]) <= end:
                self._add(changes, waiting.popleft())
            changes.commit()
            yield day, list(self._readings(end))


class _Imported(StrictModel):
    """What a message of an import says of its own recording."""

    recordedtime: Instant


def recorded(outcome: AcceptedEvent | Rejection) -> datetime:
    """When an event was recorded; of what was refused, when its import says, else the log.

    An import comes onto a topic long after its events were recorded: were its refused events known
    only then, their numbers would be missing until then.
    """
    if isinstance(outcome, AcceptedEvent):
        return moment(outcome.recorded)
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
        **scope._asdict(),
        "quantile": reading.quantile,
        "value": reading.value,
        "numerator": reading.numerator,
        "denominator": reading.denominator,
        "n": reading.n,
        "low": interval.low if interval else None,
        "high": interval.high if interval else None,
        "state": str(reading.state) if reading.state is not None else None,
        "doubtful": reading.doubtful,
        "why": reading.why or None,
        "as_of": _iso(reading.as_of),
    }


def _iso(at: int) -> str:
    return moment(at).isoformat().replace("+00:00", "Z")


def as_line(reading: Reading) -> str:
    """A reading as a JSON object."""
    return json.dumps(as_dict(reading), allow_nan=False)


def as_array(lines: Iterable[str]) -> str:
    """JSON objects as one array, an object a line."""
    return "[" + ",\n ".join(lines) + "]"


def as_json(found: Iterable[Reading]) -> str:
    """Readings as one JSON array, a reading a line."""
    return as_array(map(as_line, found))
