"""Logs that lost something, with other faults: nothing is known of them until a person decides."""

import asyncio
import os
import signal
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from click.testing import CliRunner

from deploy.lab.demo import AGREEMENTS
from deploy.lab.kafka import LocalKafka
from events.breaches import BREACH_EVENT
from events.data import BREACHES, DEAD_LETTERS, INVENTORY, LOTS, RELEASES, Heartbeat
from events.partition import partition_of
from events.publish import Publisher
from streams.cli import main
from streams.kafka.extents import Extents
from streams.kafka.topics import create_or_verify
from streams.seals import Damage, Kind, Memory, memory
from streams.settings import Settings
from tests.chaos.conftest import Telling, all_told, check, share, stands
from tests.chaos.leaderless_worker import SOON, file_of
from tests.conftest import clean_up, delete
from tests.end_to_end.clean_pass import all_is_said, judged_by, nothing_is_due, own_topics
from tests.end_to_end.conftest import Worker, environment, eventually

pytestmark = [pytest.mark.chaos, pytest.mark.broker, pytest.mark.slow]

Watch = Callable[..., Worker]
Tell = Callable[..., Telling]
SOME = 3_000
NEWCOMER = "newcomer-works"
LEADERLESS = Path(__file__).with_name("leaderless_worker.py")


def recreate(settings: Settings, *topics: str) -> None:
    async def anew() -> None:
        await delete(settings, *topics)
        await create_or_verify(settings)

    asyncio.run(anew())


def ends(settings: Settings, topic: str) -> dict[int, int]:
    async def found() -> dict[int, int]:
        extents = Extents(settings)
        try:
            there = await extents.of(range(settings.partitions))
        finally:
            await extents.close()
        return {number: of[topic].end for number, of in there.items()}

    return asyncio.run(found())


async def spoil(settings: Settings, *partitions: int) -> None:
    """Says what is refused for good, where another will say something good."""
    producer = AIOKafkaProducer(**settings.client())
    await producer.start()
    try:
        for place in list(partitions or range(settings.partitions)) * 20:
            await producer.send_and_wait(LOTS, b"{", key=b"acme", partition=place)
    finally:
        await producer.stop()


