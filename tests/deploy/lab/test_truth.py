"""The truth of a simulated world: what so much evidence must show, as worked by hand."""

import pytest

from alerts.judge import Bounds
from deploy.lab.simulate.truth import Kept, longer


@pytest.mark.parametrize(
    ("kept", "of", "state"),
    [
        (0, 0, "none"),
        (0, 2, "insufficient"),
        (10, 12, "warning"),
        (3, 4, "warning"),
        (2, 6, "critical"),
        (11, 12, "ok"),
        (15, 16, "ok"),
    ],
)
def test_what_a_few_orders_must_show(kept: int, of: int, state: str) -> None:
    assert Kept.alone(kept, of).state("delivery_otif") == state


def test_twenty_lines_of_one_order_are_too_few() -> None:
    found = Kept.counted((False, "order") for _ in range(20))
    assert found == (0, 20, 1, 1)
    assert found.state("delivery_otif") == "insufficient"


def test_one_deviation_over_five_of_ten_lots_warns() -> None:
    found = Kept.counted((lot >= 5, "deviation" if lot < 5 else lot) for lot in range(10))
    assert found == (5, 10, 6, 100 / 30)
    assert found.state("right_first_time") == "warning"


def test_what_has_no_interval_is_judged_by_the_reading() -> None:
    bounds = Bounds(1.5, 3.0, 2)
    found = [longer(value, 2, bounds) for value in (1.5, 1.6, 3.0, 3.1)]
    assert found == ["ok", "warning", "warning", "critical"]
    assert (longer(9, 1, bounds), longer(9, 0, bounds)) == ("insufficient", "none")
