"""Identities: which events were taken, 32 bytes each, and where what they said is kept."""

from hashlib import blake2b
from typing import NamedTuple

_KEY, _CONTENT, _WIDTH = 16, 8, 32
_CROWDED = 16
"""Entries a bucket has on average before another one is opened."""


def identity(topic: str, source: str, event: str) -> bytes:
    """The identity of an event of one CMO, as 16 bytes; no two spell the same text."""
    text = f"{topic}\0{len(source)}\0{source}\0{event}"
    return blake2b(text.encode(), digest_size=_KEY).digest()


class Known(NamedTuple):
    """An event that was taken: a digest of what it said, and the number of its record.

    The number is 0 for what is kept in no record. `timed` says that its delay is counted.
    """

    content: bytes
    record: int
    timed: bool = False


class Identities:
    """A table from identities to what is known of them; it grows bucket by bucket, never at once.

    The first bits of an identity name its bucket, and one bucket more is opened, by splitting one,
    whenever they are crowded.
    """

    __slots__ = ("_buckets", "_count", "_mask")

    def __init__(self) -> None:
        self._buckets = [bytearray()]
        self._mask = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, key: bytes) -> Known | None:
        """What is known of an identity, None for one that was never taken."""
        bucket = self._buckets[self._place(key)]
        if (at := _find(bucket, key)) < 0:
            return None
        begin = at + _KEY
        packed = int.from_bytes(bucket[begin + _CONTENT : at + _WIDTH], "little")
        return Known(bytes(bucket[begin : begin + _CONTENT]), packed >> 1, bool(packed & 1))

    def add(self, key: bytes, known: Known) -> None:
        """Know an identity that was not known before."""
        content, record, timed = known
        bucket = self._buckets[self._place(key)]
        bucket += key + content + (record << 1 | timed).to_bytes(8, "little")
        self._count += 1
        if self._count > _CROWDED * len(self._buckets):
            self._split()

    def put(self, key: bytes, known: Known) -> None:
        """Know an identity otherwise from now on, or for the first time."""
        self.remove(key)
        self.add(key, known)

    def remove(self, key: bytes) -> None:
        """Forget an identity."""
        bucket = self._buckets[self._place(key)]
        if (at := _find(bucket, key)) >= 0:
            del bucket[at : at + _WIDTH]
            self._count -= 1

    def _place(self, key: bytes) -> int:
        bits = int.from_bytes(key[:8], "little")
        place = bits & self._mask
        return place if place < len(self._buckets) else bits & (self._mask >> 1)

    def _split(self) -> None:
        new = len(self._buckets)
        if new > self._mask:
            self._mask = self._mask << 1 | 1
        crowded = self._buckets[new & (self._mask >> 1)]
        self._buckets.append(bytearray())
        entries = [bytes(crowded[at : at + _WIDTH]) for at in range(0, len(crowded), _WIDTH)]
        stays, goes = bytearray(), bytearray()
        for entry in entries:
            place = goes if self._place(entry) == new else stays
            place += entry
        self._buckets[new & (self._mask >> 1)], self._buckets[new] = stays, goes


def _find(bucket: bytearray, key: bytes) -> int:
    """Where the entry of an identity begins, -1 where there is none."""
    at = bucket.find(key)
    while at > 0 and at % _WIDTH:
        at = bucket.find(key, at + 1)
    return at
