"""The documents of the contract are what the models say, and what they let through."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from events.breaches import Breach, BreachEvent
from events.contract import asyncapi, breach_schema, differences, documents, schema, write
from events.data import (
    DATA,
    DEAD_LETTERS,
    INBOUND,
    TOPICS,
    Data,
    LotCompleted,
    OrderDelivered,
    StockCounted,
)
from events.outcomes import Message, Reason, Rejection
from streams.dead_letters import (
    Coordinates,
    Word,
    contradiction,
    covered,
    dead_letter,
    read_back,
    sealed,
    withdrawal,
)
from streams.seals import Seal, Sealed

NOW = datetime(2024, 5, 2, 10, tzinfo=UTC)
COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "contract"


def stored(data: type[Data], **said: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "e1",
        "source": "/cmo/acme",
        "type": data.TYPE,
        "time": "2024-05-02T10:00:00Z",
        "data": said,
    }


def check(data: type[Data], event: dict[str, Any]) -> None:
    Draft202012Validator(schema(data)).validate(event)


def test_the_committed_documents_are_what_the_models_make() -> None:
    assert differences(COMMITTED) == [], "run cmowatch contract, and commit what it wrote"


def test_what_was_written_does_not_differ(tmp_path: Path) -> None:
    write(tmp_path)
    assert differences(tmp_path) == []


def test_each_difference_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "asyncapi.json").unlink()
    (tmp_path / "schemas" / "cmo.lot.started.v1.json").write_text("{}")
    (tmp_path / "schemas" / "cmo.lot.polished.v1.json").write_text("{}")
    assert differences(tmp_path) == [
        "schemas/cmo.lot.started.v1.json: differs from the models",
        "asyncapi.json: missing",
        "cmo.lot.polished.v1.json: of no event type",
    ]
    write(tmp_path)
    assert differences(tmp_path) == []


@pytest.mark.parametrize("data", DATA, ids=lambda data: data.TYPE)
def test_a_schema_is_json_schema_2020_12(data: type[Data]) -> None:
    Draft202012Validator.check_schema(schema(data))


def test_what_is_said_of_a_breach_fits_its_schema() -> None:
    Draft202012Validator.check_schema(breach_schema())
    opened = Breach(
        breach="b1",
        ordinal=1,
        transition="opened",
        kpi="delivery_otif",
        cmo="acme",
        severity="warning",
        since=NOW,
    )
    said = BreachEvent(
        id="b1-1", type="cmowatch.breach.opened.v1", time=NOW, partitionkey="acme", data=opened
    )
    Draft202012Validator(breach_schema()).validate(json.loads(said.json_line()))


def test_a_schema_lets_through_what_the_model_takes() -> None:
    check(LotCompleted, stored(LotCompleted, lot="L1", shift="late"))
    check(StockCounted, stored(StockCounted, site="s", product="p", quantity=pieces(0)))


def pieces(value: object) -> dict[str, object]:
    return {"value": value, "unit": "EA"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (LotCompleted, {}),
        (LotCompleted, {"lot": ""}),
        (LotCompleted, {"lot": "L1", "actual": pieces(-1)}),
        (LotCompleted, {"lot": "L1", "actual": pieces("5")}),
        (OrderDelivered, {"order": "O", "line": "1", "quantity": pieces(0)}),
        (OrderDelivered, {"order": "O", "line": "1", "quantity": pieces(10**13)}),
    ],
)
def test_a_schema_refuses_what_the_model_refuses(data: type[Data], said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        check(data, stored(data, **said))


def test_a_schema_needs_the_type_on_the_wire() -> None:
    event = stored(LotCompleted, lot="L1")
    del event["type"]
    with pytest.raises(ValidationError):
        check(LotCompleted, event)


def test_every_event_type_is_a_message_of_its_topic_with_its_speakers() -> None:
    document = asyncapi()
    for data in DATA:
        for topic in (data.TOPIC,) if data.TOPIC else INBOUND:
            assert data.TYPE in document["channels"][topic]["messages"]
        message = document["components"]["messages"][data.TYPE]
        assert message["x-speakers"] == sorted(data.SPEAKERS)


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = asyncapi()
    for reference in references(document):
        if reference.startswith("#/"):
            target: Any = document
            for step in reference[2:].split("/"):
                target = target[step]
        else:
            assert reference in documents()


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if "$ref" in node else []
    return own + [found for item in node.values() for found in references(item)]


def test_what_is_said_on_the_topic_of_dead_letters_is_as_the_document_has_it() -> None:
    document = asyncapi()
    declared = {
        message["headers"]["properties"]["kind"]["const"]: message["headers"]
        for name, message in document["components"]["messages"].items()
        if name in document["channels"][DEAD_LETTERS]["messages"]
    }
    message = Message("cmo.lots", 0, 7, 1_000, b"acme", b"{", [("ce_id", b"1")])
    refused = Rejection(Reason.INVALID_VALUE, "why", message, "lot", "?")
    said = [
        dead_letter(refused, whole=True),
        dead_letter(refused._replace(field="", value=""), whole=False, ordinal=3),
        withdrawal(message, 2),
        contradiction(message, Word(Coordinates("cmo.lots", 7), 2, None), Reason.UNKNOWN_CMO),
        contradiction(message, Word(Coordinates("cmo.lots", 7), 3, Reason.UNKNOWN_CMO), None),
        covered("acme", 0),
        sealed(
            Seal(7, dict.fromkeys(TOPICS, Sealed("b5f4", 0, 9)), ("cmo.lots",), "a disk was lost"),
            0,
        ),
    ]
    for each in said:
        headers = {n: v.decode() for n, v in each.headers if not n.startswith("sent-")}
        schema_ = declared[headers["kind"]]
        Draft202012Validator({**schema_, "additionalProperties": False}).validate(headers)
        assert read_back(each.headers) is not None
    kinds = [dict(each.headers)["kind"].decode() for each in said]
    assert set(kinds) == declared.keys()


def test_the_document_is_json() -> None:
    assert json.loads(documents()["asyncapi.json"])["asyncapi"] == "3.0.0"
