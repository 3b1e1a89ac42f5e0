"""The board of the monitor itself: whether it watches, keeps up, and what it could not take."""

from collections.abc import Sequence
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from deploy.grafana.board import Layout, board
from deploy.grafana.history import histories
from deploy.grafana.panels import (
    GREEN,
    RED,
    YELLOW,
    Json,
    arranged,
    instant,
    lines,
    mapped,
    over_time,
    override,
    recent,
    stat,
    table,
    transformed,
)
from deploy.grafana.queries import behind, due, refused, shards_missing
from deploy.grafana.states import NEVER, UNWATCHED, counted
from deploy.links import MONITOR
from deploy.prometheus.pipeline import STALE
from streams.kafka.clocks import LIMIT

_SPAN: Final = "1h"
_NOBODY: Final = "No worker was scraped in the time chosen"
_BY_TOPIC: Final = "sum by (topic) (max by (partition, topic) ({}))"


def monitor(kpis: Sequence[Kpi] = KPIS) -> Json:
    """The board, as the JSON Grafana reads."""
    layout = Layout()
    layout.row("Is everything watched, and is all said?")
    layout.side_by_side(4, *((4, panel) for panel in _now()))
    layout.row("Is each partition read, and how far?")
    layout.side_by_side(11, (24, _partitions()))
    layout.row("Does it keep up?")
    layout.side_by_side(8, (12, _throughput()), (12, _lag()))
    layout.side_by_side(8, (12, _freshness()), (12, _replay()))
    layout.row("Is all said that is to be said?")
    layout.side_by_side(8, (12, _due()), (12, _unreadable()))
    layout.row("What could not be taken, and why?")
    layout.side_by_side(8, (12, _dead_letters()), (12, _refusals()))
    layout.row("What is in doubt for what was refused?")
    layout.side_by_side(8, (12, _in_doubt()), (12, _in_doubt_over_time()))
    layout.row("Do the CMOs' feeds bring what was agreed?")
    layout.in_columns(9, 1, histories(kpi for kpi in kpis if not kpi.kinds))
    return board(
        MONITOR,
        "Whether the monitor watches, keeps up and says what it has to, and what it was given. "
        f"Panels over time show the last {_SPAN}, those of KPIs the time chosen; choosing moments "
        "on a panel narrows all.",
        layout.panels,
    )


def _now() -> tuple[Json, ...]:
    since: Json = {**counted(alarming=RED, above=STALE), **NEVER}
    return (
        stat("Not watched", _MISSING, shards_missing(), defaults=counted(alarming=RED)),
        stat("Log heard", _HEARD, behind(), defaults=since),
        stat("Broker answered", _ANSWERED, _answered(), defaults=since),
        stat("To fold", _LAGGING, _lagging(), defaults=counted(alarming=YELLOW, above=1000)),
        stat("Not said", _NOT_SAID, due(), defaults=counted(alarming=YELLOW)),
        stat("Refused", _REFUSED, refused(), defaults=counted(alarming=YELLOW)),
    )


_MISSING: Final = "Partitions watched within the last hour, and not now: their CMOs are missing."
_HEARD: Final = (
    "How long ago the shard that is furthest behind heard all its topics; beyond "
    f"{STALE} s it judges nothing."
)
_ANSWERED: Final = "How long ago a broker last answered the worker that waits longest."
_LAGGING: Final = "What the topics hold beyond what is folded."
_NOT_SAID: Final = "Breaches and dead letters that were sent and are not read back."
_REFUSED: Final = "Messages of the last hour that could not be taken; each is on cmo.dead-letters."


def _answered() -> str:
    return f"time() - min(cmowatch_broker_answered_timestamp_seconds) or vector({UNWATCHED})"


def _lagging() -> str:
    return f"sum(min by (partition, topic) (cmowatch_lag_events)) or vector({UNWATCHED})"


def _partitions() -> Json:
    columns = {
        "partition": "Partition",
        "Value #ready": "Ready",
        "Value #caught": "Read",
        "Value #lag": "To fold",
        "Value #held": "Held since",
        "Value #heard": "Heard until",
        "Value #due": "Not said yet",
        "Value #skew": "Clock ahead",
    }
    by = "max by (partition)"
    return table(
        "Partitions",
        "Each partition: whether its CMOs are shown, how much of its log is read, since when a "
        "worker holds it, up to when all its topics were heard, what it has to say still, and for "
        f"how long its worker's clock is ahead of the broker's: {LIMIT:g} s off it judges nothing.",
        [
            instant("ready", f"{by} (cmowatch_shard_ready)"),
            instant("caught", f"{by} (cmowatch_shard_caught_up_ratio)"),
            instant("lag", "sum by (partition) (min by (partition, topic) (cmowatch_lag_events))"),
            instant("held", f"{by} (cmowatch_shard_held_since_timestamp_seconds) * 1000"),
            instant("heard", f"{by} (cmowatch_shard_heard_until_timestamp_seconds) * 1000"),
            instant("due", f"{by} (cmowatch_outputs_due)"),
            instant("skew", f"{by} (cmowatch_clock_skew_seconds)"),
        ],
        [
            transformed("filterFieldsByName", exclude={"pattern": "^Time( \\d+)?$"}),
            transformed("joinByField", byField="partition", mode="outer"),
            arranged(columns),
        ],
        defaults={"custom": {"minWidth": 60, "align": "left"}},
        overrides=[
            override("Ready", mappings=_READY, custom__cellOptions=_COLOURED),
            override("Read", unit="percentunit", decimals=1),
            override("Clock ahead", unit="s", decimals=1),
            *(override(name, unit="dateTimeAsIso", noValue="–") for name in _MOMENTS),
        ],
        empty="No worker is scraped",
        sorted_by=[("Ready", False), ("Partition", False)],
    )


