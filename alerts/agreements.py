"""Agreements: what sponsor and CMO agreed, by version and the day it came into force."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from alerts.calendar import WEEKDAYS, Weekday, WorkingCalendar, Zone
from alerts.declaration import Declaration, Fault, Id, kept
from alerts.errors import InvalidAgreement
from alerts.ladder import Ladder, Role, RoleName, Rung
from alerts.products import Products, ProductVersions
from alerts.terms import (
    Clocks,
    Days,
    DeliveryWindow,
    QuantityTolerance,
    Release,
    SiteOwner,
)
from events.data import InboundTopic, Speaker
from events.sources import Source
from events.values import Amount, CivilDate, Slug, Text

OpenState = Literal[
    "in_process",
    "completed",
    "quarantine",
    "on_hold",
    "rework",
    "reprocessing",
    "conditionally_released",
]
Seconds = Annotated[int | float, Field(gt=0, le=10**9)]

DEFAULT_SOURCES = (
    Source(source="/cmo/{cmo}", speaker=Speaker.CMO),
    Source(source="/sponsor", speaker=Speaker.SPONSOR),
    Source(source="/lab/*", speaker=Speaker.LAB),
    Source(source="/carrier/*", speaker=Speaker.CARRIER),
    Source(source="/import", speaker=Speaker.SPONSOR, imports=True),
)


class Limit(Declaration):
    """A limit on one KPI: what is not named here is the catalogue's.

    Where a time is agreed for what a KPI reads, warning and critical are multiples of that time.
    """

    warning: Annotated[Amount | None, Field(description="Beyond it: a warning.")] = None
    critical: Annotated[Amount | None, Field(description="Beyond it: critical.")] = None
    minimum: Annotated[
        Annotated[int, Field(ge=1)] | None, Field(description="The least n to judge by.")
    ] = None
    window_days: Annotated[
        Annotated[int, Field(ge=1, le=3_660)] | None, Field(description="Days it looks back.")
    ] = None
    quantile: Annotated[
        Literal["p50", "p90", "p95"] | None, Field(description="The quantile that is judged.")
    ] = None


class Agreement(Declaration):
    """One version of what was agreed with a CMO, or of the default for a CMO without its own.

    It holds from the day it is `effective` to the next version's, or to its `end`, both included.
    """

    ELSEWHERE = MappingProxyType(
        {"products": "products are declared in a file named products.yaml, or products-2.yaml"}
    )

    cmo: Annotated[
        Slug | None, Field(description="The CMO's id: the key of its events. Or `default: true`.")
    ] = None
    default: Annotated[
        bool, Field(description="Whether it is for every CMO without an agreement of its own.")
    ] = False
    name: Annotated[Text | None, Field(description="What people call the CMO.")] = None
    version: Annotated[Text, Field(description="What people call this version.")]
    effective: Annotated[
        CivilDate, Field(description="The first day on which it holds, and the CMO has to speak.")
    ]
    end: Annotated[
        CivilDate | None, Field(description="The last day on which it holds, where one is agreed.")
    ] = None
    zone: Annotated[
        Zone,
        Field(
            description="The IANA time zone of the CMO's days: Europe/Berlin. Where none is said "
            "they are days in UTC, and `cmowatch agreements check` says so."
        ),
    ] = "UTC"
    working_days: Annotated[
        tuple[Weekday, ...], Field(min_length=1, description="Its working days: mon, tue, …")
    ] = WEEKDAYS
    holidays: Annotated[
        tuple[CivilDate, ...], Field(description="Days on which it does not work.")
    ] = ()
    sources: Annotated[
        tuple[Source, ...],
        Field(min_length=1, description="Who may speak, and as whom: the `source` of events."),
    ] = DEFAULT_SOURCES
    sites: Annotated[
        dict[Id, SiteOwner],
        Field(
            description="Whose a site is, any other is the CMO's: of stock there it alone speaks."
        ),
    ] = Field(default={})
    site_names: Annotated[
        dict[Id, tuple[str, ...]],
        Field(description="Names that come to the id of one site, and are one: by that id."),
    ] = Field(default={})
    cadence: Annotated[
        dict[InboundTopic, Seconds],
        Field(description="Working seconds between two words of the CMO, by topic."),
    ] = Field(default={})
    term: Annotated[
        Literal["fca", "dap"],
        kept("When goods are handed over: `fca` as the delivery says, `dap` at the receipt."),
    ] = "fca"
    window: Annotated[
        DeliveryWindow, Field(description="How far from its day a delivery is on time.")
    ] = DeliveryWindow()
    tolerance: Annotated[
        QuantityTolerance, Field(description="By which shares a delivery in full may differ.")
    ] = QuantityTolerance()
    answer_within: Annotated[
        Days, kept("Working days the CMO has to answer an order that was placed.")
    ] = 5
    release: Annotated[
        Release, Field(description="Who has to release a lot, and in what time.")
    ] = Release()
    clocks: Annotated[Clocks, Field(description="Times that run from an event to a due day.")] = (
        Clocks()
    )
    time_in_state: Annotated[
        dict[OpenState, Seconds], Field(description="Seconds a lot may stay in a state.")
    ] = Field(default={})
    limits: Annotated[
        dict[str, Limit], Field(description="Limits by KPI, over the catalogue's (kpis.md).")
    ] = Field(default={})
    contingency: Annotated[
        Text,
        Field(min_length=1, description="Whom to call, and what to do first, at a breach."),
    ]
    roles: Annotated[
        dict[RoleName, Role], Field(description="People on both sides, by what they answer for.")
    ] = Field(default={})
    product_roles: Annotated[
        dict[Id, dict[RoleName, RoleName]],
        kept("For a product, who stands in for a role: `{pills: {planner: pills-planner}}`."),
    ] = Field(default={})
    ladder: Annotated[
        tuple[Rung, ...],
        Field(description="Who is told of a breach, in this order, while nobody takes it on."),
    ] = ()

    def faults(self) -> Iterator[Fault]:
        """What does not fit together in it."""
        if self.default == (self.cmo is not None):
            yield Fault(("cmo",), "name either the cmo, or default: true", ("default",))
        if self.end is not None and self.end < self.effective:
            yield Fault(("end",), f"{self.end} lies before effective {self.effective}")
        yield from self._unknown_roles()

    def _unknown_roles(self) -> Iterator[Fault]:
        for n, rung in enumerate(self.ladder):
            where = "ladder", n, "role"
            if rung.role not in self.roles:
                yield Fault(where, f"{rung.role} is no role; give it under roles", ("roles",))
            if rung.role in {above.role for above in self.ladder[:n]}:
                yield Fault(where, f"{rung.role} stands on two tiers; once is enough")
        for product, instead in self.product_roles.items():
            for role in dict.fromkeys(name for pair in instead.items() for name in pair):
                if role not in self.roles:
                    why = f"{role} is no role; give it under roles"
                    yield Fault(("product_roles", product), why, ("roles",))

    @cached_property
    def calendar(self) -> WorkingCalendar:
        """The working days agreed on."""
        return WorkingCalendar(self.zone, self.working_days, self.holidays)

    @cached_property
    def escalation(self) -> Ladder:
        """The tiers a breach climbs while nobody has taken it on."""
        return Ladder(self.ladder, self.roles)

    def limit(self, kpi: str) -> Limit:
        """The limit this agreement sets on a KPI, an empty one when it sets none."""
        return self.limits.get(kpi, _NO_LIMIT)


_NO_LIMIT = Limit()


def _is_over(agreement: Agreement, day: date) -> bool:
    return agreement.end is not None and agreement.end < day


def _pauses_before(version: Agreement, then: Agreement) -> bool:
    """Whether nothing was agreed on the day before a version, after the one there was."""
    return _is_over(then, version.effective - timedelta(days=1))


class Agreements:
    """Every version of every agreement; which one holds is a question of CMO and day.

    `products` is what is declared of products beside them. Raises `InvalidAgreement` when one CMO
    has two versions effective on one day.
    """

    def __init__(
        self,
        agreements: Iterable[Agreement],
        *,
        use_default: bool = False,
        products: Iterable[Products] = (),
    ) -> None:
        self.products = ProductVersions(products)
        versions: dict[str | None, list[Agreement]] = {}
        for agreement in sorted(agreements, key=lambda each: each.effective):
            if not agreement.default or use_default:
                versions.setdefault(agreement.cmo, []).append(agreement)
        for cmo, held in versions.items():
            days = [each.effective for each in held]
            if len(set(days)) < len(days):
                raise InvalidAgreement(
                    f"{cmo or 'the default'} has two versions effective on one day; "
                    "give each its own effective date"
                )
        self._versions = {cmo: tuple(held) for cmo, held in versions.items()}

    def of(self, cmo: str, day: date) -> Agreement | None:
        """The agreement with `cmo` in force on `day`, None for a CMO that none covers then."""
        latest = self._latest(cmo, day)
        return latest if latest and not _is_over(latest, day) else None

    def has_ended(self, cmo: str, day: date) -> bool:
        """Whether what was agreed with a CMO had its end before `day`, and nothing is since."""
        latest = self._latest(cmo, day)
        return latest is not None and _is_over(latest, day)

    def _latest(self, cmo: str, day: date) -> Agreement | None:
        """The version that came into force last by a day."""
        held = self.versions(cmo)
        at = bisect_right(held, day, key=lambda each: each.effective)
        return held[at - 1] if at else None

    def versions(self, cmo: str) -> tuple[Agreement, ...]:
        """Every version of what was agreed with a CMO, the default's where it has none."""
        return self._versions.get(cmo) or self._versions.get(None) or ()

    def began_again(self, cmo: str, day: date) -> date | None:
        """The first day after the last pause by a day in what was agreed; None without a pause."""
        held = [each for each in self.versions(cmo) if each.effective <= day]
        first = (now.effective for then, now in pairwise(held) if _pauses_before(now, then))
        return max(first, default=None)

    def expects_since(self, cmo: str, topic: InboundTopic, day: date) -> date | None:
        """The first day of a version that agrees a cadence on a topic, None when none does.

        What was agreed before it ended, and began again, is of no account.
        """
        again = self.began_again(cmo, day) or date.min
        held = (each for each in self.versions(cmo) if each.effective >= again)
        return next((each.effective for each in held if topic in each.cadence), None)

    def in_force(self, day: date) -> list[Agreement]:
        """The agreement with each CMO that has its own on a day, and last the default one."""
        found = (self.of(cmo, day) for cmo in self.cmos)
        default = self.of("", day) if None in self._versions else None
        return [each for each in (*found, default) if each is not None]

    @property
    def cmos(self) -> tuple[str, ...]:
        """The CMOs with an agreement of their own, in order."""
        return tuple(sorted(cmo for cmo in self._versions if cmo is not None))
