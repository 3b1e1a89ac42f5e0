"""What cannot be used is named, and ends every command alike."""

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from deploy.cli import main
from streams.commands.configuration import WRONG

LINE = (
    '{"specversion":"1.0","id":"e1","source":"/cmo/acme","type":"cmo.lot.completed.v1",'
    '"time":"2024-05-02T10:00:00Z","data":{"lot":"L1"}}\n'
)
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
CONFIGURED = {
    "publish": ("publish", "events.ndjson"),
    "import": ("import", "table.csv", "--mapping", "mapping.yaml", "--publish"),
    "topics": ("topics",),
    "worker": ("worker", "--agreements", "agreements"),
    "replay FILE": ("replay", "events.ndjson", "--as-of", "2024-06-30"),
    "replay --topics": (
        *("replay", "--topics", "--as-of", "2024-06-30", "--agreements", "agreements"),
    ),
    "backfill FILE": ("backfill", "events.ndjson", "--out", "history.txt"),
    "backfill --topics": (
        *("backfill", "--topics", "--out", "history.txt", "--agreements", "agreements"),
    ),
    "acknowledgements": ("acknowledgements", "--once"),
    "annotations": (
        *("provision", "annotations", "--url", "http://127.0.0.1:9", "--token-file", "token"),
    ),
    "demo": ("demo", "--once"),
}
WATCHING = ("worker", "replay --topics", "backfill --topics")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.ndjson").write_text(LINE)
    (tmp_path / "table.csv").write_text("Lot,Done\nL1,2024-05-02\n")
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "token").write_text("t")
    (tmp_path / "agreements").mkdir()
    (tmp_path / "agreements" / "acme.yaml").write_text(
        'cmo: acme\nversion: "1"\neffective: 2024-01-01\ncontingency: Call.\n'
    )
    return tmp_path


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


@pytest.mark.parametrize("command", CONFIGURED)
def test_a_setting_that_cannot_be_used_ends_every_command_with_2_and_is_named(command: str) -> None:
    result = run(*CONFIGURED[command], CMOWATCH_TICK="hunter2")
    assert (result.exit_code, result.stdout) == (WRONG, "")
    assert "CMOWATCH_TICK: " in result.stderr
    assert "hunter2" not in result.output


@pytest.mark.parametrize("command", CONFIGURED)
def test_a_password_that_cannot_be_read_ends_every_command_with_2(command: str) -> None:
    login = {"CMOWATCH_SECURITY": "SASL_PLAINTEXT", "CMOWATCH_USERNAME": "acme"}
    result = run(*CONFIGURED[command], **login, CMOWATCH_PASSWORD_FILE="nowhere")
    assert result.exit_code == WRONG
    assert "CMOWATCH_PASSWORD_FILE" in result.stderr


UNUSABLE: dict[str, tuple[str, bytes | None, str]] = {
    "no password": ("CMOWATCH_PASSWORD_FILE", None, "cannot be read: No such file"),
    "an empty password": ("CMOWATCH_PASSWORD_FILE", b"\n", "it is empty"),
    "a password of bytes": ("CMOWATCH_PASSWORD_FILE", b"hunter2\xff", "it is no text in UTF-8"),
    "no certificate": ("CMOWATCH_CA_FILE", None, "cannot be read: No such file"),
    "an empty certificate": ("CMOWATCH_CA_FILE", b"", "it holds no certificate in PEM"),
    "a certificate of bytes": ("CMOWATCH_CA_FILE", b"\x30\x82hunter2", "no certificate in PEM"),
    "a broken certificate": (
        *("CMOWATCH_CA_FILE", b"-----BEGIN CERTIFICATE-----\nhunter2\n"),
        "it holds no certificate in PEM",
    ),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_of_the_login_that_cannot_be_used_is_named_with_its_setting(
    files: Path, what: str
) -> None:
    setting, content, why = UNUSABLE[what]
    if content is not None:
        (files / "secret").write_bytes(content)
    login = {"CMOWATCH_SECURITY": "SASL_SSL", "CMOWATCH_USERNAME": "acme"}
    other = {} if setting == "CMOWATCH_PASSWORD_FILE" else {"CMOWATCH_PASSWORD": "hunter2"}
    result = run("topics", **login, **other, **{setting: "secret"})
    assert (result.exit_code, result.stdout) == (WRONG, "")
    assert f"{setting}=secret: " in result.stderr
    assert why in result.stderr
    assert "Operator action" in result.stderr
    assert "hunter2" not in result.output


@pytest.mark.parametrize("setting", ["CMOWATCH_PASSWORD_FILE", "CMOWATCH_CA_FILE"])
def test_a_file_of_the_login_that_may_not_be_read_is_named(files: Path, setting: str) -> None:
    login = {"CMOWATCH_SECURITY": "SASL_SSL", "CMOWATCH_USERNAME": "acme"}
    other = {} if setting == "CMOWATCH_PASSWORD_FILE" else {"CMOWATCH_PASSWORD": "hunter2"}
    result = run("topics", **login, **other, **{setting: "agreements"})
    assert result.exit_code == WRONG
    assert f"{setting}=agreements: it cannot be read: Is a directory" in result.stderr


@pytest.mark.parametrize("command", WATCHING)
def test_nobody_is_watched_without_agreements_and_what_to_do_is_said(command: str) -> None:
    result = run(*CONFIGURED[command][:-2])
    assert (result.exit_code, result.stdout) == (WRONG, "")
    assert "no agreements are given" in result.stderr
    assert "Operator action" in result.stderr
    assert "CMOWATCH_AGREEMENTS" in result.stderr


@pytest.mark.parametrize("command", [*WATCHING, "replay FILE", "backfill FILE"])
def test_an_agreement_that_cannot_be_used_ends_every_command_with_2(
    command: str, files: Path
) -> None:
    (files / "agreements" / "acme.yaml").write_text("cmo: [")
    result = run(*CONFIGURED[command], CMOWATCH_AGREEMENTS="agreements")
    assert (result.exit_code, result.stdout) == (WRONG, "")
    assert "acme.yaml:1: not YAML" in result.stderr


def test_agreements_that_cannot_be_used_end_what_renders_their_people_with_2(files: Path) -> None:
    (files / "agreements" / "acme.yaml").write_text("cmo: [")
    result = run("render", "--folder", str(files), "--agreements", "agreements")
    assert result.exit_code == WRONG
    assert "acme.yaml:1: not YAML" in result.stderr


def test_a_file_needs_no_agreements(files: Path) -> None:
    result = run(*CONFIGURED["replay FILE"], "--json")
    assert result.exit_code == 0, result.output
    assert '"cmo": "acme"' in result.stdout
    assert run(*CONFIGURED["backfill FILE"]).exit_code == 0
    assert 'cmo="acme"' in (files / "history.txt").read_text()


def commands(group: click.Group, *path: str) -> Any:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield pytest.param(command, id=" ".join((*path, name)))


@pytest.mark.parametrize("command", list(commands(main)))
def test_every_command_says_how_it_ends(command: click.Command) -> None:
    help_ = " ".join((command.help or "").split())
    assert "Exit code: 0 " in help_
    assert "2 wrong usage" in help_
    configured = {"brokers", "agreements"} & {each.name for each in command.params}
    if configured and command.name != "render":
        assert "2 wrong usage or settings" in help_ or "2 wrong usage, settings or" in help_
