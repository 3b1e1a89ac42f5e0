"""Changes: what a slice of events does to one CMO, worked out in full before any of it is seen."""

from typing import NamedTuple, Protocol

from alerts.agreements import Agreement
from alerts.corrections import Retraction
from alerts.facts import Fact
from alerts.feeds import Feed
from alerts.identities import Known
from alerts.kind import Key, Kind, Record
from events.outcomes import AcceptedEvent

Place = tuple[Kind, Key]
"""Where a record is kept."""


class Acceptance(NamedTuple):
    """What the sponsor said of a breach, and did not take back."""

    said: tuple[Fact, ...]

    @property
    def fact(self) -> Fact:
        """Its latest word."""
        return max(self.said)

    @property
    def accepted(self) -> bool:
        """Whether corrections hold."""
        return any(fact.data.accepts_correction for fact in self.said)


class Pending(NamedTuple):
    """An event whose time is still to come, in the order of those times."""

    time: int
    topic: str
    offset: int
    event: AcceptedEvent


class Tables(Protocol):
    """What changes are made to: the state as it is."""

    def terms_on(self, day: int) -> Agreement | None:
        """The agreement in force on a day, counted from the epoch."""

    def record(self, place: Place) -> Record | None:
        """A record, None for one of which nothing is said."""

    def home(self, number: int) -> Place:
        """Where the record of a number is."""

    @property
    def records_made(self) -> int:
        """How many records there ever were."""

    def known(self, identity: bytes) -> Known | None:
        """What is known of an identity."""

    def loose(self, identity: bytes) -> Fact | None:
        """A fact that is in no record."""

    @property
    def has_retractions(self) -> bool:
        """Whether anything was ever retracted."""

    def retraction(self, identity: bytes) -> Retraction | None:
        """The retraction of an event, said or not."""

    def acceptance(self, breach: str) -> Acceptance | None:
        """What the sponsor said of a breach."""

    def feed(self, topic: str) -> Feed | None:
        """What was heard on a topic."""

    @property
    def products(self) -> set[tuple[str, str]]:
        """The pairs of a site, if any, and a product that were named."""


class Changes:
    """Changes to one CMO, as plain data; whoever reads through them sees the state after them."""

    __slots__ = (
        *("_before", "records", "homes", "taken", "identities", "loose", "retractions"),
        *("corrected", "acceptances", "feeds", "latest", "tallies", "lateness"),
        *("pending", "refused", "names", "products", "count"),
    )

    def __init__(self, before: Tables) -> None:
        self._before = before
        self.records: dict[Place, Record | None] = {}
        self.homes: list[Place] = []
        self.taken: dict[bytes, Known] = {}
        self.identities: dict[bytes, Known | None] = {}
        self.loose: dict[bytes, Fact | None] = {}
        self.retractions: dict[bytes, Retraction] = {}
        self.corrected: list[tuple[str, bytes]] = []
        self.acceptances: dict[str, Acceptance | None] = {}
        self.feeds: dict[str, Feed] = {}
        self.latest: dict[str, int] = {}
        self.tallies: dict[tuple[str, int], list[int]] = {}
        self.lateness: list[tuple[int, int, int, str]] = []
        self.pending: list[Pending] = []
        self.refused: list[tuple[int, str]] = []
        self.names: dict[str, str] = {}
        self.products: set[tuple[str, str]] = set()
        self.count = 0

    def terms_on(self, day: int) -> Agreement | None:
        """The agreement in force on a day, counted from the epoch."""
        return self._before.terms_on(day)

    def record(self, place: Place) -> Record | None:
        """A record after these changes."""
        if place in self.records:
            return self.records[place]
        return self._before.record(place)

    def next_number(self) -> int:
        """The number of the next record that is made."""
        return self._before.records_made + len(self.homes) + 1

    def home(self, number: int) -> Place:
        """Where the record of a number is."""
        made = number - self._before.records_made - 1
        return self.homes[made] if made >= 0 else self._before.home(number)

    def known(self, identity: bytes) -> Known | None:
        """What is known of an identity after these changes."""
        if identity in self.identities:
            return self.identities[identity]
        return self.taken.get(identity) or self._before.known(identity)

    def loose_fact(self, identity: bytes) -> Fact | None:
        """A fact that is in no record after these changes."""
        if identity in self.loose:
            return self.loose[identity]
        return self._before.loose(identity)

    @property
    def retractions_there(self) -> bool:
        """Whether anything was ever retracted: most CMOs are spared the question which."""
        return bool(self.retractions) or self._before.has_retractions

    def retraction(self, identity: bytes) -> Retraction | None:
        """The retraction of an event after these changes."""
        return self.retractions.get(identity) or self._before.retraction(identity)

    def acceptance(self, breach: str) -> Acceptance | None:
        """What the sponsor said of a breach after these changes."""
        if breach in self.acceptances:
            return self.acceptances[breach]
        return self._before.acceptance(breach)

    def feed(self, topic: str) -> Feed:
        """What was heard on a topic, to be changed; the state keeps its own."""
        held = self.feeds.get(topic)
        if held is None:
            before = self._before.feed(topic)
            held = self.feeds[topic] = before.copy() if before else Feed()
        return held

    def names_too_many(self, product: tuple[str, str], most: int) -> bool:
        """Whether a product would be one more than there may be."""
        before = self._before.products
        if len(before) + len(self.products) < most:
            return False
        return product not in before and product not in self.products

    def name_product(self, product: tuple[str, str]) -> None:
        """A product, with its site if any, was named."""
        if product not in self._before.products:
            self.products.add(product)

    def note(self, record: str, recorded: int) -> None:
        """Something was said about records of a kind."""
        if recorded > self.latest.get(record, 0):
            self.latest[record] = recorded

    def tally(self, topic: str, hour: int, taken: int, n: int = 1) -> None:
        """Messages were read in an hour, so many of them taken."""
        held = self.tallies.get((topic, hour))
        if held is None:
            held = self.tallies[topic, hour] = [0, 0]
        held[0] += taken
        held[1] += n

    def acknowledge(self, breach: str, fact: Fact) -> None:
        """The sponsor took a breach on; the latest word holds."""
        held = self.acceptance(breach)
        self.acceptances[breach] = Acceptance((*held.said, fact) if held else (fact,))

    def acknowledge_no_more(self, breach: str, fact: Fact) -> None:
        """The sponsor took back that it took a breach on; the word before it holds again."""
        held = self.acceptance(breach)
        others = tuple(each for each in held.said if each != fact) if held else ()
        self.acceptances[breach] = Acceptance(others) if others else None
