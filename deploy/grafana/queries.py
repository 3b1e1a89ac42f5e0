"""What a board asks Prometheus: each query over whatever workers there are, one figure a scope."""

from collections.abc import Iterable
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis.feed import FEED_SILENCE
from deploy.backfill import JOB
from deploy.grafana.states import NO_LIMIT, UNWATCHED
from events.dimensions import DIMENSIONS

SCOPE: Final = ", ".join(["kpi", "cmo", *DIMENSIONS])
"""What one reading or breach is about."""

CHOSEN: Final = 'cmo=~"$cmo",site=~"$site|",product=~"$product|"'
"""What was chosen at the top of the board, and what has no site or no product."""

CHOSEN_PRODUCT: Final = 'cmo=~"$cmo",product=~"$product|"'
"""The same of series that have no site at all."""

READING: Final = f"{SCOPE}, percentile"
"""What tells one figure of a KPI from another."""

NO_END: Final = 4_102_444_800_000
"""Stands for the end of what has none, in ms."""

_DAY = 86_400
_READY: Final = "max by (partition) (cmowatch_shard_ready)"


def or_zero(count: str) -> str:
    """A count, 0 where there is nothing to count, `UNWATCHED` where nobody watches."""
    return f"(({count}) or vector(0)) and on () (max({_READY}) == 1) or vector({UNWATCHED})"


def worst_states() -> str:
    """The state of each CMO on each KPI that asks for most attention.

    A warning or worse goes before unknown, unknown before too little evidence, that before ok.
    """
    states = f"cmo_kpi_state{{{CHOSEN}}}"
    by = "by (cmo, kpi)"
    unjudged = without_state(f"sum {by} (cmo_kpi_evidence{{{CHOSEN}}})")
    return f"max {by} ({states} > 0) or min {by} ({states}) or {unjudged}"


def without_state(evidence: str) -> str:
    """Stands for readings that are not judged: `NO_LIMIT`, or `NOTHING_DUE` without evidence."""
    return f"{NO_LIMIT} - (({evidence}) == bool 0)"


def unknown_cmos() -> str:
    """How many CMOs have a reading that is unknown."""
    return or_zero(f"count(count by (cmo) (cmo_kpi_state{{{CHOSEN}}} == -2))")


def open_breaches(severity: str) -> str:
    """How many breaches of a severity stand."""
    matchers = f'severity="{severity}",{CHOSEN}'
    return or_zero(f"count(count by (breach_id) (cmo_breach_open{{{matchers}}}))")


def standing() -> str:
    """Each breach that stands."""
    return f"max by (breach_id, {SCOPE}, severity, judged) (cmo_breach_open{{{CHOSEN}}})"


def age_of_breaches() -> str:
    """How long each breach has stood, in seconds."""
    since = f"max by (breach_id) (cmo_breach_since_timestamp_seconds{{{CHOSEN}}})"
    return f"{standing()} * on (breach_id) group_left () (time() - {since})"


def of_breaches(series: str, kpis: str, *, factor: int = 1) -> str:
    """A figure of each breach's reading, for the KPIs of this pattern, times a factor."""
    # Of several quantiles only the judged one has a state.
    judged = f'{series}{{kpi=~"{kpis}"}} and ignoring (severity) cmo_kpi_state'
    if series == "cmo_kpi_limit":
        judged = f'{series}{{kpi=~"{kpis}",severity="warning"}} and on ({READING}) cmo_kpi_state'
    times = f" * {factor}" if factor != 1 else ""
    breaches = f"max by (breach_id, {SCOPE}) (cmo_breach_open{{{CHOSEN}}})"
    found = f"max by ({SCOPE}) ({judged})"
    return f"max by (breach_id) ({breaches} * on ({SCOPE}) group_left () {found}){times}"


def breaches_aged(at_least: float, under: float | None, called: str) -> str:
    """How many breaches of each severity have stood so many days; `called` names that age."""
    counted = f"count by (severity) ({_aged(at_least, under)})"
    return f'label_replace({counted}, "age", "{called}", "", "")'


def _aged(at_least: float, under: float | None) -> str:
    ages = f"({age_of_breaches()}) >= {at_least * _DAY:.0f}"
    return ages if under is None else f"({ages}) < {under * _DAY:.0f}"


