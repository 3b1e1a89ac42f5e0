"""Every KPI, declared once: series, limits, boards, docs and tests are derived from here."""

from dataclasses import dataclass
from typing import Final, Literal

from events.data import INVENTORY, LOTS, RELEASES

Level = tuple[Literal["site", "product", "lot_state", "topic"], ...]
Urgency = Literal["page", "ticket", "review", "never"]
Unit = Literal["ratio", "seconds", "days"]

_QUANTILES: Final = {"p50": 50, "p90": 90, "p95": 95}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """What a KPI is: how it is read, how it is judged, and how loud a breach of it is.

    `levels` are the scopes below the CMO; the first is judged, the others are shown. Without
    `window_days` a KPI is read as of now. `needs` are the topics it cannot be known without.
    `agreed_time` says that its limits are multiples of a time in the agreement. `best` is the
    best value there can be. `record` is what gives its evidence. `source` says who defined it so.
    `action` is what to do first about a breach, as one imperative sentence.
    """

    name: str
    title: str
    help: str
    unit: Unit
    higher_is_better: bool
    judged: Urgency
    levels: tuple[Level, ...] = ((),)
    window_days: int | None = None
    warning: float | None = None
    critical: float | None = None
    minimum: int = 1
    interval: bool = False
    quantiles: tuple[str, ...] = ()
    best: float | None = None
    needs: tuple[str, ...] = ()
    agreed_time: Literal["cadence", "time_in_state"] | None = None
    record: Literal["line", "lot", "stock", "feed"]
    family: str
    leads: bool = False
    source: str = ""
    action: str

    def __post_init__(self) -> None:
        if unknown := set(self.quantiles) - set(_QUANTILES):
            raise TypeError(f"{self.name}: quantiles has {unknown}; known are {set(_QUANTILES)}")
        if not self.action.endswith("."):
            raise TypeError(f"{self.name}: action is no sentence")
        if self.warning is not None and self.critical is not None:
            worse = self.critical < self.warning
            if worse != self.higher_is_better:
                raise TypeError(f"{self.name}: critical is on the better side of warning")
        if self.interval and self.unit != "ratio":
            raise TypeError(f"{self.name}: interval goes with unit ratio")

    @property
    def is_told(self) -> bool:
        """Whether somebody is told of a breach: of a family, only of the KPI that leads it."""
        return self.leads and self.judged in ("page", "ticket")

    @property
    def series(self) -> str:
        """The name of its value series: a base unit at the end, none that promtool refuses."""
        if self.unit == "days":
            return "cmo_supply_cover_seconds"
        return f"cmo_{self.name}_{self.unit}"


def hundredths(quantile: str) -> int:
    """A quantile's name as hundredths."""
    return _QUANTILES[quantile]


