"""Each command on a broker that asks for passwords: with its rights, without, and not let in.

The rights are those of the commands in docs/deploy.md. No output has a secret in it.
"""

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka.admin import ACL

from deploy.alertmanager.routing import Pace
from deploy.lab.servers import LocalAlertmanager
from events.data import DEAD_LETTERS, INBOUND, LOTS
from events.errors import NotPermitted
from events.publish import Publisher
from streams.settings import Settings
from tests.conftest import delete, empty
from tests.end_to_end.alerting import silence
from tests.end_to_end.conftest import ROOT, Worker, eventually
from tests.end_to_end.rights import acls, grant, of_the_page, withdraw
from tests.end_to_end.secure_kafka import SecureKafka, certify

pytestmark = [pytest.mark.broker, pytest.mark.slow]

WATCHING = Path(__file__).with_name("watching_worker.py")
USERS = (
    *("cmowatch-topics", "cmowatch-worker", "cmowatch-replay", "cmowatch-acknowledgements"),
    *("sponsor", "acme", "nobody", "quiet-worker"),
)
PASSWORDS = {name: f"of-{name[::-1]}-7" for name in USERS}
WRONG = "a-guess-of-somebody"
FORBIDDEN = 77
TRIES_FOR = 15
"""Seconds for which a client looks for a broker that does not answer."""
QUIET = (
    *acls("--allow-principal User:quiet-worker --operation Read --group cmowatch"),
    *acls(
        "--allow-principal User:quiet-worker --operation Read --operation DescribeConfigs "
        "--topic cmo. --resource-pattern-type prefixed"
    ),
    *acls(
        "--allow-principal User:quiet-worker --operation Write --operation Describe "
        "--transactional-id cmowatch- --resource-pattern-type prefixed"
    ),
)
"""What a worker needs but to write what it has to say."""


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    exit_code: int
    output: str


