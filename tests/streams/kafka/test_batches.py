"""What was fetched of a partition: where it begins and ends, and its slices."""

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from events.data import LOTS
from streams.errors import CutBack
from streams.kafka.batches import Batch, bounded, slices

HERE = TP(LOTS, 0)


def records(*offsets: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in offsets]


def test_a_batch_reaches_from_the_position_before_to_the_position_after() -> None:
    assert bounded(HERE, 5, 12, got := records(7, 8)) == Batch(5, 12, got)


def test_a_fetch_of_markers_alone_is_a_batch_without_records() -> None:
    assert bounded(HERE, 5, 12, ()) == Batch(5, 12, ())
    assert bounded(HERE, 5, 5, ()) is None


def test_a_fetch_that_straddles_a_seek_begins_at_its_first_record() -> None:
    assert bounded(HERE, None, 12, got := records(7, 8)) == Batch(7, 9, got)
    assert bounded(HERE, None, 12, ()) is None


def test_a_position_that_went_back_unsought_is_refused() -> None:
    with pytest.raises(CutBack, match=r"cmo\.lots\[0\] was read up to 12"):
        bounded(HERE, 12, 5, ())


def test_slices_of_a_batch_are_the_batch_again_whatever_is_missing_in_it() -> None:
    offsets = [at for at in range(3, 900) if at % 7]
    parts = list(slices(Batch(1, 950, records(*offsets))))
    assert [each.offset for part in parts for each in part.records] == offsets
    assert [part.begin for part in parts] == [1, *(part.end for part in parts[:-1])]
    assert parts[-1].end == 950
    assert max(len(part.records) for part in parts) <= 250


def test_a_batch_without_records_is_one_slice() -> None:
    assert list(slices(Batch(3, 9, ()))) == [Batch(3, 9, ())]
