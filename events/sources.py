"""Who may speak for a CMO: each CloudEvents `source` mapped to a speaker, for a span of days."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, NamedTuple

from pydantic import Field

from events.data import Speaker
from events.values import CivilDate, StrictModel


class Source(StrictModel, extra="forbid"):
    """A source that may speak; `{cmo}` stands for the CMO's id, a final `*` for anything."""

    source: Annotated[str, Field(pattern=r"^[^*{}]*(\{cmo\}[^*{}]*)?\*?$", max_length=256)]
    speaker: Speaker
    imports: Annotated[bool, Field(alias="import")] = False
    start: CivilDate | None = None
    end: CivilDate | None = None

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
