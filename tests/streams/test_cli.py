"""Each command says what it did, what it refused and why, and ends with the code it promises."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from events.errors import Undelivered
from events.publish import Delivery
from streams.cli import main
from streams.commands import publish
from streams.commands.refused import printable

MAPPING = """\
zone: UTC
events:
  - type: cmo.lot.completed.v1
    fields:
      id: {template: "{Lot}-done"}
      source: {constant: /cmo/acme}
      partitionkey: {constant: acme}
      time: {column: Done, date: "%Y-%m-%d"}
      data.lot: {column: Lot}
"""
TABLE = "Lot,Done\nL1,2024-05-02\nL2,soon\nL3,2024-05-03\n"


def run(*arguments: str, **given: Any) -> Result:
    return CliRunner().invoke(main, arguments, **given)


def line(**changes: Any) -> str:
    said = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/cmo/acme",
        "type": "cmo.lot.completed.v1",
        "time": "2024-05-02T10:00:00Z",
        "data": {"lot": "L1"},
        **changes,
    }
    return json.dumps(said) + "\n"


class FakePublisher:
    """Delivers whatever it is given, except the ids it was told to fail."""

    fails: frozenset[str] = frozenset()
    sent: tuple[str, ...] = ()

    def __init__(self, brokers: str, *, report: Any, state: Any, security: Any) -> None:
        type(self).asked = (brokers, state, security)
        type(self).sent = ()
        self._report = report

    asked: tuple[Any, ...] = ()

    def __enter__(self) -> "FakePublisher":
        return self

    def __exit__(self, *_: object) -> None:
        """Everything was reported on the way."""

    def publish(self, event: Any) -> None:
        failed = event.id in self.fails
        error = Undelivered("late") if failed else None
        type(self).sent += () if failed else (event.id,)
        self._report(Delivery(event, event.topic, error=error))


@pytest.fixture(autouse=True)
def publisher(monkeypatch: pytest.MonkeyPatch) -> type[FakePublisher]:
    monkeypatch.setattr(publish, "Publisher", FakePublisher)
    monkeypatch.setattr(FakePublisher, "fails", frozenset())
    return FakePublisher


def test_the_help_shows_how_to_begin() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "cmowatch publish events.ndjson" in result.output


@pytest.mark.parametrize("command", sorted(main.commands))
def test_the_help_of_a_command_keeps_its_examples_as_they_are_written(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert "\\b" not in result.output


def test_events_are_sent_and_counted(publisher: type[FakePublisher]) -> None:
    result = run("publish", "-", input=line() + line(id="e2"))
    assert (result.exit_code, publisher.sent) == (0, ("e1", "e2"))
    assert "sent 2, refused 0, undelivered 0" in result.stderr
    assert publisher.asked == ("localhost:9092", None, {"security_protocol": "PLAINTEXT"})


def test_a_bad_line_is_told_and_the_good_ones_are_sent(publisher: type[FakePublisher]) -> None:
    bad = line(data={"lot": 7})
    result = run("publish", "-", input=line() + bad + line(id="e3"))
    assert (result.exit_code, publisher.sent) == (1, ("e1", "e3"))
    assert "line 2: data.lot = '7': invalid_value: Input should be a valid string" in result.stderr


def test_an_undelivered_event_is_told(publisher: type[FakePublisher]) -> None:
    publisher.fails = frozenset({"e1"})
    result = run("publish", "-", input=line())
    assert result.exit_code == 1
    assert "cmo.lots: event e1: Undelivered: late" in result.stderr


def test_the_brokers_may_come_from_the_environment(publisher: type[FakePublisher]) -> None:
    run("publish", "-", input=line(), env={"CMOWATCH_BROKERS": "kafka:1"})
    assert publisher.asked[0] == "kafka:1"


LOGIN = {
    "CMOWATCH_SECURITY": "SASL_PLAINTEXT",
    "CMOWATCH_USERNAME": "acme",
    "CMOWATCH_PASSWORD": "hunter2",
}


def test_the_login_comes_from_the_environment(publisher: type[FakePublisher]) -> None:
    run("publish", "-", input=line(), env=LOGIN)
    assert publisher.asked[2] == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "acme",
        "sasl_plain_password": "hunter2",
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"CMOWATCH_SECURITY": "sasl"}, 2),
        ({"CMOWATCH_USERNAME": None}, 2),
        ({"CMOWATCH_PASSWORD_FILE": "nowhere"}, 2),
        ({"CMOWATCH_PASSWORD": None, "CMOWATCH_PASSWORD_FILE": "nowhere"}, 2),
    ],
)
def test_a_login_that_cannot_work_is_told_without_its_password(
    change: dict[str, str | None], code: int
) -> None:
    result = run("publish", "-", input=line(), env={**LOGIN, **change})
    assert result.exit_code == code, result.output
    assert "hunter2" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments", [("publish",), ("publish", "nowhere.ndjson"), ("publish", "-", "--no"), ("no",)]
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_table_becomes_events_and_a_bad_cell_is_told(tmp_path: Path) -> None:
    result, out = imported(tmp_path, "--out", str(tmp_path / "events.ndjson"))
    assert result.exit_code == 1
    assert "row 3: Done = 'soon'" in result.stderr
    assert "events written 2, faults found 1" in result.stderr
    assert [json.loads(text)["id"] for text in out.splitlines()] == ["L1-done", "L3-done"]


def test_a_table_may_be_published_at_once(publisher: type[FakePublisher], tmp_path: Path) -> None:
    imported(tmp_path, "--publish")
    assert publisher.sent == ("L1-done", "L3-done")


@pytest.mark.parametrize("where", [(), ("--publish", "--out", "-")], ids=["neither", "both"])
def test_an_import_goes_to_one_place(tmp_path: Path, where: tuple[str, ...]) -> None:
    result, _ = imported(tmp_path, *where)
    assert result.exit_code == 2


def test_a_mapping_that_cannot_be_used_is_an_error_of_one_line(tmp_path: Path) -> None:
    result, _ = imported(tmp_path, "--out", "-", mapping="events: []")
    assert result.exit_code == 1
    assert "Traceback" not in result.output


def imported(tmp_path: Path, *where: str, mapping: str = MAPPING) -> tuple[Result, str]:
    (tmp_path / "mapping.yaml").write_text(mapping)
    (tmp_path / "table.csv").write_text(TABLE)
    arguments = ("--mapping", str(tmp_path / "mapping.yaml"), str(tmp_path / "table.csv"))
    result = run("import", *arguments, *where)
    out = tmp_path / "events.ndjson"
    return result, out.read_text() if out.exists() else ""


def test_the_contract_is_written_and_checked(tmp_path: Path) -> None:
    folder = ("--folder", str(tmp_path))
    assert run("contract", *folder).exit_code == 0
    assert run("contract", "--check", *folder).exit_code == 0
    (tmp_path / "docs/contract/asyncapi.json").write_text("{}")
    result = run("contract", "--check", *folder)
    assert result.exit_code == 1
    assert "asyncapi.json: differs" in result.stderr


def test_a_check_writes_nothing(tmp_path: Path) -> None:
    run("contract", "--check", "--folder", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_what_moves_a_cursor_is_printed_as_its_code() -> None:
    assert printable("a\x1b[2Jb\nc") == r"a\x1b[2Jb\nc"
    assert printable("Ärzte") == "Ärzte"
