"""Everything that can go wrong with an event, drawn once.

EventError
├── InvalidIdentifier     a name that leaves nothing of an id
├── InvalidNumber         a quantity finer than a millionth
├── InvalidMapping        a mapping file that cannot be used
├── UnreadableTable       a delivered file that cannot be read as a table
├── InvalidFile           a file of events that cannot be read
├── Unaddressable         an event that names no topic or no CMO
└── PublishError          events that could not be handed to Kafka
    ├── InvalidState          the file of sequence numbers cannot be used
    ├── InvalidSetting        the client refuses what it was configured with
    ├── BrokersUnreachable    no broker answers
    ├── NotPermitted          the broker does not let us, or is not who it should be
    ├── TopicMissing          the topic is not on the broker
    ├── EventRefused          the monitor would refuse it
    ├── EventTooLarge         more bytes than a message may have
    └── Undelivered           not acknowledged within the time given
"""


class EventError(ValueError):
    """The root of what this package raises."""


class InvalidIdentifier(EventError):
    """A name that leaves nothing of an id, or too much."""


class InvalidNumber(EventError):
    """A quantity that millionths cannot hold exactly."""


class InvalidMapping(EventError):
    """A mapping file that cannot be used: says which key and why."""


class UnreadableTable(EventError):
    """A delivered file that cannot be read as a table."""


class InvalidFile(EventError):
    """A file of events that cannot be read."""


class Unaddressable(EventError):
    """An event that does not say which topic or CMO it belongs to."""


class PublishError(EventError):
    """Events that could not be handed to Kafka: says which, and what to do."""


class InvalidState(PublishError):
    """The file of sequence numbers cannot be read, written or had alone."""


class InvalidSetting(PublishError):
    """The Kafka client refuses what it was configured with; the value is never named."""


class BrokersUnreachable(PublishError):
    """No broker answers."""


class NotPermitted(PublishError):
    """The broker does not know us, does not let us write, or is not who it should be."""


class TopicMissing(PublishError):
    """The broker has no such topic."""


class EventRefused(PublishError):
    """An event that the monitor would refuse: says which field, its value and why."""


class EventTooLarge(PublishError):
    """An event of more bytes than a message may have."""


class Undelivered(PublishError):
    """An event the broker did not acknowledge; it may have arrived all the same."""
