"""Alertmanager's configuration: one message a CMO, to the roles that its agreement names."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from alerts.agreements import Agreement
from alerts.kpis.feed import FEED_SILENCE
from alerts.ladder import Role
from deploy.alertmanager.message import TEMPLATE, template
from deploy.alertmanager.receivers import (
    GLOBAL,
    NOBODY,
    ON_CALL,
    OWN,
    SWITCH,
    TICKETS,
    by_their_contacts,
    heartbeat,
    hours,
    in_their_hours,
    without_waking,
)
from deploy.as_yaml import as_yaml
from deploy.prometheus.data_quality import GAP, IN_DOUBT, TURNED_UNKNOWN
from deploy.prometheus.pipeline import (
    BROKER_UNREACHABLE,
    CLOCK_OFF,
    DEAD_MANS_SWITCH,
    NOT_READY,
    UNHEARD,
    WATCHED,
    WORKER_DOWN,
)
from deploy.prometheus.rule import CLEARED, ESCALATED, PAGE, TICKET, UNNOTIFIED
from deploy.prometheus.wording import alert_name
from events.dimensions import DIMENSIONS
from streams.agreements import read_agreements

CONFIG: Final = Path("deploy/alertmanager/alertmanager.yml")

_SCOPE = ["cmo", *DIMENSIONS, "partition"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a message waits for others of its CMO, then for changes, then to be said again.

    A breach is said once, and that it is over once; `again` repeats what nobody has taken on,
    `daily` what climbs no ladder: nothing says when that is over.
    `at_any_hour` is for where nobody waits for working hours.
    """

    wait: str = "30s"
    interval: str = "5m"
    repeat: str = "30d"
    again: str = "4h"
    daily: str = "1d"
    switch: str = "1m"
    at_any_hour: bool = False


class People(NamedTuple):
    """Everybody of one role who is reached alike; matchers of their CMOs, and of those they open.

    Their names begin as none of the monitor's own receivers does.
    """

    name: str
    role: str
    who: Role
    of: str
    first_of: str | None


def configuration(agreements: Iterable[Agreement], pace: Pace | None = None) -> dict[str, Any]:
    """Who hears of what, by the roles of these agreements, one of each CMO."""
    people = list(_people(agreements))
    everybody = {**OWN, **{each.name: each.who for each in people}}
    return {
        "global": GLOBAL,
        "templates": [TEMPLATE.name],
        "time_intervals": [each for name, who in everybody.items() for each in hours(name, who)],
        "route": _routes(people, pace or Pace()),
        "inhibit_rules": _inhibited(),
        "receivers": [
            *(by_their_contacts(name, who) for name, who in everybody.items()),
            *(
                by_their_contacts(hears_of_clearings(name, who), without_waking(who))
                for name, who in everybody.items()
                if hears_of_clearings(name, who) != name
            ),
            heartbeat(SWITCH),
            {"name": NOBODY},
        ],
    }


def _people(agreements: Iterable[Agreement]) -> Iterator[People]:
    """The roles on the ladders, one entry for all CMOs that share the very same people."""
    agreed = list(agreements)
    own = [each.cmo for each in agreed if each.cmo is not None]
    alike: dict[tuple[str, str, bool], list[Agreement]] = {}
    for agreement in agreed:
        for rung in agreement.ladder:
            who = agreement.roles[rung.role].model_dump_json()
            alike.setdefault((rung.role, who, agreement.default), []).append(agreement)
    variants = [role for role, *_ in alike]
    for (role, *_), theirs in alike.items():
        alone = variants.count(role) == 1
        first = [each for each in theirs if each.ladder[0].role == role]
        yield People(
            f"role:{role}" if alone else f"role:{role}:{theirs[0].cmo or '*'}",
            role,
            theirs[0].roles[role],
            _cmos(theirs, own),
            _cmos(first, own) if first else None,
        )


def _cmos(agreements: Iterable[Agreement], own: Iterable[str]) -> str:
    """A matcher of the CMOs of these agreements; the default one is for whoever has none."""
    named = [each.cmo for each in agreements if each.cmo is not None]
    return _one_of("cmo", named) if named else f'cmo!~"{"|".join(own)}"'


def _routes(people: Iterable[People], pace: Pace) -> Mapping[str, object]:
    """A CMO's meltdown is one message; what is no CMO's, of the pipeline, is another."""
    people = list(people)
    waits = _waits(TICKETS, OWN[TICKETS], pace)
    tickets = {"receiver": TICKETS, "matchers": [_is("severity", TICKET)], **waits}
    return {
        "receiver": ON_CALL,
        "group_by": ["cmo"],
        "group_wait": pace.wait,
        "group_interval": pace.interval,
        "repeat_interval": pace.repeat,
        "routes": [
            {
                "receiver": SWITCH,
                "matchers": [_is("alertname", DEAD_MANS_SWITCH)],
                "group_wait": "0s",
                "group_interval": pace.switch,
                "repeat_interval": pace.switch,
            },
            {"receiver": NOBODY, "matchers": [_is("severity", UNNOTIFIED)]},
            {
                "receiver": ON_CALL,
                "matchers": [_is("alertname", ESCALATED)],
                "group_by": ["cmo", "role"],
                "repeat_interval": pace.again,
                "routes": [
                    *(route for each in people for route in _climbed(each, pace, each.name)),
                    tickets,
                ],
            },
            _cleared(people, pace),
            *(_paged(each, each.name) for each in people if each.first_of),
            {"receiver": ON_CALL, "matchers": [_is("severity", PAGE)]},
            *(_first(each, pace) for each in people if each.first_of),
            {**tickets, "repeat_interval": pace.daily},
        ],
    }


