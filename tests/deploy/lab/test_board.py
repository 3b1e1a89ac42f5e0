"""What the board shows, and how much of it in a narrow terminal."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from alerts.judge import Verdict
from alerts.kpis import BY_NAME, KPIS
from deploy.lab.demo.board import duration, render, value_of
from deploy.lab.demo.snapshot import About, Figure, OpenBreach, Shard, Snapshot
from deploy.lab.webhook import Alert
from events.dimensions import Scope

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
READY = {0: Shard(True, 1.0), 1: Shard(True, 1.0)}


def figure(cmo: str = "nordwerk", kpi: str = "delivery_otif", **given: object) -> Figure:
    known = {"value": 0.872, "n": 132, "state": Verdict.CRITICAL, "warning": 0.95, "critical": 0.9}
    return Figure(About(kpi, cmo), **{**known, **given})  # type: ignore[arg-type]


def shown(snapshot: Snapshot, *, width: int = 100, rows: int | None = None) -> str:
    console = Console(file=StringIO(), width=width, height=60, _environ={})
    console.print(render(snapshot, rows))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def snapshot(*figures: Figure, **given: object) -> Snapshot:
    return Snapshot(at=NOW, figures=figures, **{"shards": READY, **given})  # type: ignore[arg-type]


def alert(cmo: str = "nordwerk", severity: str = "warning", **labels: str) -> Alert:
    labels = {"alertname": "X", "severity": severity, "kpi": "delivery_otif", "cmo": cmo, **labels}
    return Alert.model_validate(
        {
            "status": "firing",
            "labels": labels,
            "annotations": {"summary": f"{cmo}: delivered on time is 87.2%"},
            "fingerprint": str(labels),
        }
    )


def line_of(cmo: str, board: str) -> str:
    return next(line for line in board.splitlines() if line.startswith(cmo))


def test_a_cell_says_state_value_and_n() -> None:
    assert "✖87.2% 132" in line_of("nordwerk", shown(snapshot(figure())))


def test_every_kpi_has_its_column_however_narrow_the_terminal() -> None:
    for width in (60, 100, 220):
        words = shown(snapshot(figure()), width=width).split()
        assert {word for kpi in KPIS for word in kpi.title.split()} <= set(words)


@pytest.mark.parametrize("width", [60, 80, 100, 120, 220])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    breach = OpenBreach("delivery_otif:nordwerk:1", About("delivery_otif", "nordwerk"), "critical")
    board = shown(snapshot(figure(), breaches=(breach,), metrics="http://x/metrics"), width=width)
    assert max(len(line.rstrip()) for line in board.splitlines()) <= width


def test_unknown_and_insufficient_look_unlike_ok_without_any_colour() -> None:
    board = shown(
        snapshot(
            figure("ok", state=Verdict.OK),
            figure("few", state=Verdict.INSUFFICIENT, n=3),
            figure("silent", state=Verdict.UNKNOWN, value=None),
            figure("idle", state=None, value=None, n=0),
        )
    )
    assert "●87.2% 132" in line_of("ok", board)
    assert "◌ few (3)" in line_of("few", board)
    assert "? unknown" in line_of("silent", board)
    assert "none due" in line_of("idle", board)


def test_of_several_scopes_the_one_that_needs_attention_most_is_shown() -> None:
    products = [
        Figure(About("days_of_supply", "nordwerk", Scope(product=name)), "", state, days, 2)
        for name, state, days in (("a", Verdict.OK, 40), ("b", Verdict.CRITICAL, 0), ("c", None, 9))
    ]
    assert "✖0d 2" in line_of("nordwerk", shown(snapshot(*products), width=220))


def test_where_only_some_scopes_are_unknown_it_says_how_many() -> None:
    products = [
        Figure(About("days_of_supply", "nordwerk", Scope(product=name)), "", state, 9, 2)
        for name, state in (
            ("a", Verdict.OK),
            ("b", Verdict.UNKNOWN),
            ("c", Verdict.OK),
            ("d", None),
        )
    ]
    assert "? 1 of 3" in line_of("nordwerk", shown(snapshot(*products), width=220))


def test_the_neediest_cmo_comes_first_and_the_rest_is_counted() -> None:
    fine = [figure(f"fine-{number:02}", state=Verdict.OK) for number in range(40)]
    board = shown(snapshot(*fine, figure("troubled")), rows=50)
    assert board.index("troubled") < board.index("fine-00")
    assert "more CMOs, with fewer broken limits" in board
    assert len(board.splitlines()) <= 50


@pytest.mark.parametrize("width", [100, 200])
@pytest.mark.parametrize("rows", [40, 50, 60])
def test_the_whole_board_fits_the_lines_there_are(width: int, rows: int) -> None:
    many = [figure(f"cmo-{number:02}", kpi.name) for number in range(40) for kpi in KPIS]
    breaches = tuple(OpenBreach(f"b{at}", each.about, "critical") for at, each in enumerate(many))
    feeds = {(f"cmo-{number:02}", "cmo.lots"): NOW for number in range(40)}
    for alerts in (None, (), tuple(alert(f"cmo-{number:02}") for number in range(40))):
        full = snapshot(*many, breaches=breaches, feeds=feeds, alerts=alerts)
        board = shown(full, width=width, rows=rows)
        assert rows - 6 <= len(board.splitlines()) <= rows


@pytest.mark.parametrize(("before", "arrow"), [(0.95, "↓"), (0.80, "↑"), (0.872, "→"), (None, "")])
def test_the_arrow_points_from_thirty_days_before(before: float | None, arrow: str) -> None:
    now = figure()
    earlier = {} if before is None else {(now.about, ""): before}
    cell = line_of("nordwerk", shown(snapshot(now, earlier=earlier))).split("132")[1]
    assert cell.startswith(arrow or " ")


def test_an_open_breach_is_told_with_its_reading_limit_and_since() -> None:
    scope = About("delivery_otif", "nordwerk")
    breach = OpenBreach("delivery_otif:nordwerk:1", scope, "critical", NOW - timedelta(days=3))
    row = line_of("✖ delivery_otif", shown(snapshot(figure(), breaches=(breach,)), width=120))
    assert row.split() == [
        *("✖", "delivery_otif:nordwerk:1", "Delivered", "on", "time,", "in", "full"),
        *("2026-02-26", "87.2%", "≥", "90.0%", "132"),
    ]


def test_a_critical_breach_comes_before_a_newer_warning() -> None:
    breaches = (
        OpenBreach("newer", About("delivery_otif", "a"), "warning", NOW),
        OpenBreach("older", About("delivery_otif", "b"), "critical", NOW - timedelta(days=9)),
    )
    board = shown(snapshot(figure(), breaches=breaches))
    assert board.index("older") < board.index("newer")


def test_the_alerts_that_arrived_are_told_the_page_before_the_tickets() -> None:
    board = shown(snapshot(figure(), alerts=(alert("acme"), alert("zenith", "critical"))))
    told = board[board.index("Alerts that arrived: 2") :].splitlines()[1:3]
    assert told == [
        "page   zenith: delivered on time is 87.2%",
        "ticket acme: delivered on time is 87.2%",
    ]


def test_where_no_alert_can_arrive_none_is_said_to_be_missing() -> None:
    assert "Alerts" not in shown(snapshot(figure()))
    assert "Alerts that arrived: 0" in shown(snapshot(figure(), alerts=()))


def test_all_is_told_once_each_breach_that_is_loud_has_its_alert() -> None:
    loud = OpenBreach("1", About("delivery_otif", "nordwerk"), "critical")
    quiet = OpenBreach("2", About("delivery_on_time", "nordwerk"), "critical")
    assert not snapshot(breaches=(loud, quiet), alerts=()).told
    assert not snapshot(breaches=(loud,), alerts=(alert("other"),)).told
    assert snapshot(breaches=(loud, quiet), alerts=(alert(),)).told
    assert snapshot(breaches=(loud,), alerts=None).told


def test_feed_health_says_when_each_topic_was_last_heard() -> None:
    silent = Figure(
        About("feed_silence", "nordwerk", Scope(topic="cmo.lots")), "", Verdict.CRITICAL, 9e5, 1
    )
    feeds = {("nordwerk", "cmo.lots"): NOW - timedelta(hours=50)}
    board = shown(snapshot(silent, feeds=feeds))
    assert "✖2.1d ago" in board[board.index("Last heard") :]


def test_while_it_catches_up_it_says_how_far_it_is() -> None:
    behind = {0: Shard(True, 1.0), 1: Shard(False, 0.5)}
    board = shown(Snapshot(at=NOW, shards=behind, accepted=90, refused={"no_key": 10}))
    assert "catching up" in board
    assert "75%" in board
    assert "1 of 2 shards ready" in board
    assert "100 read · 10 refused" in board


def test_where_the_metrics_are_is_printed() -> None:
    address = "http://127.0.0.1:6066/metrics"
    assert address in shown(snapshot(figure(), metrics=address))


def test_no_escape_codes_where_there_is_no_terminal() -> None:
    assert "\x1b" not in shown(snapshot(figure()))


@pytest.mark.parametrize(
    ("kpi", "value", "text"),
    [
        ("delivery_otif", 0.9561, "95.6%"),
        ("delivery_otif", 1.0, "100%"),
        ("days_of_supply", 12.34, "12d"),
        ("release_cycle_time", 15_120, "4.2h"),
        ("days_of_supply", None, "–"),
    ],
)
def test_values_read_in_their_unit(kpi: str, value: float | None, text: str) -> None:
    assert value_of(BY_NAME[kpi], value) == text


def test_a_span_shorter_than_a_second_is_nothing() -> None:
    assert duration(0.4) == "0s"
