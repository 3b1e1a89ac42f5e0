"""What a board asks Prometheus: each query over whatever workers there are, one figure a scope."""

from typing import Final

from alerts.catalogue import Kpi
from deploy.grafana.states import NO_LIMIT, UNWATCHED

SCOPE: Final = "kpi, cmo, site, product, lot_state, topic"
"""What one reading or breach is about."""

CHOSEN: Final = 'cmo=~"$cmo",site=~"$site|",product=~"$product|"'
"""What was chosen at the top of the board, and what has no site or no product."""

_DAY = 86_400
_READY: Final = "max by (partition) (cmowatch_shard_ready)"


def _told(count: str) -> str:
    """A count, 0 where there is nothing to count, `UNWATCHED` where nobody watches."""
    return f"(({count}) or vector(0)) and on () (max({_READY}) == 1) or vector({UNWATCHED})"


def worst_states() -> str:
    """The state of each CMO on each KPI that asks for most attention.

    A warning or worse goes before unknown, unknown before too little evidence, that before ok.
    """
    states = f"cmo_kpi_state{{{CHOSEN}}}"
    by = "by (cmo, kpi)"
    unjudged = f"{NO_LIMIT} + 0 * count {by} (cmo_kpi_evidence{{{CHOSEN}}})"
    return f"max {by} ({states} > 0) or min {by} ({states}) or {unjudged}"


def unknown_cmos() -> str:
    """How many CMOs have a reading that is unknown."""
    return _told(f"count(count by (cmo) (cmo_kpi_state{{{CHOSEN}}} == -2))")


def open_breaches(severity: str) -> str:
    """How many breaches of a severity stand."""
    matchers = f'severity="{severity}",{CHOSEN}'
    return _told(f"count(count by (breach_id) (cmo_breach_open{{{matchers}}}))")


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
        judged = (
            f'{series}{{kpi=~"{kpis}",severity="warning"}}'
            " and on (kpi, cmo, site, product, lot_state, topic, percentile) cmo_kpi_state"
        )
    times = f" * {factor}" if factor != 1 else ""
    breaches = f"max by (breach_id, {SCOPE}) (cmo_breach_open{{{CHOSEN}}})"
    found = f"max by ({SCOPE}) ({judged})"
    return f"max by (breach_id) ({breaches} * on ({SCOPE}) group_left () {found}){times}"


def breaches_aged(at_least: float, under: float | None, called: str) -> str:
    """How many breaches of each severity have stood so many days; `called` names that age."""
    ages = f"({age_of_breaches()}) >= {at_least * _DAY:.0f}"
    if under is not None:
        ages = f"({ages}) < {under * _DAY:.0f}"
    return f'label_replace(count by (severity) ({ages}), "age", "{called}", "", "")'


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
    return f'label_replace({_where(expression)}, "change", "{what}", "", "")'


def _where(expression: str) -> str:
    """With the scope below the CMO as one label."""
    return f'label_join({expression}, "where", " ", "site", "product", "lot_state", "topic")'


def breaches_in_full() -> str:
    """The age of each breach, with what it is about below the CMO as one label."""
    return _where(age_of_breaches())


def silent_feeds() -> str:
    """How many feeds are silent beyond what was agreed."""
    silent = 'cmo_kpi_state{kpi="feed_silence",cmo=~"$cmo"} > 0'
    return _told(f"count(count by (cmo, topic) ({silent}))")


def states_by_topic() -> str:
    """The state of each CMO's feed on each topic."""
    return 'max by (cmo, topic) (cmo_kpi_state{kpi="feed_silence",cmo=~"$cmo"})'


def since_heard() -> str:
    """Seconds since each CMO was last heard on each topic."""
    last = 'max by (cmo, topic) (cmo_feed_last_event_timestamp_seconds{cmo=~"$cmo"})'
    return f"time() - {last}"


def gaps() -> str:
    """How many spans are missing from the sequences of the CMOs' feeds."""
    return _told('sum(max by (cmo, topic) (cmo_feed_sequence_gaps{cmo=~"$cmo"}))')


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
    return _told("sum(max by (partition) (cmowatch_outputs_due))")


def refused() -> str:
    """Messages refused within the last hour of a worker's life."""
    risen = "increase(cmowatch_events_rejected_total[1h])"
    return _told(f"sum(max by (partition, topic, reason) ({risen}))")


def judged_level(kpi: Kpi) -> str:
    """Label matchers of the scope a KPI is judged for."""
    return level(kpi, kpi.levels[0])


def level(kpi: Kpi, names: tuple[str, ...]) -> str:
    """Label matchers of one of a KPI's scopes, within what was chosen."""
    every = {name for each in kpi.levels for name in each}
    matchers = [f'kpi="{kpi.name}"', 'cmo=~"$cmo"']
    for name in sorted(every):
        if name not in names:
            matchers.append(f'{name}=""')
        elif name in ("site", "product"):
            matchers += [f'{name}!=""', f'{name}=~"${name}"']
        else:
            matchers.append(f'{name}!=""')
    return ",".join(matchers)
