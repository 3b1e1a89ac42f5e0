"""Doubtful figures: which readings rest on what is in doubt, by KPI and scope."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from alerts.doubts import MOST_THINGS, Doubts, Refusal, Thing, kind_of, name
from alerts.kpi import Kpi, Measured
from events.dimensions import Scope

TOLERATED: Final = 10
"""One in so many pieces of a rate's evidence may be in doubt; with more it is unknown."""

ScopeOf = Callable[[Thing], Scope | None]
"""What a thing is counted for; None where that cannot be told."""


class Tally(NamedTuple):
    """How many things are in doubt, and the newest of them with the refusal it is in doubt for."""

    things: int = 0
    newest: Refusal | None = None
    thing: Thing | None = None

    def __add__(self, other: object) -> "Tally":
        """Both together."""
        assert isinstance(other, Tally)
        if self.newest is None or other.newest is None:
            return self if other.newest is None else other
        last = max(self, other, key=lambda each: (each.newest, each.thing))
        return last._replace(things=self.things + other.things)

    @property
    def why(self) -> str:
        """What is in doubt, why, and where to look."""
        assert self.newest is not None
        assert self.thing is not None
        more = f", as are {self.things - 1} more" if self.things > 1 else ""
        return f"{name(self.thing)} is in doubt{more}: refused for {self.newest.text}"


NONE: Final = Tally()


class Doubtful(NamedTuple):
    """What is in doubt for one KPI: by scope, and that of which the scope cannot be told."""

    by_scope: Mapping[Scope, Tally]
    anywhere: Tally
    whole: str = ""

    def at(self, scope: Scope) -> Tally:
        """What is in doubt for a scope."""
        return self.by_scope.get(scope, NONE) + self.anywhere

    def why(self, kpi: Kpi, measured: Measured) -> str:
        """Why a figure is unknown for what is in doubt; empty where it is known all the same."""
        tally = self.at(measured.scope)
        if self.whole or not tally.things:
            return self.whole
        if kpi.window_days is None:
            return tally.why
        many = tally.things * TOLERATED > measured.n
        return f"{tally.things} in doubt, n is {measured.n}; {tally.why}" if many else ""

    def unmeasured(self, kpi: Kpi, found: list[Measured]) -> Iterator[Measured]:
        """What has no figure as of now and is in doubt: it is unknown, not nothing."""
        if kpi.window_days is None and self.by_scope:
            measured = {each.scope for each in found}
            for scope in sorted(self.by_scope.keys() - measured, key=str):
                yield Measured(scope)


_UNDOUBTED: Final = Doubtful({}, NONE)


class DoubtfulFigures:
    """What is in doubt of one CMO for each KPI, worked out when that changed and is asked for."""

    def __init__(self, doubts: Doubts, scope_of: ScopeOf) -> None:
        self._doubts, self._scope_of = doubts, scope_of
        self._of: dict[str, Doubtful] = {}
        self._version = -1

    def of(self, kpi: Kpi) -> Doubtful:
        """What is in doubt for a KPI; one of the feeds rests on no thing."""
        doubts = self._doubts
        if not kpi.kinds or not (doubts.standing or doubts.whole):
            return _UNDOUBTED
        if self._version != doubts.version:
            self._of, self._version = {}, doubts.version
        held = self._of.get(kpi.name)
        if held is None:
            whole = doubts.whole
            held = self._of[kpi.name] = self._told(kpi, whole)
        return held

    def _told(self, kpi: Kpi, whole: Refusal | None) -> Doubtful:
        """For the CMO as a whole what there is in all, else what is about a KPI."""
        return _as_a_whole(whole, len(self._doubts.standing)) if whole else self._counted(kpi)

    def _counted(self, kpi: Kpi) -> Doubtful:
        by_scope: dict[Scope, Tally] = {}
        anywhere = NONE
        for thing, refusal in self._doubts.standing.items():
            if kind_of(thing) not in kpi.kinds:
                continue
            scope, one = self._scope_of(thing), Tally(1, refusal, thing)
            if scope is None:
                anywhere += one
                continue
            for dimensions in kpi.dimensions:
                if (about := scope.narrowed(dimensions)) is not None:
                    by_scope[about] = by_scope.get(about, NONE) + one
        return Doubtful(by_scope, anywhere)


def _as_a_whole(last: Refusal, things: int) -> Doubtful:
    why = f"more than {MOST_THINGS:,} things are in doubt, the last: refused for {last.text}"
    return Doubtful({}, Tally(max(1, things), last), why)
