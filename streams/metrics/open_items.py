"""What stands open, one by one, as Prometheus reads it: breaches, lots, order lines and stock."""

from collections.abc import Iterator, Sized
from datetime import date, timedelta
from typing import Final

from alerts.breaches import ladder_of
from alerts.calendar import DAY, midnight
from alerts.kind import Key
from alerts.kpis import BY_NAME
from alerts.ladder import Step, is_acknowledged
from alerts.ledger import Where
from alerts.records.lot import LOT
from alerts.records.order_line import ORDER_LINE
from alerts.records.stock import STOCK, StockView, doubt, product, site, status, total
from alerts.view import CmoView
from events.breaches import Breach, Severity
from events.values import MILLION, microseconds
from streams.metrics.text_format import Add, Page, label, scoped, written
from streams.shard import Shard

SHOWN: Final = 1_000
"""The open lots, and the open lines, of one CMO with series of their own; others are counted."""

TOLD_CLEARED: Final = 4 * DAY
"""For how long a breach is shown as cleared: over a long weekend of those who work in the week."""

_LONGEST_NAME: Final = 64
_AT_ONCE: Final = 100  # lots or lines shown before others have their turn


def breaches(out: Page, shard: Shard) -> None:
    """Each breach that stands: since when, how bad, who was notified, who is next, who has it."""
    shown = _Breaches(out, shard)
    for where, standing in shard.ledger.standing.items():
        shown.show(where, standing.breach)
    _cleared(out, shard)


def _cleared(out: Page, shard: Shard) -> None:
    """The last breach of each kind that cleared lately: a series, and one of each role told."""
    moment = out.family(
        "cmo_breach_cleared_timestamp_seconds",
        "gauge",
        f"The moment a breach cleared, for {TOLD_CLEARED // DAY} days; and for each role notified.",
    )
    for where, cleared in shard.ledger.cleared.items():
        if cleared.at + TOLD_CLEARED <= shard.judged_at:
            continue
        named = [
            label("breach_id", cleared.breach),
            *scoped(where.kpi, where.cmo, where.scope),
            label("partition", str(shard.partition)),
            label("severity", cleared.worst),
            label("nth", cleared.breach.rpartition(":")[2]),
            label("cleared_by", cleared.by or ""),
        ]
        for role in ((), *((label("role", role),) for role in cleared.notified)):
            moment(",".join([*named, *role]), cleared.at / MILLION)


class _Breaches:
    """The families of the breaches on one page."""

    def __init__(self, out: Page, shard: Shard) -> None:
        self._shard, self._now = shard, shard.judged_at
        self._open = out.family(
            "cmo_breach_open", "gauge", "A breach that stands, with its severity."
        )
        self._since = out.family(
            "cmo_breach_since_timestamp_seconds", "gauge", "The moment a standing breach opened."
        )
        self._tier = out.family(
            "cmo_breach_escalation_tier",
            "gauge",
            "The tier of the ladder at which a role was notified of a standing breach.",
        )
        self._next = out.family(
            "cmo_breach_next_escalation_timestamp_seconds",
            "gauge",
            "The moment the next role is notified, if the breach stands and nobody takes it on.",
        )
        self._clears = out.family(
            "cmo_breach_clears_on_timestamp_seconds",
            "gauge",
            "The beginning, in UTC, of the day a breach clears by itself if nothing new comes.",
        )
        self._taken = out.family(
            "cmo_breach_acknowledged_until_timestamp_seconds",
            "gauge",
            "The moment until which somebody has taken a breach on.",
        )

    def show(self, where: Where, breach: Breach) -> None:
        """Adds the series of a breach; what is not applicable has none."""
        urgency = BY_NAME[breach.kpi].urgency if breach.kpi in BY_NAME else "review"
        partition = label("partition", str(self._shard.partition))
        scope = scoped(where.kpi, where.cmo, where.scope)
        named = [label("breach_id", breach.breach), *scope, partition]
        judged = [*named, label("severity", breach.severity), label("judged", urgency)]
        nth = label("nth", breach.breach.rpartition(":")[2])
        self._open(",".join([*judged, nth]), 1)
        self._since(",".join(named), breach.since.timestamp())
        for tier, role in enumerate(breach.notified, start=1):
            self._tier(",".join([*judged, label("role", role)]), tier)
        if (step := self._step(breach)) is not None:
            labels = [*named, label("role", step.role), label("tier", str(step.tier))]
            self._next(",".join(labels), step.at / MILLION)
        if breach.clears_on is not None:
            self._clears(",".join(named), midnight("UTC", breach.clears_on) / MILLION)
        if is_acknowledged(breach, self._now):
            until = breach.acknowledged_until
            by = label("by", _plain(breach.acknowledged_by or ""))
            taken = [*named, by, label("severity", self._taken_as(breach))]
            self._taken(",".join(taken), until.timestamp() if until else float("inf"))

    def _taken_as(self, breach: Breach) -> Severity:
        """How bad a breach was when it was taken on: who took a warning on knew of no worse."""
        cmo = self._shard.cmos.get(breach.cmo)
        said = cmo.acceptance(breach.breach) if cmo else None
        worse_since = microseconds(breach.worsened or breach.since)
        if said is None or said.fact.recorded < worse_since:
            return "warning"
        return breach.severity

    def _step(self, breach: Breach) -> Step | None:
        """The next step up, once whoever has the breach gives it back; None at the top."""
        cmo = self._shard.cmos.get(breach.cmo)
        ahead = ladder_of(cmo, breach, self._now).ahead(breach) if cmo else []
        if not ahead or not is_acknowledged(breach, self._now):
            return ahead[0] if ahead else None
        if (until := breach.acknowledged_until) is None:
            return None
        return ahead[0]._replace(at=max(ahead[0].at, microseconds(until)))


