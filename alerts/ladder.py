"""The escalation ladder: who is notified of a breach that nobody has taken on, and when."""

from datetime import time
from functools import cached_property
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, Field, model_validator

from alerts.calendar import WEEKDAYS, Weekday, WorkingCalendar, Zone
from events.breaches import Breach
from events.values import MILLION, CivilDate, StrictModel, microseconds

RoleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
FileName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,127}$")]
HourOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Age = Annotated[int | float, Field(ge=0, le=10**7)]


def _opens_before_it_closes(hours: tuple[str, str]) -> tuple[str, str]:
    if not hours[0] < hours[1]:
        raise ValueError("give when work begins, then when it ends the same day")
    return hours


Hours = Annotated[tuple[HourOfDay, HourOfDay], AfterValidator(_opens_before_it_closes)]


class Contact(StrictModel, extra="forbid"):
    """One way to reach somebody; what has to stay secret is named by its file, never written here.

    `email` is an address and `slack` a channel; `pagerduty`, `teams` and `webhook` name the file
    that holds the key or address.
    """

    email: Annotated[
        Annotated[str, Field(pattern=r"^[^@\s,]+@[^@\s,]+$", max_length=254)] | None,
        Field(description="An address."),
    ] = None
    slack: Annotated[
        Annotated[str, Field(pattern=r"^[#@][\w.-]{1,80}$")] | None,
        Field(description="A channel, such as `#supply`."),
    ] = None
    pagerduty: Annotated[FileName | None, Field(description="The file of the key.")] = None
    teams: Annotated[FileName | None, Field(description="The file of the address.")] = None
    webhook: Annotated[FileName | None, Field(description="The file of the address.")] = None

    @model_validator(mode="after")
    def _is_one_way(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("give one of email, slack, pagerduty, teams, webhook in each entry")
        return self


class Role(StrictModel, extra="forbid"):
    """People who answer for something on one side: how they are reached, and when they work."""

    side: Annotated[Literal["sponsor", "cmo"], Field(description="Whose people they are.")]
    contacts: Annotated[
        tuple[Contact, ...], Field(min_length=1, description="Every way to reach them.")
    ]
    zone: Annotated[Zone, Field(description="The IANA time zone of their days.")] = "UTC"
    working_days: Annotated[
        tuple[Weekday, ...], Field(min_length=1, description="Their working days.")
    ] = WEEKDAYS
    holidays: Annotated[
        tuple[CivilDate, ...], Field(description="Days on which they do not work.")
    ] = ()
    hours: Annotated[
        Hours | None, Field(description="When their work begins and ends; the whole day without.")
    ] = None

    @cached_property
    def calendar(self) -> WorkingCalendar:
        """When these people work."""
        hours = self.hours and (
            time.fromisoformat(self.hours[0]),
            time.fromisoformat(self.hours[1]),
        )
        return WorkingCalendar(self.zone, self.working_days, self.holidays, hours)


class Rung(StrictModel, extra="forbid"):
    """A tier of the ladder: who is notified of a breach so old, in their working seconds.

    `warning` counts since it opened, `critical` since it is critical; the first of them that comes
    counts. Without `warning` only a critical breach climbs here.
    """

    role: Annotated[RoleName, Field(description="Who is told; a name under `roles`.")]
    warning: Annotated[
        Age | None, Field(description="Working seconds since the breach opened.")
    ] = None
    critical: Annotated[Age | None, Field(description="Working seconds since it is critical.")] = (
        None
    )

    @model_validator(mode="after")
    def _is_reached(self) -> Self:
        if self.warning is None and self.critical is None:
            raise ValueError("give the age of a warning, of a critical breach, or both")
        return self


class Step(NamedTuple):
    """A tier of the ladder, its role, and when it is reached, in microseconds from the epoch."""

    tier: int
    role: str
    at: int


class Ladder:
    """The rungs of one agreement, with the people on them."""

    def __init__(self, rungs: tuple[Rung, ...], roles: dict[str, Role]) -> None:
        self._rungs, self._roles = rungs, roles

    def ahead(self, breach: Breach) -> list[Step]:
        """The tiers still above a breach, and when each is reached as bad as it is now.

        Whoever is at work is notified: a tier is reached no later than one above it, even by people
        who are not. Who was notified once is not again as another tier of a ladder that changed.
        """
        above = [rung for rung in self._rungs if rung.role not in breach.notified]
        steps: list[Step] = []
        soonest: int | None = None
        for tier, rung in reversed([*enumerate(above, start=len(breach.notified) + 1)]):
            reached = [at for at in (soonest, self._reached(rung, breach)) if at is not None]
            soonest = min(reached, default=None)
            if soonest is not None:
                steps.append(Step(tier, rung.role, soonest))
        return steps[::-1]

    def _reached(self, rung: Rung, breach: Breach) -> int | None:
        """When a breach is old enough: as a warning since it opened, or since it is critical."""
        after = self._roles[rung.role].calendar.after
        ages = [(rung.warning, breach.since)]
        if breach.severity == "critical":
            ages.append((rung.critical, breach.worsened or breach.since))
        reached = [
            after(microseconds(since), round(age * MILLION))
            for age, since in ages
            if age is not None
        ]
        return min((at for at in reached if at is not None), default=None)


NO_LADDER = Ladder((), {})
"""Where nobody is agreed on to be notified."""


def is_acknowledged(breach: Breach, now: int) -> bool:
    """Whether somebody has taken a breach on and not given it back; the ladder stops meanwhile."""
    if breach.acknowledgement is None:
        return False
    until = breach.acknowledged_until
    return until is None or microseconds(until) > now
