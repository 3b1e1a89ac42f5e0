"""The claims on every input, held by those that were kept and by some that are made of them."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.fuzz import claims
from tests.fuzz.claims import Broken, of_message, of_table
from tests.fuzz.runs import KINDS, MESSAGES, TABLES, inputs, mappings_of, run


@pytest.mark.parametrize("path", inputs(MESSAGES), ids=lambda path: path.name)
def test_a_message_of_the_corpus_breaks_no_claim(path: Path) -> None:
    taken = of_message(path.read_bytes())
    assert taken is not None or "found-" in path.name or "refused-" in path.name


@pytest.mark.parametrize("path", inputs(TABLES), ids=lambda path: path.name)
def test_a_table_of_the_corpus_breaks_no_claim(path: Path) -> None:
    made = [of_table(path.read_bytes(), mapping) for mapping in mappings_of(path)]
    assert any(made) or "found-" in path.name or "refused-" in path.name


@pytest.mark.parametrize(("kind", "most"), [("messages", 1_500), ("tables", 100)])
def test_what_is_made_of_the_corpus_breaks_no_claim(kind: str, most: int) -> None:
    made, taken = run(kind, seed=1, seconds=60, most=most)
    assert made == most
    assert most / 20 < taken < most, "most of what is made has to be near what is taken"


def test_each_kind_is_made_alike_of_one_seed() -> None:
    assert {*KINDS} == {"messages", "tables"}
    assert run("messages", 3, 60, 200) == run("messages", 3, 60, 200)


def test_a_message_that_takes_too_long_breaks_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LONGEST", 0.0)
    with pytest.raises(Broken, match="took"):
        of_message(b"{}")


def test_what_the_schema_refuses_breaks_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    stricter = Draft202012Validator({"required": ["lot"]})
    monkeypatch.setattr(claims, "_validator", lambda _: stricter)
    with pytest.raises(Broken, match=r"the schema of cmo\.lot\.completed\.v1 refuses"):
        of_message((MESSAGES / "lot.completed.json").read_bytes())
