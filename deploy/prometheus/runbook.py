"""The runbook page: each alert, and what to do about it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from alerts.calendar import DAY
from alerts.doubts import MOST_KEPT, MOST_THINGS
from alerts.kpi import Kpi
from alerts.kpis import KPIS
from deploy.prometheus.data_quality import IN_DOUBT
from deploy.prometheus.pipeline import LOG_DAMAGED
from deploy.prometheus.rule import CLEARED, ESCALATED, PAGE, TICKET
from streams.metrics.open_items import TOLD_CLEARED
from streams.seals import Kind

RUNBOOK: Final = Path("docs/runbook.md")

SETTLE: Final = """\
echo '{"specversion":"1.0","id":"settled-42","source":"/sponsor","partitionkey":"acme",
"type":"cmo.feed.refusal_settled.v1","time":"2026-11-02T14:00:00Z",
"data":{"topic":"cmo.inventory","offset":42,"why":"no count was made that day"}}' |
  tr -d '\\n' | cmowatch publish -"""
"""How a sponsor settles what was refused, as it is typed."""

_LOUDNESS = {PAGE: "pages", TICKET: "is a ticket"}

_WRITTEN: Final = {
    ESCALATED: """\
**What:** A breach that nobody has taken on, to each role that it has climbed to; it
repeats every few hours. The people, ages and hours are in the agreement.

**To do first:** Take it on, by the link in the message, and do what it says.""",
    CLEARED: """\
**What:** A breach is over, and why, to each role that was told of it: by the word of the worker,
once. It is a page, which nobody is woken by, where the breach may have been one.

**To do first:** Nothing is left to do; close what you have opened for it, at PagerDuty too.""",
}
"""Of alerts that are about any KPI, what to do."""

_INTRODUCTION = """\
# What to do when an alert comes

Made from `alerts/kpis` and `deploy/prometheus` by `cmowatch render`; change it there.

An alert on a breach carries what was agreed, what is, on how much evidence, since when, what to do
first, what the agreement says to do, who is notified next and when it clears by itself.

**To take a breach on**, open the link *Acknowledge* of the message and save the silence, with your
name, an end and why. (Until the breach has climbed, the form's preview says that no alert is
affected: save it all the same.) The ladder stops, nobody is told again, and everybody sees on the
boards who has it. When the silence ends or is expired and the breach still stands, it is told and
climbs on. Who takes a breach on has it until it clears, also when it gets worse meanwhile: choose
an end that is near. Only a page that comes of what was taken on as a warning is told; take it on
anew.

**That a breach is over is told by `CmowatchBreachCleared`, and by nothing else.** An alert that
stops firing is no news: it stops when somebody takes the breach on, and when Prometheus is away. So
nothing is ever told as *resolved*, of the monitor's own alerts neither: Alertmanager's page and the
boards show what still fires, and an incident at PagerDuty is closed by whoever has it.

A ticket outside of its people's hours waits for them, and so does the notice that it is over, for
{told} days. The next breach of its kind is told anew; what is no breach is told again within a day.

Nothing of a breach ends while nobody watches its CMO: what stood goes on until a worker says
otherwise, and other alerts say that none does.

## When Prometheus or Alertmanager is lost

Neither has anything that is nowhere else: start it, empty if need be, and what stands is told from
the log. While Prometheus is away the dead man's switch falls silent, and nothing else is told.

**What somebody has taken on is told again by neither**, also if both and a worker are lost
together: workers show, from `cmo.actions`, who has it until when, and the rules leave it out. The
lost silence leaves it with whoever took it on. To give it back before its end save the silence once
more, wait until the boards show that, and expire it.

Told twice is, each once:

- When Prometheus was away for more than four minutes, or its data was lost while no worker ran:
  what fires and nobody has taken on, and the clearings of the last {told} days. For Alertmanager
  all of that had ended meanwhile.
- When Alertmanager's data was lost, or it was killed before it had written what it told (it does so
  every 15 minutes): the same, for it has forgotten what it told.
- When Alertmanager was lost before a silence was passed on and scraped (half a minute): that
  breach, for nobody else knew of it.