class Secure(NamedTuple):
    """The broker, and what a user of it has in the environment."""

    kafka: SecureKafka
    files: Path

    def environment(self, user: str, **changed: str) -> dict[str, str]:
        return {
            "CMOWATCH_BROKERS": self.kafka.secure,
            "CMOWATCH_PARTITIONS": "2",
            "CMOWATCH_SECURITY": "SASL_SSL",
            "CMOWATCH_USERNAME": user,
            "CMOWATCH_PASSWORD_FILE": str(self.files / user),
            "CMOWATCH_CA_FILE": str(self.kafka.ca_file),
            **changed,
        }

    def run(self, user: str, *arguments: str, **changed: str) -> Ended:
        """Runs `cmowatch` as a user; what it says has no secret in it, whatever becomes of it."""
        done = subprocess.run(
            [sys.executable, "-c", "from deploy.cli import main; main()", *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment(user, **changed)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ended(done.returncode, without_secrets(done.stdout + done.stderr))


def without_secrets(output: str) -> str:
    assert [name for name, secret in PASSWORDS.items() if secret in output] == []
    assert WRONG not in output
    assert "Traceback" not in output
    return output


@pytest.fixture(scope="session")
def broker_with_passwords(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    files = tmp_path_factory.mktemp("passwords")
    for name, password in PASSWORDS.items():
        (files / name).write_text(f"{password}\n")
    (files / "wrong").write_text(WRONG)
    with SecureKafka(PASSWORDS) as kafka:
        grant(kafka.brokers, [*of_the_page(), *QUIET])
        yield Secure(kafka, files)


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The certificate of an authority that signed nothing of the broker."""
    folder = tmp_path_factory.mktemp("other")
    certify(folder / "other.p12", folder / "other.pem")
    return str(folder / "other.pem")


@pytest.fixture
def secure(broker_with_passwords: Secure) -> Secure:
    """The broker with topics that are there and empty."""
    asyncio.run(empty(anybody(broker_with_passwords)))
    return broker_with_passwords


def anybody(secure: Secure) -> Settings:
    """Settings for the port where everybody may do everything."""
    return Settings(brokers=secure.kafka.brokers, partitions=2)


@pytest.fixture
def start(secure: Secure, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts a worker as a user; all that were started end with the test."""
    agreements = tmp_path / "agreements"
    agreements.mkdir()
    (agreements / "acme.yaml").write_text(
        'cmo: acme\nversion: "1"\neffective: 2020-01-01\ncontingency: Call.\n'
    )
    started: list[Worker] = []

    def start_as(user: str, **changed: str) -> Worker:
        given = secure.environment(user, CMOWATCH_AGREEMENTS=str(agreements), **FAST, **changed)
        started.append(Worker(given, tmp_path, WATCHING).start())
        return started[-1]

    yield start_as
    for worker in started:
        worker.kill()
        without_secrets(worker.errors.read_text())


FAST = {
    "CMOWATCH_SESSION_TIMEOUT": "6",
    "CMOWATCH_HEARTBEAT": "1",
    "CMOWATCH_TICK": "0.2",
    "CMOWATCH_DECLARE_TOPICS": "False",
}


def a_file(folder: Path, *types: str, source: str = "/cmo/acme") -> str:
    """A file of events, one of each type, of now."""
    said = [
        {
            "specversion": "1.0",
            "id": f"e{number}",
            "source": source,
            "type": kind,
            "time": datetime.now(UTC).isoformat(),
            "partitionkey": "acme",
            "data": DATA[kind],
        }
        for number, kind in enumerate(types)
    ]
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in said))
    return str(path)


COMPLETED, HELD = "cmo.lot.completed.v1", "cmo.review.held.v1"
DATA: dict[str, dict[str, Any]] = {
    COMPLETED: {"lot": "L1"},
    HELD: {"review": "R1", "period_start": "2026-01-01", "period_end": "2026-03-31"},
}


def test_the_topics_are_made_by_who_may(secure: Secure) -> None:
    asyncio.run(delete(anybody(secure), *INBOUND))
    made = secure.run("cmowatch-topics", "topics")
    assert (made.exit_code, made.output.count("created with 2 partitions")) == (0, len(INBOUND))
    assert secure.run("cmowatch-topics", "topics").output == "every topic is as it must be\n"


def test_topics_that_are_hidden_are_not_taken_for_missing(secure: Secure) -> None:
    hidden = secure.run("nobody", "topics")
    assert hidden.exit_code == FORBIDDEN, hidden.output
    assert "the brokers do not permit nobody to go on" in hidden.output
    assert "grant it Describe and DescribeConfigs on the topic cmo." in hidden.output
    read_only = secure.run("cmowatch-replay", "topics")
    assert (read_only.exit_code, "DescribeConfigs on" in read_only.output) == (FORBIDDEN, True)


def test_a_topic_that_may_not_be_made_is_told(secure: Secure) -> None:
    asyncio.run(delete(anybody(secure), LOTS))
    refused = secure.run("cmowatch-worker", "topics")
    assert refused.exit_code == FORBIDDEN, refused.output
    assert "grant it Create on the topic cmo.lots" in refused.output


def test_events_arrive_from_who_may_write_and_from_nobody_else(
    secure: Secure, tmp_path: Path
) -> None:
    path = a_file(tmp_path, COMPLETED, HELD)
    assert secure.run("sponsor", "publish", path).exit_code == 0
    acme = secure.run("acme", "publish", path)
    assert acme.exit_code == 1
    assert "cmo.actions: event e1: NotPermitted: " in acme.output
    assert "sent 1, refused 0, undelivered 1" in acme.output
    nobody = secure.run("nobody", "publish", path)
    assert (nobody.exit_code, nobody.output.count("NotPermitted")) == (1, 2), nobody.output
    assert "sent 0, refused 0, undelivered 2" in nobody.output


COMMANDS = {
    "topics": ("topics",),
    "publish": ("publish", "events.ndjson"),
    "replay": ("replay", "--topics", "--as-of", "2026-06-30", "--agreements", "agreements"),
    "worker": ("worker", "--agreements", "agreements"),
    "acknowledgements": ("acknowledgements", "--once"),
}
ASKING = ("topics", "publish", "replay", "worker")
"""Those that ask the brokers whatever there is to do."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    a_file(tmp_path, COMPLETED)
    (tmp_path / "agreements").mkdir()
    (tmp_path / "agreements" / "acme.yaml").write_text(
        'cmo: acme\nversion: "1"\neffective: 2020-01-01\ncontingency: Call.\n'
    )
    return tmp_path


@pytest.mark.parametrize("command", ASKING)
def test_a_wrong_password_is_told_at_once(
    broker_with_passwords: Secure, here: Path, command: str
) -> None:
    secure = broker_with_passwords
    wrong = str(secure.files / "wrong")
    ended = secure.run("sponsor", *COMMANDS[command], CMOWATCH_PASSWORD_FILE=wrong)
    assert ended.exit_code == FORBIDDEN, ended.output
    assert "authentication failed: check user, password and mechanism" in ended.output


@pytest.mark.parametrize("command", ["publish", "topics"])
def test_a_broker_whose_certificate_nobody_we_trust_signed_is_told_at_once(
    broker_with_passwords: Secure, here: Path, other: str, command: str
) -> None:
    ended = broker_with_passwords.run("sponsor", *COMMANDS[command], CMOWATCH_CA_FILE=other)
    assert ended.exit_code == FORBIDDEN, ended.output
    assert "trust who signed the broker's certificate: see the CA file" in ended.output


# kafka-python leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_a_publisher_that_is_refused_does_not_go_on_trying(
    broker_with_passwords: Secure, mechanism: str
) -> None:
    kafka, began = broker_with_passwords.kafka, time.monotonic()
    login = Settings(
        security="SASL_SSL",
        sasl_mechanism=mechanism,
        username="sponsor",
        password=WRONG,
        ca_file=kafka.ca_file,
    ).login()
    with (
        pytest.raises(NotPermitted, match="authentication failed") as refused,
        Publisher(kafka.secure, security=login),
    ):
        raise AssertionError("not reached")
    assert time.monotonic() - began < TRIES_FOR
    assert WRONG not in str(refused.value)
    gc.collect()


def test_the_topics_are_replayed_by_who_may_read_them(secure: Secure, here: Path) -> None:
    assert secure.run("sponsor", "publish", "events.ndjson").exit_code == 0
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    arguments = ("replay", "--topics", "--as-of", tomorrow, "--agreements", "agreements", "--json")
    read = secure.run("cmowatch-replay", *arguments)
    assert (read.exit_code, "read 1 events" in read.output) == (0, True), read.output
    refused = secure.run("sponsor", *arguments)
    assert refused.exit_code == FORBIDDEN, refused.output
    assert "grant it Read on the topic cmo.dead-letters" in refused.output


@pytest.mark.parametrize("operation", ["Read", "Describe"])
def test_a_replay_without_one_topic_names_it(secure: Secure, here: Path, operation: str) -> None:
    assert secure.run("sponsor", "publish", "events.ndjson").exit_code == 0
    denied = f"--deny-principal User:cmowatch-replay --operation {operation} --topic {LOTS}"
    with changed(secure, acls(denied)):
        refused = eventually(
            lambda: forbidden(secure.run("cmowatch-replay", *COMMANDS["replay"])), "it is refused"
        )
    assert f"grant it Read on the topic {LOTS}" in refused.output


def forbidden(ended: Ended) -> Ended | None:
    """The same if it was not permitted; a broker hears of a right a moment after it was changed."""
    return ended if ended.exit_code == FORBIDDEN else None


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[LocalAlertmanager]:
    """An Alertmanager in which somebody has taken a breach on."""
    pace = Pace("1s", "1s", "1h", "2s", "1h", "1s", at_any_hour=True)
    with LocalAlertmanager(tmp_path / "alerting", lambda _: "http://127.0.0.1:9", pace=pace) as it:
        silence(it, "delivery_otif:acme:1")
        yield it


def test_who_takes_a_breach_on_is_passed_on_by_who_may_write_actions(
    secure: Secure, here: Path, alertmanager: LocalAlertmanager
) -> None:
    def passed_on(user: str, **changed: str) -> Ended:
        url = ("--alertmanager-url", alertmanager.url)
        return secure.run(user, *COMMANDS["acknowledgements"], *url, **changed)

    may = passed_on("cmowatch-acknowledgements")
    assert (may.exit_code, "delivery_otif:acme:1: Ada" in may.output) == (0, True), may.output
    may_not = passed_on("acme")
    assert may_not.exit_code == FORBIDDEN, may_not.output
    assert "let this user write the topic" in may_not.output
    wrong = str(secure.files / "wrong")
    unknown = passed_on("cmowatch-acknowledgements", CMOWATCH_PASSWORD_FILE=wrong)
    assert unknown.exit_code == FORBIDDEN, unknown.output
    assert "authentication failed: check user" in unknown.output


@contextmanager
def changed(secure: Secure, rights: list[ACL]) -> Iterator[None]:
    """Rights that are granted or denied for a while."""
    grant(secure.kafka.brokers, rights)
    try:
        yield
    finally:
        withdraw(secure.kafka.brokers, rights)


def test_a_worker_watches_with_the_rights_of_a_worker(
    secure: Secure, start: Callable[..., Worker], tmp_path: Path
) -> None:
    assert secure.run("sponsor", "publish", a_file(tmp_path, COMPLETED)).exit_code == 0
    refused = a_file(tmp_path, COMPLETED, source="/cmo/other")
    assert secure.run("acme", "publish", refused).exit_code == 0
    worker = start("cmowatch-worker")
    eventually(lambda: worker.ready(2), "it is ready")
    eventually(
        lambda: (
            worker.total("cmowatch_events_accepted_total") == 1
            and worker.total("cmowatch_outputs_due") == 0
        ),
        "an event is taken, and of the other is said why it is not",
    )
    assert worker.total("cmowatch_events_rejected_total") == 1
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0


def test_a_worker_that_may_not_join_its_group_says_so_and_ends(
    secure: Secure, start: Callable[..., Worker]
) -> None:
    worker = start("cmowatch-worker", CMOWATCH_GROUP="another")
    assert worker.ended() == FORBIDDEN
    assert "grant it Read on the group another" in worker.errors.read_text()


RUNNING = {
    "the group": ("--operation Read --group cmowatch", "Read on the group cmowatch"),
    "a topic": (f"--operation Read --topic {LOTS}", f"Read on the topic {LOTS}"),
    "how a topic is set": (
        f"--operation DescribeConfigs --topic {LOTS}",
        f"Describe and DescribeConfigs on the topic {LOTS}",
    ),
}


@pytest.mark.parametrize("what", RUNNING)
def test_a_worker_that_loses_a_right_while_it_runs_says_so_and_ends(
    secure: Secure, start: Callable[..., Worker], what: str
) -> None:
    denied, right = RUNNING[what]
    worker = start("cmowatch-worker")
    eventually(lambda: worker.ready(2), "it is ready")
    with changed(secure, acls(f"--deny-principal User:cmowatch-worker {denied}")):
        assert worker.ended(60) == FORBIDDEN, worker.errors.read_text()
    assert f"grant it {right}" in worker.errors.read_text()


def test_a_worker_that_may_not_be_the_writer_of_a_partition_says_so_and_ends(
    secure: Secure, start: Callable[..., Worker]
) -> None:
    denied = acls(
        "--deny-principal User:quiet-worker --operation Write "
        "--transactional-id cmowatch- --resource-pattern-type prefixed"
    )
    with changed(secure, denied):
        worker = start("quiet-worker")
        assert worker.ended() == FORBIDDEN, worker.errors.read_text()
    assert "grant it Write and Describe on the transactional ids" in worker.errors.read_text()


def test_a_worker_that_may_say_nothing_ends_before_it_has_to_and_names_the_right(
    secure: Secure, start: Callable[..., Worker]
) -> None:
    worker = start("quiet-worker")
    assert worker.ended() == FORBIDDEN, worker.errors.read_text()
    assert "grant it Write on the topic" in worker.errors.read_text()
    assert DEAD_LETTERS in worker.errors.read_text()
