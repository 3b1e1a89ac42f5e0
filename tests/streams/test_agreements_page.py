"""The page about agreements: its examples are read, every field is in it, and *kept* is true."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from alerts.agreements import Agreement
from alerts.declaration import KEPT, Declaration
from alerts.products import Products
from alerts.terms import Parties, Required
from events.values import StrictModel
from streams.agreements import read_agreement, read_products
from streams.agreements_page import agreements_page, schema

ROOT = Path(__file__).resolve().parents[2]
DECLARED: dict[str, type[Declaration]] = {"agreement": Agreement, "products": Products}
READS = (
    *("alerts/agreements.py", "alerts/products.py", "alerts/terms.py", "alerts/open_points.py"),
    *("streams/agreements.py", "streams/commands/agreements.py", "streams/who_is_told.py"),
)
"""Where what is kept may be read: where it is declared, and where it is told of."""


def example(at: int) -> str:
    yamls = re.findall(r"```yaml\n(.*?)```", agreements_page(), re.S)
    return str([each for each in yamls if "version:" in each][at])


def models(model: type[StrictModel]) -> Iterator[type[StrictModel]]:
    """A model and all that its fields are of."""
    yield model
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            yield from models(part)


def _parts(annotation: object) -> Iterator[type[StrictModel]]:
    if isinstance(annotation, type) and issubclass(annotation, StrictModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _parts(argument)


def test_the_agreement_of_the_page_is_read_as_it_says(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(example(0), encoding="utf-8")
    agreed = read_agreement(tmp_path / "a.yaml")
    assert agreed.sites == {"dc-basel": "sponsor", "cold-store-liege": "carrier"}
    assert (agreed.window.early, agreed.window.late, agreed.answer_within) == (5, 2, 3)
    both: Parties = ("cmo", "sponsor")
    assert agreed.release.of("pills", "us") == Required(both, {"cmo": 20, "sponsor": 15})
    assert agreed.release.of("bulk-10kg", "eu") == Required(("cmo",), {"cmo": 20})
    assert agreed.release.of("bulk-10kg", "us").parties == both
    assert agreed.product_roles == {"bulk-10kg": {"planner": "bulk-planner"}}


def test_the_products_of_the_page_are_read_as_they_say(tmp_path: Path) -> None:
    (tmp_path / "products.yaml").write_text(example(1), encoding="utf-8")
    products = read_products(tmp_path / "products.yaml").products
    assert products["pills-10mg"].packs == {"BX": 10, "CS": 240}
    assert products["pills-10mg"].minimum_to_sell == 180
    assert products["bulk-10kg"].unit == "KGM"


@pytest.mark.parametrize("name", DECLARED)
def test_every_field_is_in_the_page_and_in_the_schema_with_what_it_means(name: str) -> None:
    page, made = agreements_page(), schema(name, DECLARED[name])
    for model in models(DECLARED[name]):
        for field, declared in model.model_fields.items():
            assert declared.description, f"{model.__name__}.{field}"
            assert f"| `{declared.alias or field}` | " in page
            assert f"| {declared.description} |" in page
            assert json.dumps(declared.description, ensure_ascii=False) in made


@pytest.mark.parametrize("name", DECLARED)
def test_an_editor_that_knows_the_schema_refuses_what_the_reader_refuses(name: str) -> None:
    made = json.loads(schema(name, DECLARED[name]))
    said = json.loads(json.dumps(yaml.safe_load(example([*DECLARED].index(name))), default=str))
    jsonschema.validate(said, made)
    faults: list[dict[str, object]] = [
        {"colour": "red"},
        {"version": 1},
        {"sources": []},
        {"sites": {"DC Basel": "cmo"}},
        {"products": {"P 1": {"unit": "EA"}}},
    ]
    for wrong in faults:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**said, **wrong}, made)


def test_what_is_kept_is_read_nowhere_a_figure_is_worked_out() -> None:
    """Where a figure begins to read it, its declaration has to say so no more."""
    kept = {
        field
        for declared in DECLARED.values()
        for model in models(declared)
        for field, info in model.model_fields.items()
        if info.description and info.description.endswith(KEPT)
    }
    assert {"term", "early", "answer_within", "parties", "cover"} <= kept
    assert kept.isdisjoint({"late", "under", "over", "zone", "roles"})
    reached = {
        f"{path.relative_to(ROOT)}: {part}"
        for folder in ("alerts", "streams", "deploy")
        for path in (ROOT / folder).rglob("*.py")
        if str(path.relative_to(ROOT)) not in READS
        for part in _of_terms(ast.parse(path.read_text("utf-8")))
        if part.split(".")[-1] in kept - {"name", "sources"}  # an agreement has them too
    }
    assert reached == set()


def _of_terms(tree: ast.AST) -> Iterator[str]:
    """What is read of an agreement, or of a product: `terms.window.late`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            path = ast.unparse(node)
            if re.match(r"(\w+\.)*(terms|agreement|agreed|product|declared)\.", path):
                yield path
