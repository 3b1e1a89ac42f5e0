"""What is in doubt, as Prometheus reads it."""

from prometheus_client.parser import text_string_to_metric_families

from alerts.doubts import MOST_THINGS
from events.data import INVENTORY, LOTS
from streams.metrics.exposition import Exposed, page
from streams.shard import Shard
from tests.alerts.test_doubts import STOCK, bad_completion, bad_count, shard
from tests.builders import counted, message, on, started


def shown(watched: Shard, name: str) -> dict[tuple[str, ...], float]:
    """The values of a family, by its labels but for the CMO."""
    list(watched.tick(on(9)))
    families = text_string_to_metric_families(page([Exposed(watched, True, 1.0, on(9))]))
    return {
        tuple(value for label, value in sample.labels.items() if label != "cmo"): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_things_in_doubt_are_counted_by_kind_with_where_the_newest_refusal_lies() -> None:
    bad = bad_count(2), bad_count(3, "drops"), bad_completion("L1", 2), bad_completion("L2", 3)
    watched = shard([*STOCK, *bad])
    assert shown(watched, "cmo_doubts") == {("stock",): 2, ("lot",): 2}
    assert shown(watched, "cmo_doubted_as_a_whole") == {(): 0}
    assert shown(watched, "cmo_doubt_newest_offset") == {(LOTS, "0"): 1, (INVENTORY, "0"): 5}
    assert shown(watched, "cmo_feed_refused_in_a_row") == {(LOTS,): 2, (INVENTORY,): 2}
    doubtful = shown(watched, "cmo_kpi_doubtful")
    assert doubtful["days_of_supply", "pills"] == 1
    assert doubtful["right_first_time",] == 2
    watched.fold(INVENTORY, 7, [message(counted("drops", 1, day=5), 6)])
    assert shown(watched, "cmo_doubts") == {("stock",): 1, ("lot",): 2}
    assert shown(watched, "cmo_doubt_newest_offset")[INVENTORY, "0"] == 4
    assert shown(watched, "cmo_feed_refused_in_a_row") == {(LOTS,): 2}


def test_a_cmo_that_is_in_doubt_as_a_whole_is_shown_so() -> None:
    many = [bad_completion(f"L{n}", 2) for n in range(MOST_THINGS + 1)]
    watched = shard([started("L1", 0), *many])
    assert shown(watched, "cmo_doubted_as_a_whole") == {(): 1}
    assert shown(watched, "cmo_kpi_doubtful")["right_first_time",] == MOST_THINGS + 1


def test_where_nothing_was_refused_nothing_is_in_doubt() -> None:
    watched = shard(STOCK)
    assert not shown(watched, "cmo_doubts")
    assert not shown(watched, "cmo_doubt_newest_offset")
    assert not shown(watched, "cmo_kpi_doubtful")
