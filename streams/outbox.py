"""The outbox: what should stand on our own topics, does not yet, and is sent until it does."""

from collections.abc import Callable

from events.data import DEAD_LETTERS
from events.outcomes import Message, Rejection
from streams.dead_letters import WHOLE_PER_MINUTE, OutboxMessage, dead_letter

AGAIN_AFTER = 30.0
"""Seconds after which what was sent, and not read back, is sent again under the same id."""

_MOST_KEYS = 1_000
_MOST_BYTES = 64 << 20
"""Bytes of dead letters on their way; beyond, they keep coordinates and reason only."""


class Outbox:
    """Messages by their ids, from when they are to be sent until they are read back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pending: dict[str, OutboxMessage] = {}
        self._sent: dict[str, float] = {}
        self._bytes = 0
        self._whole: dict[bytes, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def __contains__(self, message: str) -> bool:
        return message in self._pending

    @property
    def pending(self) -> dict[str, OutboxMessage]:
        """What was not read back yet, by id."""
        return dict(self._pending)

    def put(self, message: OutboxMessage) -> None:
        """A message is to be sent."""
        self._pending[message.id] = message

    def refuse(self, rejection: Rejection, ordinal: int) -> None:
        """The dead letter of what was refused is to be sent, in place of what was to be before."""
        whole = self._keeps_bytes(rejection.message)
        self.replace(dead_letter(rejection, whole=whole, ordinal=ordinal))

    def replace(self, letter: OutboxMessage) -> None:
        """A word of a message is to be sent, in place of what was to be before."""
        self.confirm(letter.id)
        self.put(letter)
        self._bytes += len(letter.value)

    def _keeps_bytes(self, message: Message) -> bool:
        """Whether a dead letter keeps its bytes: so many of one key in one minute do."""
        key, minute = (message.key or b"")[:128], message.timestamp // 60_000
        if len(self._whole) > _MOST_KEYS:
            self._whole.clear()
        held, count = self._whole.get(key, (minute, 0))
        count = count + 1 if held == minute else 1
        self._whole[key] = minute, count
        return count <= WHOLE_PER_MINUTE and self._bytes < _MOST_BYTES

    def to_send(self) -> list[OutboxMessage]:
        """What should stand on our topics, does not, and is not on its way."""
        now = self._clock()
        due = [m for m in self._pending.values() if now - self._sent.get(m.id, -1e9) >= AGAIN_AFTER]
        self._sent.update(dict.fromkeys((message.id for message in due), now))
        return due

    def start_over(self) -> None:
        """Drops what was judged; what was refused stays, and nothing counts as sent any more."""
        for message in [each for each in self._pending.values() if each.topic != DEAD_LETTERS]:
            self.confirm(message.id)
        self._sent.clear()

    def confirm(self, message: str) -> None:
        """A message was read back, or is said anew."""
        self._sent.pop(message, None)
        held = self._pending.pop(message, None)
        if held is not None and held.topic == DEAD_LETTERS:
            self._bytes -= len(held.value)
