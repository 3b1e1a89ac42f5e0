"""A publisher keeps back what the decoder would refuse, and says so in its words."""

from datetime import timedelta
from pathlib import Path

import pytest

from events.data import LotCompleted, LotPlanned, Speaker
from events.decode import Decoder
from events.errors import EventRefused
from events.event import Event, event
from events.outcomes import Message, Rejection
from events.partition import partition_of
from events.publish import Delivery
from events.sources import Source
from events.values import microseconds
from tests.events.publishing import NOW, FakeClient, completed, publisher, saved


def told(event: Event) -> str:
    """How a decoder refuses an event, were it logged now, as the publisher says it."""
    message = Message(
        event.topic,
        partition_of(b"acme", 8),
        0,
        microseconds(NOW) // 1_000,
        b"acme",
        event.json_line(),
    )
    imports = {"source": event.source, "speaker": Speaker.CMO, "import": True}
    sources = (Source.model_validate(imports),)
    rejection = Decoder(lambda _cmo, _day: sources, 8).decode(message)
    assert isinstance(rejection, Rejection)
    given = f"{rejection.field} = {rejection.value!r}"
    return f"{given}: {rejection.reason}: {rejection.detail}"


LATER = NOW + timedelta(hours=24, microseconds=1)


@pytest.mark.parametrize(
    "event",
    [
        completed(time=LATER),
        completed(time=LATER, recordedtime=NOW),
        completed(recordedtime=NOW + timedelta(seconds=5.001)),
        completed().model_copy(update={"id": ""}),
        completed().model_copy(update={"datacontenttype": "text/xml"}),
        completed().model_copy(update={"data": LotCompleted.model_construct(lot="")}),
        completed(data_base64="e30="),
    ],
    ids=["ahead", "ahead of its record", "recorded later", "id", "media type", "data", "twice"],
)
def test_what_the_decoder_would_refuse_is_not_sent_and_told_in_its_words(
    client: FakeClient, event: Event, state: Path
) -> None:
    with pytest.raises(EventRefused) as caught, publisher(client, state=state) as p:
        p.publish(event)
    assert str(caught.value) == f"event {event.id}: {told(event)}"
    assert client.sent == []
    assert saved(state) == []


@pytest.mark.parametrize("value", [float("nan"), "\ud800", object()], ids=["nan", "half", "object"])
def test_what_cannot_be_written_as_json_is_not_sent(client: FakeClient, value: object) -> None:
    reports: list[Delivery] = []
    about = {"id": "e1", "source": "/cmo/acme", "time": NOW}
    with publisher(client, report=reports.append) as p:
        p.publish(event(LotCompleted(lot="L1", note_of_ours=value), **about))
        p.publish(completed("e2"))
    assert [type(report.error) for report in reports] == [EventRefused, type(None)]
    assert [said.id for said in client.sent] == ["e2"]


def test_a_plan_may_lie_ahead(client: FakeClient) -> None:
    with publisher(client) as p:
        p.send(LotPlanned(lot="L1", product="p"), id="e1", time=LATER)
    assert len(client.sent) == 1
