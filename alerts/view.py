"""What there is to read of one CMO: for KPIs, breaches and metrics; nothing here changes it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from alerts.agreements import Agreement, Agreements
from alerts.calendar import DAY, civil_day
from alerts.changes import Acceptance, Pending
from alerts.corrections import Retraction, Uncorrected
from alerts.doubtful import Doubtful, DoubtfulFigures
from alerts.doubts import NOWHERE, Doubts, Place, Refusal, Thing, kind_of, last_of
from alerts.facts import Fact
from alerts.feeds import Feed
from alerts.index import Fails
from alerts.kind import Key, Kind, Record
from alerts.kind import Place as RecordPlace
from alerts.kpi import Kpi, Measured, hundredths
from alerts.ranking import Oldest
from alerts.records.stock import STOCK, site
from alerts.spellings import Named, Spellings
from alerts.tables import Tables
from alerts.windows import Values, Window
from events.data import InboundTopic
from events.dimensions import WHOLE, Scope
from events.values import MILLION


class CmoView:
    """One CMO, to be read: its records, windows and feeds, and what was agreed with it.

    `revision` is another one whenever anything changed.
    """

    def __init__(self, cmo: str, agreements: Agreements) -> None:
        self.id = cmo
        self.revision = 0
        self.latest: dict[str, int] = {}
        self.refused: list[tuple[int, str]] = []
        self.names: dict[str, str] = {}
        self.spellings = Spellings()
        self.unexpected_moves: dict[str, int] = {}
        self._agreements = agreements
        self._terms: dict[int, Agreement | None] = {}
        self._tables = Tables()
        self._doubtful = DoubtfulFigures(self._tables.doubts, self._about)
        self.known = self._tables.identities.get
        self._loose: dict[bytes, Fact] = {}
        self._acceptances: dict[str, Acceptance] = {}
        self._products: set[tuple[str, str]] = set()
        self._pending: list[Pending] = []

    # --- what was agreed

    def agreement(self, now: int) -> Agreement | None:
        """The agreement in force at `now`, in microseconds from the epoch."""
        return self.terms_on(now // DAY)

    def terms_on(self, day: int) -> Agreement | None:
        """The agreement in force on a day in UTC, counted from the epoch."""
        if day not in self._terms:
            self._terms[day] = self._agreements.of(self.id, civil_day("UTC", day * DAY))
        return self._terms[day]

    def has_ended(self, now: int) -> bool:
        """Whether what was agreed had its end by `now`: nothing is expected any more."""
        over = self.agreement(now) is None
        return over and self._agreements.has_ended(self.id, civil_day("UTC", now))

    def began_again(self, now: int) -> date | None:
        """The first day after the last pause in what was agreed; None without a pause by `now`."""
        return self._agreements.began_again(self.id, civil_day("UTC", now))

    def expected_since(self, topic: InboundTopic, now: int) -> date | None:
        """The day from which it was first agreed to be heard on a topic, after any pause."""
        return self._agreements.expects_since(self.id, topic, civil_day("UTC", now))

    def versions(self) -> Iterable[Agreement]:
        """Every version of what was agreed."""
        return self._agreements.versions(self.id)

    def doubtful_name(self, kpi: Kpi, scope: Scope, now: int) -> str:
        """Why it is not known which product or site a figure rests on; empty where it is."""
        if not self.spellings:
            return ""
        rests_on: list[Named] = []
        if scope.site is not None:
            rests_on.append(("site", scope.site))
        if scope.product is not None:
            rests_on.append(("product", scope.product))
            if STOCK in kpi.kinds:
                lying = (site(key) for key, _ in self.group(STOCK, scope.product))
                rests_on += [("site", each) for each in lying]
        doubts = (self.spellings.doubt(each, self._declared(each, now)) for each in rests_on)
        return next(filter(None, doubts), "")

    def _declared(self, named: Named, now: int) -> tuple[str, ...]:
        """The names that are said to be those of an id: the id itself is one of them."""
        kind, id_ = named
        if kind == "site":
            agreement = self.agreement(now)
            names = agreement.site_names.get(id_, ()) if agreement else ()
            return (id_, *names) if names else ()
        declared = self._agreements.products.of(civil_day("UTC", now))
        known = declared.products.get(id_) if declared else None
        return () if known is None else (id_, known.name or id_, *known.aliases)

    # --- records

    def record(self, place: RecordPlace) -> Record | None:
        """A record, None for one of which nothing is said."""
        return self._tables.of[place[0].name].records.get(place[1])

    def records(self, kind: Kind) -> Mapping[Key, Record]:
        """The records of a kind."""
        return self._tables.of[kind.name].records

    def open_records(self, kind: Kind) -> Mapping[Key, Any]:
        """The views of the open records of a kind."""
        return self._tables.of[kind.name].open

    def first(self, ranking: str, most: int) -> list[tuple[Key, Any]]:
        """The first open records of a ranking: "since" and "due"; refreshed by then."""
        kind, order = self._tables.rankings[ranking]
        views = self.open_records(kind)
        return [(key, views[key]) for key in order.first(most) if key in views]

    def oldest_open_lots(self) -> Iterator[Oldest]:
        """Of each state the lot that progressed longest ago, and how many are in it."""
        return self._tables.rankings["age"][1].oldest()

    def groups(self, kinds: Iterable[Kind]) -> dict[str, int]:
        """The groups of the records of these kinds, with a count of their changes."""
        found: dict[str, int] = {}
        for kind in kinds:
            table = self._tables.of[kind.name]
            for name in table.groups:
                found.setdefault(name, 0)
        return {
            name: sum(self._tables.of[kind.name].changed.get(name, 0) for kind in kinds)
            for name in found
        }

    def group(self, kind: Kind, name: str) -> Iterator[tuple[Key, Any]]:
        """The views of the records of a kind that are in a group."""
        table = self._tables.of[kind.name]
        for key in table.groups.get(name, ()):
            yield key, table.records[key].view

    # --- figures

    def windows(self, kpi: str) -> Mapping[Scope, Window | Values]:
        """The windows of a KPI that hold anything, by scope."""
        held = self._tables.windows.of(kpi)
        return {scope: window for scope, window in held.items() if window}

    def window(self, kpi: str, scope: Scope) -> Window | Values | None:
        """The window of a KPI for a scope."""
        return self._tables.windows.of(kpi).get(scope)

    def windowed(self, kpi: Kpi, agreement: Agreement | None, now: int) -> Iterator[Measured]:
        """What the windows of a KPI hold as of now: for the CMO, and for each scope."""
        days = days_of(kpi, agreement)
        windows = self.windows(kpi.name)
        for scope in (WHOLE, *sorted(windows.keys() - {WHOLE}, key=str)):
            yield from _measured(kpi, scope, windows.get(scope), days, now)

    def measured(
        self, kpi: Kpi, scope: Scope, window: Window | Values, now: int
    ) -> Iterator[Measured]:
        """What a KPI would be as of now by a window, one for each quantile if it has those."""
        return _measured(kpi, scope, window, days_of(kpi, self.agreement(now)), now)

    def exceptional(self, kpi: Kpi) -> Iterator[Measured]:
        """What a KPI finds wrong, as of when that was last refreshed."""
        return self._tables.exceptions[kpi.name].measured()

    def failing(
        self, kpi: str, scope: Scope, first: int, now: int, fails: Fails | None
    ) -> tuple[tuple[str, ...], int]:
        """The events of the newest evidence that fails, and of how many more there are."""
        return self._tables.index.newest(kpi, scope, first, now, fails)

    def uncorrected(self, kpi: Kpi, scope: Scope) -> Uncorrected | None:
        """What a window would be without corrections, for a breach that stands."""
        return self._tables.corrections.uncorrected((kpi.name, scope))

    def withdrawn(self, events: Iterable[str], since: int) -> Iterator[Fact]:
        """The words since then by which any of these events is taken back."""
        return self._tables.corrections.withdrawn(events, since)

    # --- feeds and people

    @property
    def feeds(self) -> Mapping[str, Feed]:
        """What was heard, by topic."""
        return self._tables.feeds

    def in_a_row(self, topic: str | None) -> int:
        """How many of the last messages on a topic were refused; on whichever is worst, for None.

        They are counted up to how many say that a feed is broken.
        """
        rows = self._tables.rows
        chosen = rows.values() if topic is None else [rows[topic]] if topic in rows else []
        return max((row.length for row in chosen), default=0)

    def silent_since(self, topic: str) -> int | None:
        """When the CMO was last heard on a topic, None for never."""
        feed = self._tables.feeds.get(topic)
        return feed.heard if feed and feed.heard else None

    @property
    def doubts(self) -> Doubts:
        """What is in doubt, as of when that was last refreshed."""
        return self._tables.doubts

    def doubtful(self, kpi: Kpi) -> Doubtful:
        """What is in doubt for a KPI, as of the same."""
        return self._doubtful.of(kpi)

    def last_word(self, thing: Thing, refusal: Refusal) -> Place:
        """Where the last word about a thing lies in the log that makes up for a refusal."""
        kind, key = kind_of(thing), thing[1]
        table = self._tables.of[kind.name]
        keys: tuple[Key, ...] = (key,)
        if key not in table.records and kind.group is not None:  # what all of them are
            keys = tuple(k for k in table.groups.get(kind.group(key), ()) if k[: len(key)] == key)
        records = (table.records[each] for each in keys if each in table.records)
        return max((last_of(each, kind, refusal) for each in records), default=NOWHERE)

    def _about(self, thing: Thing) -> Scope | None:
        """What a thing is counted for; None where that cannot be told."""
        kind, key = kind_of(thing), thing[1]
        record = self.records(kind).get(key)
        return kind.about(key, None if record is None else record.view)

    def acceptance(self, breach: str) -> Acceptance | None:
        """What the sponsor said of a breach."""
        return self._acceptances.get(breach)

    @property
    def was_taken(self) -> bool:
        """Whether an event of it was ever taken."""
        return len(self._tables.identities) > 0

    # --- what changes are made to

    def home(self, number: int) -> RecordPlace:
        """Where the record of a number is."""
        return self._tables.homes[number - 1]

    @property
    def records_made(self) -> int:
        """How many records there ever were."""
        return len(self._tables.homes)

    def loose(self, identity: bytes) -> Fact | None:
        """A fact that is in no record."""
        return self._loose.get(identity)

    @property
    def has_retractions(self) -> bool:
        """Whether anything was ever retracted."""
        return bool(self._tables.corrections.retractions)

    def retraction(self, identity: bytes) -> Retraction | None:
        """The retraction of an event, said or not."""
        return self._tables.corrections.retractions.get(identity)

    @property
    def products(self) -> set[tuple[str, str]]:
        """The pairs of a site, if any, and a product that were named."""
        return self._products


def days_of(kpi: Kpi, agreement: Agreement | None) -> int:
    """How many days the window of a KPI has; 0 for one that is read as of now."""
    limit = agreement.limit(kpi.name) if agreement else None
    return (limit.window_days if limit else None) or kpi.window_days or 0


def _measured(
    kpi: Kpi, scope: Scope, window: Window | Values | None, days: int, now: int
) -> Iterator[Measured]:
    if not kpi.quantiles:
        yield _ratio(kpi, scope, window if isinstance(window, Window) else Window(), days, now)
        return
    held = (window if isinstance(window, Values) else Values()).spread(days, now)
    for quantile in kpi.quantiles:
        value = held.quantile(hundredths(quantile)) / MILLION if held.n else None
        plain = int(value) if value is not None and value.is_integer() else value
        yield Measured(scope, plain, n=held.n, quantile=quantile)


def _ratio(kpi: Kpi, scope: Scope, window: Window, days: int, now: int) -> Measured:
    sums = window.total(days, now)
    if sums.unlike:
        why = f"{sums.unlike} of {sums.pieces} have quantities in unlike units"
        return Measured(scope, n=sums.n, why=why)
    if not sums.denominator:
        return Measured(scope, numerator=sums.numerator, denominator=0, n=sums.n)
    return Measured(
        scope,
        sums.numerator / sums.denominator,
        sums.numerator,
        sums.denominator,
        sums.n,
        sums.n_eff if kpi.interval else None,
    )
