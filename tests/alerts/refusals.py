"""Logs with messages amid them that are refused: of every kind, or about things of the story."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.alerts import laws
from tests.builders import (
    Each,
    Log,
    Settling,
    Spoiled,
    Told,
    days,
    message,
    on,
    promised,
    retracted,
    spoiled,
    started,
)


def poisoned(held: Log, random: Random) -> Log:
    """The log with messages amid it that cannot be taken, each of another kind."""
    made = {topic: list(messages) for topic, messages in held.items()}
    messages = made.setdefault("cmo.lots", [])
    first = message(started("poison", 1), 0)
    other = message(started("poison", 2, id=started("poison", 1).id), 0)
    foreign = retracted(promised("1"), on(3), "lab")
    foreign = foreign._replace(
        event=foreign.event.model_copy(
            update={"data": foreign.event.data.model_copy(update={"topic": "cmo.lots"})}
        )
    )
    for bad in (
        first.having(value=b"{"),
        first.having(value=None),
        first.having(value=b"[1]"),
        first.having(key=b"nobody-known"),
        first.having(key=None),
        message(foreign, 0),
    ):
        messages.insert(random.randint(0, len(messages)), bad)
    messages += [first, other]
    made["cmo.lots"] = [m.having(offset=n) for n, m in enumerate(messages)]
    return made


@st.composite
def doubted(draw: st.DrawFn) -> list[Each]:
    """A story in which messages are refused, some mended, some settled, and that taken back."""
    good = draw(laws.stories())
    random = Random(draw(st.integers(0, 2**32)))
    events: list[Each] = [*good]
    at = max(each.recorded for each in good)
    for number in range(draw(st.integers(1, 6))):
        one, at = random.choice(good), at - days(random.choice([-1, 0, 3, 9]))
        at += timedelta(milliseconds=number)
        bad = _refused(one, at, random)
        events.append(bad)
        if random.random() < 0.4:
            events.append(_again(one, f"mended-{number}", at + days(random.choice([-2, 1]))))
        if random.random() < 0.6:
            settling = Settling(bad, at + days(2), f"settled-{number}")
            events.append(settling)
            if random.random() < 0.4:
                events.append(retracted(settling.told, at + days(3), "sponsor"))
    return events


_SPOILT: tuple[dict[str, Any], ...] = (
    {"quantity": -1},
    {"schedule": []},
    {"class": "dire"},
    {"decision": "maybe"},
)


def _refused(one: Told, at: datetime, random: Random) -> Spoiled:
    """A message about what another is about, that is refused; or another under its name."""
    made = _again(one, f"bad-{at.timestamp():.3f}", at)
    if random.random() < 0.2:
        return spoiled(made, type="cmo.lot.unheard_of.v1")
    return spoiled(made, **random.choice(_SPOILT), lots=["1"] if random.random() < 0.5 else 7)


def _again(one: Told, name: str, at: datetime) -> Told:
    """The same said once more, by a name of its own."""
    event = one.event.model_copy(update={"id": name, "sequence": None})
    return one._replace(event=event, recorded=at)
