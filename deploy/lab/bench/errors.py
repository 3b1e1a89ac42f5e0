"""What can go wrong with the benchmark."""


class BenchError(Exception):
    """The benchmark cannot go on."""


class ContestantEnded(BenchError):
    """A contestant ended before it had folded all, or took too long."""


class NotSeen(BenchError):
    """An event that was published did not come to be seen."""
