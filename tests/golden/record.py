"""What is read and said of whole worlds: recorded once, and compared ever after.

`python -m tests.golden.record` writes answers.json anew, in about a minute; `--full FILE` writes
every answer to a file instead, to be compared with those of another commit.
"""

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from alerts.readings import Reading
from deploy.lab.demo import AGREEMENTS
from events.adapters.table import read_table
from events.data import BREACHES, DEAD_LETTERS, INBOUND
from events.event import Event
from events.files import address
from events.outcomes import Message
from events.partition import partition_of
from streams.agreements import read_agreements
from streams.shard import Shard
from tests import worlds
from tests.alerts.test_scms import DELIVERIES
from tests.end_to_end.poisons import lot_completed, poisons

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = Path(__file__).with_name("answers.json")
MAPPING = ROOT / "deploy" / "lab" / "demo" / "scms.yaml"
MOMENTS = 20


class World(NamedTuple):
    """Messages in the order of their record times, and when they are looked at."""

    messages: list[Message]
    moments: list[datetime]


def world(lines: Iterable[bytes]) -> World:
    """Events as messages of one partition, and moments spread evenly over their record times."""
    found = sorted(map(_message, lines), key=lambda message: message.timestamp)
    return _looked_at(found)


def _looked_at(found: Sequence[Message]) -> World:
    placed, ends = [], Counter[str]()
    for message in found:
        placed.append(message.having(offset=ends[message.topic]))
        ends[message.topic] += 1
    first, last = placed[0].timestamp, placed[-1].timestamp
    step = (last - first) / MOMENTS
    moments = [_moment(first + step * (number + 1)) for number in range(MOMENTS)]
    return World(placed, moments)


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1_000, UTC)


def _message(line: bytes) -> Message:
    event, (topic, key) = json.loads(line), address(line)
    at = datetime.fromisoformat(event.get("recordedtime") or event["time"])
    return Message(topic, partition_of(key, 1), 0, round(at.timestamp() * 1_000), key, line)


def simulated(seed: int, months: int, events: int | None = None) -> World:
    """A simulated world of CMOs."""
    return world(worlds.world(seed, events, months).events)


def deliveries(file: Path) -> World:
    """The real deliveries, as events."""
    events = [each for each in read_table(MAPPING, file) if isinstance(each, Event)]
    return world(each.json_line() for each in events)


def poisoned() -> World:
    """A small world, with every kind of message that cannot be taken in between."""
    good = worlds.world(4, 3_000).events
    random, made = Random(4), world(good).messages
    maker = made[0].key
    for key, value, _ in poisons(lot_completed(source=f"/cmo/{(maker or b'').decode()}")).values():
        at = random.randrange(100, len(made) - 1)
        own = maker if key == b"acme" else key
        made.insert(at, Message("cmo.lots", 0, 0, made[at].timestamp, own, value))
    return _looked_at(made)


