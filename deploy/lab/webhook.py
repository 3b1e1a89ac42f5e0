"""A webhook that keeps what Alertmanager sends it, for the demo and the tests."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from deploy.lab.process import LOOPBACK
from deploy.prometheus.rule import CLEARED
from events.dimensions import DIMENSIONS

_LARGEST = 16 << 20


class Alert(BaseModel):
    """One alert of a message, with its texts."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    fingerprint: str

    @property
    def firing(self) -> bool:
        """Whether it still fires."""
        return self.status == "firing"

    @property
    def name(self) -> str:
        """What it is about."""
        return self.labels["alertname"]

    @property
    def summary(self) -> str:
        """What it says in one line."""
        return self.annotations.get("summary", self.name)

    @property
    def severity(self) -> str:
        """How loud it is."""
        return self.labels.get("severity", "")

    @property
    def about(self) -> tuple[str, ...]:
        """The breach it is about: its KPI, its scope and its number; nothing for another alert."""
        nth = self.labels.get("nth") or self.labels.get("breach_id", "").rpartition(":")[2]
        scope = (self.labels.get(name, "") for name in ("kpi", "cmo", *DIMENSIONS))
        return (*scope, nth) if nth else ()


class Notification(BaseModel):
    """One message of Alertmanager's: the alerts of one group."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)

    receiver: str
    status: str
    group_labels: dict[str, str]
    alerts: tuple[Alert, ...]


class Webhook:
    """An address on this machine that takes Alertmanager's messages, in the order they come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: list[Notification] = []
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _answering(self._take))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def address(self, path: str) -> str:
        """Where a receiver of Alertmanager sends to."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}/{path}"

    @property
    def received(self) -> tuple[Notification, ...]:
        """Every message so far."""
        with self._lock:
            return tuple(self._received)

    def standing(self, *receivers: str) -> tuple[Alert, ...]:
        """The alerts these receivers were told of, but of breaches that they were told are over."""
        told = {
            alert.fingerprint: alert
            for message in self.received
            if message.receiver in receivers
            for alert in message.alerts
        }
        over = {alert.about for alert in told.values() if alert.name == CLEARED}
        return tuple(alert for alert in told.values() if alert.firing and alert.about not in over)

    def _take(self, body: bytes) -> bool:
        try:
            message = Notification.model_validate_json(body)
        except ValidationError:
            return False
        with self._lock:
            self._received.append(message)
        return True

    def __enter__(self) -> Self:
        """Begins to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _answering(take: Callable[[bytes], bool]) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            taken = length <= _LARGEST and take(self.rfile.read(length))
            self.send_response(200 if taken else 400)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: what came is kept."""

    return Answer
