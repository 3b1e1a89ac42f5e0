"""What is agreed of orders, of releases and of clocks."""

from collections.abc import Iterator
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from alerts.declaration import Declaration, Fault, Id, kept, twice
from events.data import Market
from events.values import Amount

Days = Annotated[int, Field(ge=0, le=3_660)]
"""A number of days; which days is said where it is agreed."""

SiteOwner = Literal["cmo", "sponsor", "carrier"]
"""Whose a site is: only the owner's word counts there."""

ReleaseParty = Literal["cmo", "sponsor"]
"""A quality unit whose release a lot may need."""

US = "us"
"""The market in which the law itself says who has to release."""


class DeliveryWindow(Declaration):
    """How far from its day a delivery still counts as on time."""

    early: Annotated[
        int, Field(ge=0, le=365), kept("Days before the day from which a delivery is on time.")
    ] = 10
    late: Annotated[
        int, Field(ge=0, le=365, description="Days after the day up to which it is on time.")
    ] = 0


class QuantityTolerance(Declaration):
    """By which share of the quantity a delivery may differ and still be in full."""

    under: Annotated[Amount, Field(ge=0, le=1, description="The share that may be missing.")] = 0.10
    over: Annotated[Amount, Field(ge=0, le=10, description="The share that may come on top.")] = (
        0.10
    )


Parties = Annotated[tuple[ReleaseParty, ...], Field(min_length=1)]
Within = dict[ReleaseParty, Days]


class Required(NamedTuple):
    """Who has to release, and within how many working days those have to for whom it is agreed."""

    parties: tuple[ReleaseParty, ...]
    within: Within


class ReleaseException(Declaration):
    """Where the release of a product, for a market, or of a product for a market is agreed apart.

    What it does not say is what is agreed in general.
    """

    product: Annotated[Id | None, kept("The id of the product; all where none is named.")] = None
    market: Annotated[Market | None, kept("The market; all where none is named.")] = None
    parties: Annotated[Parties | None, kept("Who has to release here.")] = None
    within: Annotated[Within, kept("Working days that each party has here.")] = Field(default={})

    def faults(self) -> Iterator[Fault]:
        """An exception that is for everything, or says nothing."""
        if self.product is None and self.market is None:
            yield Fault((), "name the product, the market or both; what is general stands above")
        if self.parties is None and not self.within:
            yield Fault((), "says nothing; give parties, within or both")
        yield from _of_parties(self.parties, self.within)

    def covers(self, product: str | None, market: str | None) -> bool:
        """Whether it is for a product in a market."""
        return self.product in (None, product) and self.market in (None, market)


class Release(Declaration):
    """Who has to release a lot, and in what time."""

    parties: Annotated[
        Parties,
        kept(
            "Who has to release a lot before it is usable. `[cmo]` is where market release is "
            "delegated, which `cmowatch agreements check` warns of for the US."
        ),
    ] = ("cmo", "sponsor")
    within: Annotated[
        Within,
        kept("Working days each party has: the CMO from completion, the sponsor from the dossier."),
    ] = Field(default={})
    exceptions: Annotated[
        tuple[ReleaseException, ...],
        kept("Products and markets for which something else is agreed; the narrowest holds."),
    ] = ()

    def faults(self) -> Iterator[Fault]:
        """Time for who does not release, and two exceptions for the same."""
        yield from _of_parties(self.parties, self.within)
        named = [(each.product, each.market) for each in self.exceptions]
        for again in twice(named):
            at = len(named) - 1 - named[::-1].index(again)
            yield Fault(("exceptions", at), "another exception is for the same; once is enough")

    def of(self, product: str | None, market: str | None) -> Required:
        """Who has to release a product for a market, None for any that is not named."""
        parties, within = self.parties, dict(self.within)
        for each in sorted(self.exceptions, key=_narrowness):
            if each.covers(product, market):
                parties = each.parties or parties
                within |= each.within
        return Required(parties, {party: within[party] for party in parties if party in within})


def _narrowness(exception: ReleaseException) -> tuple[bool, bool]:
    return exception.product is not None, exception.market is not None


def _of_parties(parties: tuple[ReleaseParty, ...] | None, within: Within) -> Iterator[Fault]:
    for party in twice(parties or ()):
        yield Fault(("parties",), f"{party} stands there twice; once is enough")
    for party in within:
        if parties is not None and party not in parties:
            yield Fault(("within", party), f"{party} does not have to release; see parties")


class Notification(Declaration):
    """Working days from the discovery of something until the sponsor has to be told of it."""

    critical: Annotated[Days, kept("Of what is critical.")] = 1
    major: Annotated[Days, kept("Of what is major.")] = 3


class Clocks(Declaration):
    """Times that run from an event to a due day."""

    notification: Annotated[
        Notification, kept("Working days from discovery to the notice, by class.")
    ] = Notification()
    deviation_closure: Annotated[
        Days, kept("Calendar days from opening a deviation to closing it.")
    ] = 30
    audit_response: Annotated[Days, kept("Calendar days to answer an audit.")] = 30
