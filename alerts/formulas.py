"""Formulas: what records say for the KPIs that have their evidence from them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from alerts.agreements import Agreement
from alerts.facts import Evidence
from alerts.kind import Kind, Link
from alerts.kpi import Kpi, Links
from alerts.kpis import KPIS
from alerts.records import KINDS
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

NO_LINKS: Final[Mapping[Link, Any]] = {}


def evidence_of(kind: Kind, view: Any, links: Links, terms: Agreement) -> Evidences:
    """All that a record says."""
    found: list[tuple[str, Evidence]] = []
    for kpi, evidence, _ in FORMULAS[kind.name]:
        for says in evidence(view, links, terms):
            found.append((kpi, says))  # noqa: PERF401
    return tuple(found)


def evidence_after(
    kind: Kind, said: type[Said], before: Evidences, view: Any, links: Links, terms: Agreement
) -> Evidences:
    """What a record says after one more fact: only what that kind of fact can change is new."""
    formulas = FORMULAS[kind.name]
    if not [formula for formula in formulas if said in formula.moving]:
        return before
    found: list[tuple[str, Evidence]] = []
    for formula in formulas:
        if said in formula.moving:
            found += [(formula.kpi, says) for says in formula.evidence(view, links, terms)]
        elif before:
            found += [pair for pair in before if pair[0] == formula.kpi]
    return tuple(found)
