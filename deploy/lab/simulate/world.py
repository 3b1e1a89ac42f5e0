"""The makers of the simulated world, and how what they say is put down."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, Final, Literal, NamedTuple

from events.data import LOTS
from events.values import EPOCH

HOUR: Final = 3_600
DAY: Final = 86_400
_EPOCH_DAY = EPOCH.date()

Who = Literal["cmo", "sponsor", "lab", "carrier"]


@dataclass(frozen=True, slots=True)
class Maker:
    """A fictional CMO: `peak` is the month in which most is ordered of it."""

    cmo: str
    name: str
    code: str
    sites: tuple[str, ...]
    products: tuple[str, ...]
    peak: int = 1
    beats: bool = True


MAKERS: Final = (
    Maker(
        "aurora-biologics-ltd",
        "Aurora Biologics Ltd.",
        "AUR",
        ("aurora-north", "aurora-south"),
        ("solvamab-50mg-vial", "tesimab-100mg-pen", "corvimab-20mg-vial"),
        peak=10,
    ),
    Maker(
        "boreal-fill-finish-gmbh",
        "Boreal Fill & Finish GmbH",
        "BOR",
        ("boreal-werk-1",),
        ("nivolex-2ml-syringe", "parvolin-10ml-vial", "quentis-1ml-syringe"),
        peak=11,
    ),
    Maker(
        "cascadia-solid-dose-inc",
        "Cascadia Solid Dose Inc.",
        "CAS",
        ("cascadia-east", "cascadia-west"),
        ("lorvastin-20mg-tablet", "metrozan-500mg-tablet", "zelipram-10mg-capsule"),
        peak=2,
    ),
    Maker(
        "delphin-sterile-sa",
        "Delphin Sterile S.A.",
        "DEL",
        ("delphin-campus",),
        ("ocutrin-drops-5ml", "salvirin-infusion-1l", "traxone-1g-vial"),
        peak=1,
    ),
    Maker(
        "ember-vale-pharma-services-ltd",
        "Ember Vale Pharma Services Ltd.",
        "EMB",
        ("ember-vale-1", "ember-vale-2"),
        ("brontex-inhaler", "calmiva-nasal-spray", "dermolat-cream-30g"),
        peak=4,
    ),
    Maker(
        "fjordline-actives-as",
        "Fjordline Actives AS",
        "FJO",
        ("fjordline-plant",),
        ("solvamab-bulk", "lorvastin-bulk", "traxone-bulk"),
        peak=9,
    ),
    Maker(
        "granite-peak-packaging-llc",
        "Granite Peak Packaging LLC",
        "GRA",
        ("granite-peak-hall-a", "granite-peak-hall-b"),
        ("lorvastin-20mg-blister", "metrozan-500mg-bottle", "zelipram-10mg-blister"),
        peak=12,
    ),
    Maker(
        "halcyon-isle-manufacturing-ltd",
        "Halcyon Isle Manufacturing Ltd.",
        "HAL",
        ("halcyon-isle-works",),
        ("vitoral-syrup-200ml", "feronix-30mg-capsule", "antivex-gel-50g"),
        peak=7,
    ),
)
"""The eight with an agreement of their own; no firm of these names is meant."""


def further_maker(number: int) -> Maker:
    """One more maker, for a larger world; the default agreement covers it."""
    code = f"M{number:03d}"
    return Maker(
        f"imaginary-maker-{number:03d}",
        f"Imaginary Maker {number:03d}",
        code,
        (f"imaginary-site-{number:03d}",),
        tuple(f"imaginary-product-{number:03d}-{letter}" for letter in "abc"),
        peak=1 + number % 12,
        beats=False,
    )


class Said(NamedTuple):
    """One event before it is numbered; times in seconds from the epoch.

    A lost one takes its number and never comes; one that is invalid comes and is refused.
    """

    time: int
    recorded: int
    id: str
    type: str
    topic: str
    who: Who
    data: dict[str, Any]
    fate: Literal["", "lost", "invalid"] = ""


class Span(NamedTuple):
    """The time told of, in seconds from the epoch, both ends included."""

    start: int
    end: int

    @property
    def today(self) -> date:
        """The UTC day it ends on."""
        return day_of(self.end)

    def keeps(self, said: Said) -> bool:
        """Whether an event happened and was recorded in it."""
        return self.start <= said.time <= self.end and said.recorded <= self.end

    def before(self, days: float) -> int:
        """The second that many days before its end."""
        return self.end - int(days * DAY)


class Chance:
    """True once in every `one_in` draws, never twice within half of that; never when 0.

    Noise that keeps its stated rate in any window, so that a healthy maker stays healthy.
    """

    def __init__(self, rng: Random, one_in: int) -> None:
        self._rng, self._one_in = rng, one_in
        self._left = 1 + rng.randrange(one_in) if one_in else 0

    def comes(self) -> bool:
        """Whether it comes this time."""
        if not self._one_in:
            return False
        self._left -= 1
        if self._left:
            return False
        half = self._one_in // 2
        self._left = half + self._rng.randrange(2 * (self._one_in - half) + 1)
        return True


@dataclass(frozen=True, slots=True)
class Rates:
    """The true rates of a healthy maker: each fault comes once in so many, 0 for never."""

    lines_a_quarter: float = 100.0
    lots_a_year: float = 120.0
    readings_an_hour: float = 1.0
    line_late: int = 100
    line_short: int = 250
    line_changed: int = 20
    line_cancelled: int = 60
    lot_rejected: int = 100
    lot_held: int = 30
    lot_reworked: int = 80
    lot_aborted: int = 120
    lot_cancelled: int = 60
    lot_replanned: int = 12
    release_late: int = 100
    oos: int = 40
    deviation_major: int = 40
    deviation_minor: int = 6
    recorded_late: int = 200

    @property
    def sparse(self) -> bool:
        """Whether the world is too small for standing traffic over its whole span."""
        return self.lots_a_year < 60

    def stated(self) -> dict[str, float]:
        """Each fault's true rate: how often it comes for one line, lot or event."""
        return {
            name: round(1 / one_in, 6) if one_in else 0.0
            for name in self.__slots__
            if isinstance(one_in := getattr(self, name), int)
        }

    def at(self, density: float, months: int) -> "Rates":
        """The rates of a sparser world, without noise where one fault would cross a limit."""
        thinned = replace(
            self,
            lines_a_quarter=self.lines_a_quarter * density,
            lots_a_year=self.lots_a_year * density,
            readings_an_hour=self.readings_an_hour * density,
        )
        if density >= 0.7 and months >= 12:
            return thinned
        faults = [name for name in self.stated() if name not in _HARMLESS]
        return replace(thinned, **dict.fromkeys(faults, 0))


