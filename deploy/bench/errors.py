"""What can go wrong with the benchmark."""


class BenchError(Exception):
    """The benchmark cannot go on."""


class ContestantEnded(BenchError):
    """A contestant ended before it had folded all, or took too long."""
