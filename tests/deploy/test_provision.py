"""Provisioning: it writes what is missing, once, and says clearly why it could not."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.grafana.api import Grafana
from deploy.grafana.board import MADE
from deploy.grafana.command import provision
from deploy.grafana.errors import BadAddress, GrafanaError, NotAsGrafana
from deploy.grafana.provision import FOLDER, SOURCE, SOURCE_NAME, changes
from deploy.links import OVERVIEW
from tests.deploy.grafana_server import TOKEN, State, serving

PROMETHEUS = "http://prometheus.example:9090"
READS = (
    ("GET", "/api/user"),
    ("GET", "/api/datasources"),
    ("GET", "/api/folders"),
    ("GET", "/api/dashboards"),
)
LOGGING_IN = ("GET", "/api/org"), ("GET", "/api/frontend/settings")
WRITES = (("POST", "/api/datasources"), ("POST", "/api/folders"), ("POST", "/api/dashboards"))
NO_CHANGE = "no change in the organisation Main Org.\n"
PAGE = "<!doctype html><html><title>Log in</title>your message here</html>"


@pytest.fixture
def grafana() -> Iterator[State]:
    with serving() as state:
        yield state


@pytest.fixture(autouse=True)
def no_token_anywhere(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[None]:
    with caplog.at_level(logging.DEBUG):
        yield
    written = capfd.readouterr()
    assert TOKEN not in caplog.text + written.out + written.err


def run(url: str, folder: Path, *options: str, token: str = TOKEN) -> Result:
    file = folder / "token"
    file.write_text(f"{token}\n", encoding="utf-8")
    given = ["--url", url, "--token-file", str(file), "--prometheus-url", PROMETHEUS, *options]
    result = CliRunner().invoke(provision, ["grafana", *given])
    assert token not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def test_an_empty_grafana_gets_data_source_folder_and_boards(
    grafana: State, tmp_path: Path
) -> None:
    result = run(grafana.url, tmp_path)
    changed = 2 + len(grafana.boards)
    assert result.exit_code == 0, result.output
    assert result.output.endswith(f"{changed} changed in the organisation Main Org.\n")
    assert [source["uid"] for source in grafana.sources] == [SOURCE]
    assert list(grafana.folders) == [FOLDER]
    assert OVERVIEW in grafana.boards
    assert grafana.places == dict.fromkeys(grafana.boards, FOLDER)


def test_a_second_run_changes_nothing_and_says_so(grafana: State, tmp_path: Path) -> None:
    run(grafana.url, tmp_path)
    grafana.asked.clear()
    result = run(grafana.url, tmp_path)
    assert (result.exit_code, result.output) == (0, NO_CHANGE)
    assert grafana.written == []


def test_a_dry_run_shows_what_would_change_and_writes_nothing(
    grafana: State, tmp_path: Path
) -> None:
    result = run(grafana.url, tmp_path, "--dry-run")
    assert result.exit_code == 0
    assert "+ board cmowatch: Overview" in result.output
    assert result.output.endswith(" to change in the organisation Main Org.; nothing was written\n")
    assert grafana.written == []


def test_what_was_changed_by_hand_is_shown_and_put_back(grafana: State, tmp_path: Path) -> None:
    run(grafana.url, tmp_path)
    grafana.boards[OVERVIEW] |= {"refresh": "5m", "version": 9}
    grafana.folders[FOLDER]["title"] = "Mine"
    grafana.sources[0]["url"] = "http://user:word@old.example:9090"
    result = run(grafana.url, tmp_path)
    assert result.exit_code == 0, result.output
    assert '- "refresh": "5m"' in result.output
    assert '+ "refresh": ' in result.output
    assert '- "title": "Mine"' in result.output
    assert "user:word" not in result.output
    assert grafana.sources[0]["url"] == PROMETHEUS
    assert run(grafana.url, tmp_path).output == NO_CHANGE


def test_a_board_that_was_moved_comes_back_to_its_folder(grafana: State, tmp_path: Path) -> None:
    run(grafana.url, tmp_path)
    grafana.places[OVERVIEW] = "elsewhere"
    assert "back to its folder" in run(grafana.url, tmp_path).output
    assert grafana.places[OVERVIEW] == FOLDER


def test_settings_a_person_added_to_the_data_source_stay(grafana: State, tmp_path: Path) -> None:
    run(grafana.url, tmp_path)
    grafana.sources[0]["jsonData"]["prometheusType"] = "Mimir"
    assert run(grafana.url, tmp_path).output == NO_CHANGE


def test_only_what_was_made_here_is_deleted(grafana: State, tmp_path: Path) -> None:
    run(grafana.url, tmp_path)
    made = set(grafana.boards)
    ours: dict[str, Any] = {"title": "Old", "tags": [MADE], "version": 1}
    for uid, tags, place in (
        ("cmowatch-old", [MADE], FOLDER),
        ("cmowatch-copy", [], FOLDER),
        ("cmowatch-moved", [MADE], "elsewhere"),
        ("somebodys", [MADE], FOLDER),
    ):
        grafana.boards[uid], grafana.places[uid] = {**ours, "tags": tags}, place
    assert "- board Old" in run(grafana.url, tmp_path).output
    assert set(grafana.boards) == made | {"cmowatch-copy", "cmowatch-moved", "somebodys"}


def test_a_grafana_below_a_path_is_reached(tmp_path: Path) -> None:
    with serving("/tools/grafana") as state:
        assert run(f"{state.url}/", tmp_path).exit_code == 0
        assert OVERVIEW in state.boards


# --- what stands in the way


def test_a_board_that_is_not_ours_is_left_alone(grafana: State, tmp_path: Path) -> None:
    board = {"title": "Theirs", "tags": [], "version": 1}
    grafana.boards[OVERVIEW], grafana.places[OVERVIEW] = board, FOLDER
    result = run(grafana.url, tmp_path)
    assert result.exit_code == 1
    assert f"{OVERVIEW} is not tagged" in result.output
    assert grafana.written == []


def test_a_data_source_of_another_type_is_left_alone(grafana: State, tmp_path: Path) -> None:
    grafana.sources.append({"id": 1, "uid": SOURCE, "name": "Logs", "type": "loki"})
    result = run(grafana.url, tmp_path)
    assert (result.exit_code, grafana.written) == (1, [])
    assert "is of type loki" in result.output


def test_a_data_source_of_the_same_name_is_told(grafana: State, tmp_path: Path) -> None:
    grafana.sources.append({"id": 1, "uid": "other", "name": SOURCE_NAME, "type": "prometheus"})
    result = run(grafana.url, tmp_path)
    assert result.exit_code == 1
    assert "status 409" in result.output
    assert "Rename or remove" in result.output


def test_what_is_read_from_files_is_left_to_the_files(grafana: State, tmp_path: Path) -> None:
    run(grafana.url, tmp_path)
    grafana.from_files.add(OVERVIEW)
    assert run(grafana.url, tmp_path).output == NO_CHANGE
    grafana.boards[OVERVIEW]["refresh"] = "5m"
    result = run(grafana.url, tmp_path)
    assert result.exit_code == 1
    assert "read from files" in result.output


def test_a_board_changed_between_reading_and_writing_is_not_written_over(grafana: State) -> None:
    client = Grafana(grafana.url, TOKEN)
    for change in changes(client, PROMETHEUS):
        change.make()
    grafana.boards[OVERVIEW]["refresh"] = "5m"
    (change,) = changes(client, PROMETHEUS)
    grafana.boards[OVERVIEW]["version"] += 1
    with pytest.raises(GrafanaError, match=r"status 412.*Somebody changed it"):
        change.make()
    assert grafana.boards[OVERVIEW]["refresh"] == "5m"


# --- what Grafana may answer


@pytest.mark.parametrize("asked", [*LOGGING_IN, *READS[1:3], WRITES[2]], ids=" ".join)
@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, {"message": "bad"}, "status 400, bad"),
        (401, {"message": "Invalid API key"}, "The token is wrong, expired"),
        (403, {"message": "Permissions needed"}, "needs the role Admin"),
        (409, {"message": "taken"}, "Rename or remove"),
        (412, {"message": "changed"}, "Somebody changed it"),
        (429, {"message": "slow down"}, "asked too often"),
        (500, {"message": "database is locked"}, "Look at Grafana's own log"),
        (500, {"error": "no message"}, "no message"),
        (401, PAGE, "no login page stands before it"),
        (404, PAGE, "check that the address is that of Grafana"),
        (502, PAGE, "check that the address is that of Grafana"),
        (502, "no such upstream", "check that the address is that of Grafana"),
        (500, [], "check that the address is that of Grafana"),
        (200, PAGE, "the answer is not Grafana's: no JSON"),
        (200, "", "the answer is not Grafana's: no JSON"),
        (200, "null", "the answer is not Grafana's"),
        (200, '"a text"', "the answer is not Grafana's"),
        (403, {"message": f"Bearer {TOKEN} is not allowed"}, "Bearer … is not allowed"),
        (500, f"{TOKEN} {'x' * 400}", "status 500"),
    ],
)
def test_an_answer_that_is_no_success_is_told_with_what_to_do(
    grafana: State, tmp_path: Path, asked: tuple[str, str], status: int, body: Any, told: str
) -> None:
    grafana.instead[asked] = status, body
    result = run(grafana.url, tmp_path)
    assert result.exit_code == 1
    assert told in result.output
    assert "Operator action:" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("asked", [READS[1], *WRITES], ids=" ".join)
def test_what_is_not_there_is_told(grafana: State, tmp_path: Path, asked: tuple[str, str]) -> None:
    grafana.instead[asked] = 404, {"message": "Not found"}
    result = run(grafana.url, tmp_path)
    assert result.exit_code == 1
    assert "status 404, Not found" in result.output


@pytest.mark.parametrize("found", [{}, {"dashboard": {}}, {"dashboard": [], "meta": {}}])
def test_a_board_in_a_shape_nobody_knows_is_not_taken_for_one(grafana: State, found: Any) -> None:
    grafana.instead["GET", "/api/dashboards"] = 200, found
    with pytest.raises(NotAsGrafana):
        list(changes(Grafana(grafana.url, TOKEN), PROMETHEUS))


def test_a_wrong_token_is_told(grafana: State, tmp_path: Path) -> None:
    result = run(grafana.url, tmp_path, token="another-token")
    assert result.exit_code == 1
    assert "The token is wrong" in result.output
    assert grafana.asked == []


def test_a_wrong_token_is_told_where_anybody_may_read(grafana: State, tmp_path: Path) -> None:
    run(grafana.url, tmp_path)
    grafana.anonymous = True
    result = run(grafana.url, tmp_path, token="another-token")
    assert result.exit_code == 1
    assert "The token is wrong" in result.output


def test_a_token_of_another_organisation_is_refused_and_its_own_is_named(
    grafana: State, tmp_path: Path
) -> None:
    grafana.organisation = "Marketing"
    result = run(grafana.url, tmp_path, "--organisation", "Pharma")
    assert result.exit_code == 1
    assert "belongs to the organisation 'Marketing', not to 'Pharma'" in result.output
    assert grafana.written == []
    assert run(grafana.url, tmp_path, "--organisation", "Marketing").exit_code == 0


@pytest.mark.parametrize("version", ["9.2.0", "10.4.19", "11.0.0-pre", "12.2.0+security-01"])
def test_a_grafana_before_11_is_refused(grafana: State, tmp_path: Path, version: str) -> None:
    grafana.version = version
    result = run(grafana.url, tmp_path)
    old = int(version.split(".")[0]) < 11
    assert (result.exit_code, f"this is Grafana {version};" in result.output) == (int(old), old)
    assert (grafana.written == []) == old


@pytest.mark.parametrize("told", [{}, {"buildInfo": {}}, {"buildInfo": {"version": ""}}])
def test_a_grafana_that_hides_its_version_is_not_taken_for_one(
    grafana: State, tmp_path: Path, told: Any
) -> None:
    grafana.instead["GET", "/api/frontend/settings"] = 200, told
    result = run(grafana.url, tmp_path)
    assert (result.exit_code, grafana.written) == (1, [])
    assert "could not read the version" in result.output


def test_a_token_is_not_sent_on_to_where_a_redirect_leads(grafana: State, tmp_path: Path) -> None:
    with serving() as elsewhere:
        grafana.moved_to = f"{elsewhere.url}/api/datasources"
        result = run(grafana.url, tmp_path)
        assert result.exit_code == 1
        assert "a redirect" in result.output
        assert elsewhere.asked == []


def test_where_nobody_answers_is_told(tmp_path: Path) -> None:
    with serving() as state:
        url = state.url
    result = run(url, tmp_path)
    assert result.exit_code == 1
    assert "no answer" in result.output
    assert "Grafana runs" in result.output


# --- usage


@pytest.mark.parametrize(
    "url",
    [
        "grafana.example",
        "ftp://grafana.example",
        "http://",
        "http://user:word@grafana.example",
        "http://grafana.example:port",
        "http://grafana.example/?a=b",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_wrong_usage(url: str, tmp_path: Path) -> None:
    for given in ([url], ["http://grafana.example", "--prometheus-url", url]):
        result = run(given[0], tmp_path, *given[1:])
        assert result.exit_code == 2
        assert "word" not in result.output


@pytest.mark.parametrize("token", ["two words", "two\nlines", "žluť"])
def test_a_file_that_holds_no_token_is_wrong_usage(token: str, tmp_path: Path) -> None:
    assert run("http://grafana.example", tmp_path, token=token).exit_code == 2


def test_an_empty_or_missing_token_file_is_wrong_usage(tmp_path: Path) -> None:
    empty, missing = tmp_path / "empty", tmp_path / "missing"
    empty.touch()
    for file in (empty, missing):
        given = ["--url", "http://grafana.example", "--token-file", str(file)]
        assert CliRunner().invoke(provision, ["grafana", *given]).exit_code == 2


def test_a_grafana_does_not_show_its_token() -> None:
    shown = Grafana("http://grafana.example:3000/", TOKEN)
    assert repr(shown) == "Grafana('http://grafana.example:3000')"


def test_an_address_of_numbers_keeps_its_brackets() -> None:
    with pytest.raises(BadAddress):
        Grafana("http://::1:3000", TOKEN)
    assert Grafana("http://[::1]:3000", TOKEN)._face.api.url == "http://[::1]:3000/api"
