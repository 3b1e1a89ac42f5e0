"""What silences say of each breach, as events on `cmo.actions`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from pydantic import ValidationError

from deploy.acknowledgements.silences import Silence
from events.data import BreachAcknowledged
from events.errors import InvalidIdentifier
from events.event import Event, event
from events.values import microseconds

_LONGEST: Final = 4_000


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
    for breach, about_it in by_breach.items():
        try:
            if (counting := _counting(about_it)) is not None:
                yield _acknowledged(breach, *counting, source)
        except (ValidationError, InvalidIdentifier) as error:
            refuse(f"{breach}: no breach has such an id: {type(error).__name__}")


def _counting(about_it: Sequence[Silence]) -> tuple[Silence, datetime] | None:
    """The silence that holds longest, or else that was ended last, and when that became so.

    One that ran out by itself says nothing: its end was known.
    """
    changed = max(about_it, key=lambda each: (each.updated_at, each.id))
    holding = [each for each in about_it if each.holds]
    if not holding and not changed.was_ended:
        return None
    longest = max(holding, key=lambda each: (each.ends_at, each.id), default=changed)
    return longest, changed.updated_at.astimezone(UTC)


def _acknowledged(breach: str, silence: Silence, changed: datetime, source: str) -> Event:
    acknowledged = BreachAcknowledged(
        breach=breach,
        by=silence.created_by.strip()[:_LONGEST] or "somebody",
        until=silence.ends_at.astimezone(UTC),
        why=silence.comment.strip()[:_LONGEST] or None,
    )
    name = f"silence-{silence.id}-{microseconds(changed)}"
    key = breach.split(":")[1]
    return event(acknowledged, id=name, source=source, time=changed, partitionkey=key)
