"""What `make up` starts: pinned, closed, without a password of ours, and all of it there."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import compose
from deploy.grafana import provision
from deploy.lab.kafka import _SERVER, KAFKA, LocalKafka
from deploy.lab.process import free_port
from deploy.prometheus.retention import KEPT_DAYS
from streams.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENDS = {"topics"}
PINNED = re.compile(r"^[a-z0-9./-]+:v?\d+\.\d+\.\d+(?:-[a-z0-9.-]+)?$")
WRITES_TO_ITS_ROOT = {"kafka"}

each = pytest.mark.parametrize("name", SERVICES)


def read(name: str) -> str:
    return (DEPLOY / name).read_text("utf-8")


def mounts() -> Iterator[tuple[str, str, str, bool]]:
    """Service, source, target and whether it may be written, of what is mounted."""
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            source, target, *mode = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", volume).split(":")
            yield name, source, target, mode != ["ro"]


def option(service: str, name: str) -> str:
    (value,) = [
        str(argument).partition("=")[2]
        for argument in SERVICES[service]["command"]
        if argument.startswith(f"{name}=")
    ]
    return value


@each
def test_an_image_has_an_exact_version(name: str) -> None:
    assert PINNED.match(SERVICES[name]["image"])


def test_images_of_the_dockerfile_have_exact_versions_too() -> None:
    images = re.findall(r"^FROM (\S+)", read("Dockerfile"), re.M)
    assert images
    assert [image for image in images if not PINNED.match(image)] == []


def test_our_image_has_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    ours = {service["image"] for service in SERVICES.values() if "build" in service}
    assert ours == {f"cmowatch:{project['version']}"}


def test_kafka_is_the_version_that_the_tests_run_on() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA}"


@each
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is (name not in WRITES_TO_ITS_ROOT)
    assert re.match(r"^[1-9]\d*:\d+$", service["user"])
    assert not {"privileged", "pid", "ipc", "network_mode", "cap_add", "devices"} & service.keys()
    assert "docker.sock" not in str(service)


@each
def test_a_service_starts_again_and_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("on-failure:5" if name in ENDS else "unless-stopped")
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}


@each
def test_a_service_that_stays_says_whether_it_is_well(name: str) -> None:
    if name in ENDS:
        waiting = [other for other in SERVICES.values() if name in other.get("depends_on", {})]
        assert waiting
        return
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert check.keys() == {
        *("test", "interval", "timeout", "retries", "start_period", "start_interval")
    }


def test_a_service_is_waited_for_until_it_is_well_or_has_done_its_work() -> None:
    conditions = {
        (other, how["condition"])
        for service in SERVICES.values()
        for other, how in service.get("depends_on", {}).items()
    }
    assert {other for other, _ in conditions} <= SERVICES.keys()
    assert conditions == {
        (other, "service_completed_successfully" if other in ENDS else "service_healthy")
        for other, _ in conditions
    }


@each
def test_a_port_is_open_on_this_machine_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert re.match(r"^127\.0\.0\.1:(\d+):\1$", port)


def test_services_that_name_each_other_share_a_network() -> None:
    told = {
        name: set(re.findall(rf"\b({'|'.join(SERVICES)}):\d+", str(service)))
        for name, service in SERVICES.items()
    }
    told["prometheus"] |= {"alertmanager", "worker"}
    apart = [
        (name, other)
        for name, others in told.items()
        for other in others
        if not set(SERVICES[name]["networks"]) & set(SERVICES[other]["networks"])
    ]
    assert apart == []
    assert set(COMPOSE["networks"]) == {n for s in SERVICES.values() for n in s["networks"]}


def test_everything_mounted_is_there_and_ours_is_not_written() -> None:
    for name, source, _, written in mounts():
        if source.startswith("./secrets/"):
            assert not written
        elif source.startswith("."):
            assert (DEPLOY / source).exists(), (name, source)
            assert not written, (name, source)
        else:
            assert source in COMPOSE["volumes"], (name, source)


def test_no_secret_has_a_value_in_what_is_committed() -> None:
    values = [
        (name, variable)
        for name, service in SERVICES.items()
        for variable in service.get("environment", {})
        if re.search(r"PASSWORD|SECRET|TOKEN|KEY", variable) and not variable.endswith("__FILE")
    ]
    assert values == []
    assert all(kept["file"].startswith("./secrets/") for kept in COMPOSE["secrets"].values())
    assert "deploy/secrets/" in (ROOT / ".gitignore").read_text("utf-8").split()
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text("utf-8").split()


def test_grafana_reads_the_secrets_it_is_given_and_none_is_left_to_its_default() -> None:
    grafana = SERVICES["grafana"]
    read_from = {value for name, value in grafana["environment"].items() if name.endswith("__FILE")}
    assert read_from == {f"/run/secrets/{name}" for name in COMPOSE["secrets"]}
    assert set(grafana["secrets"]) == set(COMPOSE["secrets"])
    assert {"GF_SECURITY_ADMIN_PASSWORD__FILE", "GF_SECURITY_SECRET_KEY__FILE"} <= (
        grafana["environment"].keys()
    )


def make_secrets(folder: Path) -> dict[str, bytes]:
    subprocess.run(
        ["make", "--silent", "secrets", f"SECRETS={folder}"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_secrets_are_made_where_they_are_missing_and_kept_where_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    first = make_secrets(folder)
    named = set(
        re.findall(r"/etc/alertmanager/secrets/(\S+)", read("alertmanager/alertmanager.yml"))
    )
    assert first.keys() == {*COMPOSE["secrets"], *(f"alertmanager/{name}" for name in named)}
    assert len(set(first.values())) == len(first)
    assert all(len(value) == 32 for value in first.values())
    (folder / "alertmanager" / "smtp-password").write_bytes(b"what it is")
    (folder / "grafana-secret-key").unlink()
    again = make_secrets(folder)
    assert again.pop("alertmanager/smtp-password") == b"what it is"
    assert again.pop("grafana-secret-key") != first["grafana-secret-key"]
    assert again.items() <= first.items()


def test_secrets_are_open_to_the_containers_behind_a_folder_that_is_not(tmp_path: Path) -> None:
    make_secrets(tmp_path / "secrets")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    inside = {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").rglob("*")}
    assert inside == {0o755, 0o644}


def test_history_is_kept_as_long_as_the_boards_look_back() -> None:
    assert option("prometheus", "--storage.tsdb.retention.time") == f"{KEPT_DAYS}d"


def test_alertmanager_remembers_what_it_said_until_it_says_it_again() -> None:
    repeats = re.findall(r"repeat_interval: (\d+)d", read("alertmanager/alertmanager.yml"))
    kept = int(option("alertmanager", "--data.retention").removesuffix("h"))
    assert kept > max(int(days) for days in repeats) * 24


def test_alertmanager_finds_its_templates_beside_its_configuration() -> None:
    configured = yaml.safe_load(read("alertmanager/alertmanager.yml"))
    beside = {target for name, _, target, _ in mounts() if name == "alertmanager"}
    assert {f"/etc/alertmanager/{name}" for name in configured["templates"]} <= beside


def test_kafka_refuses_what_would_make_the_log_forget_or_wait() -> None:
    ours = dict(line.split("=", 1) for line in _SERVER.splitlines())
    theirs = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in SERVICES["kafka"]["environment"].items()
    }
    for setting in (
        *("transaction.max.timeout.ms", "auto.create.topics.enable", "message.max.bytes"),
        *("replica.fetch.max.bytes", "offsets.topic.replication.factor"),
        *("transaction.state.log.replication.factor", "transaction.state.log.min.isr"),
        *("share.coordinator.state.topic.replication.factor", "process.roles", "node.id"),
    ):
        assert theirs[setting] == ours[setting], setting


@pytest.mark.broker
def test_the_health_check_of_kafka_is_answered_by_a_broker_alone(broker: LocalKafka) -> None:
    _, *test = SERVICES["kafka"]["healthcheck"]["test"]

    def asked(port: int) -> int:
        command = [word.replace("$$", "$").replace("19092", str(port)) for word in test]
        return subprocess.run(command, check=False, capture_output=True).returncode

    assert asked(broker.port) == 0
    assert asked(free_port()) != 0


def test_workers_are_found_by_their_name_however_many_there_are() -> None:
    configured = yaml.safe_load(read(compose.PROMETHEUS.relative_to("deploy").as_posix()))
    (scraped,) = configured["scrape_configs"]
    (found,) = scraped["dns_sd_configs"]
    assert scraped["job_name"] == "cmowatch"
    assert set(found["names"]) <= SERVICES.keys()
    assert found["port"] == Settings.model_fields["web_port"].default
    assert option("prometheus", "--config.file") == f"/etc/prometheus/{compose.PROMETHEUS.name}"


@pytest.mark.parametrize("name", ["topics", "worker", "acknowledgements"])
def test_every_setting_that_a_container_is_given_is_one(name: str) -> None:
    known = {f"CMOWATCH_{field.upper()}" for field in Settings.model_fields}
    given = SERVICES[name]["environment"].keys()
    assert given - known - {"CMOWATCH_ALERTMANAGER_URL"} == set()


def test_the_data_source_from_files_is_the_one_that_is_provisioned_over_the_api() -> None:
    (source,) = yaml.safe_load(read("grafana/provisioning/datasources/cmowatch.yaml"))[
        "datasources"
    ]
    assert (source["uid"], source["name"]) == (provision.SOURCE, provision.SOURCE_NAME)
    assert source["jsonData"]["timeInterval"] == provision._SCRAPED_EVERY
    assert source["url"].removeprefix("$") in SERVICES["grafana"]["environment"]


def test_the_boards_from_files_are_in_the_folder_that_is_provisioned_over_the_api() -> None:
    (provider,) = yaml.safe_load(read("grafana/provisioning/dashboards/cmowatch.yaml"))["providers"]
    folder = (provider["folderUid"], provider["folder"])
    assert folder == (provision.FOLDER, provision.FOLDER_TITLE)
    assert provider["allowUiUpdates"] is False
    mounted = {target: source for name, source, target, _ in mounts() if name == "grafana"}
    assert mounted[provider["options"]["path"]] == "./grafana/dashboards"


def entries(lock: Path) -> dict[str, str]:
    """What is locked: name, version and marker, with the hashes."""
    text = "\n".join(line for line in lock.read_text("utf-8").splitlines() if line[:1] != "#")
    pairs = (entry.split(" \\\n", 1) for entry in re.split(r"\n(?=\S)", text.strip()))
    return {name.strip(): hashes for name, hashes in pairs}


@pytest.mark.parametrize("name", ["requirements.txt", "build-requirements.txt"])
def test_the_image_has_the_versions_that_are_tested(name: str) -> None:
    tested = entries(ROOT / "requirements.txt")
    in_image = entries(DEPLOY / name)
    assert in_image.items() <= tested.items()


def test_the_image_has_everything_a_worker_needs_and_nothing_to_develop_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    in_image = {name.split("==")[0] for name in entries(DEPLOY / "requirements.txt")}
    needed = {re.split(r"[\[<>=!~;]", line)[0].lower() for line in project["dependencies"]}
    assert needed <= in_image
    lab = {re.split(r"[>=]", line)[0] for line in project["optional-dependencies"]["lab"]}
    assert in_image.isdisjoint(lab), "a local Kafka has no place in a container"
    assert in_image.isdisjoint({"pytest", "mypy", "ruff", "uv", "hatchling", "hypothesis"})
    assert "--require-hashes -r deploy/requirements.txt" in read("Dockerfile")
