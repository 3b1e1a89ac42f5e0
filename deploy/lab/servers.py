"""Prometheus and Alertmanager on this machine, for the demo and the tests."""

import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from alerts.agreements import Agreement
from deploy.alertmanager import routing
from deploy.alertmanager.message import TEMPLATE, template
from deploy.alertmanager.receivers import NOBODY
from deploy.alertmanager.routing import Pace
from deploy.as_yaml import as_yaml
from deploy.lab.process import LOOPBACK, Child, free_port
from deploy.prometheus import rules
from deploy.prometheus.retention import KEPT_DAYS

_INSTALL = "apt-get install prometheus prometheus-alertmanager"
_ENDING = 10.0


class ServerError(Exception):
    """A server could not be had or kept on this machine."""


class NotInstalled(ServerError):
    """A server's program is not on this machine."""


class NotStarted(ServerError):
    """A server ended while it started, or did not answer in time."""


class LocalServer:
    """A server in a process of its own on 127.0.0.1, that ends with this process."""

    NAME: str
    PROGRAMS: tuple[str, ...]

    def __init__(self, folder: Path, port: int | None = None) -> None:
        """`folder` takes its data, settings and log; `port` is the one wanted, if it is free."""
        self._folder, self.port = folder, free_port(port)
        self._process: Child | None = None

    @classmethod
    def program(cls) -> str:
        """Where its program lies; raises `NotInstalled`, which says how to get it."""
        if found := next(filter(None, map(shutil.which, cls.PROGRAMS)), None):
            return found
        raise NotInstalled(
            f"{cls.NAME} is not installed. Operator action: `{_INSTALL}`, or put "
            f"{cls.PROGRAMS[0]} on the PATH."
        )

    @property
    def address(self) -> str:
        """Host and port, for other servers."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """Where people and programs reach it."""
        return f"http://{self.address}"

    @property
    def log(self) -> Path:
        """The file with what it says."""
        return self._folder / f"{self.PROGRAMS[0]}.log"

    def start(self, *, deadline: float = 30.0) -> Self:
        """Starts it and returns once it is ready; raises `NotStarted` after `deadline` s."""
        until = time.monotonic() + deadline
        self._folder.mkdir(parents=True, exist_ok=True)
        self.configure()
        self._process = Child([self.program(), *self.options()], self.log, folder=self._folder)
        while not self._is_ready():
            if self._process.pid is None or time.monotonic() > until:
                self._gives_up(self._process)
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """Asks it to end, and ends it when it takes too long."""
        if self._process is not None:
            self._process.stop(_ENDING)
            self._process = None

    def wipe(self) -> None:
        """Ends it as a power cut does, and what it had kept is lost; its settings are not."""
        if self._process is not None:
            self._process.kill()
            self._process = None
        shutil.rmtree(self.data)

    @property
    def data(self) -> Path:
        """The folder of what it keeps."""
        return self._folder / self.NAME.lower()

    def configure(self) -> None:
        """Writes its settings into the folder."""
        raise NotImplementedError

    def options(self) -> Sequence[str]:
        """What its program is given."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Starts it."""
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        """Stops it."""
        self.stop()

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/-/ready", timeout=1.0) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def _gives_up(self, process: Child) -> None:
        self.stop()
        raise NotStarted(
            f"{self.NAME} at {self.url} is not ready. Operator action: read {self.log}. Its last "
            f"lines:\n{process.last_words}"
        )


class LocalAlertmanager(LocalServer):
    """Alertmanager with the routes we ship, at its own pace, its receivers paths of a webhook."""

    NAME = "Alertmanager"
    PROGRAMS = ("alertmanager", "prometheus-alertmanager")
    PORT = 9093

    def __init__(
        self,
        folder: Path,
        address: Callable[[str], str],
        agreements: Iterable[Agreement] = (),
        *,
        pace: Pace,
        port: int | None = None,
    ) -> None:
        """`address` gives where a receiver of a name is told."""
        super().__init__(folder, port)
        self._address, self._agreements, self._pace = address, tuple(agreements), pace

    def configure(self) -> None:
        """Writes the routes, with a webhook for whatever way a receiver is told by."""
        configured = routing.configuration(self._agreements, self._pace)
        configured["receivers"] = [*map(self._told, configured["receivers"])]
        (self._folder / "alertmanager.yml").write_text(as_yaml(configured), encoding="utf-8")
        (self._folder / TEMPLATE.name).write_text(template(), encoding="utf-8")

    def _told(self, receiver: Mapping[str, object]) -> Mapping[str, object]:
        name = str(receiver["name"])
        if name == NOBODY:
            return receiver
        ways = [way for ways in receiver.values() if isinstance(ways, list) for way in ways]
        resolved = any(way["send_resolved"] for way in ways)
        webhook = {"url": self._address(name), "send_resolved": resolved}
        return {"name": name, "webhook_configs": [webhook]}

    def options(self) -> Sequence[str]:
        """Alone, without a cluster of its own."""
        return (
            f"--config.file={self._folder / 'alertmanager.yml'}",
            f"--storage.path={self.data}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        )


class LocalPrometheus(LocalServer):
    """Prometheus with the rules we ship, scraping workers of this machine."""

    NAME = "Prometheus"
    PROGRAMS = ("prometheus",)
    PORT = 9090

    def __init__(
        self,
        folder: Path,
        targets: Sequence[str],
        alertmanager: LocalAlertmanager,
        *,
        every: str | None = "1s",
        port: int | None = None,
    ) -> None:
        """`every` is between scrapes, None as shipped."""
        super().__init__(folder, port)
        self._targets, self._alertmanager, self._every = targets, alertmanager, every

    def configure(self) -> None:
        """Writes whom to scrape and whom to tell, and the rules."""
        every = self._every
        pace = {"scraped_every": every, "evaluated_every": every} if every else {}
        configuration = rules.configuration(
            self._targets, [self._alertmanager.address], rules="cmowatch.yml", **pace
        )
        (self._folder / "prometheus.yml").write_text(as_yaml(configuration), encoding="utf-8")
        written = as_yaml(rules.rule_groups())
        (self._folder / "cmowatch.yml").write_text(written, encoding="utf-8")

    def options(self) -> Sequence[str]:
        """With its blocks in the folder, kept for as long as the boards look back.

        What lies there before it starts, or comes later, it shows. What fires before it has found
        its Alertmanager is lost, and told again after the delay.
        """
        return (
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.data}",
            f"--storage.tsdb.retention.time={KEPT_DAYS}d",
            f"--web.listen-address={self.address}",
            "--rules.alert.resend-delay=5s",
        )