def opened_today() -> str:
    """The moment each breach opened that opened since midnight, UTC, in milliseconds."""
    since = f"max by ({SCOPE}) (cmo_breach_since_timestamp_seconds{{{CHOSEN}}})"
    return _change(f"({since} >= time() - time() % {_DAY}) * 1000", "opened")


def cleared_today() -> str:
    """The moment each breach opened that stood since midnight and stands no more.

    Only once every shard is ready: breaches that a starting worker does not show are not cleared.
    """
    since = "cmo_breach_since_timestamp_seconds"
    stood = f"max by ({SCOPE}) (last_over_time({since}{{{CHOSEN}}}[24h]))"
    stands = f"max by ({SCOPE}) ({since})"
    all_ready = f"min({_READY}) == 1"
    return _change(f"(({stood} unless {stands}) and on () ({all_ready})) * 1000", "cleared")


def turned_unknown_today() -> str:
    """The readings that are unknown now and were not a day ago."""
    now = f"max by ({SCOPE}) (cmo_kpi_state{{{CHOSEN}}}) == -2"
    before = f"max by ({SCOPE}) (max_over_time(cmo_kpi_state{{{CHOSEN}}}[24h])) > -2"
    return _change(f"({now} and {before}) * 0", "turned unknown")


def _change(expression: str, what: str) -> str:
    return f'label_replace({where(expression)}, "change", "{what}", "", "")'


def where(expression: str, *more: str) -> str:
    """With the scope below the CMO, and more labels, as one label."""
    labels = ", ".join(f'"{name}"' for name in (*DIMENSIONS, *more))
    return f'label_join({expression}, "where", " ", {labels})'


def breaches_in_full() -> str:
    """The age of each breach, with what it is about below the CMO as one label."""
    return where(age_of_breaches())


_TIER: Final = "cmo_breach_escalation_tier"
_OPEN: Final = "cmo_breach_open"


def last_notified() -> str:
    """The tier each breach has climbed to, with its role as `notified`.

    This and what follows has a figure for every breach, 0 where there is none.
    """
    tiers = f"max by (breach_id, role) ({_TIER}{{{CHOSEN}}})"
    highest = f"max by (breach_id) ({_TIER}{{{CHOSEN}}})"
    last = f"{tiers} == on (breach_id) group_left () {highest}"
    return _or_none(
        f"max by (breach_id, notified) ({_renamed(last, 'role', 'notified')})", "notified"
    )


def next_notified() -> str:
    """The moment in ms the next role is notified of each breach, with that role as `next`."""
    ahead = f"cmo_breach_next_escalation_timestamp_seconds{{{CHOSEN}}}"
    return _or_none(f"max by (breach_id, next) ({_renamed(ahead, 'role', 'next')}) * 1000", "next")


def clears_on() -> str:
    """The moment in ms each breach clears by itself, where that is known."""
    clears = f"max by (breach_id) (cmo_breach_clears_on_timestamp_seconds{{{CHOSEN}}}) * 1000"
    return f"{clears} or 0 * max by (breach_id) ({_OPEN}{{{CHOSEN}}})"


def acknowledged() -> str:
    """The moment in ms until which somebody, as `by`, has a breach; `NO_END` without one."""
    until = f"cmo_breach_acknowledged_until_timestamp_seconds{{{CHOSEN}}}"
    return _or_none(f"clamp_max(max by (breach_id, by) ({until}) * 1000, {NO_END})", "by")


def _or_none(found: str, label: str) -> str:
    nobody = f"0 * max by (breach_id) ({_OPEN}{{{CHOSEN}}})"
    named = f'label_replace({nobody}, "{label}", "nobody", "", "")'
    return f"{found} or ({named} unless on (breach_id) {found})"


def breaches_by_tier(at_least: float, under: float | None, called: str) -> str:
    """How many breaches of an age have climbed to each tier; nobody is notified at tier 0."""
    climbed = f"max by (breach_id) ({_TIER}{{{CHOSEN}}})"
    tiers = f"({climbed} or 0 * max by (breach_id) ({_OPEN}{{{CHOSEN}}}))"
    of_age = f"{tiers} and on (breach_id) ({_aged(at_least, under)})"
    return f'label_replace(count_values ("tier", {of_age}), "age", "{called}", "", "")'