def _climbed(people: People, pace: Pace, to: str) -> Iterator[Mapping[str, object]]:
    """What has climbed to people: a page at any hour, anything else when they work."""
    theirs = [_is("role", people.role), people.of]
    if waits := _waits(people.name, people.who, pace):
        yield {"receiver": to, "matchers": [*theirs, _is("severity", PAGE)]}
        yield {"receiver": to, "matchers": theirs, **waits}
    else:
        yield {"receiver": to, "matchers": theirs}


def _cleared(people: Iterable[People], pace: Pace) -> Mapping[str, object]:
    """That a breach is over, to whoever was told of it: at any hour only if it may have paged.

    A notice of no role is for whom the first alert went to; those need none of their role besides.
    """
    people = list(people)
    on_call = hears_of_clearings(ON_CALL, OWN[ON_CALL])
    to = {each.name: hears_of_clearings(each.name, each.who) for each in people}
    first = [each for each in people if each.first_of]
    unnamed, page = _is("role", ""), _is("severity", PAGE)
    waits = _waits(TICKETS, OWN[TICKETS], pace)
    return {
        "receiver": on_call,
        "matchers": [_is("alertname", CLEARED)],
        "group_by": ["cmo", "role"],
        "routes": [
            *(_paged(each, to[each.name], unnamed) for each in first),
            {"receiver": on_call, "matchers": [unnamed, page]},
            *(
                {
                    "receiver": to[each.name],
                    "matchers": [unnamed, each.first_of],
                    **_waits(each.name, each.who, pace),
                }
                for each in first
            ),
            *(
                {"receiver": NOBODY, "matchers": [_is("role", each.role), each.first_of]}
                for each in first
            ),
            *(route for each in people for route in _climbed(each, pace, to[each.name])),
            {"receiver": TICKETS, "matchers": [_is("severity", TICKET)], **waits},
        ],
    }


def hears_of_clearings(name: str, who: Role) -> str:
    """The receiver of people for what wakes nobody: another one for those with a way less."""
    return name if without_waking(who) == who else f"{name}:cleared"


def _paged(people: People, to: str, *besides: str) -> Mapping[str, object]:
    """A page of CMOs on whose ladder these people come first: to them too, at any hour."""
    matchers = [*besides, _is("severity", PAGE), str(people.first_of)]
    return {"receiver": to, "matchers": matchers, "continue": True}


def _first(people: People, pace: Pace) -> Mapping[str, object]:
    """The tickets of those CMOs; what is no breach has no ladder, and is said again every day."""
    theirs = [_is("severity", TICKET), str(people.first_of)]
    return {
        "receiver": people.name,
        "matchers": theirs,
        **_waits(people.name, people.who, pace),
        "routes": [
            {
                "receiver": people.name,
                "matchers": [_is("nth", "")],
                "repeat_interval": pace.daily,
                **_waits(people.name, people.who, pace),
            }
        ],
    }


def _waits(name: str, who: Role, pace: Pace) -> Mapping[str, object]:
    return {} if pace.at_any_hour else in_their_hours(name, who)


def _is(label: str, value: str) -> str:
    return f'{label}="{value}"'


def _one_of(label: str, values: Iterable[str]) -> str:
    return f'{label}=~"{"|".join(values)}"'


def _inhibited() -> list[Mapping[str, object]]:
    """What is worse keeps quiet what follows from it.

    A silent or gapped feed keeps quiet that readings turned unknown, and nothing else: a CMO must
    not mute its breaches by saying nothing.
    """
    return [
        {
            "source_matchers": [_is("severity", PAGE)],
            "target_matchers": [_is("severity", TICKET)],
            "equal": ["alertname", "nth", "breach_id", "role", *_SCOPE],
        },
        {
            "source_matchers": [_one_of("alertname", (alert_name(FEED_SILENCE), GAP, IN_DOUBT))],
            "target_matchers": [_is("alertname", TURNED_UNKNOWN)],
            "equal": ["cmo"],
        },
        {
            "source_matchers": [_is("alertname", WORKER_DOWN)],
            "target_matchers": [_one_of("alertname", WATCHED)],
        },
        {
            "source_matchers": [_is("alertname", BROKER_UNREACHABLE)],
            "target_matchers": [_one_of("alertname", UNHEARD)],
        },
        {
            "source_matchers": [_is("alertname", CLOCK_OFF)],
            "target_matchers": [_is("alertname", NOT_READY)],
            "equal": ["partition"],
        },
    ]


def documents(agreements: Path, day: date | None = None) -> dict[Path, str]:
    """Every file of Alertmanager's, by its path in the project, for the agreements of a folder.

    Those count that are in force on a day, today if none is given. Raises `InvalidAgreement` for
    one that cannot be used.
    """
    agreed = read_agreements(agreements, use_default=True)
    configured = as_yaml(
        configuration(agreed.in_force(day or datetime.now(UTC).date())),
        "Made from deploy/alertmanager, deploy/links.py and the agreements by `cmowatch render`;",
        "change it there. What is secret lies in the files that are named here.",
    )
    return {CONFIG: configured, TEMPLATE: template()}


def without_a_ladder(agreements: Path, day: date | None = None) -> list[str]:
    """The CMOs of a folder's agreements for whom nobody is named on a day, or else today.

    For one that was left there is nothing to name anybody for.
    """
    agreed, day = read_agreements(agreements, use_default=False), day or datetime.now(UTC).date()
    named = {each.cmo for each in agreed.in_force(day) if each.ladder}
    return [each for each in agreed.cmos if each not in named and not agreed.has_ended(each, day)]