_HARMLESS: Final = ("line_changed", "line_cancelled", "lot_cancelled", "lot_replanned")


class Teller:
    """Puts down what is said about one maker: ids in the order of telling, delays as in life.

    Ids of different `series` are different.
    """

    def __init__(self, maker: Maker, seed: str, span: Span, rates: Rates, series: str = "") -> None:
        self.maker, self.span, self.rates, self._series = maker, span, rates, series
        self.rng = Random(f"{seed}/{maker.cmo}")
        self._told = 0
        self._late = self.chance(rates.recorded_late)

    def chance(self, one_in: int) -> Chance:
        """A fault that comes once in so many."""
        return Chance(self.rng, one_in)

    def say(self, kind: str, topic: str, who: Who, time: int, /, **data: Any) -> Said:
        """One event; `class_` is written `class`, and what is None is left out."""
        self._told += 1
        held = {name.rstrip("_"): given for name, given in data.items() if given is not None}
        recorded = time + self._delay(topic)
        name = f"{self.maker.code}-{self._series}{self._told:06d}"
        return Said(time, recorded, name, f"cmo.{kind}.v1", topic, who, held)

    def beat(self, topic: str, time: int) -> Said:
        """A heartbeat of the maker's, recorded at once."""
        return self.say("feed.heartbeat", topic, "cmo", time, topic=topic)._replace(recorded=time)

    def _delay(self, topic: str) -> int:
        if topic == LOTS and self._late.comes():
            return DAY + self.rng.randrange(DAY)
        return 60 + self.rng.randrange(2 * HOUR)

    def hours(self, day: date) -> int:
        """A second of the day's business hours, which fall on that day everywhere they are used."""
        return second(day) + 9 * HOUR + self.rng.randrange(5 * HOUR)


def second(day: date) -> int:
    """The first second of a UTC day."""
    return (day - _EPOCH_DAY).days * DAY


def day_of(at: int) -> date:
    """The UTC day of a second."""
    return _EPOCH_DAY + timedelta(days=at // DAY)


def text_of(at: int) -> str:
    """A second as an event writes it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pieces(value: int) -> dict[str, Any]:
    """A quantity of pieces."""
    return {"value": value, "unit": "EA"}


_SEASON: Final = (125, 122, 115, 108, 100, 93, 88, 86, 90, 97, 108, 118)


def season(maker: Maker, day: date) -> float:
    """How much more than usual is wanted: 1.25 in the peak month, 0.86 half a year from it."""
    return _SEASON[(day.month - maker.peak) % 12] / 100


def paced(teller: Teller, a_year: float, first: int, ahead: int) -> Iterator[date]:
    """Days from a second on to some days ahead, so many a year, more of them in the season."""
    day, owed = day_of(first), teller.rng.random()
    while day <= teller.span.today + timedelta(days=ahead):
        owed += a_year / 365 * season(teller.maker, day)
        while owed >= 1:
            owed -= 1
            yield day
        day += timedelta(days=1)


def of_type(said: Iterable[Said], kind: str) -> Sequence[Said]:
    """The events of one type, named without its prefix and version."""
    return [each for each in said if each.type == f"cmo.{kind}.v1"]


def standing(teller: Teller, days: int) -> int:
    """From when standing traffic is told: all the time, or the last days of a sparse world."""
    span = teller.span
    return max(span.start, span.before(days)) if teller.rates.sparse else span.start
