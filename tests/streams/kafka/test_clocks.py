"""Our clock beside the broker's: what a stamp tells, and what is seen without one."""

from datetime import UTC, datetime, timedelta

import pytest

from events.data import BREACHES, DEAD_LETTERS
from streams.kafka.clocks import LIMIT, TOLD, Clocks, Interval, LeaderClock, Stamp, wall_clock

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class World:
    """A worker's clock, its steady clock and a broker's, as a test sets them."""

    def __init__(self) -> None:
        self.steady = 1_000.0
        self.ahead = 0.0
        self.brokers_ahead = 0.0
        self.clocks = LeaderClock(self._wall, self._now)

    def _wall(self) -> datetime:
        return NOON + timedelta(seconds=self._passed + self.ahead)

    def _now(self) -> float:
        return self.steady

    @property
    def _passed(self) -> float:
        return self.steady - 1_000.0

    def passes(self, seconds: float) -> None:
        self.steady += seconds

    def measure(self, *, there: float = 0.0, back: float = 0.0) -> None:
        """A record that is so long on its way, and its answer."""
        before = self.steady
        self.passes(there)
        at = NOON.timestamp() + self._passed + self.brokers_ahead
        self.passes(back)
        self.clocks.measured(Stamp(before, self.steady, at, at))


@pytest.fixture
def world() -> World:
    return World()


def test_before_anything_was_stamped_nothing_is_known_and_nothing_believed(world: World) -> None:
    clocks = world.clocks
    assert (clocks.skew, clocks.believed, clocks.off, clocks.due) == (None, False, False, True)


@pytest.mark.parametrize("ahead", [7_200.0, -7_200.0, 8.0, -8.0])
def test_a_clock_that_is_ahead_or_behind_is_so_by_what_it_is(world: World, ahead: float) -> None:
    world.ahead = ahead
    world.measure(there=0.01, back=0.01)
    assert world.clocks.skew == pytest.approx(ahead, abs=0.02)
    assert world.clocks.off is (abs(ahead) > LIMIT)
    assert world.clocks.believed is not world.clocks.off


@pytest.mark.parametrize(("there", "back"), [(15.0, 0.0), (0.0, 15.0), (7.0, 8.0)])
def test_an_answer_that_is_slow_is_no_skew(world: World, there: float, back: float) -> None:
    world.measure(there=there, back=back)
    assert world.clocks.skew == 0
    assert world.clocks.believed


def test_of_a_slow_answer_only_what_is_certain_counts(world: World) -> None:
    world.ahead = 20
    world.measure(there=15)
    assert world.clocks.skew == pytest.approx(5, abs=0.01)


def test_a_slow_answer_does_not_take_back_what_a_quick_one_told(world: World) -> None:
    world.ahead = LIMIT + 5
    world.measure(back=0.01)
    world.measure(there=15)
    assert world.clocks.skew == pytest.approx(LIMIT + 5, abs=0.02)
    assert world.clocks.off


def test_an_answer_slower_than_a_clock_may_be_off_tells_nothing(world: World) -> None:
    world.measure(there=LIMIT + 1)
    assert not world.clocks.believed
    assert not world.clocks.due
    world.passes(10)
    assert world.clocks.due


def test_stamps_between_which_a_clock_was_set_tell_nothing(world: World) -> None:
    now = NOON.timestamp()
    world.clocks.measured(Stamp(1_000.0, 1_000.1, now, now + 3_600))
    assert world.clocks.skew is None


def test_what_a_broker_cuts_off_its_stamps_is_no_skew(world: World) -> None:
    at = NOON.timestamp() - 0.0009
    world.clocks.measured(Stamp(1_000.0, 1_000.0, at, at))
    assert world.clocks.skew == 0


@pytest.mark.parametrize("by", [3_600.0, -3_600.0])
def test_that_our_clock_was_set_is_seen_at_once_and_that_it_was_put_right(
    world: World, by: float
) -> None:
    world.measure()
    world.passes(30)
    world.ahead = by
    assert world.clocks.skew == pytest.approx(by, abs=0.01)
    assert world.clocks.off
    world.ahead = 0
    assert world.clocks.believed


def test_that_a_brokers_clock_was_set_is_seen_with_its_next_stamp(world: World) -> None:
    world.measure()
    world.brokers_ahead = 3_600
    assert world.clocks.believed
    world.measure()
    assert world.clocks.skew == pytest.approx(-3_600, abs=0.01)
    world.brokers_ahead = 0
    world.measure()
    assert world.clocks.believed


def test_it_is_measured_at_times_and_soon_where_something_was_seen(world: World) -> None:
    world.measure()
    world.passes(599)
    assert not world.clocks.due
    world.passes(1)
    assert world.clocks.due
    world.ahead = TOLD + 1
    world.measure()
    world.passes(9)
    assert not world.clocks.due
    world.passes(1)
    assert world.clocks.due


def test_it_is_measured_soon_once_our_clock_was_set(world: World) -> None:
    world.measure()
    world.passes(20)
    assert not world.clocks.due
    world.ahead = 2
    assert world.clocks.due
    world.measure()
    world.passes(20)
    assert not world.clocks.due


@pytest.mark.parametrize(
    ("found", "least"), [((-1, 2), 0), ((3, 4), 3), ((-4, -3), -3), ((0, 1), 0)]
)
def test_what_is_certain_is_what_is_nearest_to_none(found: tuple[int, int], least: int) -> None:
    assert Interval(*found).least == least


def stamp(ahead: float) -> Stamp:
    """What a broker says whose clock is so many seconds ahead of noon."""
    at = NOON.timestamp() + ahead
    return Stamp(1_000.0, 1_000.0, at, at)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks(lambda: NOON, lambda: 1_000.0)


def test_the_skew_is_told_in_words(clocks: Clocks) -> None:
    clocks.measured({BREACHES: stamp(-3_600), DEAD_LETTERS: stamp(0)})
    assert clocks.told == "3,600.0 s ahead of the broker's"
    clocks.measured({BREACHES: stamp(7.25)})
    assert clocks.told.endswith("s behind the broker's")


def test_brokers_whose_clocks_differ_are_told_apart_by_the_topics_they_lead(
    clocks: Clocks,
) -> None:
    assert clocks.measured({DEAD_LETTERS: stamp(0)})
    assert (clocks.unknown, clocks.believed, clocks.off) == ([BREACHES], False, False)
    assert clocks.measured({DEAD_LETTERS: stamp(0), BREACHES: stamp(3_600)})
    assert clocks.skew == pytest.approx(-3_600, abs=0.01)
    assert (clocks.unknown, clocks.believed, clocks.off) == ([], False, True)
    assert clocks.of(DEAD_LETTERS).believed
    clocks.measured({BREACHES: stamp(0)})
    assert clocks.believed


def test_stamps_of_which_one_tells_nothing_do_not_tell_all(clocks: Clocks) -> None:
    at = NOON.timestamp()
    between = Stamp(1_000.0, 1_000.0, at, at + 3_600)
    assert not clocks.measured({DEAD_LETTERS: between, BREACHES: stamp(0)})
    assert clocks.unknown == [DEAD_LETTERS]


def test_the_clock_of_the_machine_is_read_as_utc() -> None:
    before = datetime.now(UTC)
    assert before <= wall_clock() <= datetime.now(UTC)
