"""Demand: what is forecast for one product, or for one product in one market."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from alerts.agreements import Agreement
from alerts.calendar import civil_day
from alerts.facts import Fact
from alerts.kind import Key, Kind, Takes, View
from events.data import DemandForecast
from events.dimensions import Scope


class Daily(msgspec.Struct, frozen=True, gc=False):
    """A demand in force: millionths over whole days."""

    amount: int
    days: int
    unit: str
    event: str


class DemandView(View, msgspec.Struct, frozen=True, gc=False):
    """The forecasts in their order, the latest last."""

    forecasts: tuple[Fact, ...] = ()

    def in_force(self, zone: str, now: int) -> Daily | None:
        """The forecast of the greatest version that covers now, of one version the latest.

        None when none does, or nothing is needed.
        """
        today = civil_day(zone, now)
        covering = [fact for fact in self.forecasts if fact.data.start <= today <= fact.data.end]
        if not covering:
            return None
        fact = max(reversed(covering), key=lambda each: each.data.version)
        data: Any = fact.data
        days = (data.end - data.start).days + 1
        amount = data.quantity.millionths
        return Daily(amount, days, data.quantity.unit, fact.id) if amount else None


def derive(facts: Sequence[Fact], _: Agreement) -> DemandView:
    """The forecasts by their facts, in their order."""
    return DemandView(tuple(facts))


def _product(key: Key) -> str:
    return key[0]


def _about(key: Key, _: Any) -> Scope:
    return Scope(product=_product(key))


DEMAND: Final = Kind(
    name="demand",
    takes=(
        Takes(
            DemandForecast, lambda data: ((data.product, data.market or ""),), names_product=True
        ),
    ),
    derive=derive,
    group=_product,
    about=_about,
)
"""What is forecast; its key is (product, market or "")."""