def withdrawn() -> World:
    """A world a tenth of which is taken back, some of it before it was said."""
    random = Random(5)
    made = world(worlds.world(5, 8_000).events).messages
    for target in random.sample(made, len(made) // 10):
        event = json.loads(target.value or b"")
        if event["type"].startswith("cmo.feed."):
            continue
        by = random.choice([event["source"], "/sponsor"])
        later = timedelta(days=random.choice([-3, 0, 1, 40])) / timedelta(milliseconds=1)
        at = target.timestamp + int(later)
        made.append(target.having(value=_retraction(event, target.topic, by, at), timestamp=at))
    return _looked_at(sorted(made, key=lambda message: message.timestamp))


def _retraction(event: dict[str, Any], topic: str, by: str, at: int) -> bytes:
    withdrawal = {
        "specversion": "1.0",
        "id": f"no-{event['source']}-{event['id']}"[:128],
        "source": by,
        "type": "cmo.event.retracted.v1",
        "time": _moment(at).isoformat(),
        "partitionkey": event["partitionkey"],
        "data": {
            "topic": topic,
            "source": event["source"],
            "id": event["id"],
            "reason": "incorrect_data",
        },
    }
    return json.dumps(withdrawal).encode()


class Answers(NamedTuple):
    """Every reading at each moment, and everything said on the way, as lines."""

    readings: list[list[str]]
    said: list[str]


@cache
def _agreements() -> Any:
    return read_agreements(AGREEMENTS, use_default=True)


def answers(asked: World) -> Answers:
    """What a shard answers that folds a world, looks up at each moment, and reads itself back."""
    shard, read, said = Shard(0, 1, _agreements()), [], list[str]()
    waiting, own = iter(asked.messages), Counter[str]()
    ahead = next(waiting, None)
    for moment in asked.moments:
        due: dict[str, list[Message]] = {topic: [] for topic in INBOUND}
        while ahead is not None and ahead.timestamp <= moment.timestamp() * 1_000:
            due[ahead.topic].append(ahead)
            ahead = next(waiting, None)
        for topic, messages in due.items():
            if messages:
                shard.fold(topic, messages[-1].offset + 1, messages)
        while True:
            list(shard.tick(moment))
            if not (new := _read_back(shard, own, moment)):
                break
            said += new
        read.append(list(map(_line, shard.readings())))
    return Answers(read, said)


def _read_back(shard: Shard, own: Counter[str], moment: datetime) -> list[str]:
    lines, at = [], round(moment.timestamp() * 1_000)
    for each in shard.to_send():
        lines.append(
            repr((each.id, each.topic, each.partition, each.key, each.value, each.headers))
        )
        back = Message(each.topic, 0, own[each.topic], at, each.key, each.value, each.headers)
        own[each.topic] += 1
        shard.fold(each.topic, own[each.topic], [back])
    return lines


def _line(reading: Reading) -> str:
    bounds, interval = tuple(reading.bounds), reading.interval
    return json.dumps(
        [
            reading.kpi.name,
            reading.cmo,
            {name: value for name, value in reading.scope._asdict().items() if value},
            reading.quantile,
            reading.value,
            reading.numerator,
            reading.denominator,
            reading.n,
            interval and tuple(interval),
            bounds,
            None if reading.state is None else str(reading.state),
            reading.judged,
            reading.why,
            reading.events,
            reading.as_of,
        ]
    )


def digests(found: Answers) -> dict[str, Any]:
    """The answers as they are kept: how many, and a digest of each moment and of all said."""
    return {
        "readings": [[len(lines), _digest(lines)] for lines in found.readings],
        "said": [len(found.said), _digest(found.said)],
        "breaches": sum(BREACHES in line for line in found.said),
        "dead letters": sum(DEAD_LETTERS in line for line in found.said),
    }


def _digest(lines: Iterable[str]) -> str:
    return blake2b("\n".join(lines).encode(), digest_size=8).hexdigest()


WORLDS: Final[dict[str, Callable[[], World]]] = {
    "one": lambda: simulated(1, 13),
    "two": lambda: simulated(2, 13),
    "three, of four years": lambda: simulated(3, 48),
    "poisoned": poisoned,
    "withdrawn": withdrawn,
}


def every(scms: Path) -> Iterator[tuple[str, Answers]]:
    """The answers of each world, the real deliveries last."""
    for name, make in WORLDS.items():
        yield name, answers(make())
    yield "deliveries", answers(deliveries(scms))


def main(scms: Path, full: Path | None = None) -> None:
    """Records the answers of every world; with `full`, each of them as a line there."""
    kept = {}
    lines: list[str] = []
    for name, found in every(scms):
        kept[name] = digests(found)
        for number, read in enumerate(found.readings):
            lines += (f"{name}\t{number}\t{line}" for line in read)
        lines += (f"{name}\tsaid\t{line}" for line in found.said)
    if full is not None:
        full.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        rows = (f"{json.dumps(name)}: {json.dumps(each)}" for name, each in kept.items())
        ANSWERS.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--full", type=Path, metavar="FILE", help="write every answer there")
    parser.add_argument("--scms", type=Path, metavar="FILE", default=DELIVERIES, help="deliveries")
    given = parser.parse_args()
    main(given.scms, given.full)
