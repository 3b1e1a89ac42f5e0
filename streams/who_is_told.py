"""Who is told of a breach, and when, in words: the ladder of an agreement, as people read it."""

from collections.abc import Iterable, Iterator
from typing import Final

from alerts.agreements import Agreement
from alerts.calendar import WEEKDAYS
from alerts.kpi import Urgency
from alerts.kpis import KPIS
from alerts.ladder import Role, Rung

_SIDES: Final = {"sponsor": "sponsor", "cmo": "CMO"}
_MINUTE, _HOUR = 60, 3_600


def of_what() -> Iterator[str]:
    """Of which KPIs somebody is told, and how loudly; that is the same for every CMO."""
    yield f"page, at any hour, to the first and to the monitor's people on call: {_loud('page')}"
    yield f"ticket, when the first is at work: {_loud('ticket')}"


def _loud(urgency: Urgency) -> str:
    names = (kpi.name for kpi in KPIS if kpi.notifies and kpi.urgency == urgency)
    return ", ".join(names) or "nothing"


def heading(agreement: Agreement) -> str:
    """Of whom an agreement is, and since when it holds."""
    whose = agreement.cmo or "every other CMO"
    named = f" ({agreement.name})" if agreement.name else ""
    until = f" to {agreement.end}" if agreement.end else ""
    span = f"from {agreement.effective}{until}"
    return f"{whose}{named}: version {agreement.version}, {span}, days of {agreement.zone}"


def ladder(agreement: Agreement) -> Iterator[str]:
    """Each role on the ladder: how it is reached, and when."""
    for n, rung in enumerate(agreement.ladder, start=1):
        who = agreement.roles[rung.role]
        ways = (way for each in who.contacts for way in _ways(each.model_dump(exclude_none=True)))
        yield f"{n}. {rung.role}, {_SIDES[who.side]}: {', '.join(ways)}"
        yield f"   {_when(n, rung)}; at work {_at_work(who)}"
    if not agreement.ladder:
        yield "nobody is named: the monitor's own people are told"
    for product, instead in agreement.product_roles.items():
        pairs = ", ".join(f"{other} for {role}" for role, other in instead.items())
        yield f"{product}: {pairs} (kept; no message follows it yet)"


def _ways(contact: dict[str, str]) -> Iterator[str]:
    for way, value in contact.items():
        yield value if way in ("email", "slack") else f"{way} by the file {value}"


def _when(n: int, rung: Rung) -> str:
    """Ages count in the role's own working time, while nobody has taken the breach on."""
    ages = [
        f"{_duration(age)}{once}"
        for age, once in ((rung.warning, ""), (rung.critical, " once it is critical"))
        if age is not None
    ]
    after = " or ".join(ages)
    return f"at once, and again after {after}" if n == 1 else f"after {after}"


def _duration(seconds: float) -> str:
    """So many working seconds, as people say it."""
    minutes = round(seconds / _MINUTE)
    hours, rest = divmod(minutes, _HOUR // _MINUTE)
    parts = [f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest)
    return " ".join(parts) or "0 min"


def _at_work(who: Role) -> str:
    days = "every day" if set(who.working_days) == set(WEEKDAYS) else _days(who.working_days)
    hours = f"{who.hours[0]}–{who.hours[1]}" if who.hours else "at any hour"
    off = f", but for {len(who.holidays)} holidays" if who.holidays else ""
    return f"{days} {hours} {who.zone}{off}"


def _days(days: Iterable[str]) -> str:
    """Days of the week in order, those that follow each other as a span."""
    at = sorted({WEEKDAYS.index(day) for day in days})
    spans: list[list[int]] = []
    for day in at:
        if spans and day == spans[-1][-1] + 1:
            spans[-1].append(day)
        else:
            spans.append([day])
    names = ([WEEKDAYS[day] for day in span] for span in spans)
    return ", ".join(span[0] if len(span) == 1 else f"{span[0]}–{span[-1]}" for span in names)
