"""The ladder: who is notified of a breach that nobody has taken on, in the hours that they work."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from alerts.agreements import Agreement
from alerts.calendar import DAY, HOUR
from alerts.kpis import BY_NAME
from alerts.ladder import Ladder, Role, Rung
from events.breaches import Breach, BreachEvent
from events.values import microseconds
from tests.alerts.test_breaches import Watch, lines
from tests.builders import acknowledged, counted, days, forecast, hours, on, retracted

KPI = "delivery_otif"
EMAIL = ({"email": "somebody@sponsor.example"},)
MONDAY = datetime(2024, 1, 1, 9, tzinfo=UTC)
ALWAYS = Role.model_validate_json('{"side": "sponsor", "contacts": [{"email": "a@b.example"}]}')
OFFICE = Role.model_validate_json(
    '{"side": "cmo", "contacts": [{"slack": "#cmo"}], "zone": "Europe/Zurich",'
    ' "working_days": ["mon", "tue", "wed", "thu", "fri"], "hours": ["08:00", "17:00"]}'
)
ROLES = {"planner": ALWAYS, "head": ALWAYS, "board": ALWAYS}
LADDER = (
    Rung(role="planner", warning=86_400, critical=3_600),
    Rung(role="head", warning=3 * 86_400, critical=4 * 3_600),
    Rung(role="board", critical=86_400),
)


def climbing(good: int, bad: int, kpi: str = KPI, **terms: Any) -> Watch:
    return Watch(lines(good, bad), kpi, **{"roles": ROLES, "ladder": LADDER, **terms})


def climbed(events: list[BreachEvent]) -> list[tuple[str, int, str | None]]:
    return [(each.data.transition, each.data.tier, each.data.role) for each in events]


def breach(since: datetime, severity: Any = "critical", *notified: str, **more: Any) -> Breach:
    return Breach(
        breach="b",
        ordinal=1,
        transition="opened",
        kpi=KPI,
        cmo="acme",
        severity=severity,
        since=since,
        tier=len(notified),
        notified=notified,
        **more,
    )


def test_a_breach_climbs_a_level_as_each_of_its_ages_comes() -> None:
    watch = climbing(10, 10)
    assert climbed(watch.tick(on(20))) == [("opened", 0, None)]
    assert climbed(watch.tick(on(20) + hours(0.9))) == []
    assert climbed(watch.tick(on(20) + hours(1))) == [("escalated", 1, "planner")]
    assert climbed(watch.tick(on(20) + hours(3.9))) == []
    assert climbed(watch.tick(on(20) + hours(4))) == [("escalated", 2, "head")]
    assert climbed(watch.tick(on(20) + hours(24))) == [("escalated", 3, "board")]
    assert climbed(watch.tick(on(20) + days(9))) == []


def test_a_transition_that_comes_after_its_successor_takes_nothing_back() -> None:
    watch = climbing(10, 10, ladder=(Rung(role="head", warning=0),))
    opened, escalated = watch.due(on(20))
    for event in (escalated, opened):
        watch.ledger.fold(event)
    assert climbed(watch.due(on(20))) == []
    assert [each.breach.tier for each in watch.ledger.standing.values()] == [1]


def test_levels_that_were_missed_are_told_one_by_one_at_once() -> None:
    watch = climbing(10, 10)
    watch.tick(on(20))
    steps = watch.tick(on(20) + hours(5))
    assert climbed(steps) == [("escalated", 1, "planner"), ("escalated", 2, "head")]
    assert [step.id[-2:] for step in steps] == ["/2", "/3"]


def test_a_level_of_no_age_is_reached_as_the_breach_opens() -> None:
    watch = climbing(10, 10, ladder=(Rung(role="head", warning=0),))
    assert climbed(watch.tick(on(20))) == [("opened", 0, None), ("escalated", 1, "head")]


def test_a_warning_climbs_by_its_own_ages_and_never_to_a_level_for_critical_ones() -> None:
    watch = climbing(10, 2)
    assert climbed(watch.tick(on(20))) == [("opened", 0, None)]
    assert climbed(watch.tick(on(20) + hours(23))) == []
    assert climbed(watch.tick(on(20) + days(50))) == [
        ("escalated", 1, "planner"),
        ("escalated", 2, "head"),
    ]


def test_an_acknowledged_breach_climbs_no_further_until_its_time_has_run_out() -> None:
    watch = climbing(10, 10)
    (opened,) = watch.tick(on(20))
    taken = acknowledged(opened.data.breach, on(20) + hours(2), until=on(21))
    watch.tick(on(20) + hours(2))
    watch.tell(taken)
    assert climbed(watch.tick(on(20) + hours(3))) == [("acknowledged", 1, "planner")]
    assert climbed(watch.tick(on(21) - hours(1))) == []
    assert climbed(watch.tick(on(21))) == [("escalated", 2, "head"), ("escalated", 3, "board")]


def test_an_acknowledgement_that_is_given_back_lets_the_breach_climb_on() -> None:
    watch = climbing(10, 10)
    (opened,) = watch.tick(on(20))
    watch.tell(acknowledged(opened.data.breach, on(20), until=on(30)))
    assert climbed(watch.tick(on(20) + hours(2))) == [("acknowledged", 0, None)]
    back = acknowledged(opened.data.breach, on(20) + hours(3), until=on(20) + hours(3))
    watch.tell(back)
    steps = climbed(watch.tick(on(20) + hours(3)))
    assert steps == [("acknowledged", 0, None), ("escalated", 1, "planner")]


def test_a_breach_of_a_cmo_that_went_quiet_climbs_on() -> None:
    watch = climbing(10, 10, cadence={"cmo.inventory": 3_600})
    watch.tell(*lines(0, 0))
    (opened,) = watch.tick(on(20) - days(9) + hours(1))
    assert opened.data.transition == "opened"
    assert climbed(watch.tick(on(20)))[-1] == ("escalated", 3, "board")


def test_a_breach_without_a_reading_climbs_on_while_its_cmo_is_quiet() -> None:
    stock = [counted("pills", 0, day=0), forecast("pills", 100, end=99)]
    terms = {"cadence": {"cmo.inventory": 3_600}, "roles": ROLES, "ladder": LADDER}
    watch = Watch(stock, "days_of_supply", **terms)
    assert climbed(watch.tick(on(0) + hours(0.5))) == [("opened", 0, None)]
    watch.tell(*(retracted(each, on(1), "sponsor") for each in stock))
    assert climbed(watch.tick(on(2)))[-1] == ("escalated", 3, "board")


def test_nobody_is_called_over_a_kpi_that_only_waits_for_a_review() -> None:
    assert not BY_NAME["delivery_on_time"].notifies
    watch = climbing(10, 10, kpi="delivery_on_time")
    assert climbed(watch.tick(on(20))) == [("opened", 0, None)]
    assert watch.tick(on(40)) == []


def test_a_breach_climbs_as_critical_since_it_is_critical_and_stays_on_its_level_as_it_eases() -> (
    None
):
    watch = climbing(10, 2)
    watch.tick(on(20))
    watch.tell(*lines(0, 20, name="worse"))
    assert climbed(watch.tick(on(20) + hours(5))) == [("worsened", 0, None)]
    assert climbed(watch.tick(on(20) + hours(6))) == [("escalated", 1, "planner")]
    assert climbed(watch.tick(on(20) + hours(9))) == [("escalated", 2, "head")]
    watch.tell(*lines(138, 0, name="better"))
    assert climbed(watch.tick(on(20) + hours(10))) == [("eased", 2, "head")]


def test_a_breach_that_opens_again_begins_at_the_bottom() -> None:
    late = lines(10, 10)
    watch = climbing(0, 0)
    watch.tell(*late)
    watch.tick(on(20))
    watch.tick(on(21))
    watch.tell(*(retracted(each, on(22), "sponsor") for each in late))
    assert [transition for transition, _, _ in climbed(watch.tick(on(23)))] == ["cleared"]
    watch.tell(*lines(10, 10, name="again"))
    assert climbed(watch.tick(on(24))) == [("opened", 0, None)]


def test_an_age_is_counted_in_the_hours_that_the_people_work() -> None:
    ladder = Ladder((Rung(role="office", critical=3_600),), {"office": OFFICE})
    friday_evening = MONDAY + timedelta(days=4, hours=6, minutes=30)  # 16:30 in Zurich
    (step,) = ladder.ahead(breach(friday_evening))
    assert step.at == microseconds(MONDAY + timedelta(days=7)) - HOUR // 2 - HOUR  # 08:30 there


def test_whoever_is_at_work_is_told_whether_those_below_are_or_not() -> None:
    roles = {"office": OFFICE, "always": ALWAYS}
    ladder = Ladder((Rung(role="office", critical=0), Rung(role="always", critical=3_600)), roles)
    saturday = MONDAY + timedelta(days=5)
    at = [step.at for step in ladder.ahead(breach(saturday))]
    assert at == [microseconds(saturday) + HOUR] * 2


def test_what_is_ahead_goes_by_who_was_told() -> None:
    ladder = Ladder(LADDER, ROLES)
    since = microseconds(MONDAY)
    assert ladder.ahead(breach(MONDAY, "critical", "planner"))[0] == (2, "head", since + 4 * HOUR)
    assert ladder.ahead(breach(MONDAY, "warning", "planner", "head")) == []
    assert ladder.ahead(breach(MONDAY, "warning"))[0].at == since + DAY


def test_a_warning_of_long_standing_that_turns_critical_is_no_later_told_for_it() -> None:
    ladder = Ladder(LADDER, ROLES)
    worsened = MONDAY + timedelta(hours=23, minutes=30)
    (first, second, _) = ladder.ahead(breach(MONDAY, worsened=worsened))
    assert first.at == microseconds(MONDAY) + DAY, "as a warning, half an hour before"
    assert second.at == microseconds(worsened) + 4 * HOUR


def test_on_a_ladder_that_has_changed_nobody_was_told_who_was_not_and_nobody_is_twice() -> None:
    rungs = Rung(role="board", critical=0), Rung(role="planner", critical=0)
    ahead = Ladder(rungs, ROLES).ahead(breach(MONDAY, "critical", "planner"))
    assert [(step.tier, step.role) for step in ahead] == [(2, "board")]


def test_only_the_sponsors_word_of_a_breach_that_has_opened_keeps_its_ladder_down() -> None:
    watch = climbing(10, 10)
    name = "delivery_otif:acme:1"
    watch.tell(acknowledged(name, on(1)), acknowledged(name, on(20) + hours(0.5), by="cmo"))
    assert climbed(watch.tick(on(20))) == [("opened", 0, None)]
    assert climbed(watch.tick(on(20) + hours(1))) == [("escalated", 1, "planner")]
    watch.tell(acknowledged(name, on(20) + hours(2)))
    assert climbed(watch.tick(on(20) + hours(4))) == [("acknowledged", 1, "planner")]


def test_a_late_word_of_a_breach_that_has_cleared_or_of_an_earlier_one_changes_nothing() -> None:
    late = lines(10, 10)
    watch = climbing(0, 0, ladder=(Rung(role="head", warning=0),))
    watch.tell(*late)
    first = watch.due(on(20))
    for event in first[:1]:
        watch.ledger.fold(event)
    watch.tell(*(retracted(each, on(22), "sponsor") for each in late))
    cleared = watch.tick(on(23))[-1]
    assert cleared.data.transition == "cleared"
    watch.ledger.fold(first[1])
    assert not watch.ledger.standing
    watch.tell(*lines(10, 10, name="again"))
    (opened, _) = watch.tick(on(24))
    assert opened.data.breach == "delivery_otif:acme:2"
    watch.ledger.fold(cleared)
    assert [each.breach.breach for each in watch.ledger.standing.values()] == [opened.data.breach]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"hours": ("17:00", "08:00")}, "when work begins"),
        ({"hours": ("8", "17:00")}, "pattern"),
        ({"hours": (1020, 1080)}, "string"),
        ({"zone": "Mars/Olympus"}, "IANA"),
        ({"contacts": ()}, "at least 1"),
        ({"contacts": ({"email": "a@b.example", "slack": "#x"},)}, "give one of"),
        ({"contacts": ({},)}, "give one of"),
        ({"contacts": ({"teams": "https://hook.example/secret"},)}, "pattern"),
        ({"contacts": ({"webhook": "../../etc/passwd"},)}, "pattern"),
    ],
)
def test_a_role_that_cannot_be_reached_or_has_no_hours_is_refused(
    changed: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        Role.model_validate({"side": "cmo", "contacts": EMAIL, **changed})


@pytest.mark.parametrize(
    ("ladder", "reason"),
    [
        (({"role": "nobody", "warning": 0},), "nobody is no role"),
        (({"role": "planner"},), "give the age"),
        (({"role": "planner", "warning": 0}, {"role": "planner", "warning": 1}), "two tiers"),
        (({"role": "planner", "warning": -1},), "greater than or equal to 0"),
    ],
)
def test_a_ladder_that_nobody_could_climb_is_refused(ladder: Any, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Agreement.model_validate(
            {
                "cmo": "acme",
                "version": "1",
                "effective": on(0).date(),
                "contingency": "Call.",
                "roles": {"planner": {"side": "cmo", "contacts": EMAIL}},
                "ladder": ladder,
            }
        )
