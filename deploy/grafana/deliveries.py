"""The board of order lines: which are open and will come late, and how delivery went."""

from collections.abc import Sequence
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from alerts.records.order_line import ORDER_LINE
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
from deploy.links import DELIVERIES

_DAY: Final = 86_400
_LINE: Final = "cmo, order, line, product"
_WHEN: Final[tuple[tuple[float | None, float | None, str], ...]] = (
    (None, -30, "overdue, over 30 days"),
    (-30, 0, "overdue, up to 30 days"),
    (0, 7, "due within 7 days"),
    (7, 30, "due in 7 to 30 days"),
    (30, None, "due later"),
)
_NO_LINE: Final = "No open line is shown; the monitor's board says whether anybody watches"
_DUE: Final = f"cmo_open_order_line_due_timestamp_seconds{{{CHOSEN_PRODUCT}}}"
_EXPECTED: Final = f"cmo_open_order_line_expected_timestamp_seconds{{{CHOSEN_PRODUCT}}}"


def deliveries(kpis: Sequence[Kpi] = KPIS) -> Json:
    """The board, as the JSON Grafana reads."""
    of_lines = [kpi for kpi in kpis if kpi.record == ORDER_LINE.name]
    layout = Layout()
    layout.row("Will the open order lines come in time?")
    layout.side_by_side(
        4,
        (6, _count("Open lines", "Order lines that have not come.", or_zero(_open()), None)),
        (6, _count("Overdue", "Open lines whose due day is over.", or_zero(_overdue()), RED)),
        (6, _count("Expected late", _LATE, or_zero(_expected_late()), YELLOW)),
        (6, _count("Not shown one by one", _OMITTED, or_zero(_omitted()), YELLOW)),
    )
    layout.row("Which lines will be late, and by how much?")
    layout.side_by_side(11, (24, _lines()))
    layout.row("When are they due?")
    layout.side_by_side(8, (24, _by_due_day()))
    layout.row("How does delivery stand against what was agreed?")
    for panel in readings.readings(of_lines):
        layout.side_by_side(9, (24, panel))
    layout.row("How did it go?")
    layout.in_columns(9, 1, histories(of_lines))
    return board(
        DELIVERIES,
        "Open order lines, those expected late first, and how delivery went.",
        layout.panels,
    )


_LATE: Final = "Lines the CMO expects after their due day, which is not over."
_OMITTED: Final = "Open lines beyond the 1,000 of a CMO that are due first."


def _count(title: str, help_: str, expression: str, alarming: str | None) -> Json:
    return stat(title, help_, expression, defaults=counted(alarming=alarming))


def _open() -> str:
    return 'sum(max by (cmo) (cmo_open_order_lines{cmo=~"$cmo"}))'


def _omitted() -> str:
    return 'sum(max by (cmo) (cmo_open_order_lines_omitted{cmo=~"$cmo"}))'


def _due() -> str:
    return f"max by ({_LINE}) ({_DUE})"


def _behind() -> str:
    """Seconds each line is expected after its due day."""
    return f"max by ({_LINE}) ({_EXPECTED}) - {_due()}"


def _overdue() -> str:
    return f"count({_due()} < time())"


def _expected_late() -> str:
    return f"count(({_behind()} > 0) and {_due()} >= time())"


def _late_by() -> str:
    """Seconds by which each line will come after its due day, or is overdue already."""
    expected = f'label_replace({_behind()}, "how", "expected", "", "")'
    overdue = f'label_replace(time() - {_due()}, "how", "overdue", "", "")'
    return f"max by ({_LINE}) ({expected} or {overdue}) > 0"


def _lines() -> Json:
    columns = {
        "Value #late": "Days late",
        "cmo": "CMO",
        "order": "Order",
        "line": "Line",
        "product": "Product",
        "due": "Due",
        "expected": "Expected",
    }
    return table(
        "Open order lines",
        "Those that will be late, or are, come first, the worst at the top. Days late count to the "
        "day the CMO expects, or to now when that is over or was never said.",
        [
            instant("due", _keyed(f"max by ({_LINE}, due) ({_DUE})")),
            instant("late", f"max by (key) ({_keyed(_late_by())}) / {_DAY}"),
            instant("said", f"max by (key, expected) ({_keyed(_EXPECTED)})"),
        ],
        [
            transformed(
                "filterFieldsByName", exclude={"pattern": "^(Time( \\d+)?|Value #(due|said))$"}
            ),
            transformed("joinByField", byField="key", mode="outer"),
            arranged(columns, ["key"]),
        ],
        defaults={"custom": {"minWidth": 60}},
        overrides=[
            override("Days late", decimals=1, noValue="–", custom__width=100),
            override(
                "Days late", custom__cellOptions={"type": "color-text"}, color=fixed("orange")
            ),
            override("CMO", links=[TO_THIS_CMO], custom__width=235),
            override("Product", custom__minWidth=180),
            override("Line", custom__width=70),
            override("Expected", noValue="not said"),
        ],
        empty=_NO_LINE,
        sorted_by=[("Days late", True), ("Due", False)],
    )


def _keyed(expression: str) -> str:
    return f'label_join({expression}, "key", "|", "cmo", "order", "line")'


def _by_due_day() -> Json:
    parts = (
        f'label_replace(label_replace(count({lines}) > 0, "due", "{called}", "", ""), '
        f'"expected", "{expected}", "", "")'
        for at_least, under, called in _WHEN
        for expected, lines in _split(_due_in(at_least, under))
    )
    return bars(
        "Open lines by due day",
        "How many open lines are due when, and what the CMO says of them.",
        [instant("A", " or ".join(parts))],
        [
            transformed(
                "groupingToMatrix", columnField="expected", rowField="due", valueField="Value"
            )
        ],
        by="due\\expected",
        overrides=[
            override("late", displayName="▲ said to be late", color=fixed(YELLOW)),
            override("in time", displayName="● said to be in time", color=fixed(BLUE)),
            override("not said", displayName="? no day said", color=fixed("#8e8e8e")),
        ],
        empty=_NO_LINE,
    )


def _due_in(at_least: float | None, under: float | None) -> str:
    due = f"{_due()} - time()"
    if at_least is not None:
        due = f"({due}) >= {at_least * _DAY:.0f}"
    return due if under is None else f"({due}) < {under * _DAY:.0f}"


def _split(lines: str) -> tuple[tuple[str, str], ...]:
    expected = f"max by ({_LINE}) ({_EXPECTED})"
    return (
        ("late", f"({lines}) and ({_behind()} > 0)"),
        ("in time", f"({lines}) and ({_behind()} <= 0)"),
        ("not said", f"({lines}) unless {expected}"),
    )
