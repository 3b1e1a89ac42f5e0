"""Our worker as it is shipped, which also tells how far it has folded."""

import sys
from collections.abc import Sequence

from deploy.lab.bench.stopwatch import Stopwatch
from events.data import INBOUND
from events.outcomes import Message
from streams.agreements import read_agreements
from streams.kafka.assignment import Assignment
from streams.metrics.pages import pages
from streams.settings import Settings
from streams.shard import FOLDS_FOR, Shard
from streams.worker import run_worker


def main(events: int) -> int:
    """Follows the log until it is ended, and tells when so many events are folded."""
    settings, watch = Settings(), Stopwatch(events)
    agreed = read_agreements(settings.agreements, use_default=settings.default_agreement)

    class TimedShard(Shard):
        def fold(self, topic: str, end: int, messages: Sequence[Message]) -> None:
            if topic not in INBOUND:
                super().fold(topic, end, messages)
                return
            watch.begin()
            before = self.next[topic]
            super().fold(topic, end, messages)
            watch.count(self.next[topic] - before)

    assignment = Assignment(
        lambda partition: TimedShard(partition, settings.partitions, agreed, folds_for=FOLDS_FOR)
    )
    return run_worker(settings, assignment, pages(assignment))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
