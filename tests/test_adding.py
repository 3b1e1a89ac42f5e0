"""What docs/adding.md tells is all there is to do: each block of it is applied to a copy."""

import shutil
from pathlib import Path

import pytest

from tests.adding import ROOT, blocks, copy, run

MAIN = "from deploy.cli import main; main()"
HELPERS = ("builders.py", "alerts/laws.py", "alerts/rule.py")
TESTS = ("claims_of_additions.py", "alerts/test_examples.py", "alerts/test_derivation.py")


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project to which all of the page is added."""
    project = copy(tmp_path_factory.mktemp("project"))
    for block in blocks():
        block.put_into(project)
    shutil.copy(ROOT / "pyproject.toml", project)
    for command in (
        ("-m", "ruff", "format", "--no-cache", "alerts", "events"),
        ("-c", MAIN, "contract"),
        ("-c", MAIN, "render"),
    ):
        done = run(project, *command)
        assert done.returncode == 0, done.stderr
    return project


@pytest.mark.slow
def test_what_is_added_reads_breaches_and_is_shown(added: Path) -> None:
    for name in (*HELPERS, *TESTS):
        (added / "tests" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "tests" / name, added / "tests" / name)
    files = [f"tests/{name}" for name in TESTS]
    options = ["-q", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir", "."]
    drawn = "test_derivation.py::test_every_type_that_a_kind_takes_is_among_those_drawn"
    options += ["--deselect", f"tests/alerts/{drawn}"]  # the page says to draw a new kind's events
    done = run(added, "-m", "pytest", *options, *files)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_what_is_added_is_written_as_the_rest_is(added: Path) -> None:
    done = run(added, "-m", "ruff", "check", "--no-cache", "alerts", "events")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_what_was_generated_stays_as_it_is(added: Path) -> None:
    for name in ("contract", "render"):
        assert run(added, "-c", MAIN, name, "--check").returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("left_out", "fault"),
    [
        ("        evidence=_rework_rate,\n", "rework_rate: 0 formulas"),
        ("        exceptions=_lots_on_hold,\n", "lots_on_hold: 0 formulas"),
    ],
    ids=["evidence", "exceptions"],
)
def test_a_declaration_without_its_formula_fails_by_its_name(
    tmp_path: Path, left_out: str, fault: str
) -> None:
    project = copy(tmp_path)
    for block in blocks():
        block._replace(text=block.text.replace(left_out, "")).put_into(project)
    done = run(project, "-c", "import alerts.kpis")
    assert done.returncode == 1
    assert fault in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_kind_that_is_in_no_list_fails_by_its_name(tmp_path: Path) -> None:
    project = copy(tmp_path)
    for block in blocks():
        if block.file != "alerts/records/__init__.py":
            block.put_into(project)
    done = run(project, "-c", "import alerts.kpis")
    assert "capas_overdue: record kind capa is not in KINDS" in done.stderr


def test_the_page_adds_what_it_says() -> None:
    files = {block.file for block in blocks()}
    assert {"alerts/kpis/release.py", "events/dimensions.py", "alerts/records/capa.py"} <= files
