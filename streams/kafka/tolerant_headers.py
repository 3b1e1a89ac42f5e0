"""Records of a batch whose header names are not text, which the usual reader cannot read."""

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class _Bytes(bytearray):
    """Bytes that decode to text whatever they hold, and so do their slices."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Bytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The text, with what is none written as escapes."""
        del errors
        return super().decode(encoding, "backslashreplace")


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc]
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _Bytes(self._buffer)


class TolerantRecords(_MemoryRecordsPy):  # type: ignore[misc]
    """The batches of a fetch, each read byte by byte in Python: slower, and never at a loss."""

    def next_batch(self, *given: Any) -> Any:
        """The next batch, None after the last."""
        there, batch = self._next_slice, super().next_batch(*given)
        return _Batch(there) if batch is not None and there[self.MAGIC_OFFSET] >= 2 else batch


def read_any_header_name() -> None:
    """Has every later fetch of this process read in the tolerant way."""
    fetcher.MemoryRecords = TolerantRecords


def reads_any_header_name() -> bool:
    """Whether fetches are read in the tolerant way by now."""
    return fetcher.MemoryRecords is TolerantRecords
