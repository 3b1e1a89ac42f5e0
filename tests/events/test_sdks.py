"""Events as the official SDKs write them are taken as they come."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from events.compact import compact
from events.data import LotCompleted
from events.outcomes import AcceptedEvent
from events.values import microseconds
from tests.events.decoding import taken

AT = datetime(2024, 5, 2, 10, 0, 0, 250_000, tzinfo=UTC)
SAID = compact(LotCompleted(lot="L1"))
Written = Callable[[CloudEvent, JSONFormat], kafka.KafkaMessage]


def of_the_python_sdk(data: Any, written: Written, **attributes: Any) -> AcceptedEvent:
    given = {
        "id": "e1",
        "source": "/cmo/acme",
        "type": "cmo.lot.completed.v1",
        "time": AT,
        "specversion": "1.0",
        "partitionkey": "acme",
        **attributes,
    }
    message = written(CloudEvent(given, data), JSONFormat())
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return taken(message.value, key=key, headers=[*message.headers.items()])


@pytest.mark.parametrize("written", [kafka.to_binary, kafka.to_structured])
@pytest.mark.parametrize("media_type", [None, "application/json", "application/vnd.acme+json"])
@pytest.mark.parametrize("at", [AT, AT.astimezone(timezone(timedelta(hours=5, minutes=30)))])
def test_an_event_of_the_python_sdk_is_taken(
    written: Written, media_type: str | None, at: datetime
) -> None:
    said = {} if media_type is None else {"datacontenttype": media_type}
    event = of_the_python_sdk({"lot": "L1"}, written, time=at, sequence="4", **said)
    assert (event.data, event.time, event.sequence) == (SAID, microseconds(AT), 4)


@pytest.mark.parametrize("written", [kafka.to_binary, kafka.to_structured])
def test_bytes_that_the_python_sdk_carries_are_taken(written: Written) -> None:
    event = of_the_python_sdk(b'{"lot": "L1"}', written, datacontenttype="application/json")
    assert event.data == SAID


# The shapes that Java's SDK writes: a name for each attribute that is set and none for any other,
# times with nine places where the clock has them, extensions as text in headers, by type in JSON.

OF_JAVA = {
    "specversion": "1.0",
    "id": "e1",
    "source": "/cmo/acme",
    "type": "cmo.lot.completed.v1",
    "time": "2024-05-02T12:00:00.123456789+02:00",
    "partitionkey": "acme",
    "sequence": "4",
}


def test_an_event_of_javas_sdk_in_binary_mode_is_taken() -> None:
    headers = [(f"ce_{name}", text.encode()) for name, text in OF_JAVA.items()]
    headers.append(("content-type", b"application/json"))
    event = taken(b'{"lot":"L1"}', headers=headers)
    assert (event.data, event.sequence) == (SAID, 4)
    assert event.time == microseconds(AT.replace(microsecond=123_457))


@pytest.mark.parametrize(
    "data",
    [
        {"datacontenttype": "application/json", "data": {"lot": "L1"}},
        {"datacontenttype": "application/json", "data_base64": "eyJsb3QiOiJMMSJ9"},
    ],
    ids=["json", "bytes"],
)
def test_an_event_of_javas_sdk_in_structured_mode_is_taken(data: dict[str, Any]) -> None:
    content_type = ("content-type", b"application/cloudevents+json")
    event = taken({**OF_JAVA, "sequence": 4, **data}, headers=[content_type])
    assert (event.data, event.sequence) == (SAID, 4)
    assert event.time == microseconds(AT.replace(microsecond=123_457))
