"""Prometheus' configuration among the containers of deploy/compose.yml."""

from pathlib import Path
from typing import Final

from deploy.as_yaml import as_yaml
from deploy.prometheus.rules import configuration
from streams.settings import Settings

PROMETHEUS: Final = Path("deploy/prometheus/compose.yml")

_WORKERS: Final = {
    "names": ["worker"],
    "type": "A",
    "port": Settings.model_fields["web_port"].default,
    "refresh_interval": "10s",
}
"""The name of the service has an address for each container of it, however many there are."""

_MADE: Final = "Made by `cmowatch render` from deploy/compose.py; change it there."


def documents() -> dict[Path, str]:
    """Every generated file, by its path in the project."""
    configured = {
        **configuration(alertmanagers=["alertmanager:9093"]),
        "scrape_configs": [{"job_name": "cmowatch", "dns_sd_configs": [_WORKERS]}],
    }
    return {PROMETHEUS: as_yaml(configured, _MADE)}
