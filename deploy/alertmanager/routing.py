"""Alertmanager's configuration: one message a CMO, to one webhook; only what is declared loud."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.as_yaml import as_yaml
from deploy.prometheus.pipeline import DEAD_MANS_SWITCH, WATCHED, WORKER_DOWN
from deploy.prometheus.rule import PAGE, TICKET, UNNOTIFIED

CONFIG: Final = Path("deploy/alertmanager/alertmanager.yml")
ON_CALL, SWITCH, NOBODY = "on-call", "dead-mans-switch", "nobody"

WEBHOOK: Final = "http://localhost:9095/on-call"
SWITCH_WEBHOOK: Final = "http://localhost:9095/dead-mans-switch"

_SCOPE = ["cmo", "site", "product", "lot_state", "topic", "partition"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a message waits for others of its CMO, then for changes, then to be said again."""

    wait: str = "30s"
    interval: str = "5m"
    repeat: str = "4h"
    switch: str = "1m"


def configuration(
    webhook: str = WEBHOOK, switch: str = SWITCH_WEBHOOK, pace: Pace | None = None
) -> Mapping[str, object]:
    """Who hears of what: `webhook` of what is loud, `switch` of the dead man's switch."""
    return {
        "route": _routes(pace or Pace()),
        "inhibit_rules": _inhibited(),
        "receivers": [
            {"name": ON_CALL, "webhook_configs": [{"url": webhook, "send_resolved": True}]},
            {"name": SWITCH, "webhook_configs": [{"url": switch, "send_resolved": False}]},
            {"name": NOBODY},
        ],
    }


def _routes(pace: Pace) -> Mapping[str, object]:
    """A CMO's meltdown is one message; what is no CMO's, of the pipeline, is another."""
    return {
        "receiver": ON_CALL,
        "group_by": ["cmo"],
        "group_wait": pace.wait,
        "group_interval": pace.interval,
        "repeat_interval": pace.repeat,
        "routes": [
            {
                "receiver": SWITCH,
                "matchers": [f'alertname="{DEAD_MANS_SWITCH}"'],
                "group_wait": "0s",
                "group_interval": pace.switch,
                "repeat_interval": pace.switch,
            },
            {"receiver": NOBODY, "matchers": [f'severity="{UNNOTIFIED}"']},
        ],
    }


def _inhibited() -> list[Mapping[str, object]]:
    """What is worse keeps quiet what follows from it; a CMO's silence keeps no breach quiet."""
    return [
        {
            "source_matchers": [f'severity="{PAGE}"'],
            "target_matchers": [f'severity="{TICKET}"'],
            "equal": ["alertname", *_SCOPE],
        },
        {
            "source_matchers": [f'alertname="{WORKER_DOWN}"'],
            "target_matchers": [f'alertname=~"{"|".join(WATCHED)}"'],
        },
    ]


def documents() -> dict[Path, str]:
    """Every file of Alertmanager's that is generated, by its path in the project."""
    return {
        CONFIG: as_yaml(
            configuration(),
            "Made from deploy/alertmanager/routing.py by `cmowatch render`; change it there.",
            "Put the addresses of your own webhooks in place of the two on localhost:9095.",
        )
    }
