"""How a worker waits for a broker, and which topics it does not follow."""

import pytest

from streams import worker
from streams.errors import NoBroker, TopicRefused, WrongPartitions
from streams.kafka.topics import Difference
from streams.settings import Settings
from streams.worker import refuse_other_settings, wait_for_topics


async def test_a_broker_that_comes_late_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(worker, "_SHORTEST_WAIT", 0.001)
    answers: list[NoBroker | list[Difference]] = [NoBroker("none"), NoBroker("none"), []]

    async def verify(_: Settings) -> list[Difference]:
        if isinstance(answer := answers.pop(0), NoBroker):
            raise answer
        return answer

    assert await wait_for_topics(Settings(), verify) == []
    assert caplog.text.count("Next attempt in") == 2


async def test_waiting_for_a_broker_has_an_end() -> None:
    async def verify(_: Settings) -> list[Difference]:
        raise NoBroker("none")

    with pytest.raises(NoBroker):
        await wait_for_topics(Settings(broker_wait=0), verify)


async def test_a_topic_with_other_partitions_is_not_waited_for() -> None:
    async def verify(_: Settings) -> list[Difference]:
        raise WrongPartitions("no")

    with pytest.raises(WrongPartitions):
        await wait_for_topics(Settings(), verify)


def test_a_topic_that_is_set_otherwise_is_not_followed() -> None:
    created = Difference("cmo.lots", "partitions", "8", None)
    refuse_other_settings([created])
    other = Difference("cmo.lots", "message.timestamp.type", "LogAppendTime", "CreateTime")
    with pytest.raises(TopicRefused, match=r"must be LogAppendTime.*Operator action"):
        refuse_other_settings([created, other])
