"""Identities: which events were taken, 32 bytes each, and where what they said is kept."""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from struct import Struct

import msgspec

_KEY, _WIDTH = 16, 32
_ENTRY, _HELD, _HALVES = Struct("<16sqQ"), Struct("<qQ"), Struct("16s16s")
_CROWDED = 16
"""Entries a bucket has on average before another one is opened."""


def identity(topic: str, source: str, event: str) -> bytes:
    """The identity of an event of one CMO, as 16 bytes; no two spell the same text."""
    digest = _of_source(topic, source).copy()
    digest.update(event.encode())
    return digest.digest()


@lru_cache(maxsize=16_384)
def _of_source(topic: str, source: str) -> blake2b:
    text = f"{topic}\0{len(source)}\0{source}\0"
    return blake2b(text.encode(), digest_size=_KEY)


class Known(msgspec.Struct, frozen=True, gc=False):
    """An event that was taken: 64 bits of what it said, and the number of its record.

    The number is 0 for what is kept in no record. `timed` says that its delay is counted.
    """

    content: int
    record: int
    timed: bool = False


class Identities:
    """A table from identities to what is known of them; it grows bucket by bucket, never at once.

    Bits of an identity's hash name its bucket, and one bucket more is opened, by splitting one,
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
        place = hash(key) & self._mask
        if place >= len(self._buckets):
            place &= self._mask >> 1
        bucket = self._buckets[place]
        at = bucket.find(key)
        if at < 0 or (at := _aligned(bucket, key, at)) < 0:
            return None
        content, packed = _HELD.unpack_from(bucket, at + _KEY)
        return Known(content, packed >> 1, bool(packed & 1))

    def update(self, taken: Mapping[bytes, Known]) -> None:
        """Know identities that were not known before."""
        buckets, mask, pack = self._buckets, self._mask, _ENTRY.pack
        opened, folded = len(buckets), mask >> 1
        for key, known in taken.items():
            place = hash(key) & mask
            if place >= opened:
                place &= folded
            buckets[place] += pack(key, known.content, known.record << 1 | known.timed)
        self._count += len(taken)
        while self._count > _CROWDED * len(buckets):
            self._split()

    def put(self, key: bytes, known: Known) -> None:
        """Know an identity otherwise from now on, or for the first time."""
        self.remove(key)
        self.update({key: known})

    def remove(self, key: bytes) -> None:
        """Forget an identity."""
        bucket = self._buckets[self._place(key)]
        if (at := _aligned(bucket, key, bucket.find(key))) >= 0:
            del bucket[at : at + _WIDTH]
            self._count -= 1

    def _place(self, key: bytes) -> int:
        place = hash(key) & self._mask
        return place if place < len(self._buckets) else place & (self._mask >> 1)

    def _split(self) -> None:
        new = len(self._buckets)
        if new > self._mask:
            self._mask = self._mask << 1 | 1
        crowded = self._buckets[new & (self._mask >> 1)]
        stays, goes = bytearray(), bytearray()
        for key, rest in _HALVES.iter_unpack(crowded):
            chosen = goes if hash(key) & self._mask == new else stays
            chosen += key + rest
        self._buckets[new & (self._mask >> 1)] = stays
        self._buckets.append(goes)


def _aligned(bucket: bytearray, key: bytes, at: int) -> int:
    """Where the entry of an identity begins, from `at` on; -1 where there is none."""
    while at > 0 and at % _WIDTH:
        at = bucket.find(key, at + 1)
    return at
