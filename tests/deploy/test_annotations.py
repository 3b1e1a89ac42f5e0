"""Annotations: every breach once, from when it opened to when it cleared, and nothing of others."""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from deploy.grafana import command
from deploy.grafana.board import MADE
from events.breaches import Breach, BreachEvent, Transition
from events.data import BREACHES
from streams.kafka.whole_log import transitions
from streams.settings import Settings
from tests.builders import on
from tests.deploy.grafana_server import TOKEN, State, serving

BREACH = "delivery_on_time:acme:pills:1"
NO_CHANGE = "no change in the organisation Main Org.\n"


@pytest.fixture
def grafana() -> Iterator[State]:
    with serving() as state:
        yield state


def turned(
    transition: Transition, ordinal: int, at: datetime, breach: str = BREACH, **said: Any
) -> BreachEvent:
    kpi, cmo, *scope, _ = breach.split(":")
    told = {"severity": "warning", "value": 0.85, "warning": 0.9, "critical": 0.8, "n": 40, **said}
    data = Breach(
        breach=breach,
        ordinal=ordinal,
        transition=transition,
        kpi=kpi,
        cmo=cmo,
        product=scope[0] if scope else None,
        since=on(1),
        **told,
    )
    type_, id_ = f"cmowatch.breach.{transition}.v1", f"{breach}/{ordinal}"
    return BreachEvent(id=id_, type=type_, time=at, partitionkey=cmo, data=data)


OPENED = turned("opened", 1, on(1))
WORSENED = turned("worsened", 2, on(3), severity="critical", value=0.7, n=50)
CLEARED = turned("cleared", 3, on(9), value=0.95, n=60, cleared_by="improved")


