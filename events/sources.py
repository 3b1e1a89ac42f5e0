"""Who may speak for a CMO: each CloudEvents `source` mapped to a speaker, for a span of days."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from sys import intern
from typing import Annotated, NamedTuple

from pydantic import Field

from events.compact import Said
from events.data import Speaker
from events.outcomes import Reason, Refused
from events.values import EPOCH, CivilDate, StrictModel

_REMEMBERED = 1_024  # answers of one CMO about its sources


class Source(StrictModel, extra="forbid"):
    """A source that may speak; `{cmo}` stands for the CMO's id, a final `*` for anything."""

    source: Annotated[
        str,
        Field(
            pattern=r"^[^*{}]*(\{cmo\}[^*{}]*)?\*?$",
            max_length=256,
            description="The `source` of its events; `{cmo}` is the id, a final `*` is anything.",
        ),
    ]
    speaker: Annotated[Speaker, Field(description="As whom it speaks.")]
    imports: Annotated[
        bool, Field(alias="import", description="Whether it may bring history in.")
    ] = False
    start: Annotated[CivilDate | None, Field(description="The first day it may speak.")] = None
    end: Annotated[CivilDate | None, Field(description="The last day it may speak.")] = None

    def covers(self, cmo: str, source: str, day: date) -> bool:
        """Whether `source` may speak for `cmo` on `day`, both ends of the span included."""
        known = self.source.replace("{cmo}", cmo)
        named = source.startswith(known[:-1]) if known.endswith("*") else source == known
        return named and (self.start or day) <= day <= (self.end or day)


class Voice(NamedTuple):
    """What a source may do: speak as `speaker`, and bring history in when it `imports`."""

    speaker: Speaker
    imports: bool


def voice(sources: Iterable[Source], cmo: str, source: str, day: date) -> Voice | None:
    """The voice of `source` for `cmo` on `day`, None when no source covers it."""
    for known in sources:
        if known.covers(cmo, source, day):
            return Voice(known.speaker, known.imports)
    return None


class May(NamedTuple):
    """What a source may do by saying something: its one name, and its voice as it says it."""

    source: str
    speaker: Speaker
    imports: bool


class Speakers:
    """The sources that may speak of one CMO, and what each may say; days count from the epoch.

    `by_day` says that which they are depends on the day.
    """

    def __init__(self, cmo: str, sources: Sequence[Source]) -> None:
        self.cmo = cmo
        self.sources = sources
        self.by_day = any(each.start or each.end for each in sources)
        self.may = lru_cache(maxsize=_REMEMBERED)(self._may)

    def voice(self, source: str, day: int) -> Voice | None:
        """The voice of a source on a day, None when it has none."""
        return voice(self.sources, self.cmo, source, EPOCH.date() + timedelta(day))

    def _may(
        self, source: str, day: int, said: type[Said], topic: str, onbehalfof: Speaker | None
    ) -> May | None:
        """What a source may do that says something on a topic; None for one without a voice.

        Raises `Refused` for what does not belong there, or is not its to say.
        """
        if said.TOPIC is not None and topic != said.TOPIC:
            raise misplaced(said, said.TOPIC)
        found = self.voice(source, day)
        if found is None:
            return None
        speaker = (onbehalfof if found.imports else None) or found.speaker
        if speaker not in said.SPEAKERS:
            entitled = ", ".join(sorted(said.SPEAKERS))
            detail = f"said as {speaker}; only {entitled} may say {said.TYPE}"
            raise Refused(Reason.NOT_ENTITLED, detail, "source", source)
        return May(intern(source), speaker, found.imports)


def misplaced(said: type[Said], topic: str) -> Refused:
    """That an event belongs on a topic, on which it is not."""
    return Refused(Reason.WRONG_TOPIC, f"this event belongs on {topic}", "type", said.TYPE)
