"""Everything that can go wrong with an event, drawn once.

    EventError
    ├── InvalidIdentifier     a name that leaves nothing of an id
    ├── InvalidNumber         a quantity finer than a millionth
    ├── InvalidMapping        a mapping file that cannot be used
    ├── UnreadableTable       a delivered file that cannot be read as a table
    ├── InvalidFile           a file of events that cannot be read
    └── PublishError          events that could not be handed to Kafka
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


class PublishError(EventError):
    """Events that could not be handed to Kafka: says which, and what to do."""
