"""The words of a breach's alert: what was agreed, what is, on what evidence, since when."""

from collections.abc import Iterator, Mapping
from typing import Final, get_args

from alerts.kpi import Kpi, Unit
from deploy.links import ALERTMANAGER
from events.breaches import ClearedBy

_SHOWN: Final[Mapping[Unit, str]] = {
    "ratio": "humanizePercentage",
    "seconds": "humanizeDuration",
    "days": 'printf "%.1f days"',
    "count": 'printf "%.0f"',
}
_CLEARED_BY: Final[Mapping[ClearedBy, str]] = {
    "limit_changed": "for the agreed limit has changed",
    "corrected": "for what it rested on was corrected",
    "improved": "for newer evidence is better",
    "evidence_lost": "for the log has lost what it rested on, and an operator went on without it",
    "aged_out": "for its evidence has aged out",
    "agreement_ended": "for the agreement has ended",
}
if {*_CLEARED_BY} != {*get_args(ClearedBy)}:
    raise TypeError(f"no words for { ({*_CLEARED_BY} ^ {*get_args(ClearedBy)}) }")
_WHY_CLEARED: Final = (
    "{{ with $labels.cleared_by }}"
    + "".join(
        f'{{{{ {"else " if at else ""}if eq . "{by}" }}}}{why}'
        for at, (by, why) in enumerate(_CLEARED_BY.items())
    )
    + "{{ end }}{{ else }}for no reason that was given{{ end }}"
)
_FORMAT: Final = '"2006-01-02 15:04 MST"'
_ENDS = (
    "{{ if gt (. | first | value) 1e11 }}it is given back{{ else }}"
    '{{ (. | first | value | toTime).Format "2006-01-02 15:04 MST" }}{{ end }}'
)
_MOMENT = '{{ (. | first | value | toTime).Format "2006-01-02 15:04 MST" }}'


def alert_name(kpi: Kpi) -> str:
    """The name of the alert on a KPI's breaches."""
    return f"Cmowatch{kpi.name.title().replace('_', '')}Breach"


def scope(kpi: Kpi) -> tuple[str, ...]:
    """The labels of a breach of this KPI: the CMO, and what it is judged for below it."""
    return "cmo", *kpi.dimensions[0]


def subject(kpi: Kpi) -> str:
    """Whom and what an alert is about."""
    return " ".join(f"{{{{ $labels.{name} }}}}" for name in scope(kpi))


def summary(kpi: Kpi) -> str:
    """One line: who, what, how much of what was agreed."""
    return f"{subject(kpi)}: {_inside(kpi.title)} is {_reading(kpi)}, agreed was {_agreed(kpi)}"


def escalated(kpi: Kpi) -> str:
    """One line: to whom it climbed, who, what, how much of what was agreed."""
    return f"Tier {{{{ $value }}}}, {{{{ $labels.role }}}}: {summary(kpi)}"


def cleared(kpi: Kpi) -> str:
    """One line: who, what is over, for which reason."""
    return f"{subject(kpi)}: {_inside(kpi.title)} is cleared, {_WHY_CLEARED}"


def why_cleared(kpi: Kpi) -> str:
    """What a notice says of a breach that is over, a fact a line."""
    lines = {
        "What": f"{subject(kpi)}: {kpi.title}. This breach is over",
        "Cleared": f"{{{{ ($value | toTime).Format {_FORMAT} }}}}, {_WHY_CLEARED}",
        "Agreed": _agreed(kpi),
        "Is": _reading(kpi),
        "To do first": "nothing is left to do; close what you have opened for it",
    }
    return "\n".join(f"{name}: {what}" for name, what in lines.items()) + "\n"


def description(kpi: Kpi) -> str:
    """The message somebody reads first, a fact a line."""
    return "\n".join(f"{name}: {what}" for name, what in _lines(kpi)) + "\n"


def breach_id(kpi: Kpi) -> str:
    """The id of the breach, which is no label: silencing by it must not touch this alert."""
    return _asked(kpi, "cmo_breach_open", _ID, otherwise="gone")


def acknowledge_url(kpi: Kpi) -> str:
    """Where a click and a name say that somebody has taken the breach on."""
    return _asked(kpi, "cmo_breach_open", SILENCE.format(id=_ID), otherwise=ALERTMANAGER)


_ID = '{{ . | first | label "breach_id" }}'
SILENCE = f"{ALERTMANAGER}/#/silences/new?filter=%7Bbreach_id%3D%22{{id}}%22%7D"
"""An Alertmanager's form for a silence of the breach of this id."""


