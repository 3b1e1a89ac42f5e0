"""Events of one CMO, made by hand as real systems write them: what there is of what is exact."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

from alerts.agreements import Agreements
from events.data import Data, Retracted
from events.outcomes import Message
from streams.agreements import read_agreements

CMO, CMO_SOURCE = "acme", "/cmo/acme"
NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
DAY = 86_400

_DELAY = 90  # seconds from an event to its record in the log
_AGREEMENT = """
cmo: acme
version: "1"
effective: 2020-01-01
zone: UTC
working_days: [mon, tue, wed, thu, fri, sat, sun]
sources:
  - {source: /cmo/acme, speaker: cmo}
  - {source: /sponsor, speaker: sponsor}
  - {source: /lab/central, speaker: lab}
time_in_state: {in_process: 7776000, completed: 2592000, quarantine: 2592000}
limits: {days_of_supply: {warning: 14, critical: 7}}
contingency: Call the planner on duty.
"""


def agreements() -> Agreements:
    """The agreement with the CMO, who has to be heard on no topic."""
    with TemporaryDirectory(prefix="bench-") as folder:
        Path(folder, "acme.yaml").write_text(_AGREEMENT, encoding="utf-8")
        return read_agreements(Path(folder), use_default=False)


class Said(NamedTuple):
    """What is said at a moment, in seconds from the epoch, before it is numbered and written."""

    at: int
    kind: type[Data]
    by: str
    id: str
    data: dict[str, Any]


class Maker:
    """Says events of the CMO: each with a UUID for an id, and numbered by source and topic."""

    def __init__(self) -> None:
        self.now = int(NOW.timestamp())
        self._random = Random(1)
        self._next = Counter[tuple[str, str]]()

    def uuid(self) -> str:
        """A UUID of version 4."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def lot(self) -> str:
        """A lot number of 8 to 12 characters."""
        digits = self._random.randint(7, 11)
        return f"L{self._random.randrange(10 ** (digits - 1), 10**digits)}"

    def say(
        self, kind: type[Data], at: int, *, by: str = CMO_SOURCE, id: str = "", **data: Any
    ) -> Said:
        """An event of a moment, which is recorded soon."""
        return Said(at, kind, by, id or self.uuid(), data)

    def retract(self, topic: str, event: str) -> Said:
        """An event by which the CMO takes back, in half an hour, what it said on a topic."""
        data = {"topic": topic, "source": CMO_SOURCE, "id": event, "reason": "incorrect_data"}
        return Said(self.now + 1_800, Retracted, CMO_SOURCE, self.uuid(), data)

    def messages(self, said: Iterable[Said]) -> Iterator[Message]:
        """The messages of all this, in order of time; each is made when it is asked for."""
        return map(self._message, sorted(said, key=attrgetter("at")))

    def _message(self, said: Said) -> Message:
        topic = said.kind.TOPIC or said.data["topic"]
        sequence = self._next[said.by, topic]
        self._next[said.by, topic] += 1
        event = {
            "specversion": "1.0",
            "id": said.id,
            "source": said.by,
            "type": said.kind.TYPE,
            "time": datetime.fromtimestamp(said.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sequence": sequence,
            "partitionkey": CMO,
            "data": said.data,
        }
        value = json.dumps(event, separators=(",", ":")).encode()
        return Message(topic, 0, 0, (said.at + _DELAY) * 1_000, CMO.encode(), value)
