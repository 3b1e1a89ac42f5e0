"""What a shard writes, read back by it as a worker reads its own topics."""

from datetime import datetime

from deploy.lab.bench.variants import batches
from events.outcomes import Message
from streams.shard import Shard


def read_back(shard: Shard, ends: dict[str, int], now: datetime) -> list[str]:
    """Folds what a shard has to send, and gives the ids of that; `ends` as `batches` has them."""
    at, sent = round(now.timestamp() * 1_000), shard.to_send()
    read = (Message(each.topic, 0, 0, at, each.key, each.value, each.headers) for each in sent)
    for topic, end, batch in batches(read, ends=ends):
        while (at := shard.next[topic]) < end:
            shard.fold(topic, end, [each for each in batch if each.offset >= at])
    return [each.id for each in sent]