KPIS: Final[tuple[Kpi, ...]] = (
    Kpi(
        name="delivery_otif",
        title="Delivered on time, in full",
        help="Order lines complete by their due day and within the agreed quantity, of those due.",
        unit="ratio",
        higher_is_better=True,
        judged="ticket",
        levels=((), ("product",)),
        window_days=90,
        warning=0.95,
        critical=0.90,
        minimum=20,
        interval=True,
        best=1.0,
        needs=(INVENTORY,),
        record="line",
        family="delivery",
        leads=True,
        source="SCOR perfect order, delivery part",
        action="Ask the CMO when each late or short line will come, and tell the supply planner.",
    ),
    Kpi(
        name="delivery_on_time",
        title="Delivered on time",
        help="Order lines complete by their due day, of those due.",
        unit="ratio",
        higher_is_better=True,
        judged="review",
        window_days=90,
        warning=0.95,
        critical=0.90,
        minimum=20,
        interval=True,
        best=1.0,
        needs=(INVENTORY,),
        record="line",
        family="delivery",
        source="SCOR",
        action="Ask the CMO which lines are late and why, and bring the causes to the next review.",
    ),
    Kpi(
        name="delivery_in_full",
        title="Delivered in full",
        help="Order lines whose deliveries add up within the agreed quantity, of those due.",
        unit="ratio",
        higher_is_better=True,
        judged="review",
        window_days=90,
        interval=True,
        best=1.0,
        needs=(INVENTORY,),
        record="line",
        family="delivery",
        source="SCOR",
        action="Ask the CMO for what the short lines lack, and bring the causes to the review.",
    ),
    Kpi(
        name="lot_acceptance_dispositioned",
        title="Lots accepted",
        help="Commercial lots whose last final decision is a release, of those finally decided.",
        unit="ratio",
        higher_is_better=True,
        judged="ticket",
        window_days=365,
        warning=0.97,
        critical=0.93,
        minimum=20,
        interval=True,
        best=1.0,
        needs=(RELEASES,),
        record="lot",
        family="acceptance",
        leads=True,
        source="ISPE quality metrics pilot",
        action="Ask both quality units why lots were rejected, and plan their replacement.",
    ),
    Kpi(
        name="right_first_time",
        title="Right first time",
        help="Lots completed without a major or critical deviation, rework or reprocessing.",
        unit="ratio",
        higher_is_better=True,
        judged="ticket",
        window_days=365,
        warning=0.90,
        critical=0.80,
        minimum=20,
        interval=True,
        best=1.0,
        needs=(LOTS, RELEASES),
        record="lot",
        family="quality",
        leads=True,
        source="industry usage",
        action="Ask the CMO for the root causes of its newest failing lots, and agree a remedy.",
    ),
    Kpi(
        name="release_cycle_time",
        title="Release cycle time",
        help="From a lot's completion to its first final decision.",
        unit="seconds",
        higher_is_better=False,
        judged="review",
        window_days=90,
        minimum=10,
        quantiles=("p50", "p90"),
        best=0.0,
        needs=(LOTS, RELEASES),
        record="lot",
        family="release",
        source="industry usage",
        action="Look at which holder the lots waited with, and bring it to the next review.",
    ),
    Kpi(
        name="release_on_time",
        title="Released on time",
        help="Lots finally decided by the day the sponsor set, of those due.",
        unit="ratio",
        higher_is_better=True,
        judged="ticket",
        window_days=90,
        warning=0.95,
        critical=0.90,
        minimum=20,
        interval=True,
        best=1.0,
        needs=(RELEASES,),
        record="lot",
        family="release",
        leads=True,
        source="industry usage",
        action="Ask both quality units for a decision date of every lot that is due, oldest first.",
    ),
    Kpi(
        name="open_lot_age",
        title="Open lot age",
        help="Since the last progress of the oldest lot in a state, against the agreed time.",
        unit="seconds",
        higher_is_better=False,
        judged="ticket",
        levels=(("lot_state",),),
        warning=1.5,
        critical=3.0,
        best=0.0,
        needs=(LOTS, RELEASES),
        agreed_time="time_in_state",
        record="lot",
        family="lots",
        leads=True,
        source="agreement",
        action="Ask the CMO what the oldest lot waits for, and agree the date of its next step.",
    ),
    Kpi(
        name="days_of_supply",
        title="Days of supply",
        help="Unrestricted stock over the mean daily demand of the forecast in force.",
        unit="days",
        higher_is_better=True,
        judged="page",
        levels=(("product",), ("site", "product")),
        needs=(INVENTORY,),
        record="stock",
        family="supply",
        leads=True,
        source="SCOR inventory days of supply",
        action="Call the supply planner on duty to reallocate stock, and ask for the next release.",
    ),
    Kpi(
        name="stock_blocked_share",
        title="Stock blocked",
        help="Stock in quality inspection or blocked, of all stock.",
        unit="ratio",
        higher_is_better=False,
        judged="review",
        levels=(("product",), ("site", "product")),
        best=0.0,
        needs=(INVENTORY,),
        record="stock",
        family="supply",
        source="industry usage",
        action="Ask quality which blocked lots can be decided first, oldest stock first.",
    ),
    Kpi(
        name="feed_silence",
        title="Feed silence",
        help="Working time since the CMO's last word on a topic, against the agreed cadence.",
        unit="seconds",
        higher_is_better=False,
        judged="ticket",
        levels=(("topic",),),
        warning=1.5,
        critical=3.0,
        best=0.0,
        agreed_time="cadence",
        record="feed",
        family="feed",
        leads=True,
        source="agreement",
        action="Call the CMO's data contact, and ask for what is missing or for a heartbeat.",
    ),
    Kpi(
        name="feed_validity",
        title="Feed validity",
        help="Messages accepted, duplicates included, of those read from the CMO's feeds.",
        unit="ratio",
        higher_is_better=True,
        judged="ticket",
        levels=((), ("topic",)),
        window_days=7,
        warning=0.99,
        critical=0.95,
        minimum=100,
        interval=True,
        best=1.0,
        record="feed",
        family="feed_quality",
        leads=True,
        source="agreement",
        action="Send the CMO the reasons of its newest dead letters, and ask for corrections.",
    ),
    Kpi(
        name="data_timeliness",
        title="Data timeliness",
        help="From the event to its record in the log, of what the CMO says.",
        unit="seconds",
        higher_is_better=False,
        judged="ticket",
        window_days=7,
        warning=4 * 3_600,
        critical=24 * 3_600,
        quantiles=("p95",),
        best=0.0,
        record="feed",
        family="timeliness",
        leads=True,
        source="agreement; the default here is 4 h and 24 h",
        action="Ask the CMO's data contact why its events come late, and when that will end.",
    ),
)
"""The catalogue, in the order of the boards."""

BY_NAME: Final[dict[str, Kpi]] = {kpi.name: kpi for kpi in KPIS}

if len(BY_NAME) != len(KPIS):
    raise TypeError("two KPIs share one name")
