"""Every KPI, by family: series, limits, boards, docs and tests are derived from here."""

from collections.abc import Iterable
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis.delivery import DELIVERY
from alerts.kpis.feed import FEED
from alerts.kpis.release import RELEASE
from alerts.kpis.supply import SUPPLY


class Catalogue:
    """KPIs in the order of the boards, by name, and by what can change them.

    Raises `TypeError` for two of one name.
    """

    def __init__(self, kpis: Iterable[Kpi]) -> None:
        self.kpis = tuple(kpis)
        self.by_name = {kpi.name: kpi for kpi in self.kpis}
        names = [kpi.name for kpi in self.kpis]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise TypeError(f"two KPIs share the name {', '.join(twice)}")


CATALOGUE: Final = Catalogue((*DELIVERY, *RELEASE, *SUPPLY, *FEED))
KPIS: Final[tuple[Kpi, ...]] = CATALOGUE.kpis
"""The catalogue, in the order of the boards."""

BY_NAME: Final[dict[str, Kpi]] = CATALOGUE.by_name
