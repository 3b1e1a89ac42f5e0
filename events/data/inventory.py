"""What is said of stock, demand and temperatures."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from events.data.base import INVENTORY, Data, Market, StockStatus
from events.values import (
    Amount,
    CivilDate,
    Fitting,
    NonNegativeQuantity,
    PositiveQuantity,
    Quantity,
    Reference,
    Slug,
    StrictModel,
    Text,
)


class StockCounted(Data, type="cmo.stock.counted.v1", topic=INVENTORY, by="CST"):
    """A stock position was counted."""

    site: Slug
    product: Slug
    quantity: NonNegativeQuantity
    status: StockStatus = "unrestricted"
    lot: Reference | None = None
    maker: Slug | None = None
    expiry: CivilDate | None = None


class StockAdjusted(Data, type="cmo.stock.adjusted.v1", topic=INVENTORY, by="CST"):
    """The book of a stock position moved by a delta, and why."""

    site: Slug
    product: Slug
    delta: Quantity
    reason: Text
    status: StockStatus = "unrestricted"
    lot: Reference | None = None
    maker: Slug | None = None


class StockConsumed(Data, type="cmo.stock.consumed.v1", topic=INVENTORY, by="CST"):
    """Stock was used up."""

    site: Slug
    product: Slug
    quantity: NonNegativeQuantity
    status: StockStatus = "unrestricted"
    lot: Reference | None = None
    maker: Slug | None = None


class Position(StrictModel):
    """How much of a product, and perhaps of one lot, lies at a site in a status."""

    product: Slug
    quantity: NonNegativeQuantity
    status: StockStatus
    lot: Reference | None = None
    maker: Slug | None = None
    expiry: CivilDate | None = None


def _of_parts(kind: str) -> dict[str, Any]:
    """The schema of a list whose part and number of parts are both given, or both are not."""
    properties = {name: {"type": kind} for name in ("part", "parts")}
    return {"properties": properties, **({} if kind == "null" else {"required": [*properties]})}


class StockListed(Fitting, Data, type="cmo.stock.listed.v1", topic=INVENTORY, by="CST"):
    """The whole stock of a site, or of one product there: what is not on the list is not there.

    One that is too large for a message comes in parts of one list.
    """

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [_of_parts("integer"), _of_parts("null")]}
    )

    site: Slug
    list: Reference
    product: Slug | None = None
    part: Annotated[int, Field(ge=1, le=10_000)] | None = None
    parts: Annotated[int, Field(ge=1, le=10_000)] | None = None
    positions: Annotated[tuple[Position, ...], Field(max_length=5_000)]

    @staticmethod
    def misfit(said: Any) -> str:
        """A part says of how many, and is one of them."""
        part, parts = said.part, said.parts
        if (part is None) != (parts is None):
            return "part and parts go together: which part, of how many"
        if part is not None and part > parts:
            return f"part {part} of {parts}: the last part is {parts}"
        return ""


class Place(StrictModel):
    """Where stock lies, and in which status."""

    site: Slug
    status: StockStatus


class StockMoved(Data, type="cmo.stock.moved.v1", topic=INVENTORY, by="CST"):
    """Stock went to another site, or into another status."""

    product: Slug
    quantity: PositiveQuantity
    origin: Annotated[Place, Field(alias="from")]
    to: Place
    lot: Reference | None = None
    maker: Slug | None = None


class DemandForecast(Data, type="cmo.demand.forecast.v1", topic=INVENTORY, by="S", plan=True):
    """What will be needed of a product over a span of days, both ends included.

    Of the versions that cover a day the greatest holds.
    """

    product: Slug
    version: Annotated[int, Field(ge=0, le=10**9)]
    start: CivilDate
    end: CivilDate
    quantity: NonNegativeQuantity
    market: Market | None = None


class TemperatureMeasured(Data, type="cmo.temperature.measured.v1", topic=INVENTORY, by="CLT"):
    """A temperature, in °C, at a place or in a shipment of a storage class."""

    celsius: Annotated[Amount, Field(ge=-274, le=2_000)]
    storage_class: Reference
    place: Reference | None = None
    shipment: Reference | None = None
