"""What records would say, had nobody corrected them since a breach opened."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from alerts.corrections import Instead, Since, Windowed
from alerts.derivation import rework
from alerts.facts import Evidence, Fact
from alerts.formulas import Evidences
from alerts.identities import identity
from alerts.kind import Kind, Place, Record, Withdrawn
from alerts.kpi import Kpi
from alerts.kpis import BY_NAME
from alerts.view import CmoView
from events.dimensions import Scope


def is_corrected(record: Record) -> bool:
    """Whether anything of a record was taken back, or claimed late."""
    if record.withdrawn:
        return True
    for _, says in record.evidence:  # noqa: SIM110 # asked of every record that changes
        if says.claimed:
            return True
    return False


def instead(cmo: CmoView, place: Place, of: Windowed, since: Since) -> Instead | None:
    """What a record says for a window, and would say without corrections; None for the same."""
    (kind, key), kpi, scope = place, BY_NAME[of[0]], of[1]
    record = cmo.records(kind).get(key)
    if record is None or record.is_let_go or kpi.kinds[0] is not kind:
        return None
    now, claims_from = _says(kpi, scope, record), max(since)
    words = [(each, _word(cmo, each)) for each in record.withdrawn]
    withdrawn = [each for each, word in words if word.recorded > since.opened]
    by_cmo = [each for each, word in words if not word.by_sponsor and word.recorded > claims_from]
    ever = _without(kpi, _says(kpi, scope, _putting_back(cmo, kind, record, withdrawn)), since[0])
    uncorrected = _says(kpi, scope, _putting_back(cmo, kind, record, by_cmo))
    uncorrected = _without(kpi, uncorrected, claims_from)
    if by_cmo:  # what was in unlike units fails: it is no way to have a breach unknown for good
        uncorrected = tuple(replace(says, unlike=False) for says in uncorrected)
    healed = ever != now and (bool(kpi.quantiles) or _fails(ever) > _fails(now))
    return Instead(now, uncorrected, healed) if healed or uncorrected != now else None


def had_nothing_been_withdrawn(cmo: CmoView, kind: Kind, record: Record) -> Evidences:
    """What a record would say for each KPI, had nothing of it been taken back."""
    return _putting_back(cmo, kind, record, record.withdrawn).evidence


def _word(cmo: CmoView, withdrawn: Withdrawn) -> Fact:
    """The word by which a fact is taken back, the sponsor's before any other."""
    fact = withdrawn.fact
    retraction = cmo.retraction(identity(fact.topic, fact.source, fact.id))
    assert retraction is not None, "what is withdrawn was taken back"
    return retraction.said


def _putting_back(
    cmo: CmoView, kind: Kind, record: Record, withdrawn: Sequence[Withdrawn]
) -> Record:
    """A record as it would be with facts that are withdrawn."""
    if not withdrawn:
        return record
    facts = tuple(sorted((*record.facts, *(each.fact for each in withdrawn))))
    others = tuple(each for each in record.withdrawn if each not in withdrawn)
    try:
        return rework(cmo, kind, record.having_withdrawn(others), facts)
    except Exception:  # taken back before it was read, and it could not have been folded
        return record


def _says(kpi: Kpi, scope: Scope, record: Record) -> tuple[Evidence, ...]:
    if record.scope.narrowed(kpi.dimensions[0]) != scope:
        return ()
    return tuple(says for name, says in record.evidence if name == kpi.name)


def _without(kpi: Kpi, evidence: Iterable[Evidence], since: int) -> tuple[Evidence, ...]:
    """Evidence without the claims since then, each of which said that a promise was kept."""
    return tuple(_unclaimed(kpi, says) if says.claimed > since else says for says in evidence)


def _unclaimed(kpi: Kpi, says: Evidence) -> Evidence:
    broken = 0 if kpi.higher_is_better else says.denominator
    return replace(says, numerator=broken, adverse=True, claimed=0)


def _fails(evidence: Iterable[Evidence]) -> int:
    return sum(says.adverse for says in evidence)
