"""Formulas: what records say for the KPIs that have their evidence from them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from alerts.agreements import Agreement
from alerts.facts import Evidence
from alerts.kind import Key, Kind, Link
from alerts.kpi import Kpi, Links
from alerts.kpis import KPIS
from alerts.records import KINDS, TAKERS
from events.compact import Said

Evidences = tuple[tuple[str, Evidence], ...]
"""What a record says: evidence, each piece for the KPI of that name."""


class Formula(NamedTuple):
    """A KPI's formula over a record, and the events that can change what it gives."""

    kpi: str
    evidence: Callable[[Any, Links, Agreement], Iterable[Evidence]]
    moving: frozenset[type[Said]]


def _formulas(kpis: Iterable[Kpi], kind: Kind) -> tuple[Formula, ...]:
    return tuple(
        Formula(kpi.name, kpi.evidence, kpi.moving)
        for kpi in kpis
        if kpi.evidence is not None and kpi.kinds[0] is kind
    )


FORMULAS: Final[Mapping[str, tuple[Formula, ...]]] = {
    kind.name: _formulas(KPIS, kind) for kind in KINDS
}
"""The formulas over each kind of record."""


class Route(NamedTuple):
    """How an event type reaches the records of a kind that takes it, and what it can change there.

    `formulas` are those of the kind, each with whether the type can change what it gives; there are
    none where it changes nothing. `moves` says whether it moves the view.
    """

    kind: Kind
    keys: Callable[[Any], Iterable[Key]]
    rank: int
    formulas: tuple[tuple[Formula, bool], ...]
    moves: bool


def routes(formulas: Mapping[str, tuple[Formula, ...]]) -> dict[type[Said], tuple[Route, ...]]:
    """The routes of each event type; none for one that is about no record."""
    return {
        said: tuple(_route(said, kind, formulas[kind.name]) for kind in takers)
        for said, takers in TAKERS.items()
    }


def _route(said: type[Said], kind: Kind, formulas: Iterable[Formula]) -> Route:
    pairs = tuple((formula, said in formula.moving) for formula in formulas)
    moved = pairs if any(moves for _, moves in pairs) else ()
    return Route(kind, kind.keys_of[said], kind.rank[said], moved, said in kind.moves)


ROUTES: Final = routes(FORMULAS)

NO_LINKS: Final[Mapping[Link, Any]] = {}


def evidence_of(kind: Kind, view: Any, links: Links, terms: Agreement) -> Evidences:
    """All that a record says."""
    found: list[tuple[str, Evidence]] = []
    for kpi, evidence, _ in FORMULAS[kind.name]:
        for says in evidence(view, links, terms):
            found.append((kpi, says))  # noqa: PERF401
    return tuple(found)


def evidence_after(route: Route, before: Evidences, view: Any, terms: Agreement) -> Evidences:
    """What a record says after one more fact: only what that kind of fact can change is new."""
    if not route.formulas:
        return before
    found: list[tuple[str, Evidence]] = []
    for (kpi, evidence, _), moves in route.formulas:
        if moves:
            for says in evidence(view, NO_LINKS, terms):
                found.append((kpi, says))  # noqa: PERF401
        elif before:
            found += [pair for pair in before if pair[0] == kpi]
    return tuple(found)
