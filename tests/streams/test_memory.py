import gc

from streams.memory import Collector


def test_what_was_folded_is_gone_through_once() -> None:
    collector, before = Collector(), gc.get_freeze_count()
    try:
        collector.folded(999)
        assert gc.get_freeze_count() == before
        collector.folded(1)
        assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()
