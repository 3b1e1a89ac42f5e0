"""`cmowatch agreements check`: who is told of what and when, what is left open, and how it ends."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from deploy.cli import main
from deploy.lab.demo import AGREEMENTS
from deploy.lab.simulate.world import MAKERS

ROOT = Path(__file__).parents[3]
NAMED = os.environ.get("CMOWATCH_CASES")
CASES = Path(NAMED) if NAMED else ROOT.parent / "shared" / "cases"
ON = "--on", "2026-06-30"
LEAST = """\
cmo: acme
version: "1"
effective: 2024-01-01
contingency: Call the planner.
limits: {days_of_supply: {warning: 20, critical: 10}}
"""
WHOLE = (
    LEAST
    + """\
zone: UTC
roles:
  planner: {side: sponsor, contacts: [{email: planner@x.example}, {pagerduty: pager}]}
  head:
    side: cmo
    contacts: [{slack: "#heads"}]
    zone: Europe/Berlin
    working_days: [fri, mon, tue, thu]
    hours: ["07:30", "16:00"]
    holidays: [2026-12-25]
product_roles: {pills: {planner: head}}
ladder:
  - {role: planner, warning: 14400, critical: 90}
  - {role: head, critical: 5400}
"""
)


def check(folder: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["agreements", "check", str(folder), *options])


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name.replace('_', '-')}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_who_is_told_is_told_with_ways_ages_and_hours(tmp_path: Path) -> None:
    result = check(written(tmp_path, acme=WHOLE), *ON)
    assert result.stdout.split("\n\n")[1].splitlines() == [
        "acme: version 1, from 2024-01-01, days of UTC",
        "  1. planner, sponsor: planner@x.example, pagerduty by the file pager",
        "     at once, and again after 4 h or 2 min once it is critical; "
        "at work every day at any hour UTC",
        "  2. head, CMO: #heads",
        "     after 1 h 30 min once it is critical; "
        "at work mon–tue, thu–fri 07:30–16:00 Europe/Berlin, but for 1 holidays",
        "  pills: head for planner (kept; no message follows it yet)",
    ]
    assert result.stdout.startswith("page, at any hour, to the first and to the monitor's people")
    assert "people on call: days_of_supply\nticket, when the first is at work: " in result.stdout
    assert "delivery_otif" in result.stdout
    assert "delivery_on_time" not in result.stdout
    assert result.stdout.endswith("left open: nothing\n")
    assert result.exit_code == 0


def test_what_is_left_open_is_told_with_its_cmo_and_ends_with_1(tmp_path: Path) -> None:
    result = check(
        written(tmp_path, acme=LEAST + "zone: UTC\n", b=WHOLE.replace("acme", "borealis")), *ON
    )
    acme, borealis = result.stdout.split("\n\n")[1:3]
    assert acme.startswith("acme: ")
    assert "  ! ladder names nobody" in acme
    assert borealis.startswith("borealis: ")
    assert "!" not in borealis
    assert result.stdout.endswith("left open: 1\n")
    assert result.exit_code == 1


def test_the_eight_of_the_demo_leave_nothing_open() -> None:
    result = check(AGREEMENTS, *ON)
    assert result.exit_code == 0, result.output
    for maker in MAKERS:
        assert f"\n{maker.cmo} ({maker.name}): version 1, from 2020-01-01" in result.stdout
        assert f"production@{maker.cmo}.example" in result.stdout
    assert "products: version 1, from 2020-01-01, 24 declared" in result.stdout
    assert result.stdout.count("  1. supply-planner, sponsor") == len(MAKERS)


@pytest.mark.parametrize("lacking", ["ladder", "limits", "contingency"])
def test_what_one_of_the_eight_lacks_is_told_of_that_one(tmp_path: Path, lacking: str) -> None:
    folder = tmp_path / "agreements"
    shutil.copytree(AGREEMENTS, folder)
    path = folder / f"{MAKERS[3].cmo}.yaml"
    said = yaml.safe_load(path.read_text("utf-8"))
    said[lacking] = "n/a" if lacking == "contingency" else type(said[lacking])()
    path.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    result = check(folder, *ON)
    [section] = [each for each in result.stdout.split("\n\n") if "\n  ! " in each]
    assert section.startswith(MAKERS[3].cmo)
    assert f"  ! {lacking}" in section
    assert result.exit_code == 1


def test_every_fault_of_every_file_is_told_and_ends_with_2(tmp_path: Path) -> None:
    products = 'version: "1"\neffective: 2024-01-01\nproducts:\n  pills: {unit: pcs}\n  x: {}\n'
    folder = written(
        tmp_path,
        acme=LEAST + "zone: Moon\ncolour: red\nladder: [{role: chief, warning: 1}]\n",
        b=LEAST.replace("days_of_supply", "days_of_suply"),
        c="cmo: [",
        products=products,
    )
    result = check(folder)
    found = [line.removeprefix("Error: ") for line in result.stderr.splitlines()]
    assert [line.removeprefix(f"{folder}/").split(": ")[:2] for line in found] == [
        ["acme.yaml:6", "zone"],
        ["acme.yaml:7", "colour"],
        ["acme.yaml:8", "ladder.0.role"],
        ["b.yaml:5", "limits.days_of_suply"],
        ["c.yaml:1", "not YAML"],
        ["products.yaml:4", "products.pills.unit"],
        ["products.yaml:5", "products.x.unit"],
    ]
    assert (result.exit_code, result.stdout) == (2, "")


def test_what_would_move_the_cursor_is_told_as_text(tmp_path: Path) -> None:
    result = check(written(tmp_path, acme=LEAST + 'sites: {"A\\e[2Jb": cmo}\n'))
    assert "A\\x1b[2Jb is no id" in result.stderr
    assert "\x1b" not in result.output
    named = check(written(tmp_path, acme=WHOLE + 'name: "A\\e[2Jb"\n'))
    assert named.exit_code == 0
    assert "\x1b" not in named.output


def test_versions_still_to_come_are_told_and_those_that_ended_are_not(tmp_path: Path) -> None:
    folder = written(
        tmp_path,
        old=WHOLE.replace('"1"', '"0"').replace("2024", "2023"),
        now=WHOLE,
        next=LEAST.replace('"1"', '"2"').replace("2024", "2030") + "zone: UTC\n",
        left=LEAST.replace("acme", "gone") + "end: 2025-12-31\n",
    )
    result = check(folder, *ON)
    heads = [part.splitlines()[0] for part in result.stdout.split("\n\n")[1:]]
    assert heads == [
        "acme: version 1, from 2024-01-01, days of UTC",
        "acme: version 2, from 2030-01-01, days of UTC",
        "gone: ended on 2025-12-31, and nothing is agreed since",
        "left open: 1",
    ]
    assert check(folder, "--on", "2025-12-31").stdout.count("gone: version 1") == 1


def test_a_release_for_the_us_is_told_by_the_products_in_force_then(tmp_path: Path) -> None:
    products = """\
