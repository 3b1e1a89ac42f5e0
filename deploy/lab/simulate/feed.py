"""The feed of a healthy maker: that it is alive, and how warm its stores are."""

from collections.abc import Iterable, Iterator

from deploy.lab.simulate.world import DAY, HOUR, Said, Teller, standing
from events.data import INVENTORY, LOTS, RELEASES

CADENCE = {LOTS: 1, INVENTORY: 1, RELEASES: 2}
"""Days between events or heartbeats, as the eight agreements have it."""


def feed(teller: Teller, said: Iterable[Said]) -> Iterator[Said]:
    """Storage temperatures of the last nine days, and heartbeats where nothing else was said."""
    told = list(readings(teller, int(9 * 24 * teller.rates.readings_an_hour), 9 * DAY))
    yield from told
    if teller.maker.beats:
        yield from _heartbeats(teller, [*said, *told])


def readings(teller: Teller, count: int, over: int) -> Iterator[Said]:
    """So many temperatures of a store at 20 to 22 °C, evenly over the last seconds."""
    site, span = teller.maker.sites[0], teller.span
    for at in range(count):
        time = span.end - 3 * HOUR - over * at // count
        yield teller.say(
            "temperature.measured",
            INVENTORY,
            "cmo",
            time,
            celsius=20 + teller.rng.randrange(21) / 10,
            storage_class="15-25C",
            place=f"{site}-store",
        )


def _heartbeats(teller: Teller, said: Iterable[Said]) -> Iterator[Said]:
    quarter = 6 * HOUR
    heard = {(each.topic, each.recorded // quarter) for each in said if each.who == "cmo"}
    for topic, days in CADENCE.items():
        time, last = teller.span.end - HOUR, True
        while time > standing(teller, 7):
            if last or (topic, time // quarter) not in heard:
                yield teller.beat(topic, time)
            time, last = time - days * DAY, False
