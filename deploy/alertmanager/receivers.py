"""People as Alertmanager reaches them: receivers of their contacts, intervals of their hours."""

from collections.abc import Iterator, Mapping
from typing import Final

from alerts.calendar import WEEKDAYS
from alerts.ladder import Contact, Role
from deploy.links import HEARTBEAT, MAIL, OPERATIONS
from deploy.prometheus.rule import CLEARED

SECRETS: Final = "/etc/alertmanager/secrets"
"""Where the files lie that contacts name; what is in them is written nowhere else."""

ON_CALL, TICKETS, SWITCH, NOBODY = "on-call", "tickets", "dead-mans-switch", "nobody"

OWN: Final = {
    ON_CALL: Role(
        side="sponsor",
        contacts=(Contact(pagerduty="pagerduty-on-call"), Contact(email=OPERATIONS["on_call"])),
    ),
    TICKETS: Role(
        side="sponsor",
        contacts=(Contact(email=OPERATIONS["tickets"]),),
        zone=OPERATIONS["zone"],
        working_days=("mon", "tue", "wed", "thu", "fri"),
        hours=("08:00", "17:00"),
    ),
}
"""Those who run the monitor: who is woken, and who gets what no agreement names anybody for."""

GLOBAL: Final = {
    "smtp_smarthost": MAIL["smarthost"],
    "smtp_from": MAIL["sender"],
    "smtp_auth_username": MAIL["username"],
    "smtp_auth_password_file": f"{SECRETS}/smtp-password",
    "slack_api_url_file": f"{SECRETS}/slack-url",
}

_SUBJECT: Final = '{{ template "cmowatch.subject" . }}'
_TEXT: Final = '{{ template "cmowatch.text" . }}'
_URGENCY: Final = (
    f'{{{{ if eq .CommonLabels.alertname "{CLEARED}" }}}}info{{{{ else }}}}error{{{{ end }}}}'
)
_WEEKDAYS: Final = dict(
    zip(
        WEEKDAYS,
        ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        strict=True,
    )
)


def by_their_contacts(name: str, who: Role) -> Mapping[str, object]:
    """A receiver that reaches people in every way they named.

    It says what fires and never that it is resolved: an alert ends, too, when Prometheus is lost.
    """
    ways: dict[str, list[Mapping[str, object]]] = {}
    for contact in who.contacts:
        ((way, value),) = contact.model_dump(exclude_none=True).items()
        kind, settings = _WAYS[way](value)
        ways.setdefault(kind, []).append({**settings, "send_resolved": False})
    return {"name": name, **ways}


def without_waking(who: Role) -> Role:
    """People as they hear of what wakes nobody: but at PagerDuty, where they are told elsewhere."""
    elsewhere = tuple(contact for contact in who.contacts if contact.pagerduty is None)
    return who.model_copy(update={"contacts": elsewhere or who.contacts})


def heartbeat(name: str) -> Mapping[str, object]:
    """The receiver of the dead man's switch: whoever raises the alarm when it falls silent."""
    return {"name": name, "webhook_configs": [{"url": HEARTBEAT, "send_resolved": False}]}


def _email(to: str) -> tuple[str, Mapping[str, object]]:
    return "email_configs", {"to": to, "headers": {"Subject": _SUBJECT}, "html": "", "text": _TEXT}


def _slack(channel: str) -> tuple[str, Mapping[str, object]]:
    return "slack_configs", {"channel": channel, "title": _SUBJECT, "text": _TEXT}


def _pagerduty(file: str) -> tuple[str, Mapping[str, object]]:
    key = {"routing_key_file": f"{SECRETS}/{file}"}
    told = {"description": _SUBJECT, "details": {"text": _TEXT}, "severity": _URGENCY}
    return "pagerduty_configs", {**key, **told}


def _teams(file: str) -> tuple[str, Mapping[str, object]]:
    address = {"webhook_url_file": f"{SECRETS}/{file}"}
    return "msteamsv2_configs", {**address, "title": _SUBJECT, "text": _TEXT}


def _webhook(file: str) -> tuple[str, Mapping[str, object]]:
    return "webhook_configs", {"url_file": f"{SECRETS}/{file}"}


_WAYS: Final = {
    "email": _email,
    "slack": _slack,
    "pagerduty": _pagerduty,
    "teams": _teams,
    "webhook": _webhook,
}
if _WAYS.keys() != Contact.model_fields.keys():
    raise TypeError(f"no receiver for {Contact.model_fields.keys() ^ _WAYS.keys()}")


def hours(name: str, who: Role) -> Iterator[Mapping[str, object]]:
    """The time intervals of people who do not work always: their hours, and their holidays."""
    if _always_works(who):
        return
    at_work: dict[str, object] = {"weekdays": [_WEEKDAYS[day] for day in who.working_days]}
    if who.hours:
        at_work["times"] = [{"start_time": who.hours[0], "end_time": who.hours[1]}]
    yield {"name": _at_work(name), "time_intervals": [{**at_work, "location": who.zone}]}
    if who.holidays:
        days = [
            {
                "years": [f"{day.year}"],
                "months": [f"{day.month}"],
                "days_of_month": [f"{day.day}"],
                "location": who.zone,
            }
            for day in who.holidays
        ]
        yield {"name": _on_holiday(name), "time_intervals": days}


def in_their_hours(name: str, who: Role) -> Mapping[str, object]:
    """What makes a route wait for the hours of its people."""
    if _always_works(who):
        return {}
    off = {"mute_time_intervals": [_on_holiday(name)]} if who.holidays else {}
    return {"active_time_intervals": [_at_work(name)], **off}


def _always_works(who: Role) -> bool:
    return who.hours is None and set(who.working_days) == set(WEEKDAYS) and not who.holidays


def _at_work(name: str) -> str:
    return f"{name}-at-work"


def _on_holiday(name: str) -> str:
    return f"{name}-on-holiday"
