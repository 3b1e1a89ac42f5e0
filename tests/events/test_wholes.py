"""What holds of an event as a whole: fields that fit together, parts of parts, whose lot it is."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from events.contract import schema
from events.data import DATA
from events.outcomes import AcceptedEvent, Reason, Rejection
from tests.events.decoding import decoded, said

TOPICS = {data.TYPE: data.TOPIC for data in DATA}
MODELS = {data.TYPE: data for data in DATA}


def told(kind: str, data: dict[str, Any], by: str = "/cmo/acme") -> AcceptedEvent | Rejection:
    name = f"cmo.{kind}.v1"
    return decoded(said(data, type=name, source=by), topic=TOPICS[name])


def taken(kind: str, data: dict[str, Any], by: str = "/cmo/acme") -> AcceptedEvent:
    outcome = told(kind, data, by)
    assert isinstance(outcome, AcceptedEvent), outcome
    return outcome


def pieces(value: float) -> dict[str, Any]:
    return {"value": value, "unit": "EA"}


POSITION = {"product": "pills", "status": "unrestricted", "quantity": pieces(5)}
LIST = {"site": "plant", "list": "W9", "positions": [POSITION]}

LINE = {"order": "O", "line": "1"}
WANTED = {"date": "2024-06-01", "quantity": pieces(100)}
PLACED = {**LINE, "product": "pills"}
TWICE = [{**WANTED, "number": "2"}, WANTED]

MADE = {"lot": "L1", "product": "pills"}

MISFITS: list[tuple[str, dict[str, Any], str]] = [
    ("stock.listed", {**LIST, "part": 1}, "part and parts go together"),
    ("stock.listed", {**LIST, "parts": 2}, "part and parts go together"),
    ("stock.listed", {**LIST, "part": 3, "parts": 2}, "part 3 of 2"),
    ("lot.started", {**MADE, "inputs": [{"quantity": pieces(1)}]}, "an input needs the lot, or"),
    ("order.changed", {**LINE, "schedule": TWICE}, "two lines of the schedule have the number 2"),
    ("order.confirmed", {**LINE, "answer": "changed"}, "needs the schedule it is changed to"),
    (
        "order.confirmed",
        {**LINE, "answer": "changed", "schedule": TWICE},
        "two lines of the schedule have the number 2",
    ),
]


@pytest.mark.parametrize(("kind", "data", "why"), MISFITS)
def test_what_does_not_fit_together_is_refused_with_its_reason(
    kind: str, data: dict[str, Any], why: str
) -> None:
    outcome = told(kind, data)
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.INVALID_VALUE
    assert why in outcome.detail


NOT_TOGETHER = [(kind, data) for kind, data, why in MISFITS if " need" in why or " go " in why]


@pytest.mark.parametrize(("kind", "data"), NOT_TOGETHER)
def test_the_schema_knows_which_fields_need_each_other(kind: str, data: dict[str, Any]) -> None:
    event = json.loads(json.dumps(said(data, type=f"cmo.{kind}.v1")))
    with pytest.raises(ValidationError):
        Draft202012Validator(schema(MODELS[f"cmo.{kind}.v1"])).validate(event)


@pytest.mark.parametrize("schedule", [[], TWICE, [{**WANTED, "quantity": pieces(0)}]])
def test_an_order_is_placed_with_a_schedule_whose_lines_can_be_told_apart(schedule: Any) -> None:
    outcome = told("order.placed", {**PLACED, "schedule": schedule}, by="/sponsor")
    assert isinstance(outcome, Rejection)
    assert outcome.reason is Reason.INVALID_VALUE
    assert taken("order.placed", {**PLACED, "schedule": [WANTED, WANTED]}, by="/sponsor")


def test_what_fits_together_is_taken_with_its_parts() -> None:
    event: Any = taken("stock.listed", {**LIST, "part": 2, "parts": 2}).data
    assert (event.part, event.parts, event.positions[0].quantity.millionths) == (2, 2, 5_000_000)


@pytest.mark.parametrize("named", [{"lot": "L0"}, {"lot": "L0", "maker": "b"}, {"material": "M"}])
def test_an_input_is_a_lot_of_any_maker_or_a_material(named: dict[str, Any]) -> None:
    (used,) = taken("lot.started", {**MADE, "inputs": [named]}).data.inputs  # type: ignore[attr-defined]
    found = {"lot": used.lot, "maker": used.maker, "material": used.material}
    assert {name: given for name, given in found.items() if given is not None} == named


def test_an_unknown_field_within_a_part_of_a_part_is_part_of_what_is_said() -> None:
    def content(quantity: dict[str, Any]) -> int:
        positions = [{**POSITION, "quantity": quantity}]
        return taken("stock.listed", {**LIST, "positions": positions}).content

    plain, noted = pieces(5), {**pieces(5), "counted_by": "scale"}
    assert content(plain) == content(dict(plain))
    assert content(noted) != content(plain)
    assert content(noted) == content(dict(noted))
    assert content(noted) != content({**noted, "counted_by": "hand"})


@pytest.mark.parametrize("escaped", [False, True], ids=["quick", "by the models"])
def test_a_maker_that_is_the_key_s_cmo_may_be_left_unsaid(*, escaped: bool) -> None:
    def maker(named: str) -> Any:
        data = {"lot": "L\\1" if escaped else "L1", "maker": named}
        return taken("lot.destroyed", data).data.maker  # type: ignore[attr-defined]

    assert maker("acme") is None
    assert maker("Acme") is None
    assert maker("borealis") == "borealis"
