"""Which brokers tell of a log, how far those that do not keep others back, and who is too old."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, KafkaError

from events.data import LOTS, TOPICS
from streams.errors import NoBroker, OldBroker
from streams.kafka.extents import Extents, refuse_old_brokers
from streams.settings import Settings

EVERY = {0, 1, 2, 3}


class Altered(Extents):
    """Asks real brokers, and says of a partition of one topic that somebody else leads it."""

    def __init__(self, settings: Settings, leader: int) -> None:
        super().__init__(settings)
        self._leader = leader

    async def _metadata(self) -> Any:
        answer = await super()._metadata()
        [lots] = [topic for topic in answer.topics if topic[1] == LOTS]
        lots[4][:] = [
            (code, number, self._leader if number == 2 else leader, *more)
            for code, number, leader, *more in lots[4]
        ]
        return answer


@pytest.mark.broker
async def test_a_partition_without_a_leader_keeps_back_no_other(settings: Settings) -> None:
    extents = Altered(settings, leader=-1)
    try:
        found = await extents.told(EVERY)
        assert set(found) == EVERY - {2}
        assert all(set(of) == set(TOPICS) for of in found.values())
        with pytest.raises(KafkaError, match="leaders of partition 2 do not answer"):
            await extents.of(EVERY)
    finally:
        await extents.close()


@pytest.mark.broker
async def test_a_leader_that_does_not_answer_keeps_back_only_what_it_leads(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    extents = Altered(settings, leader=9)
    whole = Extents._ask

    async def ask(self: Extents, numbers: Any, topics: Any) -> Any:
        if 2 in numbers:
            raise KafkaConnectionError("away")
        return await whole(self, numbers, topics)

    monkeypatch.setattr(Extents, "_ask", ask)
    try:
        assert set(await extents.told(EVERY)) == EVERY - {2}
    finally:
        await extents.close()


@pytest.mark.broker
async def test_brokers_that_give_topics_ids_are_not_too_old(settings: Settings) -> None:
    await refuse_old_brokers(settings)


class Client:
    """A connection to brokers of which the first ones answer as they are told to."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        nodes = [SimpleNamespace(nodeId=number) for number in range(len(answers))]
        self.cluster = SimpleNamespace(brokers=lambda: nodes)

    async def send(self, _: int, __: object) -> Any:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def connected(monkeypatch: pytest.MonkeyPatch, *answers: object) -> None:
    async def stop() -> None:
        """Has nothing to end."""

    async def made(_: Extents) -> Any:
        return SimpleNamespace(_client=Client(*answers), stop=stop)

    monkeypatch.setattr(Extents, "_connected", made)


def topics(topic_id: bytes) -> Any:
    leads: list[Any] = [(0, 0, 1, 0, [1], [1], [], {})]
    return SimpleNamespace(topics=[(0, topic, topic_id, False, leads, 0, {}) for topic in TOPICS])


@pytest.mark.parametrize(
    "answer",
    [topics(bytes(16)), NotImplementedError("version"), IncompatibleBrokerVersion("unknown")],
)
async def test_brokers_that_give_topics_no_ids_are_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    connected(monkeypatch, answer)
    with pytest.raises(OldBroker, match=r"Operator action: use Apache Kafka 2\.8 or later"):
        await refuse_old_brokers(Settings())


async def test_another_broker_is_asked_where_one_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connected(monkeypatch, KafkaConnectionError("away"), topics(bytes(range(16))))
    await refuse_old_brokers(Settings())


async def test_where_none_answers_that_is_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    connected(monkeypatch, KafkaConnectionError("away"))
    with pytest.raises(NoBroker):
        await refuse_old_brokers(Settings(brokers="127.0.0.1:1"))
