"""What is made from the declarations and committed is what they make now."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from alerts.agreements import Agreement
from alerts.kpis import KPIS
from alerts.products import Products
from deploy.lab.demo import AGREEMENTS
from streams.agreements_page import schema
from streams.documents import differences, kpis_page, settings_page, write
from streams.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = ROOT / "streams" / "default_agreement.yaml"


def test_what_is_committed_is_what_the_declarations_make() -> None:
    assert differences(ROOT) == []


def test_a_document_that_was_changed_by_hand_is_named(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    write(tmp_path)
    assert differences(tmp_path) == []
    (tmp_path / "docs/kpis.md").write_text("by hand")
    assert differences(tmp_path) == ["docs/kpis.md: differs from the declarations"]


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name)
def test_every_kpi_has_its_section_with_its_series(kpi) -> None:  # type: ignore[no-untyped-def]
    section = kpis_page().split(f"## {kpi.name}\n")[1].split("\n## ")[0]
    assert f"`{kpi.series}`" in section
    assert kpi.help in section
    assert kpi.example.story in section


def test_every_setting_has_its_row() -> None:
    page = settings_page()
    assert all(f"`CMOWATCH_{name.upper()}`" in page for name in Settings.model_fields)


@pytest.mark.parametrize("path", [DEFAULT, *sorted(AGREEMENTS.glob("*.yaml"))], ids=str)
def test_every_file_that_ships_fits_the_schema(path: Path) -> None:
    said = json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))
    made = schema("p", Products) if "products" in said else schema("a", Agreement)
    jsonschema.validate(said, json.loads(made))
