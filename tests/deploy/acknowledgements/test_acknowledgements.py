"""Silences as acknowledgements: which are, what they say, and that each is said until delivered."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from pydantic import TypeAdapter
from pydantic_core import to_json

from deploy.acknowledgements import service
from deploy.acknowledgements.acknowledged import acknowledgements
from deploy.acknowledgements.service import Bridge
from deploy.acknowledgements.silences import AlertmanagerError, Silence, silences
from deploy.cli import main
from events.data import BreachAcknowledged
from events.errors import Undelivered
from events.event import Event
from events.publish import Delivery
from streams.settings import Settings

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BREACH = "delivery_otif:acme:1"
SILENCES = TypeAdapter(tuple[Silence, ...])
MATCHER = {"name": "breach_id", "value": BREACH, "isRegex": False, "isEqual": True}


def told(
    id_: str = "s1",
    *matchers: dict[str, Any],
    state: str = "active",
    starts: float = 0,
    ends: float = 4,
    changed: float = 0,
    **more: Any,
) -> dict[str, Any]:
    """A silence as Alertmanager's API tells of it; hours count from noon."""
    return {
        "id": id_,
        "status": {"state": state},
        "matchers": matchers or [MATCHER],
        "startsAt": _at(starts),
        "endsAt": _at(ends),
        "updatedAt": _at(changed),
        "createdBy": "Ada",
        "comment": "the planner is on it",
        **more,
    }


def _at(hours: float) -> str:
    """In nanoseconds, as Go writes it."""
    return f"{NOON + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}.000000789Z"


def said(*given: dict[str, Any]) -> list[Event]:
    read = SILENCES.validate_json(to_json(given))
    return list(acknowledgements(read, "/sponsor", pytest.fail))


def data(event: Event) -> BreachAcknowledged:
    assert isinstance(event.data, BreachAcknowledged)
    return event.data


def test_a_silence_of_a_breach_says_by_whom_it_was_taken_on_until_when_and_why() -> None:
    (event,) = said(told())
    assert data(event) == BreachAcknowledged(
        breach=BREACH, by="Ada", until=NOON + timedelta(hours=4), why="the planner is on it"
    )
    assert (event.source, event.partitionkey, event.time) == ("/sponsor", "acme", NOON)


def test_the_same_silences_say_the_same_under_the_same_id() -> None:
    assert said(told()) == said(told())
    (longer,), (before,) = said(told(ends=9, changed=1)), said(told())
    assert longer.id != before.id


@pytest.mark.parametrize(
    "matchers",
    [
        [{**MATCHER, "isRegex": True}],
        [{**MATCHER, "isEqual": False}],
        [{**MATCHER, "name": "cmo", "value": "acme"}],
        [MATCHER, {**MATCHER, "name": "role", "value": "planner"}],
        [{**MATCHER, "value": "acme"}],
    ],
    ids=["by a pattern", "by what it is not", "of a cmo", "for one role", "no id of a breach"],
)
def test_a_silence_by_anything_but_the_id_of_one_breach_takes_nothing_on(
    matchers: list[dict[str, Any]],
) -> None:
    assert said(told("s1", *matchers)) == []


def test_a_silence_to_come_or_run_out_says_nothing_and_one_that_was_ended_gives_back() -> None:
    assert said(told(state="pending")) == []
    assert said(told(state="expired", ends=4, changed=0)) == []
    (back,) = said(told(state="expired", ends=1, changed=1))
    assert data(back).until == back.time == NOON + timedelta(hours=1)


def test_a_breach_is_held_by_its_longest_silence_and_not_given_back_while_one_holds() -> None:
    short, long = told("a", ends=2), told("b", ends=8, changed=0.5)
    (event,) = said(short, long)
    assert data(event).until == NOON + timedelta(hours=8)
    ended = told("b", state="expired", ends=1, changed=1)
    (after,) = said(short, ended)
    assert data(after).until == NOON + timedelta(hours=2)
    assert after.time > event.time, "the later word counts"


def test_the_last_word_is_that_of_the_silence_that_changed_last() -> None:
    bobs = told("z", state="expired", ends=0.25, changed=0.25)
    adas = told("a", state="expired", ends=0.5, changed=0.4)
    assert said(bobs, adas) == [], "Ada's ran out by itself, and that was known"
    never_began = told("n", state="expired", starts=2, ends=2, changed=1)
    assert said(never_began) == []


