"""What the rules must do for every KPI, as tests that promtool runs."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from deploy.prometheus.rule import CLEARED, TICKET, UNNOTIFIED
from deploy.prometheus.wording import alert_name, scope

CLAIMS: Final = Path("deploy/prometheus/tests/breaches_test.yml")

_EVERY: Final = 4
"""Minutes between two evaluations: few, for there are many tests."""

_MINUTE: Final = 60


def claims(rules: Path, kpis: Iterable[Kpi] = KPIS) -> Mapping[str, object]:
    """A promtool test of each KPI that is judged, named for what it claims."""
    tests = [test for kpi in kpis if kpi.urgency != "never" for test in _of(kpi)]
    return {
        "rule_files": [f"../rules/{rules.name}"],
        "evaluation_interval": f"{_EVERY}m",
        "tests": tests,
    }


def _of(kpi: Kpi) -> Iterator[Mapping[str, object]]:
    loud = TICKET if kpi.notifies else UNNOTIFIED
    loudness = "is a ticket" if kpi.notifies else "tells nobody"
    stands = {"a": "1x20 stale _x90", "b": "_x55 1x15 stale _x60"}
    ready = {"a": "1x20 stale _x90", "b": "_x50 0x5 1x60"}
    yield _test(
        f"A breach of {kpi.name} {loudness}, once, over half an hour without a worker, until it "
        "clears",
        {
            **{_breach(kpi, instance=name): values for name, values in stands.items()},
            **{_ready(name): values for name, values in ready.items()},
        },
        _fires(kpi, loud, 68),
        _silent(kpi, 72),
    )
    yield _test(
        f"A reading of {kpi.name} that is unknown raises no breach",
        {_series("cmo_kpi_state", kpi): "-2x60"},
        _silent(kpi, 50),
    )
    if kpi.notifies:
        yield from _of_escalation(kpi)


def _of_escalation(kpi: Kpi) -> Iterator[Mapping[str, object]]:
    tier = {
        _ready("a"): "1x60",
        _series("cmo_breach_escalation_tier", kpi, role="planner", severity="warning"): "1x60",
        _series("cmo_breach_escalation_tier", kpi, role="head", severity="warning"): "_x20 2x40",
    }
    until = _series(
        "cmo_breach_acknowledged_until_timestamp_seconds", kpi, by="Ada", severity="warning"
    )
    yield _test(
        f"A breach of {kpi.name} notifies each role that it has climbed to",
        tier,
        _escalated(kpi, 10, {"planner": 1}),
        _escalated(kpi, 30, {"planner": 1, "head": 2}),
    )
    yield _test(
        f"A breach of {kpi.name} that somebody has taken on is repeated to nobody meanwhile",
        {**tier, until: f"{30 * _MINUTE}x60"},
        _escalated(kpi, 25, {}),
        _escalated(kpi, 36, {"planner": 1, "head": 2}),
    )
    yield _test(
        f"A breach of {kpi.name} that somebody has taken on is told to nobody until that ends, a "
        "worker or none",
        {_ready("a"): "1x16 stale _x60", _breach(kpi): "1x16 stale _x60"}
        | {until: f"{30 * _MINUTE}x16 stale _x60"},
        _silent(kpi, 28),
        _fires_at(kpi, TICKET, 32),
    )
    yield _test(
        f"A breach of {kpi.name} is told as over once, to each role, over half an hour without a "
        "worker",
        {
            _ready("a"): "1x20 stale _x30 1x60",
            _over(kpi): "_x10 600x10 stale _x30 600x20 stale _x30",
            _over(kpi, role="planner"): "_x10 600x10 stale _x30 600x20 stale _x30",
        },
        *(_told_over(kpi, minute) for minute in (8, 76)),
        *(_told_over(kpi, minute, "", "planner") for minute in (12, 40, 60)),
    )


def _test(name: str, series: Mapping[str, str], *expected: Any) -> Mapping[str, object]:
    given = [{"series": series_, "values": values} for series_, values in series.items()]
    return {
        "name": name,
        "interval": "1m",
        "input_series": given,
        "promql_expr_test": list(expected),
    }


def _series(name: str, kpi: Kpi, **more: str) -> str:
    labels = {"kpi": kpi.name, **dict.fromkeys(scope(kpi), "x")}
    if name.startswith("cmo_breach"):
        labels |= {"breach_id": "id", "judged": kpi.urgency, "partition": "0"}
    return f"{name}{{{_written({**labels, **more})}}}"


def _breach(kpi: Kpi, **more: str) -> str:
    return _series("cmo_breach_open", kpi, severity="warning", nth="1", **more)


def _over(kpi: Kpi, **more: str) -> str:
    given = {"severity": "warning", "nth": "1", "cleared_by": "improved", **more}
    return _series("cmo_breach_cleared_timestamp_seconds", kpi, **given)


def _ready(instance: str) -> str:
    return f'cmowatch_shard_ready{{partition="0",instance="{instance}"}}'


def _written(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def _fires(kpi: Kpi, severity: str, minute: int) -> Mapping[str, object]:
    """It has fired all the while, as one alert."""
    labels = {"alertname": alert_name(kpi), "alertstate": "firing", "severity": severity}
    every = {**labels, "kpi": kpi.name, "nth": "1", **dict.fromkeys(scope(kpi), "x")}
    asked = f"count_over_time(ALERTS{{{_written(labels)}}}[{minute - 1}m:{_EVERY}m])"
    found = {"labels": f"{{{_written(every)}}}", "value": minute // _EVERY}
    return _expected(asked, minute, [found])


def _fires_at(kpi: Kpi, severity: str, minute: int) -> Mapping[str, object]:
    asked = f'count by (severity) (ALERTS{{alertname="{alert_name(kpi)}",alertstate="firing"}})'
    found = {"labels": f"{{{_written({'severity': severity})}}}", "value": 1}
    return _expected(asked, minute, [found])


def _told_over(kpi: Kpi, minute: int, *roles: str) -> Mapping[str, object]:
    asked = f'count by (role, severity) (ALERTS{{alertname="{CLEARED}",kpi="{kpi.name}"}})'
    told = ({"severity": TICKET, **({"role": role} if role else {})} for role in roles)
    return _expected(asked, minute, [{"labels": f"{{{_written(to)}}}", "value": 1} for to in told])


def _silent(kpi: Kpi, minute: int) -> Mapping[str, object]:
    return _expected(f'ALERTS{{alertname="{alert_name(kpi)}"}}', minute, [])


def _escalated(kpi: Kpi, minute: int, tiers: Mapping[str, int]) -> Mapping[str, object]:
    asked = (
        f'count by (role, tier, severity) (ALERTS{{alertname="CmowatchBreachEscalated",'
        f'kpi="{kpi.name}",breach_id="id"}})'
    )
    found = [
        {
            "labels": f"{{{_written({'role': role, 'tier': str(tier), 'severity': TICKET})}}}",
            "value": 1,
        }
        for role, tier in tiers.items()
    ]
    return _expected(asked, minute, found)


def _expected(asked: str, minute: int, samples: list[Any]) -> Mapping[str, object]:
    return {"expr": asked, "eval_time": f"{minute}m", "exp_samples": samples}
