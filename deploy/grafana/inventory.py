"""The board of stock: how long it lasts, in which status it is, and how that went."""

from collections.abc import Sequence
from typing import Final, get_args

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from alerts.records.stock import STOCK
from deploy.grafana import readings
from deploy.grafana.board import TO_THIS_CMO, Layout, board
from deploy.grafana.history import histories
from deploy.grafana.panels import Json, arranged, instant, override, table, transformed
from deploy.grafana.queries import CHOSEN
from deploy.links import INVENTORY
from events.data import StockStatus

_STATUSES: Final[tuple[str, ...]] = get_args(StockStatus)
_WHERE: Final = "cmo, site, product, unit"


def inventory(kpis: Sequence[Kpi] = KPIS) -> Json:
    """The board, as the JSON Grafana reads."""
    of_stock = [kpi for kpi in kpis if kpi.record == STOCK.name]
    layout = Layout()
    layout.row("How does the stock of each product stand?")
    for panel in readings.readings(of_stock):
        layout.side_by_side(10, (24, panel))
    layout.row("What lies where, and in which status?")
    layout.side_by_side(10, (24, _by_status()))
    layout.row("How did it go?")
    layout.in_columns(11, 1, histories(of_stock))
    return board(
        INVENTORY,
        "Days of supply and stock by status of each product, and how both went.",
        layout.panels,
    )


def _by_status() -> Json:
    titles = {status: status.replace("_", " ").capitalize() for status in _STATUSES}
    columns = {
        "cmo": "CMO",
        "site": "Site",
        "product": "Product",
        **{f"Value #{status}": title for status, title in titles.items()},
        "Value #all": "All",
        "unit": "Unit",
    }
    return table(
        "Stock by status",
        "What the books say, each product in its own unit. Books that contradict each other have "
        "no figure.",
        [
            instant("all", _keyed(f"sum by ({_WHERE}) ({_stock()})")),
            *(instant(status, f"sum by (key) ({_keyed(_stock(status))})") for status in _STATUSES),
        ],
        [
            transformed("filterFieldsByName", exclude={"pattern": "^Time( \\d+)?$"}),
            transformed("joinByField", byField="key", mode="outer"),
            arranged(columns, ["key"]),
        ],
        defaults={"custom": {"minWidth": 60}},
        overrides=[
            override("CMO", links=[TO_THIS_CMO], custom__width=235),
            *(
                override(title, unit="locale", decimals=0, noValue="–")
                for title in (*titles.values(), "All")
            ),
            override("Product", custom__minWidth=180),
            override("Unit", custom__width=70),
        ],
        empty="No stock is on the books; the monitor's board says whether anybody watches",
        sorted_by=[("CMO", False), ("Product", False)],
    )


def _stock(status: str | None = None) -> str:
    matchers = CHOSEN if status is None else f'{CHOSEN},status="{status}"'
    return f"max by ({_WHERE}, status) (cmo_stock_quantity{{{matchers}}})"


def _keyed(expression: str) -> str:
    labels = ", ".join(f'"{name}"' for name in _WHERE.split(", "))
    return f'label_join({expression}, "key", "|", {labels})'
