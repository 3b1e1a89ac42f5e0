"""The objects of Kubernetes that follow from declarations: rules, topics and boards."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from deploy.as_yaml import as_yaml
from deploy.grafana.boards import FOLDER as BOARDS
from deploy.grafana.provision import FOLDER_TITLE
from deploy.prometheus.rules import rule_groups
from events.data import TOPICS
from streams.kafka.topics import wanted
from streams.settings import Settings

RULES: Final = Path("deploy/kubernetes/base/prometheus-rule.yaml")
KAFKA_TOPICS: Final = Path("deploy/kubernetes/strimzi/topics.yaml")
SHOWN: Final = Path("deploy/grafana/kustomization.yaml")

CLUSTER: Final = "kafka"
"""The name of Strimzi's Kafka, whose topic operator makes the topics."""

REPLICAS: Final = 3
"""Of each topic in Kubernetes, where a node may go at any time."""

_SOURCE: Final = "provisioning/datasources/cmowatch.yaml"
_MADE: Final = "Made by `cmowatch render` from {}; change it there."


def prometheus_rule() -> Mapping[str, object]:
    """Every rule as an object that Prometheus' operator hands on."""
    # Written out once more: kustomize makes config maps and secrets of files, but takes no file
    # below the `spec` of another object, and the operator reads rules from nothing else.
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "cmowatch"},
        "spec": rule_groups(),
    }


def kafka_topics() -> Iterator[Mapping[str, object]]:
    """Every topic as an object that Strimzi's topic operator makes, and keeps as it must be."""
    for topic in TOPICS:
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": topic, "labels": {"strimzi.io/cluster": CLUSTER}},
            "spec": {
                "partitions": Settings.model_fields["partitions"].default,
                "replicas": REPLICAS,
                "config": wanted(topic),
            },
        }


def shown(boards: Iterable[str]) -> Mapping[str, object]:
    """What kustomize makes of Grafana's folder: a config map a board, each below 1 MiB."""
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "generatorOptions": {"disableNameSuffixHash": True},
        "configMapGenerator": [
            {
                "name": "cmowatch-data-source",
                "files": [_SOURCE],
                "options": {"labels": {"grafana_datasource": "1"}},
            },
            *({"name": f"cmowatch-board-{board}", **_board(board)} for board in boards),
        ],
    }


def _board(name: str) -> Mapping[str, object]:
    return {
        "files": [f"{BOARDS.name}/{name}.json"],
        "options": {
            "labels": {"grafana_dashboard": "1"},
            "annotations": {"grafana_folder": FOLDER_TITLE},
        },
    }


def documents(others: Iterable[Path]) -> dict[Path, str]:
    """Every file for Kubernetes that is generated, the boards among the other files included."""
    boards = sorted(path.stem for path in others if path.parent == BOARDS)
    rules = _MADE.format("alerts/kpis and deploy/prometheus")
    topics = _MADE.format("streams/kafka/topics.py and streams/settings.py")
    return {
        RULES: as_yaml(prometheus_rule(), rules),
        KAFKA_TOPICS: f"# {topics}\n" + "---\n".join(map(as_yaml, kafka_topics())),
        SHOWN: as_yaml(shown(boards), _MADE.format("deploy/kubernetes/objects.py")),
    }
