"""Letters: what was said last of each message of a partition, and what is meant to be said."""

from functools import lru_cache
from typing import NamedTuple

from events.data import INBOUND
from events.outcomes import Reason
from streams.dead_letters import Coordinates, Word
from streams.seals import Seal


class _Letter(NamedTuple):
    """The last word of a message, read or on its way: why it is refused, None for withdrawn.

    `meant` is why this fold refuses it, None for taken or not yet folded.
    """

    ordinal: int
    reason: Reason | None
    meant: Reason | None


_letter = lru_cache(maxsize=1_024)(_Letter)
"""One object for all messages of which the same is said: there may be a flood of them."""

_NOTHING = _letter(0, None, None)


class Letters:
    """A fold of the words on `cmo.dead-letters`: of one ordinal the lowest offset holds.

    Each fold decides anew what does not hold for good, and says so in a word of the next ordinal
    where that is not what was said last. Who folds otherwise at the same time is contradicted once
    a message, so that two who never agree come to an end.
    """

    def __init__(self) -> None:
        self._of: dict[str, dict[int, _Letter]] = {topic: {} for topic in INBOUND}
        self._contradicted: set[Coordinates] = set()
        self._sealed = 0

    def seal(self, seal: Seal) -> None:
        """Forgets what was said of messages that are lost; what is said from here on comes after.

        Another message may lie there now, and nothing is said of it in words that were used.
        """
        self._sealed = max(self._sealed, seal.number)
        for topic, letters in self._of.items():
            _, first, until = seal.topics[topic]
            self._of[topic] = {at: each for at, each in letters.items() if first <= at < until}

    def reason(self, topic: str, offset: int) -> Reason | None:
        """Why a message is refused by the last word of it; None for one that is not."""
        letter = self._of[topic].get(offset)
        return None if letter is None else letter.reason

    def any(self, topic: str) -> bool:
        """Whether there is a word about any message of a topic: of most there is none."""
        return bool(self._of[topic])

    def decide(self, where: Coordinates, meant: Reason | None) -> int:
        """This fold refuses a message, or takes it: the ordinal of what is to be said, 0 if none.

        A message of which nothing was said is taken without a word.
        """
        letters = self._of[where.topic]
        ordinal, reason, _ = letters.get(where.offset, _NOTHING)
        if reason is meant:
            if ordinal:
                letters[where.offset] = _letter(ordinal, reason, meant)
            return 0
        ordinal = max(ordinal, self._sealed) + 1
        letters[where.offset] = _letter(ordinal, meant, meant)
        return ordinal

    def is_news(self, word: Word, *, awaited: bool) -> bool:
        """Whether a word that is read is the last one of its message.

        One of our own ordinal is, if ours is still `awaited`: whichever came first holds.
        """
        ordinal = self._of[word.where.topic].get(word.where.offset, _NOTHING).ordinal
        return word.ordinal > ordinal or (awaited and word.ordinal == ordinal)

    def read(self, word: Word, *, folded: bool) -> bool:
        """Takes in the last word of a message: whether it is to be contradicted, by another word.

        `folded` says whether this fold has come past the message, and knows better.
        """
        where, ordinal, reason = word
        letters = self._of[where.topic]
        meant = letters.get(where.offset, _NOTHING).meant
        contradicts = folded and reason is not meant and where not in self._contradicted
        if contradicts:
            self._contradicted.add(where)
            ordinal, reason = ordinal + 1, meant
        letters[where.offset] = _letter(ordinal, reason, meant)
        return contradicts

    def meant(self, where: Coordinates) -> Reason | None:
        """Why this fold refuses a message; None for one that it takes."""
        return self._of[where.topic].get(where.offset, _NOTHING).meant
