"""Every KPI, by family: series, limits, boards, docs and tests are derived from here."""

from collections.abc import Iterable
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis.delivery import DELIVERY
from alerts.kpis.feed import FEED
from alerts.kpis.release import RELEASE
from alerts.kpis.supply import SUPPLY
from alerts.records import KINDS


class Catalogue:
    """KPIs in the order of the boards, by name, and by what can change them.

    Raises `TypeError` for two of one name, for one of a record kind that is not in `KINDS`, and for
    a family that not exactly one leads.
    """

    def __init__(self, kpis: Iterable[Kpi]) -> None:
        self.kpis = tuple(kpis)
        self.by_name = {kpi.name: kpi for kpi in self.kpis}
        names = [kpi.name for kpi in self.kpis]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise TypeError(f"two KPIs share the name {', '.join(twice)}")
        for kpi in self.kpis:
            if unknown := [kind.name for kind in kpi.kinds if kind not in KINDS]:
                raise TypeError(f"{kpi.name}: record kind {unknown[0]} is not in KINDS")
            leaders = [each.name for each in self.kpis if each.family == kpi.family and each.leads]
            if len(leaders) != 1:
                raise TypeError(
                    f"{kpi.name}: family {kpi.family} is led by {' and '.join(leaders) or 'none'}; "
                    "give leads=True to one of urgency page or ticket"
                )


CATALOGUE: Final = Catalogue((*DELIVERY, *RELEASE, *SUPPLY, *FEED))
KPIS: Final[tuple[Kpi, ...]] = CATALOGUE.kpis
"""The catalogue, in the order of the boards."""

BY_NAME: Final[dict[str, Kpi]] = CATALOGUE.by_name
