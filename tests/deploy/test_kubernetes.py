"""What runs in Kubernetes: valid, restricted, pinned, and every name in it leads somewhere."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from alerts.kpis import KPIS
from deploy.alertmanager.receivers import SECRETS
from deploy.grafana import provision
from deploy.kubernetes import objects
from deploy.lab.demo import AGREEMENTS
from deploy.prometheus.retention import KEPT_DAYS
from deploy.prometheus.rules import rule_groups
from events.data import TOPICS
from streams.agreements import read_agreements
from streams.kafka.topics import wanted
from streams.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BASE = DEPLOY / "kubernetes" / "base"
KUSTOMIZED = (BASE, DEPLOY / "kubernetes" / "strimzi", AGREEMENTS, DEPLOY / "grafana")
OLDEST, NEWEST = "1.30.0", kubernetes_validate.latest_version()
FOREIGN = {"PrometheusRule", "ServiceMonitor", "KafkaTopic"}
LARGEST_MAP = 1 << 20

Object = dict[str, Any]


def kustomization(folder: Path) -> Object:
    (found,) = [
        path for name in ("kustomization.yaml", "Kustomization") if (path := folder / name).exists()
    ]
    document: Object = yaml.safe_load(found.read_text("utf-8"))
    return document


def objects_of(folder: Path) -> Iterator[Object]:
    for name in kustomization(folder).get("resources", ()):
        if (folder / name).is_file():
            yield from yaml.safe_load_all((folder / name).read_text("utf-8"))


EVERY = [found for folder in KUSTOMIZED for found in objects_of(folder)]
RUNNING = [found for found in EVERY if found["kind"] in ("Deployment", "Job")]


def named(found: Object) -> str:
    return f"{found['kind']}/{found['metadata']['name']}"


def pod(found: Object) -> Object:
    template: Object = found["spec"]["template"]
    return template


def one(kind: str, name: str) -> Object:
    (found,) = [each for each in EVERY if named(each) == f"{kind}/{name}"]
    return found


running = pytest.mark.parametrize("found", RUNNING, ids=named)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize(
    "found", [each for each in EVERY if each["kind"] not in FOREIGN], ids=named
)
def test_an_object_is_one_that_kubernetes_takes(found: Object, version: str) -> None:
    kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("folder", KUSTOMIZED, ids=lambda folder: folder.name)
def test_kustomize_finds_every_file_and_folder(folder: Path) -> None:
    said = kustomization(folder)
    maps = said.get("configMapGenerator", ())
    files = [*said.get("resources", ()), *(f for made in maps for f in made.get("files", ()))]
    files += [f for made in maps for f in made.get("envs", ())]
    assert files
    assert [name for name in files if not (folder / name).exists()] == []


def test_every_object_of_the_base_is_in_a_file_that_is_named() -> None:
    beside = {path.name for path in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert beside <= set(kustomization(BASE)["resources"])


@running
def test_a_pod_is_restricted(found: Object) -> None:
    spec = pod(found)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_namespace_takes_restricted_pods_alone() -> None:
    labels = one("Namespace", kustomization(BASE)["namespace"])["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_account_of_the_pods_has_no_token() -> None:
    assert one("ServiceAccount", "cmowatch")["automountServiceAccountToken"] is False
    assert {pod(found)["spec"]["serviceAccountName"] for found in RUNNING} == {"cmowatch"}


@running
def test_a_container_has_requests_and_a_limit_of_memory(found: Object) -> None:
    for container in pod(found)["spec"]["containers"]:
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]


@running
def test_an_image_has_the_version_of_the_project(found: Object) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned = {each["name"]: each["newTag"] for each in kustomization(BASE)["images"]}
    for container in pod(found)["spec"]["containers"]:
        assert pinned[container["image"]] == project["version"]


@running
def test_what_a_pod_mounts_and_reads_is_made_here_or_told_as_a_secret(found: Object) -> None:
    spec = pod(found)["spec"]
    made = {made["name"] for folder in KUSTOMIZED for made in maps_of(folder)}
    for volume in spec["volumes"]:
        kept = volume.get("configMap", {}).get("name")
        assert kept in made or volume["secret"]["secretName"] == "cmowatch-kafka"
    for container in spec["containers"]:
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            volume["name"] for volume in spec["volumes"]
        }
        assert all(mount["readOnly"] for mount in container["volumeMounts"])
        assert {source["configMapRef"]["name"] for source in container["envFrom"]} <= made


def maps_of(folder: Path) -> list[Object]:
    found: list[Object] = kustomization(folder).get("configMapGenerator", [])
    return found


def settings() -> dict[str, str]:
    lines = (BASE / "settings.env").read_text("utf-8").split()
    return dict(line.split("=", 1) for line in lines)


def test_every_setting_is_one_and_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings()
    assert given.pop("CMOWATCH_ALERTMANAGER_URL")
    assert given.keys() <= {f"CMOWATCH_{name.upper()}" for name in Settings.model_fields}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    used = Settings()
    assert used.security == "SASL_SSL"
    assert used.replication == objects.REPLICAS


def test_what_the_settings_name_is_mounted_where_they_say() -> None:
    mounted = {
        mount["mountPath"]
        for container in pod(one("Deployment", "cmowatch-worker"))["spec"]["containers"]
        for mount in container["volumeMounts"]
    }
    given = settings()
    assert given["CMOWATCH_AGREEMENTS"] in mounted
    for name in ("CMOWATCH_PASSWORD_FILE", "CMOWATCH_CA_FILE"):
        assert str(Path(given[name]).parent) in mounted


def test_no_secret_is_committed_with_a_value() -> None:
    assert [named(found) for found in EVERY if found["kind"] == "Secret"] == []
    assert [name for name in settings() if name.endswith(("PASSWORD", "TOKEN"))] == []
    values = (DEPLOY / "kubernetes" / "kube-prometheus-stack.yaml").read_text("utf-8")
    assert not re.search(r"adminPassword|password:\s*\S*[^}\s,]$", values)


def test_a_slow_replay_ends_no_worker() -> None:
    (worker,) = pod(one("Deployment", "cmowatch-worker"))["spec"]["containers"]
    assert worker["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert worker["startupProbe"]["httpGet"]["path"] == "/health/live"
    assert worker["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    starting = worker["startupProbe"]["periodSeconds"] * worker["startupProbe"]["failureThreshold"]
    assert starting > Settings.model_fields["broker_wait"].default


def test_the_port_of_the_probes_is_the_one_that_is_served_and_scraped() -> None:
    (worker,) = pod(one("Deployment", "cmowatch-worker"))["spec"]["containers"]
    (port,) = worker["ports"]
    assert settings()["CMOWATCH_WEB_PORT"] == str(port["containerPort"])
    assert settings()["CMOWATCH_WEB_HOST"] == "0.0.0.0"
    probes = [worker[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "liveness")]
    (scraped,) = one("ServiceMonitor", "cmowatch")["spec"]["endpoints"]
    (served,) = one("Service", "cmowatch")["spec"]["ports"]
    assert (served["port"], served["name"]) == (port["containerPort"], scraped["port"])
    ((let_in,),) = [
        each["ports"] for each in one("NetworkPolicy", "cmowatch-is-scraped")["spec"]["ingress"]
    ]
    assert {*probes, served["targetPort"], let_in["port"]} == {port["name"]}


def test_a_rollout_takes_no_worker_away_before_another_has_read_its_partitions() -> None:
    spec = one("Deployment", "cmowatch-worker")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert spec["progressDeadlineSeconds"] >= 3600
    assert spec["replicas"] <= Settings.model_fields["partitions"].default


def test_nothing_scales_workers_by_itself() -> None:
    kinds = {found["kind"] for found in EVERY}
    assert kinds.isdisjoint({"HorizontalPodAutoscaler", "ScaledObject", "VerticalPodAutoscaler"})


def test_what_selects_pods_selects_some() -> None:
    labels = [pod(found)["metadata"]["labels"] for found in RUNNING]
    for found in EVERY:
        spec = found.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector")
        if selector and found["kind"] != "ServiceMonitor":
            wants = selector.get("matchLabels", selector).items()
            assert any(wants <= each.items() for each in labels), named(found)


def test_the_rules_know_workers_by_the_job_they_are_scraped_as() -> None:
    monitor = one("ServiceMonitor", "cmowatch")["spec"]
    labels = one("Service", "cmowatch")["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    job = labels[monitor["jobLabel"]]
    jobs = set(re.findall(r'up\{job="([^"]+)"', str(rule_groups())))
    assert jobs == {job}


def test_a_worker_that_still_reads_the_log_is_scraped_too() -> None:
    assert one("Service", "cmowatch")["spec"]["publishNotReadyAddresses"] is True


def test_a_pod_that_speaks_kafka_may() -> None:
    spoken = one("NetworkPolicy", "cmowatch-speaks-kafka")["spec"]
    wants = spoken["podSelector"]["matchLabels"].items()
    assert all(wants <= pod(found)["metadata"]["labels"].items() for found in RUNNING)
    brokers = int(settings()["CMOWATCH_BROKERS"].rpartition(":")[2])
    ranges = [
        range(port["port"], port.get("endPort", port["port"]) + 1)
        for rule in spoken["egress"]
        for port in rule["ports"]
    ]
    assert any(brokers in allowed for allowed in ranges)


def test_every_agreement_is_handed_over() -> None:
    (made,) = maps_of(AGREEMENTS)
    assert set(made["files"]) == {path.name for path in (AGREEMENTS).glob("*.yaml")}
    read_agreements(AGREEMENTS, use_default=False)


def test_every_board_is_handed_to_the_sidecar_small_enough_for_kubernetes() -> None:
    made = maps_of(DEPLOY / "grafana")
    boards = [each for each in made if "grafana_dashboard" in each["options"]["labels"]]
    files = [each["files"] for each in boards]
    there = sorted(f"dashboards/{path.name}" for path in DEPLOY.glob("grafana/dashboards/*.json"))
    assert sorted(name for (name,) in files) == there
    assert all((DEPLOY / "grafana" / name).stat().st_size < LARGEST_MAP for (name,) in files)


def test_the_rules_of_kubernetes_are_those_of_prometheus() -> None:
    rule = one("PrometheusRule", "cmowatch")
    told = {str(rule["spec"]["groups"])}
    assert told == {str(rule_groups()["groups"])}
    assert all(kpi.name in str(told) for kpi in KPIS if kpi.urgency != "never")


def test_the_topics_of_strimzi_are_as_a_worker_wants_them() -> None:
    for topic in TOPICS:
        spec = one("KafkaTopic", topic)["spec"]
        assert spec["config"] == wanted(topic)
        assert spec["partitions"] == int(settings()["CMOWATCH_PARTITIONS"])


def values() -> Object:
    text = (DEPLOY / "kubernetes" / "kube-prometheus-stack.yaml").read_text("utf-8")
    given: Object = yaml.safe_load(text)
    return given


def test_history_is_kept_as_long_as_the_boards_look_back() -> None:
    assert values()["prometheus"]["prometheusSpec"]["retention"] == f"{KEPT_DAYS}d"


def test_grafana_shows_the_boards_where_the_api_would_put_them() -> None:
    grafana = values()["grafana"]
    provider = grafana["sidecar"]["dashboards"]["provider"]
    assert (provider["folderUid"], provider["folder"]) == (provision.FOLDER, provision.FOLDER_TITLE)
    source = (DEPLOY / "grafana/provisioning/datasources/cmowatch.yaml").read_text("utf-8")
    assert all(f"${name}" in source for name in grafana["env"])


def test_servers_have_the_versions_that_compose_has() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))["services"]
    given = values()
    tags = {
        "prometheus": given["prometheus"]["prometheusSpec"]["image"]["tag"],
        "alertmanager": given["alertmanager"]["alertmanagerSpec"]["image"]["tag"],
        "grafana": given["grafana"]["image"]["tag"],
    }
    assert tags == {name: services[name]["image"].rpartition(":")[2] for name in tags}


def test_alertmanager_finds_its_secrets_where_the_routes_look_for_them() -> None:
    spec = values()["alertmanager"]["alertmanagerSpec"]
    (mount,) = spec["volumeMounts"]
    (volume,) = spec["volumes"]
    assert (mount["mountPath"], mount["name"]) == (SECRETS, volume["name"])
