"""Agreements: what sponsor and CMO agreed, by version and the day it came into force."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from alerts.calendar import WEEKDAYS, Weekday, WorkingCalendar, Zone
from alerts.errors import InvalidAgreement
from alerts.ladder import Ladder, Role, RoleName, Rung
from events.data import InboundTopic, Speaker, Tolerance
from events.sources import Source
from events.values import Amount, CivilDate, Slug, StrictModel, Text

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


class Limit(StrictModel, extra="forbid"):
    """A limit on one KPI: what is not named here is the catalogue's.

    Where a time is agreed for what a KPI reads, warning and critical are multiples of that time.
    """

    warning: Amount | None = None
    critical: Amount | None = None
    minimum: Annotated[int, Field(ge=1)] | None = None
    window_days: Annotated[int, Field(ge=1, le=3_660)] | None = None
    quantile: Literal["p50", "p90", "p95"] | None = None


class Agreement(StrictModel, extra="forbid"):
    """One version of what was agreed with a CMO, or of the default for a CMO without its own.

    It holds from the day it is `effective` to the next version's, or to its `end`, both included.
    """

    cmo: Slug | None = None
    default: bool = False
    name: Text | None = None
    version: Text
    effective: CivilDate
    end: CivilDate | None = None
    zone: Zone = "UTC"
    working_days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEKDAYS
    holidays: tuple[CivilDate, ...] = ()
    sources: Annotated[tuple[Source, ...], Field(min_length=1)] = DEFAULT_SOURCES
    cadence: dict[InboundTopic, Seconds] = Field(default={})
    tolerance: Tolerance = Tolerance(days=0, under=0, over=0.10)
    time_in_state: dict[OpenState, Seconds] = Field(default={})
    limits: dict[str, Limit] = Field(default={})
    contingency: Annotated[Text, Field(min_length=1)]
    roles: dict[RoleName, Role] = Field(default={})
    ladder: tuple[Rung, ...] = ()

    @model_validator(mode="after")
    def _is_for_somebody(self) -> Self:
        if self.default == (self.cmo is not None):
            raise ValueError("name either the cmo, or default: true")
        return self

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.end is not None and self.end < self.effective:
            raise ValueError(f"end {self.end} lies before effective {self.effective}")
        return self

    @model_validator(mode="after")
    def _climbs_to_roles(self) -> Self:
        climbed = [rung.role for rung in self.ladder]
        if unknown := sorted(set(climbed) - self.roles.keys()):
            raise ValueError(f"ladder: {', '.join(unknown)} is no role; give it under roles")
        if twice := sorted({role for role in climbed if climbed.count(role) > 1}):
            raise ValueError(f"ladder: {', '.join(twice)} stands on two tiers; once is enough")
        return self

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

    Raises `InvalidAgreement` when one CMO has two versions effective on one day.
    """

    def __init__(self, agreements: Iterable[Agreement], *, use_default: bool = False) -> None:
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
