"""What can go wrong in moving events: one tree, each error with what the operator is to do."""


class StreamError(Exception):
    """The stream cannot go on."""


class NoBroker(StreamError):
    """No Kafka broker answers."""


class NotWritable(StreamError):
    """A partition of our own topics can be written by no producer of this worker."""


class Withheld(StreamError):
    """What was judged is not said: this worker's clock is too far from the broker's."""


class NotPermitted(StreamError):
    """The brokers do not let us in, or not do what we must; or are not who they should be."""


class UnusableFile(StreamError):
    """A file that a setting names cannot be used."""


class TopicError(StreamError):
    """A topic is not as it must be."""


class TopicRefused(TopicError):
    """A topic is missing and was not created."""


class WrongPartitions(TopicError):
    """A topic has another number of partitions than the pinned one."""


class OldBroker(StreamError):
    """The brokers do not tell topics of one name apart."""


class CutBack(StreamError):
    """The log lost what was already folded from it."""


class DamagedLog(StreamError):
    """The log is not the one that was read before, or not all of it is there."""