_COLOURED: Final[Json] = {"type": "color-background", "mode": "basic"}
_READY: Final = mapped({"1": ("● ready", GREEN), "0": ("✖ not ready", RED)})
_MOMENTS: Final = ("Held since", "Heard until")


def _throughput() -> Json:
    taken, again, not_taken = (
        _BY_TOPIC.format(f"rate(cmowatch_events_{name}_total[$__rate_interval])")
        for name in ("accepted", "duplicate", "rejected")
    )
    return _lately(
        "Events folded",
        "Events of each topic taken each second; those that were taken before, and those that "
        "could not be, are told apart.",
        [
            over_time("A", taken, "{{topic}}"),
            over_time("B", f"{again} > 0", "{{topic}} again"),
            over_time("C", f"{not_taken} > 0", "{{topic}} refused"),
        ],
        "cps",
    )


def _lag() -> Json:
    lag = "sum by (topic) (min by (partition, topic) (cmowatch_lag_events))"
    return _lately("Events to fold", _LAGGING, [over_time("A", lag, "{{topic}}")], "short")


def _freshness() -> Json:
    heard = "time() - max by (partition) (cmowatch_shard_heard_until_timestamp_seconds)"
    answered = "time() - min(cmowatch_broker_answered_timestamp_seconds)"
    return _lately(
        "Since the log was heard",
        f"By partition; beyond {STALE} s it judges nothing. Beside it, since a broker answered.",
        [
            over_time("A", heard, "partition {{partition}}"),
            over_time("B", answered, "broker"),
        ],
        "s",
    )


def _replay() -> Json:
    read = "max by (partition) (cmowatch_shard_caught_up_ratio)"
    return _lately(
        "Of the log read",
        "A worker that starts reads the log from its beginning; a partition is shown once it is.",
        [over_time("A", read, "partition {{partition}}")],
        "percentunit",
    )


def _due() -> Json:
    still = "max by (partition) (cmowatch_outputs_due)"
    return _lately(
        "Not said yet", _NOT_SAID, [over_time("A", still, "partition {{partition}}")], "short"
    )


def _unreadable() -> Json:
    found = _BY_TOPIC.format("cmowatch_events_unreadable_total")
    return _lately(
        "Unreadable on our own topics",
        "Messages on cmo.breaches and cmo.dead-letters that are none of ours, since the beginning.",
        [over_time("A", found, "{{topic}}")],
        "short",
    )


def _dead_letters() -> Json:
    columns = {"topic": "Topic", "reason": "Reason", "Value": "Refused"}
    every = "max by (partition, topic, reason) (cmowatch_events_rejected_total)"
    return table(
        "Dead letters by reason",
        "All messages that are refused; each is on cmo.dead-letters with its reason and its place.",
        [instant("A", f"sum by (topic, reason) ({every})")],
        [arranged(columns, ["Time"])],
        defaults={"custom": {"align": "left"}},
        overrides=[override("Refused", decimals=0)],
        empty="● nothing is refused, by whoever watches",
        sorted_by=[("Refused", True)],
    )


_DOUBTS: Final = "max by (cmo, kind) (cmo_doubts)"


def _in_doubt() -> Json:
    columns = {
        "cmo": "CMO",
        "Value #lots": "Lots",
        "Value #lines": "Order lines",
        "Value #stock": "Stock",
        "Value #demand": "Forecasts",
        "Value #whole": "As a whole",
    }
    kinds = {"lots": "lot", "lines": "line", "stock": "stock", "demand": "demand"}
    return table(
        "In doubt",
        "Things of each CMO about which messages were refused and nothing was accepted since: what "
        "rests on them is unknown. The runbook has how that ends.",
        [
            *(
                instant(name, f'max by (cmo) (cmo_doubts{{kind="{kind}"}})')
                for name, kind in kinds.items()
            ),
            instant("whole", "max by (cmo) (cmo_doubted_as_a_whole)"),
        ],
        [
            transformed("filterFieldsByName", exclude={"pattern": "^Time( \\d+)?$"}),
            transformed("joinByField", byField="cmo", mode="outer"),
            arranged(columns),
        ],
        defaults={"custom": {"align": "left"}, "decimals": 0, "noValue": "–"},
        overrides=[override("As a whole", mappings=_AS_A_WHOLE, custom__cellOptions=_COLOURED)],
        empty="● nothing is in doubt, by whoever watches",
        sorted_by=[("CMO", False)],
    )


_AS_A_WHOLE: Final = mapped({"1": ("? all of it", YELLOW)})


def _in_doubt_over_time() -> Json:
    return _lately(
        "Things in doubt",
        "By CMO; none is the aim.",
        [over_time("A", f"sum by (cmo) ({_DOUBTS})", "{{cmo}}")],
        "short",
    )


def _refusals() -> Json:
    risen = "sum by (reason) (max by (partition, topic, reason) ({}))".format(
        "increase(cmowatch_events_rejected_total[$__rate_interval])"
    )
    return _lately("Refused, by reason", _REFUSED, [over_time("A", risen, "{{reason}}")], "short")


def _lately(title: str, help_: str, targets: list[Json], unit: str) -> Json:
    defaults: Json = {"unit": unit, "min": 0}
    return recent(
        lines(title, help_, targets, defaults=defaults, empty=_NOBODY, beside=False), _SPAN
    )