@pytest.fixture
def run(tmp_path: Path, grafana: State, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command over a topic with these transitions."""
    token = tmp_path / "token"
    token.write_text(TOKEN)

    def over(events: Iterable[BreachEvent], *options: str) -> Result:
        async def read(_: Settings) -> list[BreachEvent]:
            return list(events)

        monkeypatch.setattr(command, "transitions", read)
        given = ["--url", grafana.url, "--token-file", str(token), *options]
        result = CliRunner().invoke(command.provision, ["annotations", *given])
        assert TOKEN not in result.output
        return result

    return over


def the_one(grafana: State) -> dict[str, Any]:
    [found] = grafana.annotations.values()
    return found


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1_000)


def test_a_breach_that_stands_is_a_point_with_what_is_and_what_was_agreed(
    run: Any, grafana: State
) -> None:
    result = run([OPENED])
    assert (result.exit_code, "+ annotation" in result.output) == (0, True), result.output
    found = the_one(grafana)
    assert (found["time"], found["timeEnd"]) == (ms(on(1)), ms(on(1)))
    assert found["text"] == (
        f"Delivered on time, acme pills: 0.85 against 0.9 (warning), n 40; open. {BREACH}"
    )
    about = {"breach:delivery_on_time/acme/pills/1", "cmo:acme", "kpi:delivery_on_time"}
    assert set(found["tags"]) == {MADE, *about}


def test_a_breach_that_cleared_ends_then_and_tells_how_bad_it_was(run: Any, grafana: State) -> None:
    run([OPENED])
    assert '+ "timeEnd"' in run([OPENED, WORSENED, CLEARED]).output
    found = the_one(grafana)
    assert (found["time"], found["timeEnd"]) == (ms(on(1)), ms(on(9)))
    assert "0.7 against 0.8 (critical), n 50; cleared: improved" in found["text"]


def test_a_second_run_changes_no_annotation(run: Any, grafana: State) -> None:
    events = [OPENED, turned("opened", 1, on(2), "feed_silence:acme:cmo.lots:1"), CLEARED]
    run(events)
    grafana.asked.clear()
    assert run(events).output == NO_CHANGE
    assert grafana.written == []


def test_a_dry_run_shows_annotations_and_writes_none(run: Any, grafana: State) -> None:
    result = run([OPENED], "--dry-run")
    assert "1 to change" in result.output
    assert grafana.written == []


def test_a_transition_told_again_or_late_changes_nothing(run: Any, grafana: State) -> None:
    run([OPENED, WORSENED, CLEARED])
    again = turned("worsened", 2, on(30), severity="critical", value=0.1)
    ended_again = turned("cleared", 3, on(30), cleared_by="corrected")
    assert run([OPENED, WORSENED, CLEARED, again, ended_again]).output == NO_CHANGE
    assert run([WORSENED, CLEARED, OPENED]).output == NO_CHANGE


def test_what_a_person_noted_is_left_alone(run: Any, grafana: State) -> None:
    theirs = {"time": 1, "timeEnd": 1, "text": "audit", "dashboardUID": ""}
    grafana.annotations = {
        90: {"id": 90, **theirs, "tags": [MADE]},
        91: {"id": 91, **theirs, "tags": ["breach:x"]},
        92: {"id": 92, **theirs, "tags": [MADE, "breach:x"], "dashboardUID": "theirs"},
    }
    before = dict(grafana.annotations)
    assert run([]).output == NO_CHANGE
    assert grafana.annotations == before


def test_one_that_was_changed_doubled_or_is_of_no_breach_is_mended(
    run: Any, grafana: State
) -> None:
    run([OPENED])
    kept = the_one(grafana)
    wanted = dict(kept)
    gone = {**kept, "id": 8, "tags": [MADE, "breach:gone"], "text": "gone"}
    grafana.annotations |= {7: {**kept, "id": 7}, 8: gone}
    kept["text"] = "by hand"
    result = run([OPENED])
    assert "3 changed" in result.output
    assert "- annotation breach:gone" in result.output
    assert the_one(grafana) == wanted
    assert run([OPENED]).output == NO_CHANGE


def test_what_a_name_holds_is_no_markup(run: Any, grafana: State) -> None:
    run([turned("opened", 1, on(1), "delivery_on_time:acme:<b>x</b>:1")])
    assert "<b>" not in the_one(grafana)["text"]


def test_a_long_id_fits_a_tag_and_stays_one(run: Any, grafana: State) -> None:
    events = [turned("opened", 1, on(1), f"delivery_on_time:{'a' * 128}:{n}") for n in (1, 2)]
    run(events)
    parts = [tag.split(":")[-1] for a in grafana.annotations.values() for tag in a["tags"]]
    assert max(map(len, parts)) <= 100
    assert len(grafana.annotations) == 2
    assert run(events).output == NO_CHANGE


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((status, {"message": "no"}) for status in (400, 401, 403, 404, 409, 412, 500)),
        (200, "<!doctype html><title>Log in</title> message"),
        (502, "<html>message</html>"),
    ],
)
def test_an_answer_that_is_no_success_is_told(
    run: Any, grafana: State, method: str, status: int, body: Any
) -> None:
    run([OPENED])
    grafana.annotations[7] = {**the_one(grafana), "id": 7}
    grafana.instead[method, "/api/annotations"] = status, body
    changed = [OPENED, CLEARED, turned("opened", 1, on(2), "feed_silence:acme:cmo.lots:1")]
    result = run(changed)
    assert result.exit_code == 1
    assert "Operator action:" in result.output
    assert "Traceback" not in result.output


def test_where_no_broker_answers_nothing_is_written(grafana: State, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    given = ["--url", grafana.url, "--token-file", str(tmp_path / "token")]
    arguments = ["annotations", *given, "--brokers", "127.0.0.1:9"]
    result = CliRunner().invoke(command.provision, arguments)
    assert (result.exit_code, grafana.written) == (1, [])
    assert "127.0.0.1:9 does not answer as a Kafka broker" in result.output


@pytest.mark.broker
def test_the_topic_tells_its_transitions_and_passes_over_what_is_none(settings: Settings) -> None:
    async def through_the_topic() -> list[BreachEvent]:
        producer = AIOKafkaProducer(**settings.client())
        await producer.start()
        try:
            for value in (OPENED.json_line(), b"{}", None, CLEARED.json_line()):
                await producer.send_and_wait(BREACHES, value, key=b"acme")
        finally:
            await producer.stop()
        return await transitions(settings)

    assert asyncio.run(through_the_topic()) == [OPENED, CLEARED]
