"""Which names of columns stand for which fields, in the words that people use."""

from typing import NamedTuple

from events.adapters.fields import fields_below

_COMMON: dict[str, frozenset[str]] = {
    "partitionkey": frozenset(
        {"maker", "manufacturer", "cmo", "supplier", "vendor", "lieferant", "hersteller"}
        | {"fournisseur", "fabricant", "proveedor", "fabricante", "vendorname", "manufacturingsite"}
    ),
    "data.site": frozenset(
        {"site", "plant", "werk", "warehouse", "location", "standort", "lager", "lagerort"}
        | {"depot", "planta", "usine"}
    ),
    "data.product": frozenset(
        {"product", "material", "item", "article", "artikel", "produkt", "matnr", "producto"}
        | {"produit", "productname", "materialdescription", "sku", "itemno", "itemnumber"}
        | {"itemname", "itemdescription", "materialno", "materialnumber", "partno", "partnumber"}
        | {"articleno", "artikelnummer", "artikelnr", "materialnummer", "productno", "productcode"}
    ),
    "data.lot": frozenset(
        {"lot", "batch", "charge", "lotnumber", "batchnumber", "lotno", "batchno", "charg", "lote"}
        | {"chargennummer", "batchid", "lotid"}
    ),
    "data.quantity.value": frozenset(
        {"qty", "quantity", "menge", "bestand", "stock", "onhand", "pieces", "stück", "amount"}
        | {"cantidad", "quantité", "quantite", "qtydelivered", "deliveredqty", "unrestricted"}
    ),
    "data.quantity.unit": frozenset(
        {"unit", "uom", "me", "einheit", "meins", "unité", "unidad", "bun", "baseunit"}
    ),
    "data.status": frozenset(
        {"status", "stockstatus", "qualitystatus", "lotstatus", "batchstatus", "state", "stocktype"}
        | {"bestandsart", "zustand", "estado", "statut"}
    ),
    "data.order": frozenset(
        {"order", "po", "ponumber", "purchaseorder", "ebeln", "bestellung", "auftrag", "orderno"}
        | {"ordernumber", "bestellnummer", "commande", "pedido", "pono"}
    ),
    "data.line": frozenset(
        {"line", "pos", "position", "lineitem", "ebelp", "orderline", "poline", "lineno", "poitem"}
    ),
    "data.note": frozenset(
        {"note", "deliverynote", "deliverynoteno", "deliverynotenumber", "asn", "dn", "packingslip"}
        | {"lieferschein", "lieferscheinnummer", "vbeln", "albaran", "bonlivraison", "waybill"}
    ),
    "data.expiry": frozenset(
        {"expiry", "exp", "expirydate", "expires", "expdate", "mhd", "verfall", "sled", "vfdat"}
        | {"verfalldatum", "bestbefore", "expirationdate"}
    ),
}


_COMMON["data.schedule.quantity.value"] = _COMMON["data.quantity.value"]
_COMMON["data.schedule.quantity.unit"] = _COMMON["data.quantity.unit"]
_COMMON["data.schedule.date"] = frozenset(
    {"due", "duedate", "requested", "requesteddate", "requesteddeliverydate", "promised"}
    | {"promiseddate", "wunschtermin", "liefertermin", "termin", "eindt", "needby", "needbydate"}
    | {"scheduleddeliverydate", "duedeliverydate"}
)


class Kind(NamedTuple):
    """An event type that tables often hold, and the words for its fields."""

    type: str
    words: dict[str, frozenset[str]]

    def fits(self, columns: list[str]) -> float:
        """The share of what the type needs for which a column is there."""
        needed = {"partitionkey", "time", *fields_below(self.type, required=True)}
        known = [self.words[name] for name in needed if name in self.words]
        return sum(column_for(words, columns) is not None for words in known) / len(needed)


KINDS = tuple(
    Kind(type_, {**_COMMON, "time": frozenset(words)})
    for type_, words in (
        (
            "cmo.stock.counted.v1",
            {"day", "date", "stichtag", "asof", "countdate", "datum", "stockdate", "snapshotdate"},
        ),
        (
            "cmo.order.delivered.v1",
            {"delivered", "deliverydate", "deliveredon", "arrived", "lieferdatum", "grdate"}
            | {"actualdelivery", "wareneingang", "goodsreceipt", "shipdate"},
        ),
        (
            "cmo.order.placed.v1",
            {"placed", "ordered", "orderdate", "podate", "bestelldatum", "bedat", "ordereddate"},
        ),
        (
            "cmo.lot.completed.v1",
            {"completed", "completedon", "done", "finished", "fertig", "completiondate", "made"},
        ),
    )
)
"""The kinds that are tried."""


def column_for(words: frozenset[str], columns: list[str]) -> str | None:
    """The first column whose name is one of the words, without case, spaces and punctuation."""
    return next((each for each in columns if _plain(each) in words), None)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.casefold()))
