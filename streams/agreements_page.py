"""The page about agreements and products, and their schemas for editors, made from the models."""

import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic.fields import FieldInfo

from alerts.agreements import Agreement, Limit
from alerts.declaration import Declaration
from alerts.ladder import Contact, Role, Rung
from alerts.open_points import PAGING
from alerts.products import Cover, Product, Products
from alerts.terms import (
    Clocks,
    DeliveryWindow,
    Notification,
    QuantityTolerance,
    Release,
    ReleaseException,
)
from events.contract import DIALECT
from events.sources import Source
from events.values import StrictModel

_OF_AGREEMENTS: Final[dict[str, type[StrictModel]]] = {
    "An agreement": Agreement,
    "Each of `sources`": Source,
    "`window`": DeliveryWindow,
    "`tolerance`": QuantityTolerance,
    "`release`": Release,
    "Each of `release.exceptions`": ReleaseException,
    "`clocks`": Clocks,
    "`clocks.notification`": Notification,
    "Each of `limits`": Limit,
    "Each of `roles`": Role,
    "Each of a role's `contacts`": Contact,
    "Each tier of the `ladder`": Rung,
}
_OF_PRODUCTS: Final[dict[str, type[StrictModel]]] = {
    "`products.yaml`": Products,
    "Each of `products`": Product,
    "`cover`": Cover,
}

_INTRODUCTION = """\
# Agreements and products

Made from `alerts/agreements.py`, `alerts/terms.py`, `alerts/ladder.py` and `alerts/products.py` by
`cmowatch contract`; change it there.

What was agreed with CMOs lies in one folder, which `CMOWATCH_AGREEMENTS` or `--agreements` names:

- `*.yaml`: one agreement each, a file a version. A version holds from the day it is `effective` to
  the day before the next one is, or to its `end`.
- `products.yaml`: the products, whoever makes them. A further version is a further file,
  `products-2.yaml`, with a later `effective`. It may be left out.

What was in force once is not changed in its file: write the next version. A record keeps the terms
of the day it began.

```sh
cmowatch agreements check /etc/cmowatch/agreements
```

tells every fault of every file, with file and line; then who is told of what and when, and what is
left open: a contingency, somebody to call or a limit that a KPI which pages needs, and a release
for the US that is the CMO's alone. Exit code: 0 nothing is left open, 1 something is, 2 the files
cannot be used. A worker refuses to start with such files, and says the same.

An editor that knows JSON Schema checks and completes while you write, by
[contract/agreement.json](contract/agreement.json) and
[contract/products.json](contract/products.json). For the YAML language server the first line of a
file is, with the path to where yours lies:

```yaml
# yaml-language-server: $schema=docs/contract/agreement.json
```

*Kept* is said of a field that is read and checked and that nothing is worked out by yet: it may be
agreed on today, and changes no figure.

Ids (of CMOs, sites, products) are written as they are on the wire: `dc-basel`. What YAML would read
as something else than text is put in quotes: `version: "1"`, and the market `"no"`.
"""

_LIMITS = "".join(f"  {kpi.name}: {{warning: 20, critical: 10}}\n" for kpi in PAGING)
_AGREEMENT_EXAMPLE = (
    """\
```yaml
cmo: acme
version: "2"
effective: 2026-11-02
zone: Europe/Berlin
working_days: [mon, tue, wed, thu, fri]
sites: {dc-basel: sponsor, cold-store-liege: carrier}    # any other is the CMO's
term: dap
window: {early: 5, late: 2}                # days
tolerance: {under: 0.05, over: 0.10}       # shares of the quantity
answer_within: 3                           # working days
release:
  parties: [cmo, sponsor]
  within: {cmo: 20, sponsor: 10}           # working days
  exceptions:
    - {market: us, within: {sponsor: 15}}
    - {product: bulk-10kg, parties: [cmo]}
    - {product: bulk-10kg, market: us, parties: [cmo, sponsor]}
limits:
"""
    + _LIMITS
    + """\
contingency: |
  Call the supply planner on duty; without a recovery date within a day, open the second source.
roles:
  planner: {side: sponsor, contacts: [{email: planner@sponsor.example}]}
  bulk-planner: {side: sponsor, contacts: [{email: bulk@sponsor.example}]}
  production: {side: cmo, contacts: [{email: production@acme.example}], zone: Europe/Berlin}
product_roles:
  bulk-10kg: {planner: bulk-planner}
ladder:
  - {role: planner, warning: 14400, critical: 3600}
  - {role: production, warning: 64800, critical: 7200}
```
"""
)

_PRODUCTS_EXAMPLE = """\
```yaml
version: "1"
effective: 2026-11-02
products:
  pills-10mg:
    name: Pills 10 mg
    aliases: [Pills 10mg tablets, PILLS/10]
    unit: EA
    packs: {BX: 10, CS: 240}
    markets: [eu, us]
    shelf_life: 730             # days
    minimum_at_receipt: 550
    minimum_to_sell: 180
    cover: {warning: 20, critical: 10}
    us_application: anda
  bulk-10kg: {unit: KGM, packs: {DR: 10}}
```
"""


def agreements_page() -> str:
    """Every field of agreements and of products, as a page in Markdown."""
    parts = [
        _INTRODUCTION,
        "## Agreements\n",
        _AGREEMENT_EXAMPLE,
        *_tables(_OF_AGREEMENTS),
        "## Products\n",
        _PRODUCTS_EXAMPLE,
        *_tables(_OF_PRODUCTS),
    ]
    return "\n".join(parts).rstrip("\n") + "\n"


def _tables(models: dict[str, type[StrictModel]]) -> Iterator[str]:
    for title, model in models.items():
        rows = [
            f"| `{field.alias or name}` | {_default(field)} | {field.description} |"
            for name, field in model.model_fields.items()
        ]
        yield "\n".join(
            [f"### {title}\n", "| field | default | |", "| --- | --- | --- |", *rows, ""]
        )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    default = field.default
    if default is None or default in ((), {}) or isinstance(default, Declaration):
        return ""
    if isinstance(default, tuple):
        return "" if isinstance(default[0], StrictModel) else f"`[{', '.join(default)}]`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def schema(name: str, model: type[Declaration]) -> str:
    """The JSON Schema (2020-12) of a file."""
    made = {
        "$schema": DIALECT,
        "$id": f"urn:cmowatch:{name}",
        **_without_other_keys(model.model_json_schema(by_alias=True)),
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _without_other_keys(part: Any) -> Any:
    """A schema in which a mapping has no keys but those whose spelling it says."""
    if isinstance(part, list):
        return [_without_other_keys(each) for each in part]
    if not isinstance(part, dict):
        return part
    strict = {"additionalProperties": False} if "patternProperties" in part else {}
    return strict | {key: _without_other_keys(each) for key, each in part.items()}
