"""Changes: what a slice of events does to one CMO, worked out in full before any of it is seen."""

from typing import NamedTuple, Protocol

from alerts.agreements import Agreement
from alerts.calendar import HOUR
from alerts.corrections import Retraction
from alerts.doubts import Refusal, Thing, Where
from alerts.facts import Fact
from alerts.feeds import NO_WORD, Row, Word
from alerts.identities import Known, identity
from alerts.kind import Place, Record
from alerts.spellings import Named
from events.outcomes import AcceptedEvent


class Acceptance(NamedTuple):
    """What the sponsor said of a breach, and did not take back."""

    said: tuple[Fact, ...]

    @property
    def fact(self) -> Fact:
        """Its latest word."""
        return max(self.said)

    @property
    def accepts_until(self) -> int:
        """Up to when corrections hold, by the last word that accepts them; 0 for no such word."""
        accepting = (fact.recorded for fact in self.said if fact.data.accepts_correction)
        return max(accepting, default=0)


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

    @property
    def products(self) -> set[tuple[str, str]]:
        """The pairs of a site, if any, and a product that were named."""


class Heard:
    """What was heard on one topic.

    `hours` counts by the hour how many messages were taken, and how many there were; `last` is when
    the last of them was recorded. `word` is the last of the CMO, or on its behalf; `ahead` are its
    words about a time still to come, each with 1, or with -1 once it has come. `seen` are by source
    the spans of its numbers that were seen, `declared` the sources with those that were declared
    never to come, each with 1, or with -1 where that was taken back. `row` are the last messages
    that were refused, and the last that was taken and whose time has come.
    """

    __slots__ = ("ahead", "declared", "hours", "last", "row", "seen", "word")

    def __init__(self) -> None:
        self.hours: dict[int, list[int]] = {}
        self.last = 0
        self.word = NO_WORD
        self.ahead: list[tuple[int, Word]] = []
        self.seen: dict[str, list[tuple[int, int]]] = {}
        self.declared: list[tuple[str, int, int, int]] = []
        self.row = Row()

    def see(self, source: str, number: int) -> None:
        """A number of a source was seen; most follow the one before."""
        spans = self.seen.get(source)
        if spans is None:
            self.seen[source] = [(number, number)]
            return
        first, last = spans[-1]
        if number == last + 1:
            spans[-1] = first, number
        else:
            spans.append((number, number))

    def read(self, recorded: int, taken: int, n: int) -> None:
        """Count `n` messages, so many of them taken; what counts no more is less than none."""
        hour = recorded // HOUR
        counted = self.hours.get(hour)
        if counted is None:
            self.hours[hour] = [taken, n]
        else:
            counted[0] += taken
            counted[1] += n
        if recorded > self.last:
            self.last = recorded


Delay = tuple[int, int, int, str]
"""1 for an event that tells of delay, -1 for one no more; its time, its record time, its id."""


class Changes:
    """Changes to one CMO, as plain data; whoever reads through them sees the state after them.

    `retractions_there` says whether anything was ever retracted: most CMOs are spared which.
    """

    __slots__ = (
        *("_before", "_known_before", "_record_before", "records", "homes", "taken"),
        *("identities", "loose", "retractions", "corrected", "acceptances", "latest"),
        *("heard", "delays", "pending", "refused", "names", "spellings", "products"),
        *("retractions_there", "doubts", "settled"),
    )

    def __init__(self, before: Tables) -> None:
        self._before = before
        self._known_before = before.known
        self._record_before = before.record
        self.records: dict[Place, Record] = {}
        self.homes: list[Place] = []
        self.taken: dict[bytes, Known] = {}
        self.identities: dict[bytes, Known | None] = {}
        self.loose: dict[bytes, Fact | None] = {}
        self.retractions: dict[bytes, Retraction] = {}
        self.corrected: list[tuple[str, bytes]] = []
        self.acceptances: dict[str, Acceptance | None] = {}
        self.latest: dict[str, int] = {}
        self.heard: dict[str, Heard] = {}
        self.delays: list[Delay] = []
        self.pending: list[Pending] = []
        self.refused: list[tuple[int, str]] = []
        self.doubts: list[tuple[Thing, Refusal]] = []
        self.settled: list[tuple[Where, bytes, int]] = []
        self.names: dict[str, str] = {}
        self.spellings: dict[Named, set[str]] = {}
        self.products: set[tuple[str, str]] = set()
        self.retractions_there = before.has_retractions

    def terms_on(self, day: int) -> Agreement | None:
        """The agreement in force on a day, counted from the epoch."""
        return self._before.terms_on(day)

    def record(self, place: Place) -> Record | None:
        """A record after these changes."""
        return self.records.get(place) or self._record_before(place)

    def next_number(self) -> int:
        """The number of the next record that is made."""
        return self._before.records_made + len(self.homes) + 1

    def home(self, number: int) -> Place:
        """Where the record of a number is."""
        made = number - self._before.records_made - 1
        return self.homes[made] if made >= 0 else self._before.home(number)

    def known(self, identity: bytes) -> Known | None:
        """What is known of an identity after these changes."""
        if self.identities and identity in self.identities:
            return self.identities[identity]
        return self.taken.get(identity) or self._known_before(identity)

    def loose_fact(self, identity: bytes) -> Fact | None:
        """A fact that is in no record after these changes."""
        if identity in self.loose:
            return self.loose[identity]
        return self._before.loose(identity)

    def retract(self, identity: bytes, retraction: Retraction) -> None:
        """An event is withdrawn, said or not."""
        self.retractions[identity] = retraction
        self.retractions_there = True

    def retraction(self, identity: bytes) -> Retraction | None:
        """The retraction of an event after these changes."""
        return self.retractions.get(identity) or self._before.retraction(identity)

    def acceptance(self, breach: str) -> Acceptance | None:
        """What the sponsor said of a breach after these changes."""
        if breach in self.acceptances:
            return self.acceptances[breach]
        return self._before.acceptance(breach)

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

    def hear(self, topic: str) -> Heard:
        """What was heard on a topic, to be added to."""
        heard = self.heard.get(topic)
        if heard is None:
            heard = self.heard[topic] = Heard()
        return heard

    def settle(self, fact: Fact, sign: int) -> None:
        """The sponsor settled a refusal by a fact, or took that back where the sign is -1."""
        where = fact.data.topic, fact.data.offset
        self.settled.append((where, identity(fact.topic, fact.source, fact.id), sign))

    def acknowledge(self, breach: str, fact: Fact) -> None:
        """The sponsor took a breach on; the latest word holds."""
        held = self.acceptance(breach)
        self.acceptances[breach] = Acceptance((*held.said, fact) if held else (fact,))

    def acknowledge_no_more(self, breach: str, fact: Fact) -> None:
        """The sponsor took back that it took a breach on; the word before it holds again."""
        held = self.acceptance(breach)
        others = tuple(each for each in held.said if each != fact) if held else ()
        self.acceptances[breach] = Acceptance(others) if others else None
