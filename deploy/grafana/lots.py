"""The board of lots: which are open, where they wait, and how release went."""

from collections.abc import Sequence
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from alerts.records.lot import LOT
from deploy.grafana import readings
from deploy.grafana.board import TO_THIS_CMO, Layout, board
from deploy.grafana.history import histories
from deploy.grafana.panels import (
    BLUE,
    RED,
    YELLOW,
    Json,
    arranged,
    bars,
    fixed,
    instant,
    override,
    stat,
    table,
    transformed,
)
from deploy.grafana.queries import CHOSEN_PRODUCT, or_zero
from deploy.grafana.states import counted
from deploy.links import LOTS

_DAY: Final = 86_400
_LOT: Final = "cmo, lot, lot_state, product"
_AGES: Final[tuple[tuple[float, float | None, str, str], ...]] = (
    (0, 7, "under 7 days", "light-blue"),
    (7, 30, "7 to 30 days", BLUE),
    (30, None, "over 30 days", YELLOW),
)
_NO_LOT: Final = "No open lot is shown; the monitor's board says whether anybody watches"


def lots(kpis: Sequence[Kpi] = KPIS) -> Json:
    """The board, as the JSON Grafana reads."""
    of_lots = [kpi for kpi in kpis if kpi.record == LOT.name]
    layout = Layout()
    layout.row("Do lots wait that should not?")
    layout.side_by_side(
        4,
        (6, _count("Open lots", "Commercial lots not finally decided.", or_zero(_open()), None)),
        (6, _count("Release overdue", _OVERDUE, or_zero(_overdue()), RED)),
        (6, _count("Moves nobody foresaw", _UNEXPECTED, or_zero(_unexpected()), YELLOW)),
        (6, _count("Not shown one by one", _OMITTED, or_zero(_omitted()), YELLOW)),
    )
    layout.row("Which lots wait longest, and for what?")
    layout.side_by_side(11, (24, _open_lots()))
    layout.row("In which state do they wait?")
    layout.side_by_side(8, (24, _backlog()))
    layout.row("How do lots and releases stand against what was agreed?")
    for panel in readings.readings(of_lots):
        layout.side_by_side(9, (24, panel))
    layout.row("How did it go?")
    layout.in_columns(9, 1, histories(of_lots))
    return board(
        LOTS,
        "Open lots with their state, age and due day, and how release went.",
        layout.panels,
    )


_OVERDUE: Final = "Open lots whose release was due on a day that is over."
_UNEXPECTED: Final = "Moves of lots that their states do not allow."
_OMITTED: Final = "Open lots beyond the 1,000 of a CMO that wait longest."


def _count(title: str, help_: str, expression: str, alarming: str | None) -> Json:
    return stat(title, help_, expression, defaults=counted(alarming=alarming))


def _of_lots(series: str, *more: str) -> str:
    return f"max by ({', '.join([_LOT, *more])}) (cmo_open_lot_{series}{{{CHOSEN_PRODUCT}}})"


def _since() -> str:
    return _of_lots("status_since_timestamp_seconds")


def _open() -> str:
    return f"count({_since()})"


def _overdue() -> str:
    return f"count({_of_lots('release_due_timestamp_seconds')} < time())"


def _unexpected() -> str:
    return 'sum(max by (cmo) (cmo_lot_unexpected_moves{cmo=~"$cmo"}))'


def _omitted() -> str:
    return 'sum(max by (cmo) (cmo_open_lots_omitted{cmo=~"$cmo"}))'


def _open_lots() -> Json:
    columns = {
        "Value #overdue": "Days overdue",
        "cmo": "CMO",
        "lot": "Lot",
        "product": "Product",
        "lot_state": "State",
        "Value #age": "Days in it",
        "Value #progress": "Days idle",
        "due": "Release due",
    }
    due = _of_lots("release_due_timestamp_seconds", "due")
    return table(
        "Open lots",
        "Those whose release is overdue come first, then those that wait longest in their state. "
        "Idle is since any fact about the lot; the due day is the one the sponsor set.",
        [
            instant("age", _keyed(f"(time() - {_since()}) / {_DAY}")),
            instant(
                "progress", _only(f"(time() - {_of_lots('progress_timestamp_seconds')}) / {_DAY}")
            ),
            instant("due", f"max by (key, due) ({_keyed(due)})"),
            instant(
                "overdue",
                _only(f"(time() - {_of_lots('release_due_timestamp_seconds')} > 0) / {_DAY}"),
            ),
        ],
        [
            transformed("filterFieldsByName", exclude={"pattern": "^(Time( \\d+)?|Value #due)$"}),
            transformed("joinByField", byField="key", mode="outer"),
            arranged(columns, ["key"]),
        ],
        defaults={"custom": {"minWidth": 60}},
        overrides=[
            override("Days overdue", decimals=1, noValue="–", custom__width=140),
            override(
                "Days overdue", custom__cellOptions={"type": "color-text"}, color=fixed("red")
            ),
            override("CMO", links=[TO_THIS_CMO], custom__width=235),
            override("Product", custom__minWidth=180),
            override("Days in it", decimals=1, custom__width=100),
            override("Days idle", decimals=1, custom__width=100),
            override("Release due", noValue="not set"),
        ],
        empty=_NO_LOT,
        sorted_by=[("Days overdue", True), ("Days in it", True)],
    )


def _keyed(expression: str) -> str:
    return f'label_join({expression}, "key", "|", "cmo", "lot")'


def _only(expression: str) -> str:
    return f"max by (key) ({_keyed(expression)})"


def _backlog() -> Json:
    parts = (
        f'label_replace(count by (lot_state) ({_aged(at_least, under)}), "age", "{called}", "", "")'
        for at_least, under, called, _ in _AGES
    )
    return bars(
        "Open lots by state",
        "How many open lots are in each state, and for how long.",
        [instant("A", " or ".join(parts))],
        [
            transformed(
                "groupingToMatrix", columnField="age", rowField="lot_state", valueField="Value"
            )
        ],
        by="lot_state\\age",
        overrides=[override(called, color=fixed(color)) for _, _, called, color in _AGES],
        empty=_NO_LOT,
    )


def _aged(at_least: float, under: float | None) -> str:
    ages = f"(time() - {_since()}) >= {at_least * _DAY:.0f}"
    return ages if under is None else f"({ages}) < {under * _DAY:.0f}"
