"""The page on importing tables shows what the command does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from click.testing import CliRunner

from deploy.cli import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "import.md"
COMMAND = "$ cmowatch import --mapping map.yaml table.csv --out events.ndjson\n"


class Example(NamedTuple):
    """A table, its mapping, what the command tells, and the first event where it is shown."""

    title: str
    table: str
    mapping: dict[str, Any]
    told: str
    event: dict[str, Any] | None


def blocks() -> Iterator[tuple[str, str, str]]:
    """The title, kind and text of every block of the page that is an example."""
    title = ""
    for found in re.finditer(
        r"^## ([^\n]*)$|^```(\w+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S
    ):
        title = found[1] or title
        if found[2] in ("csv", "yaml", "console", "json"):
            yield title, found[2], found[3]


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """A mapping with the settings of an example, and with its fields and filter in the event."""
    (event,) = base["events"]
    of_event = {
        "where": more.pop("where", {}),
        "fields": {**event["fields"], **more.pop("fields", {})},
    }
    return {**base, **more, "events": [{**event, **of_event}]}


def examples() -> Iterator[Example]:
    base: dict[str, Any] = {}
    whole: dict[str, dict[str, Any]] = {}  # by section, a mapping of its own
    table, mapping, told, title = "", base, "", ""
    found = [*blocks(), ("", "csv", "")]
    for place, (title, kind, text) in enumerate(found):
        if kind == "csv":
            table, mapping = text, whole.get(title, base)
        elif kind == "yaml":
            given = yaml.safe_load(text)
            base = base or given
            mapping = given if "events" in given else merged(base, given)
            if "events" in given and given is not base:
                whole[title] = mapping
        elif kind == "console":
            told = text
            shown = json.loads(found[place + 1][2]) if found[place + 1][1] == "json" else None
            yield Example(title, table, mapping, told, shown)


EXAMPLES = list(examples())


@pytest.mark.parametrize("example", EXAMPLES, ids=[each.title for each in EXAMPLES])
def test_what_the_page_shows_is_what_the_command_does(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("table.csv").write_text(example.table, encoding="utf-8")
    Path("map.yaml").write_text(yaml.safe_dump(example.mapping), encoding="utf-8")
    assert example.told.startswith(COMMAND)
    arguments = COMMAND.removeprefix("$ cmowatch ").split()
    result = CliRunner().invoke(main, arguments, env={"CMOWATCH_AGREEMENTS": ""})
    assert COMMAND + result.stderr == example.told
    refused = "refused 0\n" not in example.told
    assert result.exit_code == int(refused)
    if example.event is not None:
        first = json.loads(Path("events.ndjson").read_text("utf-8").splitlines()[0])
        assert first == example.event


def test_the_page_has_an_example_of_every_section_that_claims_something() -> None:
    assert len({each.title for each in EXAMPLES}) >= 9
    assert sum(each.event is not None for each in EXAMPLES) == 1
