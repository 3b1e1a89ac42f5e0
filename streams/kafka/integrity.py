"""Integrity: whether the log of a partition number is the one that its shard is folded from."""

from collections.abc import Mapping

from events.data import TOPICS
from streams.seals import Damage, Extent, Kind, Memory, Seal, damages


class Integrity:
    """What is known of how the log was, and what of it is damaged now.

    `begun` is the number of the seal that inbound topics are read by; None until all is compared.
    What was found stays until a later seal says how to go on, whatever the log looks like then.
    """

    def __init__(self, noted: tuple[Damage, ...] = (), number: int | None = None) -> None:
        self.begun: int | None = None
        self.damages: tuple[Damage, ...] = noted
        self.memories: dict[str, Memory] = {}
        self.superseded = False
        self._noted, self._number = noted, number
        self._compared = number

    @property
    def intact(self) -> bool:
        """Whether the log was compared, and is what it was."""
        return self.begun is not None and not self.damages and not self.superseded

    @property
    def words(self) -> str:
        """What is wrong, and why that keeps the shard from being ready; empty where nothing is."""
        if self.damages:
            return f"the log is damaged: {'; '.join(map(str, self.damages))}"
        if self.superseded:
            return "the log is another one than was read, and is about to be read anew"
        return "" if self.intact else "the log is not compared yet with what was read of it before"

    def note(self, damage: Damage) -> None:
        """Something was found wrong while reading, which may not be seen any more.

        It holds until a later seal than that which was compared with last; where none was yet, than
        the first that will be.
        """
        if damage not in self._noted:
            self._noted = (*self._noted, damage)
        self._number = self._compared

    def compare(
        self,
        seal: Seal | None,
        extents: Mapping[str, Extent],
        folded: Mapping[str, int],
        memories: Mapping[str, Memory],
    ) -> bool:
        """Finds what is wrong; returns whether the shard is of another log, and to begin anew.

        That it is stays so until it does.
        `folded` and `memories` are as of before the extents were asked for: a log grows meanwhile,
        and is read on.
        """
        number, was_damaged = seal.number if seal else 0, self._is_lasting
        found = damages(seal, extents, memories, folded)
        if self._noted and self._number is None:
            self._number = number
        if self._noted and (self._number or 0) >= number:
            found = tuple(sorted({*found, *self._noted}))
        self.damages, self._compared = found, number
        if self.begun is not None:
            self.superseded |= self._is_lasting or number != self.begun
        elif was_damaged and not self._is_lasting:
            self.superseded = True
        elif seal is not None and not found:
            self.begun = number
        return self.superseded

    @property
    def _is_lasting(self) -> bool:
        """Whether anything is wrong that does not end by itself."""
        return bool(self._lasting)

    @property
    def _lasting(self) -> tuple[Damage, ...]:
        return tuple(each for each in self.damages if each.kind is not Kind.MISSING)

    def anew(self) -> "Integrity":
        """That of a shard that begins anew: what was found stays found."""
        if self._is_lasting:
            return Integrity(self._lasting, self._compared)
        return Integrity()

    def to_keep(self, folded: Mapping[str, int]) -> dict[str, Memory]:
        """What the group has to keep of each topic that it does not keep yet."""
        if self._is_lasting:
            found = self._damaged()
            return {t: memory for t, memory in found.items() if memory != self.memories.get(t)}
        if self.begun is None:
            return {}
        found = {t: Memory(offset, self.begun) for t, offset in folded.items()}
        return {t: memory for t, memory in found.items() if self._is_ahead(t, memory)}

    def _is_ahead(self, topic: str, memory: Memory) -> bool:
        kept = self.memories.get(topic, Memory(0, memory.number))
        return kept.number != memory.number or kept.offset < memory.offset

    def _damaged(self) -> dict[str, Memory]:
        """Nothing more is folded: what is kept says what was found, until a later seal.

        That is one after the seal it was compared with: another may have been read since.
        """
        kept = {topic: self.memories.get(topic, Memory(0, 0)) for topic in TOPICS}
        number = max([self._compared or 0, *(each.number for each in kept.values())])
        return {
            topic: Memory(each.offset if each.number == number else 0, number, self._lasting)
            for topic, each in kept.items()
        }
