"""Products: what of them is the same whoever makes them, declared once, by version."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field

from alerts.declaration import Declaration, Fault, Id, kept, twice
from alerts.errors import InvalidAgreement
from alerts.terms import Days
from events.data import Market, Speaker
from events.sources import Source
from events.values import Amount, CivilDate, Text, UnitCode

PIECES: Final = "EA"
"""The unit of which no fraction is taken."""

DEMAND_SOURCES = (
    Source(source="/sponsor", speaker=Speaker.SPONSOR),
    Source(source="/import", speaker=Speaker.SPONSOR, imports=True),
)

Content = Annotated[Amount, Field(gt=0)]


class Cover(Declaration):
    """For how many days the stock of a product has to last at the forecast demand."""

    warning: Annotated[Days | None, kept("Under so many days: a warning.")] = None
    critical: Annotated[Days | None, kept("Under so many days: critical; 0 always is.")] = None

    def faults(self) -> Iterator[Fault]:
        """Limits the wrong way round, or none."""
        if self.warning is None and self.critical is None:
            yield Fault((), "says nothing; give warning, critical or both")
        given = [days for days in (self.warning, self.critical) if days is not None]
        if given != sorted(given, reverse=True):
            yield Fault(("critical",), f"{self.critical} is more than warning {self.warning}")


class Product(Declaration):
    """One product, by the id that events name it by."""

    name: Annotated[Text | None, kept("What people call it.")] = None
    aliases: Annotated[
        tuple[Annotated[Text, Field(min_length=1)], ...],
        kept("Other names in files and messages that mean this product; the id is one already."),
    ] = ()
    unit: Annotated[UnitCode, kept("UN/ECE Recommendation 20 code of what is counted: EA, KGM.")]
    packs: Annotated[
        dict[UnitCode, Content], kept("How many of the unit each pack holds: `BX: 10`.")
    ] = Field(default={})
    markets: Annotated[tuple[Market, ...], kept("Where it is sold: eu, us.")] = ()
    shelf_life: Annotated[
        Annotated[Days, Field(gt=0)] | None, kept("Days from manufacture to expiry.")
    ] = None
    minimum_at_receipt: Annotated[
        Days | None, kept("Days of shelf life that a receipt must have left.")
    ] = None
    minimum_to_sell: Annotated[
        Days | None, kept("Days of shelf life that stock must have left to be usable.")
    ] = None
    cover: Annotated[Cover | None, kept("Limits of the days its stock lasts.")] = None
    us_application: Annotated[
        Literal["nda", "anda", "bla"] | None,
        kept("How it is licensed in the US: `bla` is a licensed biologic."),
    ] = None
    us_shortage_notice: Annotated[
        bool, kept("Whether a shortage has to be told to the FDA (506C).")
    ] = False

    def faults(self) -> Iterator[Fault]:
        """Packs and minimums that cannot be, and what is said twice."""
        for pack, holds in self.packs.items():
            if pack == self.unit:
                yield Fault(("packs", pack), f"{pack} is the unit itself, not a pack of it")
            if self.unit == PIECES and not float(holds).is_integer():
                yield Fault(("packs", pack), f"{holds} is no whole number of pieces ({PIECES})")
        for market in twice(self.markets):
            yield Fault(("markets",), f"{market} stands there twice; once is enough")
        for alias in twice(map(_folded, self.aliases)):
            yield Fault(("aliases",), f"{alias} stands there twice; once is enough")
        yield from self._minimums()

    def _minimums(self) -> Iterator[Fault]:
        """Each is at most the one before it."""
        names = ("shelf_life", "minimum_at_receipt", "minimum_to_sell")
        given = [(name, days) for name in names if (days := getattr(self, name)) is not None]
        for (longer, most), (name, days) in pairwise(given):
            if days > most:
                yield Fault((name,), f"{days} days are more than {longer}, {most} days")


class Products(Declaration):
    """One version of the products; it holds from the day it is effective to the next version's."""

    ELSEWHERE = MappingProxyType(
        {"cmo": "products are nobody's; the name of an agreement's file begins with no products"}
    )

    version: Annotated[Text, Field(description="What people call this version.")]
    effective: Annotated[CivilDate, Field(description="The first day on which it holds.")]
    sources: Annotated[
        tuple[Source, ...],
        Field(min_length=1),
        kept("Who may say what is needed of a product; only the sponsor does."),
    ] = DEMAND_SOURCES
    products: Annotated[dict[Id, Product], Field(min_length=1, description="Each by its id.")]

    def faults(self) -> Iterator[Fault]:
        """Speakers of demand that cannot be, and one name for two products."""
        for n, source in enumerate(self.sources):
            if source.speaker is not Speaker.SPONSOR:
                yield Fault(("sources", n, "speaker"), "only the sponsor says what is needed")
            if "{cmo}" in source.source:
                yield Fault(("sources", n, "source"), "what is needed is no CMO's; leave out {cmo}")
        named: dict[str, str] = {}
        for id, product in self.products.items():
            for alias in dict.fromkeys(map(_folded, product.aliases)):
                if (other := named.setdefault(alias, id)) != id:
                    where = "products", id, "aliases"
                    yield Fault(where, f"{alias} is a name of {other} too; give it to one")


def _folded(name: str) -> str:
    """A name without what cannot make it another: case, and how much space is in it."""
    return " ".join(name.casefold().split())


class ProductVersions:
    """Every version of the products; which one holds is a question of the day.

    Raises `InvalidAgreement` for two of one day.
    """

    def __init__(self, versions: Iterable[Products] = ()) -> None:
        self._versions = sorted(versions, key=lambda each: each.effective)
        if same := twice(each.effective for each in self._versions):
            raise InvalidAgreement(
                f"the products have two versions effective on {same[0]}; "
                "give each its own effective date"
            )

    def of(self, day: date) -> Products | None:
        """The products as they are declared on a day, None where none are."""
        at = bisect_right(self._versions, day, key=lambda each: each.effective)
        return self._versions[at - 1] if at else None
