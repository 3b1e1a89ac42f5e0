"""Messages as a decoder of these tests gets them, and what it makes of them."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from events.data import Speaker
from events.decode import Decoder
from events.outcomes import AcceptedEvent, Message, Rejection
from events.partition import partition_of
from events.sources import Source

PARTITIONS = 8
RECORDED = datetime(2024, 5, 2, 12, tzinfo=UTC)
SOURCES = (
    Source(source="/cmo/{cmo}", speaker=Speaker.CMO),
    Source(source="/sponsor", speaker=Speaker.SPONSOR),
    Source(source="/lab/*", speaker=Speaker.LAB),
    Source(source="/ended", speaker=Speaker.CMO, end=date(2024, 5, 1)),
    Source.model_validate({"source": "/import", "speaker": Speaker.SPONSOR, "import": True}),
)
MISSING = object()


def sources_of(cmo: str, _recorded: datetime) -> Sequence[Source] | None:
    return SOURCES if cmo in ("acme", "borealis") else None


def said(data: dict[str, Any] | None = None, /, **envelope: Any) -> dict[str, Any]:
    given = {
        "specversion": "1.0",
        "id": "e1",
        "source": "/cmo/acme",
        "type": "cmo.lot.completed.v1",
        "time": "2024-05-02T10:00:00Z",
        "data": {"lot": "L1"} if data is None else data,
        **envelope,
    }
    return {name: value for name, value in given.items() if value is not MISSING}


def message(value: object = MISSING, **given: Any) -> Message:
    if value is MISSING:
        value = said()
    key: bytes | None = given.get("key", b"acme")
    return Message(
        topic=given.get("topic", "cmo.lots"),
        partition=given.get("partition", partition_of(key or b"", PARTITIONS)),
        offset=7,
        timestamp=given.get("timestamp", round(RECORDED.timestamp() * 1000)),
        key=key,
        value=value if isinstance(value, bytes | None) else json.dumps(value).encode(),
        headers=given.get("headers", ()),
    )


def decoded(value: object = MISSING, **given: Any) -> AcceptedEvent | Rejection:
    return Decoder(sources_of, PARTITIONS).decode(message(value, **given))


def taken(value: object = MISSING, **given: Any) -> AcceptedEvent:
    outcome = decoded(value, **given)
    assert isinstance(outcome, AcceptedEvent), outcome
    return outcome


def refused(value: object = MISSING, **given: Any) -> Rejection:
    outcome = decoded(value, **given)
    assert isinstance(outcome, Rejection), outcome
    return outcome


def binary(data: bytes, **attributes: str) -> dict[str, Any]:
    given = said(**attributes, data=MISSING)
    headers = [(f"ce_{name}", value.encode()) for name, value in given.items()]
    return {"value": data, "headers": headers}
