"""The demo's own Prometheus and Alertmanager, and the webhook they tell."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from deploy.alertmanager.receivers import ON_CALL, OWN, TICKETS
from deploy.alertmanager.routing import Pace, hears_of_clearings
from deploy.lab.servers import LocalAlertmanager, LocalPrometheus, ServerError
from deploy.lab.webhook import Alert, Webhook

_TOLD = ON_CALL, TICKETS, hears_of_clearings(ON_CALL, OWN[ON_CALL])
_PACE = Pace(wait="1s", interval="1s", at_any_hour=True)


class Alerting:
    """What arrives at the webhook; nothing ever does where there is no Alertmanager."""

    def __init__(self, webhook: Webhook | None = None) -> None:
        self._webhook = webhook

    @property
    def arrived(self) -> tuple[Alert, ...] | None:
        """The alerts that were told and stand; None where none can be told."""
        return self._webhook.standing(*_TOLD) if self._webhook else None


def alerting(stack: ExitStack, folder: Path, metrics: str, say: Callable[[str], None]) -> Alerting:
    """Prometheus over these metrics and an Alertmanager; says so where they cannot be had."""
    try:
        LocalPrometheus.program(), LocalAlertmanager.program()
        webhook = stack.enter_context(Webhook())
        alertmanager = stack.enter_context(_alertmanager(folder, webhook))
        target = urlsplit(metrics).netloc
        prometheus = stack.enter_context(
            LocalPrometheus(folder, [target], alertmanager, port=LocalPrometheus.PORT)
        )
    except ServerError as error:
        say(f"no alerts are shown: {error}")
        return Alerting()
    say(f"Prometheus is at {prometheus.url}, Alertmanager at {alertmanager.url}")
    return Alerting(webhook)


def _alertmanager(folder: Path, webhook: Webhook) -> LocalAlertmanager:
    return LocalAlertmanager(folder, webhook.address, pace=_PACE, port=LocalAlertmanager.PORT)
