"""Events of one CMO, made by hand as real systems write them: what there is of what is exact."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from alerts.agreements import Agreements
from events.data import Data, Retracted
from events.decode import Message
from streams.agreements import read_agreements

CMO = "acme"
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


class Maker:
    """Says events of the CMO: each with a UUID for an id, and numbered by source and topic."""

    def __init__(self, seed: int = 1) -> None:
        self._random = Random(seed)
        self._next = Counter[tuple[str, str]]()
        self.now = int(NOW.timestamp())

    def uuid(self) -> str:
        """A UUID of version 4."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def lot(self) -> str:
        """A lot number of 8 to 12 characters."""
        number = self._random.randrange(10**6, 10 ** self._random.randint(7, 11))
        return f"L{number}"

    def say(
        self, kind: type[Data], at: int, *, by: str = "/cmo/acme", id: str = "", **data: Any
    ) -> Message:
        """A message that says an event of `at`, in seconds from the epoch, and is recorded soon."""
        return self._message(kind, at, by, id or self.uuid(), data)

    def retract(self, topic: str, event: str) -> Message:
        """A message by which the CMO takes back, in half an hour, what it said on a topic."""
        data = {"topic": topic, "source": "/cmo/acme", "id": event, "reason": "incorrect_data"}
        return self._message(Retracted, self.now + 1_800, "/cmo/acme", self.uuid(), data)

    def _message(
        self, kind: type[Data], at: int, by: str, id_: str, data: dict[str, Any]
    ) -> Message:
        topic = kind.TOPIC or data["topic"]
        sequence = self._next[by, topic]
        self._next[by, topic] += 1
        event = {
            "specversion": "1.0",
            "id": id_,
            "source": by,
            "type": kind.TYPE,
            "time": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sequence": sequence,
            "partitionkey": CMO,
            "data": data,
        }
        value = json.dumps(event, separators=(",", ":")).encode()
        return Message(topic, 0, 0, (at + _DELAY) * 1_000, CMO.encode(), value)