def test_a_silence_no_event_can_be_made_of_is_refused_and_the_others_are_said() -> None:
    odd = [told("o", {**MATCHER, "value": value}) for value in ("x:!!!:1", "x:a:" + "y" * 600)]
    long = told("l", createdBy="A" * 9_000, comment="c" * 9_000)
    refused: list[str] = []
    read = SILENCES.validate_json(to_json([*odd, long]))
    (event,) = acknowledgements(read, "/sponsor", refused.append)
    assert len(refused) == 2
    assert "x:!!!:1: no breach has such an id" in refused[0]
    assert len(data(event).by) == len(data(event).why or "") == 4_000


def test_whoever_gives_no_name_is_somebody() -> None:
    (event,) = said(told(createdBy=" ", comment=""))
    assert (data(event).by, data(event).why) == ("somebody", None)


@contextmanager
def answering(body: bytes, status: int = 200) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"<html>Sign in</html>", 200, "does not answer as Alertmanager does"),
        (b'[{"id": "x"}]', 200, "does not answer as Alertmanager does"),
        (b"", 503, "HTTP Error 503"),
    ],
)
def test_what_is_no_alertmanager_is_told_by_its_address(
    body: bytes, status: int, reason: str
) -> None:
    with answering(body, status) as url, pytest.raises(AlertmanagerError, match=reason) as raised:
        silences(url)
    assert url in str(raised.value)
    with pytest.raises(AlertmanagerError, match="does not answer"):
        silences("http://127.0.0.1:9")


class Sent:
    """A publisher that remembers, and fails with the breaches it is told to."""

    failing: ClassVar[set[str]] = set()
    events: ClassVar[list[Event]] = []

    def __init__(self, *_: object, report: Any, **__: object) -> None:
        self._report = report

    def __enter__(self) -> "Sent":
        return self

    def publish(self, event: Event) -> None:
        if data(event).breach in Sent.failing:
            self._report(Delivery(event, event.topic, error=Undelivered("no broker")))
            return
        Sent.events.append(event)
        self._report(Delivery(event, event.topic, 0, 0))

    def __exit__(self, *_: object) -> None:
        """Everything is settled as it is published."""


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> type[Sent]:
    Sent.failing, Sent.events = set(), []
    monkeypatch.setattr(service, "Publisher", Sent)
    return Sent


def test_an_acknowledgement_is_handed_over_until_it_is_delivered_and_keeps_back_no_other(
    sent: type[Sent],
) -> None:
    sent.failing = {BREACH}
    other = told("s2", {**MATCHER, "value": "delivery_otif:borealis:1"})
    with answering(to_json([told(), other])) as url:
        passing = Bridge(url, "/sponsor", Settings())
        with pytest.raises(Undelivered):
            passing.pass_on()
        assert [event.partitionkey for event in sent.events] == ["borealis"]
        sent.failing = set()
        assert len(passing.pass_on()) == 1
        assert [event.partitionkey for event in sent.events] == ["borealis", "acme"]
        assert passing.pass_on() == []


def test_one_look_tells_what_it_passed_on_and_fails_by_name(sent: type[Sent]) -> None:
    with answering(to_json([told()])) as url:
        given = ["acknowledgements", "--once", "--alertmanager-url", url]
        done = CliRunner().invoke(main, given)
    assert done.exit_code == 0
    assert "delivery_otif:acme:1: Ada, until 2026-01-05 16:00" in done.output
    assert len(sent.events) == 1
    failed = CliRunner().invoke(main, [*given[:-1], "http://127.0.0.1:9"])
    assert failed.exit_code == 1
    assert "check --alertmanager-url" in failed.output
    wrong = CliRunner().invoke(main, [*given[:-1], "file:///etc/passwd"])
    assert wrong.exit_code == 2


def test_it_gives_up_after_failing_thirty_times_in_a_row(
    sent: type[Sent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threading.Event.wait", lambda *_: None)
    given = ["acknowledgements", "--alertmanager-url", "http://127.0.0.1:9"]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == service.UNAVAILABLE
    assert "30 of 30: http://127.0.0.1:9 does not answer" in done.output
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
