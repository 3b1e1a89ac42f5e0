"""What an agreement leaves open that somebody needs to know before a breach pages."""

import re
from collections.abc import Iterator
from typing import Final

from alerts.agreements import Agreement
from alerts.kpi import Kpi
from alerts.kpis import KPIS
from alerts.products import Products
from alerts.terms import US

PAGING: Final = tuple(kpi for kpi in KPIS if kpi.urgency == "page" and kpi.notifies)
"""The KPIs of which a breach may wake somebody."""

_SAYS_NOTHING: Final = {"", "none", "na", "nothing", "no", "tbd", "todo", "tba", "later", "unknown"}

_SIDES: Final = {"sponsor": "the sponsor", "cmo": "the CMO"}


def open_points(agreement: Agreement, products: Products | None) -> Iterator[str]:
    """What is missing, each as one sentence of what, and what to do."""
    if not agreement.default and "zone" not in agreement.model_fields_set:
        yield "zone is not said, so every day is judged as one in UTC; say zone: Europe/Berlin"
    if PAGING:
        yield from _contingency(agreement)
        yield from _callees(agreement)
    for kpi in PAGING:
        yield from _limits(agreement, kpi)
    yield from _delegated_release(agreement, products)
    yield from _unknown_products(agreement, products)


def _contingency(agreement: Agreement) -> Iterator[str]:
    if re.sub(r"\W", "", agreement.contingency.casefold()) in _SAYS_NOTHING:
        said = " ".join(agreement.contingency.split())
        yield f"contingency says {said!r}; say whom to call, and what to do first"


def _callees(agreement: Agreement) -> Iterator[str]:
    if not agreement.ladder:
        names = ", ".join(kpi.name for kpi in PAGING)
        yield f"ladder names nobody, so {names} pages the monitor's own people; name who decides"
        return
    there = {agreement.roles[rung.role].side for rung in agreement.ladder}
    for side, name in _SIDES.items():
        if side not in there:
            yield f"ladder has nobody of {name}; both sides have to hear"


def _limits(agreement: Agreement, kpi: Kpi) -> Iterator[str]:
    limit = agreement.limit(kpi.name)
    given = {"warning": limit.warning, "critical": limit.critical}
    lacks = [name for name, agreed in given.items() if agreed is None and not getattr(kpi, name)]
    if lacks:
        always = kpi.always_critical
        besides = "" if always is None else f"; only {always:g} is critical"
        none = " and no ".join(lacks)
        yield f"limits.{kpi.name} has no {none}{besides}; agree how low is too low"


def _delegated_release(agreement: Agreement, products: Products | None) -> Iterator[str]:
    declared = products.products if products else {}
    apart = [each.product for each in agreement.release.exceptions]
    asked = dict.fromkeys([*declared, *apart] if declared else [None, *apart])
    alone = [
        product
        for product in asked
        if _may_be_sold_in_the_us(product, products)
        and agreement.release.of(product, US).parties == ("cmo",)
    ]
    if alone:
        named = [product for product in alone if product]
        what = f"of {', '.join(named[:3])}" if None not in alone else "of whatever is made"
        more = f" and {len(named) - 3} more" if len(named) > 3 and None not in alone else ""
        yield (
            f"release {what}{more} for the US is the CMO's alone; by 21 CFR 211.22(a) the "
            "sponsor's quality unit answers for what is made under contract: name it in parties"
        )


def _may_be_sold_in_the_us(product: str | None, products: Products | None) -> bool:
    """What is not declared, or not for markets, may be sold anywhere."""
    known = products.products.get(product) if products and product else None
    return known is None or not known.markets or US in known.markets


def _unknown_products(agreement: Agreement, products: Products | None) -> Iterator[str]:
    if products is None:
        return
    named = {each.product for each in agreement.release.exceptions if each.product is not None}
    for product in sorted((named | agreement.product_roles.keys()) - products.products.keys()):
        yield f"{product} is no declared product; declare it in products.yaml, or mend the name"