def _renamed(expression: str, label: str, name: str) -> str:
    return f'label_replace({expression}, "{name}", "$1", "{label}", "(.*)")'


_SILENCE: Final = f'cmo_kpi_state{{kpi="{FEED_SILENCE.name}",cmo=~"$cmo"}}'


def silent_feeds() -> str:
    """How many feeds are silent beyond what was agreed."""
    silent = f"{_SILENCE} > 0"
    return or_zero(f"count(count by (cmo, topic) ({silent}))")


def states_by_topic() -> str:
    """The state of each CMO's feed on each topic."""
    return f"max by (cmo, topic) ({_SILENCE})"


def since_heard() -> str:
    """Seconds since each CMO was last heard on each topic."""
    last = 'max by (cmo, topic) (cmo_feed_last_event_timestamp_seconds{cmo=~"$cmo"})'
    return f"time() - {last}"


def gaps() -> str:
    """How many spans are missing from the sequences of the CMOs' feeds."""
    return or_zero('sum(max by (cmo, topic) (cmo_feed_sequence_gaps{cmo=~"$cmo"}))')


def shards_missing() -> str:
    """How many partitions were watched within the last hour and are not now."""
    seen = "count(max by (partition) (last_over_time(cmowatch_shard_ready[1h])))"
    return f"{seen} - (count({_READY} == 1) or vector(0)) or vector({UNWATCHED})"


def behind() -> str:
    """Seconds since the log was last heard by the shard that heard it least lately."""
    heard = "min(max by (partition) (cmowatch_shard_heard_until_timestamp_seconds))"
    return f"time() - {heard} or vector({UNWATCHED})"


def due() -> str:
    """How much there is to say that was not read back."""
    return or_zero("sum(max by (partition) (cmowatch_outputs_due))")


def refused() -> str:
    """Messages refused within the last hour of a worker's life."""
    risen = "increase(cmowatch_events_rejected_total[1h])"
    return or_zero(f"sum(max by (partition, topic, reason) ({risen}))")


def states_all_along() -> str:
    """The state of each KPI of the CMO that asks for most attention, over all of the history."""
    live, past = (
        f"(max by (kpi) ({states} > 0) or min by (kpi) ({states}))"
        for states in _live_and_past("cmo_kpi_state", CHOSEN)
    )
    return f"{live} or {past}"


def all_along(series: str, by: str, matchers: str) -> str:
    """A series over time: what workers showed, and before that what was filled in for each day."""
    live, past = _live_and_past(series, matchers)
    return f"max by ({by}) ({live}) or max by ({by}) ({past})"


def _live_and_past(series: str, matchers: str) -> tuple[str, str]:
    # A day has one sample, and Prometheus looks back for five minutes only.
    past = f'last_over_time({series}{{{matchers},job="{JOB}"}}[1d])'
    return f"{series}{{{matchers}}}", past


def judged(series: str, kpis: Iterable[Kpi], more: str = "") -> str:
    """A figure of each KPI, for the scope it is judged for; `more` are matchers besides."""
    of_scope: dict[str, list[str]] = {}
    for kpi in kpis:
        of_scope.setdefault(scope(kpi, kpi.dimensions[0]), []).append(kpi.name)
    return " or ".join(
        f'max by ({READING}) ({series}{{kpi=~"{"|".join(names)}",{matchers}{more}}})'
        for matchers, names in of_scope.items()
    )


def of_judged(kpi: Kpi) -> str:
    """Label matchers of the scope a KPI is judged for."""
    return of_dimensions(kpi, kpi.dimensions[0])


def of_dimensions(kpi: Kpi, names: tuple[str, ...]) -> str:
    """Label matchers of one of a KPI's scopes, within what was chosen."""
    return f'kpi="{kpi.name}",{scope(kpi, names)}'


def scope(kpi: Kpi, names: tuple[str, ...]) -> str:
    """The same without the KPI's name."""
    every = {name for each in kpi.dimensions for name in each}
    matchers = ['cmo=~"$cmo"']
    for name in sorted(every):
        if name not in names:
            matchers.append(f'{name}=""')
        elif name in ("site", "product"):
            matchers += [f'{name}!=""', f'{name}=~"${name}"']
        else:
            matchers.append(f'{name}!=""')
    return ",".join(matchers)