def _lines(kpi: Kpi) -> Iterator[tuple[str, str]]:
    breach = '{{ . | first | label "severity" }}'
    yield "What", f"{subject(kpi)}: {kpi.title}. {kpi.help}"
    yield "Agreed", _agreed(kpi)
    yield "Is", f"{_reading(kpi)}{_interval(kpi)}"
    yield "Judged", f"{_asked(kpi, 'cmo_breach_open', breach)}{_by_which(kpi)}"
    independent = " independent" if kpi.interval else ""
    yield "Evidence", f"n = {_count(kpi, 'cmo_kpi_evidence')}{independent}{_sums(kpi)}"
    yield "Since", _asked(kpi, "cmo_breach_since_timestamp_seconds", _MOMENT)
    yield "To do first", kpi.action
    yield "Contingency", _contingency()
    yield "Taken on", _taken_on(kpi)
    yield "Next", _next(kpi)
    yield "Clears by itself", _clears(kpi)


def _contingency() -> str:
    """What the agreement says to do, on one line."""
    text = '{{ . | first | label "contingency" | reReplaceAll "\\\\s+" " " }}'
    return (
        "{{ with printf `cmo_agreement_info{cmo=%q}` $labels.cmo | query }}"
        f"{text}{{{{ else }}}}none is agreed{{{{ end }}}}"
    )


def _taken_on(kpi: Kpi) -> str:
    until = 'by {{ . | first | label "by" }}, until ' + _ENDS
    return _asked(
        kpi, "cmo_breach_acknowledged_until_timestamp_seconds", until, otherwise="by nobody"
    )


def _next(kpi: Kpi) -> str:
    next_role = f'{{{{ . | first | label "role" }}}} is notified at {_MOMENT}'
    series = "cmo_breach_next_escalation_timestamp_seconds"
    return _asked(kpi, series, next_role, otherwise="nobody else, as it stands")


def _clears(kpi: Kpi) -> str:
    day = 'on {{ (. | first | value | toTime).Format "2006-01-02" }}, if nothing new comes'
    series = "cmo_breach_clears_on_timestamp_seconds"
    return _asked(kpi, series, day, otherwise="not before something new comes")


def _agreed(kpi: Kpi) -> str:
    limits = {
        severity: _value(kpi, "cmo_kpi_limit", severity=severity, otherwise="no limit")
        for severity in ("warning", "critical")
    }
    always = "" if kpi.always_critical is None else f" and at {kpi.always_critical:g}"
    if kpi.exceptions is not None:  # a count is beyond a limit that it has reached
        return f"fewer than {limits['warning']}, critical from {limits['critical']}{always}"
    side, beyond = ("least", "below") if kpi.higher_is_better else ("most", "above")
    return f"at {side} {limits['warning']}, critical {beyond} {limits['critical']}{always}"


def _reading(kpi: Kpi) -> str:
    judged = ""
    if kpi.quantiles:  # of several quantiles only the judged one has a state
        judged = f' and on (cmo, percentile) cmo_kpi_state{{kpi="{kpi.name}"}}'
    return _value(kpi, "cmo_kpi_reading", more=judged)


def _interval(kpi: Kpi) -> str:
    if not kpi.interval:
        return ""
    low, high = (_value(kpi, f"cmo_kpi_{end}") for end in ("low", "high"))
    return f" (95 % interval {low} to {high})"


def _by_which(kpi: Kpi) -> str:
    """A warning may hold its limit within the interval that is shown."""
    return ", warnings by the 90 % interval, which is narrower" if kpi.interval else ""


def _sums(kpi: Kpi) -> str:
    if kpi.unit != "ratio":
        return ""
    parts = (_count(kpi, f"cmo_kpi_{part}") for part in ("numerator", "denominator"))
    return f" ({' of '.join(parts)})"


def _count(kpi: Kpi, series: str) -> str:
    return _asked(kpi, series, "{{ . | first | value | humanize }}")


def _value(
    kpi: Kpi, series: str, *, severity: str = "", more: str = "", otherwise: str = "unknown"
) -> str:
    shown = f"{{{{ . | first | value | {_SHOWN[kpi.unit]} }}}}"
    return _asked(kpi, series, shown, severity=severity, more=more, otherwise=otherwise)


def _asked(
    kpi: Kpi,
    series: str,
    found: str,
    *,
    severity: str = "",
    more: str = "",
    otherwise: str = "unknown",
) -> str:
    """A template that asks Prometheus for a series of this alert's scope, and shows the answer."""
    shown_besides = {name for names in kpi.dimensions for name in names} - {*kpi.dimensions[0]}
    equal = [
        f'kpi="{kpi.name}"',
        *(f"{name}=%q" for name in scope(kpi)),
        *(f'{name}=""' for name in sorted(shown_besides)),
        *([f'severity="{severity}"'] if severity else []),
    ]
    asked = f"{series}{{{','.join(equal)}}}{more}"
    given = " ".join(f"$labels.{name}" for name in scope(kpi))
    answer = f"{found}{{{{ else }}}}{otherwise}{{{{ end }}}}"
    return f"{{{{ with printf `{asked}` {given} | query }}}}{answer}"


def _inside(title: str) -> str:
    """A title as it is written inside a sentence."""
    return title[0].lower() + title[1:]
