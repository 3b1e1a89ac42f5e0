"""What one clean pass over a real log makes of it, and whether workers said the same."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from alerts.agreements import Agreements
from alerts.breaches import transitions
from alerts.calendar import moment
from alerts.ledger import Ledger
from alerts.readings import readings
from deploy.lab.demo import AGREEMENTS
from events.breaches import BREACH_EVENT
from events.data import BREACHES, DEAD_LETTERS, INBOUND
from events.outcomes import AcceptedEvent, Message, Rejection
from events.values import microseconds
from streams.agreements import read_agreements
from streams.dead_letters import Covered, Word, read_back
from streams.kafka.batches import message_of
from streams.kafka.whole_log import outcomes
from streams.replay import Pass, as_dict
from streams.seals import Seal
from streams.settings import Settings
from streams.shard import decoder_of
from tests.end_to_end.conftest import Worker
from tests.worlds import world_until_now


class Own(NamedTuple):
    """What stands on our own topics, but for which CMOs are covered."""

    breaches: list[Message]
    dead_letters: list[Message]
    seals: list[tuple[int, Seal]]


def simulated(folder: Path, events: int) -> Path:
    file = folder / "events.ndjson"
    file.write_bytes(b"".join(line + b"\n" for line in world_until_now(events)))
    return file


def agreed() -> Agreements:
    return read_agreements(AGREEMENTS, use_default=True)


def judged_by(*workers: Worker) -> list[dict[str, Any]]:
    return [reading for worker in workers for reading in json.loads(worker.get("/readings")[1])]


def read_at(*workers: Worker) -> int:
    """How many messages of the inbound topics the workers have folded."""
    return int(
        sum(
            sample.value
            for worker in workers
            for sample in worker.samples("cmowatch_folded_offset")
            if sample.labels["topic"] in INBOUND
        )
    )


def nothing_is_due(*workers: Worker) -> bool:
    due = [value for worker in workers for value in worker.values("cmowatch_outputs_due")]
    return bool(due) and not any(due)


def all_is_said(count: int, *workers: Worker) -> Callable[[], bool]:
    """Whether all is folded, judged afterwards and said."""
    folded_at: list[float] = []

    def settled() -> bool:
        if read_at(*workers) < count or not all(worker.ready() for worker in workers):
            return False
        folded_at[:] = folded_at or [datetime.now(UTC).timestamp()]
        heard = [
            value
            for worker in workers
            for value in worker.values("cmowatch_shard_heard_until_timestamp_seconds")
        ]
        as_of = [each["as_of"] for each in judged_by(*workers)]
        judged = [datetime.fromisoformat(each).timestamp() for each in as_of]
        return (
            bool(heard)
            and bool(judged)
            and min(heard) > folded_at[0]
            and min(judged) > folded_at[0]
            and nothing_is_due(*workers)
        )

    return settled


async def log_read(settings: Settings) -> list[AcceptedEvent | Rejection]:
    decoder = decoder_of(agreed(), settings.partitions)
    return [outcome async for outcome in outcomes(settings, decoder)]


async def own_topics(settings: Settings) -> Own:
    consumer = AIOKafkaConsumer(**settings.client(), isolation_level="read_committed")
    await consumer.start()
    try:
        found: dict[str, list[Message]] = {BREACHES: [], DEAD_LETTERS: []}
        places = [TopicPartition(t, p) for t in found for p in range(settings.partitions)]
        ends = await consumer.end_offsets(places)
        consumer.assign(places)
        await consumer.seek_to_beginning()
        left = {place for place in places if ends[place]}
        while left:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                found[place.topic] += map(message_of, records)
            left = {place for place in left if await consumer.position(place) < ends[place]}
        read = [(message, read_back(message.headers)) for message in found[DEAD_LETTERS]]
        words = [message for message, word in read if not isinstance(word, Covered | Seal)]
        seals = [(message.partition, word) for message, word in read if isinstance(word, Seal)]
        return Own(found[BREACHES], words, seals)
    finally:
        await consumer.stop()


def check_against_a_clean_pass(
    settings: Settings, *workers: Worker, silence_waits: bool = False
) -> None:
    """Every reading, breach and dead letter is what one pass over the log makes of it.

    `silence_waits` says that the workers have only just heard the log again.
    """
    said = judged_by(*workers)
    found = asyncio.run(log_read(settings))
    own = asyncio.run(own_topics(settings))
    by_moment: dict[str, list[dict[str, Any]]] = {}
    for reading in said:
        by_moment.setdefault(reading["as_of"], []).append(reading)
    ledger = check_breaches(own.breaches)
    refused = [outcome for outcome in found if isinstance(outcome, Rejection)]
    held = [{reading["cmo"] for reading in judged_by(worker)} for worker in workers]
    assert set().union(*held) >= set(agreed().cmos)
    assert sum(map(len, held)) == len(set().union(*held)), "a CMO is judged in one place"
    for as_of, some in by_moment.items():
        names = {reading["cmo"] for reading in some}
        clean = Pass(agreed(), datetime.fromisoformat(as_of))
        clean.fold(outcome for outcome in found if outcome.cmo in names)
        refused += clean.refused
        expected = [as_dict(reading) for reading in clean.readings() if reading.cmo in names]
        assert sorted(some, key=str) == sorted(expected, key=str)
        now = microseconds(datetime.fromisoformat(as_of))
        for name in names:
            cmo = clean.cmos[name]
            heard_again = now if silence_waits else 0
            due = list(transitions(cmo, readings(cmo, now), ledger, now, heard_again))
            assert not due, f"still to say at {moment(now)}: {due}"
    check_dead_letters(own, refused)


def check_breaches(published: list[Message]) -> Ledger:
    """One content per id, one standing breach per scope, none missing in between."""
    ledger, contents = Ledger(), dict[str, bytes | None]()
    for message in published:
        event = BREACH_EVENT.validate_json(message.value or b"")
        assert contents.setdefault(event.id, message.value) == message.value, event.id
        standing = {each.breach.breach for each in ledger.standing.values()}
        ledger.fold(event)
        now = {each.breach.breach for each in ledger.standing.values()}
        assert (event.data.breach in now - standing) == (event.data.transition == "opened"), (
            event.id
        )
    return ledger


def holds_no_more(partition: int, word: Any, seals: list[tuple[int, Seal]]) -> bool:
    """Whether a word is of a message that was lost since."""
    assert isinstance(word, Word)
    topic, offset = word.where
    later = (s.topics[topic] for at, s in seals if at == partition and word.ordinal <= s.number)
    return any(not sealed.first <= offset < sealed.until for sealed in later)


def check_clearings(settings: Settings) -> None:
    """Every breach that is published as cleared is so, word by word, by a clean pass as of then."""
    found, ledger = asyncio.run(log_read(settings)), Ledger()
    for message in asyncio.run(own_topics(settings)).breaches:
        event = BREACH_EVENT.validate_json(message.value or b"")
        if event.data.transition == "cleared":
            clean, now = Pass(agreed(), event.time), microseconds(event.time)
            clean.fold(outcome for outcome in found if outcome.cmo == event.data.cmo)
            said = [each for each in clean.readings() if each.cmo == event.data.cmo]
            due = transitions(clean.cmos[event.data.cmo], said, ledger, now)
            assert message.value in [each.json_line() for each in due], event.id
        ledger.fold(event)


def check_dead_letters(own: Own, refused: list[Rejection]) -> None:
    """One letter stands for each refused message, and says why; each word has one content."""
    stands: dict[tuple[str, str, str], tuple[int, str]] = {}
    contents: dict[tuple[str, ...], Any] = {}
    for letter in own.dead_letters:
        said = {name: value.decode() for name, value in letter.headers}
        where, ordinal = (said["topic"], said["partition"], said["offset"]), int(said["ordinal"])
        content = {name: value for name, value in said.items() if name != "bytes"}
        assert contents.setdefault((*where, said["ordinal"]), content) == content
        if holds_no_more(letter.partition, read_back(letter.headers), own.seals):
            continue
        stands[where] = max(stands.get(where, (0, "")), (ordinal, said.get("reason", "")))
    expected = {
        (each.message.topic, str(each.message.partition), str(each.message.offset)): each.reason
        for each in refused
    }
    assert {where: reason for where, (_, reason) in stands.items() if reason} == expected