def truncate(settings: Settings, topic: str) -> set[int]:
    """Deletes the first half of each partition of a topic; returns those that had one."""
    halves = {number: end // 2 for number, end in ends(settings, topic).items() if end > 1}

    async def cut() -> None:
        admin = AIOKafkaAdminClient(**settings.client())
        await admin.start()
        try:
            before = {TopicPartition(topic, n): RecordsToDelete(at) for n, at in halves.items()}
            await admin.delete_records(before)
        finally:
            await admin.close()

    asyncio.run(cut())
    return set(halves)


def shorten(broker: LocalKafka, topic: str, partition: int) -> None:
    """Cuts off the newest tenth of a partition of a broker that was killed, as a lost disk does."""
    folder = broker.folder / "data" / f"{topic}-{partition}"
    (segment,) = folder.glob("*.log")
    os.truncate(segment, segment.stat().st_size * 9 // 10)
    for derived in (*folder.glob("*.snapshot"), *folder.glob("*.*index")):
        derived.unlink()


def damaged(
    workers: Collection[Worker], partitions: Collection[int], *expected: Damage
) -> Callable[[], bool]:
    """Whether these partitions are held, and shown with this damage by whoever has one."""

    def shown() -> bool:
        held = [(int(n), of) for w in workers for n, of in w.health()["partitions"].items()]
        of_these = [(number, set(of["damaged"])) for number, of in held if number in partitions]
        return {number for number, _ in of_these} == {*partitions} and all(
            words >= {*map(str, expected)} for _, words in of_these
        )

    return shown


def check_unknown(
    settings: Settings, workers: Collection[Worker], partitions: Collection[int], said: int
) -> None:
    """Nothing of these partitions is known, a page is due, and nothing was said since."""
    eventually(lambda: unknown_alone(workers, partitions), "these are unknown, and all of them", 60)
    whole = {*map(str, range(4))} - {*map(str, partitions)}
    eventually(lambda: shown_ready(workers) == whole, "what is whole is ready", 60)
    due = {
        sample.labels["partition"]
        for worker in workers
        for sample in worker.samples("cmowatch_log_damaged")
    }
    assert due == {*map(str, partitions)}
    cleared = [each for each in transitions(settings)[said:] if each[1] == "cleared"]
    assert not cleared


def unknown_alone(workers: Collection[Worker], partitions: Collection[int]) -> bool:
    """Whether of each of these partitions CMOs are shown, and none but as unknown."""
    shown = [(partition_of(each["cmo"].encode(), 4), each) for each in judged_by(*workers)]
    found = [(number, each) for number, each in shown if number in partitions]
    return {number for number, _ in found} == {*partitions} and all(
        (each["state"], each["value"]) == ("unknown", None) for _, each in found
    )


def found_for_good(settings: Settings, damage: Damage) -> bool:
    """Whether the group keeps of every partition that this is damaged."""

    async def kept() -> list[Memory]:
        admin = AIOKafkaAdminClient(**settings.client())
        await admin.start()
        try:
            of = await admin.list_consumer_group_offsets(settings.group)
        finally:
            await admin.close()
        return [memory(at.offset, at.metadata) for tp, at in of.items() if tp.topic == LOTS]

    found = asyncio.run(kept())
    return len(found) == 4 and all(damage in each.damages for each in found)


def shared_out(*workers: Worker) -> bool:
    """Whether each of the workers holds some partitions, all together hold each one, and once."""
    held = [list(worker.health()["partitions"]) for worker in workers]
    return all(held) and sorted(number for some in held for number in some) == [*map(str, range(4))]


def shown_ready(workers: Collection[Worker]) -> set[str]:
    """The partitions whose readings are shown as known."""
    ready = [sample for worker in workers for sample in worker.samples("cmowatch_shard_ready")]
    return {sample.labels["partition"] for sample in ready if sample.value}


def transitions(settings: Settings) -> list[tuple[str, str]]:
    read = asyncio.run(own_topics(settings)).breaches
    events = [BREACH_EVENT.validate_json(message.value or b"") for message in read]
    return [(event.id, event.data.transition) for event in events]


def repair(settings: Settings) -> None:
    command = ["topics", "--repair", "the disk is gone"]
    done = CliRunner().invoke(main, command, env=environment(settings))
    assert done.exit_code == 0, done.output
    assert ": goes on, though cmo." in done.output


def settled(settings: Settings, watch: Watch, telling: Telling) -> list[Worker]:
    """Two workers that have said all there is to say of what is told."""
    workers = [watch(), watch()]
    all_told(telling)
    eventually(share(4, *workers), "together they hold all", 90)
    eventually(all_is_said(stands(settings), *workers), "all is said", 90)
    return workers


def mended(settings: Settings, *workers: Worker) -> None:
    """Once repaired all is as one clean pass over what is left makes it."""
    said = dict(transitions(settings))
    repair(settings)
    eventually(share(4, *workers), "together they hold all", 60)
    check(settings, *workers)
    assert all(said.get(id_, what) == what for id_, what in transitions(settings))


def test_a_topic_created_anew_and_grown_past_is_another_log_also_for_a_worker_that_was_killed(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    asyncio.run(spoil(settings))
    workers = settled(settings, watch, tell(history[:SOME]))
    said, found = len(transitions(settings)), Damage(LOTS, Kind.RECREATED)
    before = ends(settings, LOTS)
    recreate(settings, LOTS)
    all_told(tell(history[: 2 * SOME]))
    assert all(end > before[number] for number, end in ends(settings, LOTS).items())
    eventually(damaged(workers, range(4), found), "all is unknown", 60)
    workers[0].kill()
    workers[0].start()
    eventually(lambda: workers[0].health()["partitions"], "it is back", 60)
    eventually(damaged(workers, range(4), found), "all is unknown still", 60)
    check_unknown(settings, workers, range(4), said)
    mended(settings, *workers)


def test_records_deleted_below_what_was_folded_are_damage_also_for_a_worker_that_hung(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    workers = settled(settings, watch, tell(history[:SOME]))
    said = len(transitions(settings))
    hung, other = workers
    hung.signal(signal.SIGSTOP)
    eventually(lambda: len(other.health()["partitions"]) == 4, "the other holds all", 60)
    cut = truncate(settings, INVENTORY)
    eventually(damaged([other], cut, Damage(INVENTORY, Kind.TRUNCATED)), "it is unknown", 60)
    hung.signal(signal.SIGCONT)
    eventually(lambda: shared_out(hung, other), "it knows that it was replaced, and has some", 60)
    eventually(damaged(workers, cut, Damage(INVENTORY, Kind.TRUNCATED)), "unknown still", 60)
    check_unknown(settings, workers, cut, said)
    mended(settings, *workers)


def test_our_own_topics_lost_are_no_all_clear_and_what_is_said_again_has_ids_of_its_own(
    settings: Settings, broker: LocalKafka, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    workers = settled(settings, watch, tell(history[:SOME]))
    before = {id_ for id_, _ in transitions(settings)}
    recreate(settings, BREACHES)
    broker.kill()
    broker.start()
    again = Damage(BREACHES, Kind.RECREATED)
    eventually(damaged(workers, range(4), again), "all is unknown", 60)
    cut = truncate(settings, DEAD_LETTERS)
    workers[0].kill()
    workers[0].start()
    found = Damage(DEAD_LETTERS, Kind.TRUNCATED)
    eventually(lambda: workers[0].health()["partitions"], "it has some again", 60)
    eventually(damaged(workers, cut, found), "all is unknown still", 60)
    check_unknown(settings, workers, range(4), 0)
    assert transitions(settings) == []
    mended(settings, *workers)
    after = {id_ for id_, _ in transitions(settings)}
    assert before
    assert after
    assert before.isdisjoint(after)


def test_topics_that_lost_their_end_are_damaged_though_they_grow_and_workers_start_anew(
    settings: Settings, broker: LocalKafka, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    workers = settled(settings, watch, tell(history[:SOME]))
    said, lost = len(transitions(settings)), longest(settings, BREACHES)
    before = [ends(settings, topic)[lost] for topic in (BREACHES, RELEASES)]
    broker.kill()
    shorten(broker, BREACHES, lost)
    shorten(broker, RELEASES, lost)
    broker.start()
    assert ends(settings, BREACHES)[lost] < before[0]
    found = Damage(BREACHES, Kind.SHORTENED), Damage(RELEASES, Kind.SHORTENED)
    eventually(damaged(workers, [lost], *found), "it is unknown", 60)
    all_told(tell(history[SOME : 2 * SOME]))
    assert ends(settings, RELEASES)[lost] > before[1]
    for worker in workers:
        worker.kill()
        worker.start()
    eventually(damaged(workers, [lost], *found), "it is unknown still", 90)
    check_unknown(settings, workers, [lost], said)
    mended(settings, *workers)


def test_good_messages_that_lie_where_refused_ones_were_lost_are_taken(
    settings: Settings, broker: LocalKafka, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    worker = watch()
    all_told(tell(history[:SOME]))
    lost = longest(settings, LOTS)
    asyncio.run(spoil(settings, lost))
    eventually(share(4, worker), "it holds all", 90)
    eventually(all_is_said(stands(settings), worker), "all is said", 90)
    assert worker.total("cmowatch_events_rejected_total", reason="not_json") == 20
    before = ends(settings, LOTS)[lost]
    broker.kill()
    shorten(broker, LOTS, lost)
    broker.start()
    assert ends(settings, LOTS)[lost] <= before - 20
    eventually(damaged([worker], [lost], Damage(LOTS, Kind.SHORTENED)), "it is unknown", 60)
    mended(settings, worker)
    all_told(tell(history[: 2 * SOME]))
    assert ends(settings, LOTS)[lost] > before
    check(settings, worker)
    assert worker.total("cmowatch_events_rejected_total", reason="not_json") == 0


def test_a_topic_that_was_compacted_for_a_while_is_damaged_also_for_a_worker_that_was_killed(
    settings: Settings, watch: Watch, tell: Tell, history: list[bytes]
) -> None:
    workers = settled(settings, watch, tell(history[:SOME]))
    said, found = len(transitions(settings)), Damage(BREACHES, Kind.COMPACTED)
    asyncio.run(clean_up(settings, BREACHES, "compact"))
    eventually(damaged(workers, range(4), found), "all is unknown", 60)
    eventually(lambda: found_for_good(settings, found), "the group keeps that", 30)
    asyncio.run(clean_up(settings, BREACHES, "delete"))
    workers[0].kill()
    workers[0].start()
    eventually(lambda: shared_out(*workers), "it has some again", 60)
    eventually(damaged(workers, range(4), found), "all is unknown still", 60)
    check_unknown(settings, workers, range(4), said)
    mended(settings, *workers)


def test_a_cmo_under_the_default_agreement_is_unknown_though_nothing_tells_of_it_any_more(
    settings: Settings, watch: Watch
) -> None:
    with Publisher(settings.brokers, source=f"/cmo/{NEWCOMER}", cmo=NEWCOMER) as publisher:
        publisher.send(Heartbeat(topic="cmo.lots"), id="1", time=datetime.now(UTC))
    worker = watch()
    eventually(share(4, worker), "it holds all", 90)
    eventually(lambda: NEWCOMER in {each["cmo"] for each in judged_by(worker)}, "it is judged", 60)
    eventually(lambda: nothing_is_due(worker), "all is said", 60)
    recreate(settings, DEAD_LETTERS)
    eventually(damaged([worker], range(4), Damage(DEAD_LETTERS, Kind.RECREATED)), "unknown", 60)
    shown = {each["state"] for each in judged_by(worker) if each["cmo"] == NEWCOMER}
    assert shown == {"unknown"}


def test_a_partition_without_a_leader_is_not_ready_and_the_others_go_on(
    settings: Settings, watch: Watch, start_worker: Watch, tmp_path: Path
) -> None:
    worker = start_worker(LEADERLESS, agreements=AGREEMENTS, default_agreement=True)
    eventually(share(4, worker), "it holds all", 90)
    gone = tmp_path / file_of(worker.port)
    gone.write_text("2")
    eventually(lambda: waits(worker) == {"2"}, "one partition is not ready, and says why", 30)
    asyncio.run(spoil(settings))
    eventually(lambda: spoken_of(settings) == {0, 1, 3}, "of the others is said what is due", 30)
    assert waits(worker) == {"2"}
    [unseen] = worker.values("cmowatch_log_unseen_seconds", partition="2")
    assert unseen > SOON
    assert shown_ready([worker]) == {*map(str, range(4))}
    gone.unlink()
    eventually(lambda: spoken_of(settings) == {*range(4)}, "it goes on by itself", 30)
    eventually(worker.ready, "it is ready again", 30)


def waits(worker: Worker) -> set[str]:
    """The partitions of which no broker tells, by what the worker says it waits for."""
    said = {n: of["waits_for"] for n, of in worker.health()["partitions"].items()}
    return {number for number, why in said.items() if why.startswith("the brokers, which have not")}


def spoken_of(settings: Settings) -> set[int]:
    """The partitions of which dead letters stand."""
    return {letter.partition for letter in asyncio.run(own_topics(settings)).dead_letters}


def longest(settings: Settings, topic: str) -> int:
    """The partition that holds the most of a topic."""
    of = ends(settings, topic)
    return max(of, key=lambda number: of[number])
