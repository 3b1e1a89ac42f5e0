"""What can go wrong with the benchmark."""


class BenchError(Exception):
    """The benchmark cannot go on."""


class ContestantEnded(BenchError):
    """A contestant ended before it had folded all, or took too long."""


class FoldEnded(BenchError):
    """A fold of the same messages in one of the trees ended without its figures."""


class NoSuchCommit(BenchError):
    """There is no work tree to be had of the commit to measure against."""


class NotSeen(BenchError):
    """An event that was published did not come to be seen."""