version: "1"
effective: 2024-01-01
products: {pills: {unit: EA, markets: [eu]}}
"""
    in_the_us = products.replace("2024", "2025").replace("eu", "us")
    alone = WHOLE + "release: {parties: [cmo]}\n"
    written(tmp_path, acme=alone, products=products, products_2=in_the_us)
    assert "211.22" not in check(tmp_path, "--on", "2024-06-30").stdout
    later = check(tmp_path, *ON)
    assert "  ! release of pills for the US is the CMO's alone; by 21 CFR 211.22(a)" in later.stdout
    assert later.exit_code == 1


def test_help_teaches_the_least_of_an_agreement_that_leaves_nothing_open(tmp_path: Path) -> None:
    text = CliRunner().invoke(main, ["agreements", "check", "--help"]).output
    agreement = text.split("FOLDER/acme.yaml:\n")[1].split("\n\n")[0]
    products = text.split("FOLDER/products.yaml:\n")[1].split("\n\n")[0]
    result = check(written(tmp_path, acme=agreement, products=products), "--on", "2026-12-31")
    assert result.exit_code == 0, result.output
    assert "2. production, CMO: production@acme.example" in result.stdout
    assert "1 declared" in result.stdout


@pytest.fixture
def cases() -> Path:
    """Agreements as people really write them, which are not ours to keep."""
    if not CASES.exists():
        missing = f"{CASES} is missing; name the folder in CMOWATCH_CASES"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return CASES / "agreements"


def test_the_cases_lack_somebody_to_call_and_the_default_what_to_do(cases: Path) -> None:
    result = check(cases, *ON)
    parts = result.stdout.split("\n\n")[1:-1]
    left_open = {
        part.split(":")[0]: [
            line.split()[1] for line in part.splitlines() if line.startswith("  !")
        ]
        for part in parts
    }
    assert left_open == {
        "nordhafen": ["ladder"],
        "westcoast-sterile": ["ladder"],
        "every other CMO": ["contingency", "ladder"],
    }
    assert result.exit_code == 1
