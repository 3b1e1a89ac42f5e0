"""What is in doubt of each CMO, on the page that Prometheus reads, and where to look for it."""

from alerts.doubts import Doubts, Refusal
from alerts.view import CmoView
from events.data import INBOUND
from streams.metrics.text_format import Families, label


def doubts(out: Families, cmo: CmoView) -> None:
    """How much of a CMO is in doubt, and how many of the last messages of a topic were refused."""
    things = out.family(
        "cmo_doubts", "gauge", "Things of a CMO in doubt, for what was refused about them, by kind."
    )
    whole = out.family(
        "cmo_doubted_as_a_whole", "gauge", "Whether more is in doubt than is told one by one."
    )
    newest = out.family(
        "cmo_doubt_newest_offset",
        "gauge",
        "The offset, on its topic, of the newest refused message that leaves something in doubt.",
    )
    in_a_row = out.family(
        "cmo_feed_refused_in_a_row",
        "gauge",
        "How many of the last messages of a CMO on a topic were refused, counted up to three.",
    )
    which = label("cmo", cmo.id)
    for kind, count in _by_kind(cmo.doubts).items():
        things(f"{which},{label('kind', kind)}", count)
    whole(which, int(cmo.doubts.whole is not None))
    for topic, last in _by_topic(cmo.doubts).items():
        where = f"{label('topic', topic)},{label('partition', str(last.partition))}"
        newest(f"{which},{where}", last.offset)
    for topic in INBOUND:
        if length := cmo.in_a_row(topic):
            in_a_row(f"{which},{label('topic', topic)}", length)


def _by_kind(held: Doubts) -> dict[str, int]:
    counts: dict[str, int] = {}
    for kind, _ in held.standing:
        counts[kind] = counts.get(kind, 0) + 1
    return dict(sorted(counts.items()))


def _by_topic(held: Doubts) -> dict[str, Refusal]:
    last: dict[str, Refusal] = {}
    for refusal in (*held.standing.values(), *([held.whole] if held.whole else [])):
        last[refusal.topic] = max(refusal, last.get(refusal.topic, refusal))
    return dict(sorted(last.items()))