"""


def runbook(groups: Mapping[str, Any]) -> str:
    """The page, in Markdown."""
    rules = [rule for group in groups["groups"] for rule in group["rules"] if "alert" in rule]
    by_name = {kpi.name: kpi for kpi in KPIS}
    sections = (line for alert in _by_name(rules) for line in _section(alert, by_name))
    return "\n".join([_INTRODUCTION.format(told=TOLD_CLEARED // DAY), *sections])


def _by_name(rules: Iterable[Any]) -> Iterable[list[Any]]:
    """The rules of each alert, the loudest first."""
    alerts: dict[str, list[Any]] = {}
    for rule in rules:
        alerts.setdefault(rule["alert"], []).append(rule)
    return alerts.values()


def _section(rules: list[Any], by_name: Mapping[str, Kpi]) -> Iterator[str]:
    rule = rules[0]
    yield f"## {rule['alert']}"
    yield ""
    yield f"It {_loudness(rules)}."
    kpi = next((kpi for kpi in by_name.values() if _is_on(rule, kpi)), None)
    yield from _of_kpi(kpi) if kpi else _of_texts(rule)
    yield ""


def _loudness(rules: list[Any]) -> str:
    severities = dict.fromkeys(rule["labels"]["severity"] for rule in rules)
    loudness = " or ".join(_LOUDNESS.get(severity, "tells nobody") for severity in severities)
    return f"{loudness} after {rules[0]['for']}" if "for" in rules[0] else loudness


def _is_on(rule: Any, kpi: Kpi) -> bool:
    return "breach_id" in rule["annotations"] and f'kpi="{kpi.name}"' in rule["expr"]


def _of_kpi(kpi: Kpi) -> Iterator[str]:
    yield ""
    yield f"**What:** {kpi.title}. {kpi.help} [How it is worked out](kpis.md#{kpi.name})."
    yield ""
    yield f"**To do first:** {kpi.action}"


_KINDS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.MISSING: (
        "the topic was deleted",
        "create it with `cmowatch topics`; then it is `recreated`",
    ),
    Kind.RECREATED: (
        "the topic was deleted and created anew",
        "`cmowatch topics --repair WHY`; then have published again what is still known of it",
    ),
    Kind.TRUNCATED: (
        "records were deleted at its beginning: by a retention, by `kafka-delete-records`",
        "set `retention.ms=-1` and `retention.bytes=-1`; then as above",
    ),
    Kind.SHORTENED: (
        "it ends before what was read of it: a disk lost what it had not written, an older copy "
        "was put back, an unclean election",
        "put back the newer copy where there is one; then as above, in either case",
    ),
    Kind.COMPACTED: (
        "its `cleanup.policy` was `compact`: the broker keeps the last record of each key, and may "
        "have removed all others",
        "set `cleanup.policy=delete`; then as above",
    ),
    Kind.UNSEALED: (
        "`cmo.dead-letters` has lost the record that says which log was read",
        "as for a topic that was created anew",
    ),
}
_REPAIRED: Final = """
`cmowatch topics --repair WHY` seals each damaged partition as it is now, with your reason, on
`cmo.dead-letters`; what is whole is left alone. Workers need no restart: they read those partitions
from the beginning and go on from what the log now holds. It means:

- What was lost counts nowhere: readings are those of the events that are there. Events that are
  published again count by when the log gets them now; who has the right to says `recordedtime`.
- A breach that stands on `cmo.breaches` goes on. Where events were lost and nothing was said since,
  it clears as `evidence_lost` if what is left means so; take it as unknown, not as well.
- A breach whose record was lost is opened anew, told anew and taken on anew, if it still holds. Its
  id is a new one: no id is used again, neither of breaches nor of dead letters.
- Dead letters of messages that are lost hold no more; those that were lost are written again. Of a
  topic that lost its end none holds that lies there, for nobody knows how short it was.

Where all topics were deleted at once while no worker ran, nothing on the brokers tells of the log
before: a new one begins, with new ids.
"""


def _damaged() -> str:
    rows = "\n".join(f"| `{kind}` | {what} | {do} |" for kind, (what, do) in _KINDS.items())
    return f"\n| kind | what has happened | what to do |\n| --- | --- | --- |\n{rows}\n{_REPAIRED}"


_IN_DOUBT: Final = f"""
**Which things, and why:** `curl -s localhost:6066/readings` on the worker that has the partition
says, for each unknown reading, what is in doubt, the reason, the topic, the partition and the
offset. Those are the coordinates of the dead letter, which says field, value and reason:

    kcat -C -e -q -b localhost:9092 -t cmo.dead-letters -X isolation.level=read_committed -f '%h\\n'

**It ends** by what is accepted about the same thing and comes later on the log: the mended event,
under an id of its own, or the next word about it; a count that was refused by the next count. What
was refused because of what is agreed is taken at the next start with the right agreements.

**What will never be mended the sponsor settles**, by the coordinates, on the topic they name:

```sh
{SETTLE}
```

`partitionkey` is the CMO. It holds until that event is retracted. With more than {MOST_THINGS:,}
things in doubt the CMO is so as a whole, until fewer are. Of more than {MOST_KEPT:,} the oldest
are not told apart any more: the settlement of the offset that is told settles all of those.
"""

_MORE: Final = {LOG_DAMAGED: _damaged(), IN_DOUBT: _IN_DOUBT}
"""Of alerts about ourselves, what there is to know besides."""


def _of_texts(rule: Any) -> Iterator[str]:
    if (text := _WRITTEN.get(rule["alert"])) is not None:
        yield from ("", *text.splitlines())
        return
    for line in rule["annotations"]["description"].splitlines():
        name, _, text = line.partition(": ")
        yield ""
        yield f"**{name}:** {text}"
    yield ""
    yield f"    {rule['expr']}".replace("\n", "\n    ").rstrip()
    if (more := _MORE.get(rule["alert"])) is not None:
        yield more.rstrip()