def _plain(name: str) -> str:
    """A name somebody gave, as one short line that cannot pass for anything else in a message."""
    kept = (c if c.isalnum() or c in " .,'@+_-" else " " for c in name)
    return " ".join("".join(kept).split())[:_LONGEST_NAME]


def open_lots(out: Page, cmo: CmoView, now: int) -> Iterator[None]:
    """Each open lot: its state, since when, its last progress, and the day its release is due."""
    since = out.family(
        "cmo_open_lot_status_since_timestamp_seconds",
        "gauge",
        "The moment an open lot came into the state it is in.",
    )
    progress = out.family(
        "cmo_open_lot_progress_timestamp_seconds",
        "gauge",
        "The moment an open lot last progressed.",
    )
    due = out.family(
        "cmo_open_lot_release_due_timestamp_seconds",
        "gauge",
        "The end, at its place, of the day by which an open lot is to be finally decided.",
    )
    agreement = cmo.agreement(now)
    for shown, ((name,), lot) in enumerate(cmo.first("since", SHOWN)):
        if shown % _AT_ONCE == 0:
            yield
        named = [label("cmo", cmo.id), label("lot", name), label("lot_state", lot.state)]
        if lot.product:
            named.append(label("product", lot.product))
        since(",".join(named), lot.state_since / MILLION)
        progress(",".join(named), lot.progressed / MILLION)
        if lot.due is not None and agreement is not None:
            _until_the_end_of(due, named, "due", lot.due, agreement.zone)
    _count_omitted(out, "cmo_open_lots_omitted", "Open lots", cmo, cmo.open_records(LOT))


def open_lines(out: Page, cmo: CmoView) -> Iterator[None]:
    """Each order line that has not come: when it is due, and when the CMO expects it."""
    due = out.family(
        "cmo_open_order_line_due_timestamp_seconds",
        "gauge",
        "The end, at its place, of the day an open order line is due.",
    )
    expected = out.family(
        "cmo_open_order_line_expected_timestamp_seconds",
        "gauge",
        "The end, at its place, of the day the CMO expects an open order line.",
    )
    count = out.family("cmo_open_order_lines", "gauge", "Order lines that have not come.")
    count(label("cmo", cmo.id), len(cmo.open_records(ORDER_LINE)))
    for shown, ((order, number), line) in enumerate(cmo.first("due", SHOWN)):
        if shown % _AT_ONCE == 0:
            yield
        named = [label("cmo", cmo.id), label("order", order), label("line", number)]
        awaited = line.awaited
        promise = awaited.promise
        named.append(label("product", promise.product))
        _until_the_end_of(due, named, "due", promise.due, promise.zone)
        if awaited.expected is not None:
            _until_the_end_of(expected, named, "expected", awaited.expected, promise.zone)
    omitted = "cmo_open_order_lines_omitted"
    _count_omitted(out, omitted, "Open order lines", cmo, cmo.open_records(ORDER_LINE))


def _until_the_end_of(add: Add, named: list[str], name: str, day: date, zone: str) -> None:
    """Adds the end of a civil day, with the day itself as a label: it is no moment in UTC."""
    ends = midnight(zone, day + timedelta(days=1))
    add(",".join([*named, label(name, day.isoformat())]), ends / MILLION)


def _count_omitted(out: Page, name: str, what: str, cmo: CmoView, every: Sized) -> None:
    if len(every) > SHOWN:
        omitted = out.family(name, "gauge", f"{what} beyond those with a series of their own.")
        omitted(label("cmo", cmo.id), len(every) - SHOWN)


def stock(out: Page, cmo: CmoView) -> Iterator[None]:
    """What the books say lies where, by product and status; books that contradict have none."""
    quantity = out.family(
        "cmo_stock_quantity", "gauge", "Stock by the books, of a product in a status at a site."
    )
    for name in list(cmo.groups([STOCK])):
        yield
        held: dict[tuple[str, str, str], list[tuple[Key, StockView]]] = {}
        for key, view in cmo.group(STOCK, name):
            held.setdefault((site(key), product(key), status(key)), []).append((key, view))
        for (at, what, lies), positions in held.items():
            books = [view.book for _, view in positions if view.book is not None]
            whole = None if doubt(positions) else total(books)
            if whole is not None and whole.unit is not None:
                named = {"cmo": cmo.id, "site": at, "product": what, "status": lies}
                quantity(written({**named, "unit": whole.unit}), whole.amount / MILLION)
