"""The fold: every CMO over what was taken so far, a slice of outcomes at a time."""

from collections.abc import Iterable, Iterator

from alerts.agreements import Agreements
from alerts.apply import REFUSALS, apply, pass_over, refuse
from alerts.changes import Changes
from alerts.cmo import Cmo
from events.outcomes import AcceptedEvent, Rejection


class Fold:
    """All CMOs that anything is known of, and those that something was agreed with."""

    def __init__(self, agreements: Agreements, cmos: Iterable[str] = ()) -> None:
        self._agreements = agreements
        self.cmos = {cmo: Cmo(cmo, agreements) for cmo in cmos}

    def begin(self) -> "Slice":
        """A set of changes, to be committed as one."""
        return Slice(self)

    def cmo(self, name: str) -> Cmo:
        """A CMO; from now on it is known."""
        if (cmo := self.cmos.get(name)) is None:
            cmo = self.cmos[name] = Cmo(name, self._agreements)
        return cmo

    def due(self, cmo: Cmo, now: int) -> Iterator[Rejection]:
        """Apply the events of a CMO whose time has come; yields the rejections of those refused."""
        for event, fault in cmo.due(now):
            rejection = event.refused(REFUSALS[type(fault)], str(fault))
            cmo.refuse(rejection)
            yield rejection


class Slice:
    """What some outcomes, in their order, change of each CMO; nothing is seen before `commit`."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._changes: dict[str, Changes] = {}

    def add(self, outcome: AcceptedEvent | Rejection) -> bool | Rejection:
        """Apply an outcome: whether it was taken for the first time, or why it is refused."""
        if isinstance(outcome, AcceptedEvent):
            changes = self._changes.get(outcome.cmo) or self._of(outcome.cmo)
            try:
                return apply(changes, outcome)
            except tuple(REFUSALS) as fault:
                outcome = outcome.refused(REFUSALS[type(fault)], str(fault))
        if outcome.cmo is not None:
            refuse(self._of(outcome.cmo), outcome)
        return outcome

    def pass_over(self, event: AcceptedEvent) -> None:
        """An event is not to be known yet: it leaves no gap in its sequence all the same."""
        pass_over(self._of(event.cmo), event)

    def _of(self, name: str) -> Changes:
        changes = self._changes.get(name)
        if changes is None:
            changes = self._changes[name] = Changes(self._fold.cmo(name))
        return changes

    def commit(self) -> None:
        """Make all of it part of what is known."""
        for name, changes in self._changes.items():
            self._fold.cmos[name].commit(changes)
        self._changes = {}
