"""The silences of an Alertmanager, as its API tells of them."""

from datetime import datetime, timedelta
from typing import Final, Literal
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

_LARGEST: Final = 32 << 20
_AT_ONCE: Final = timedelta(seconds=1)


class AlertmanagerError(Exception):
    """Alertmanager did not answer, or not as it does."""


class _FromAlertmanager(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class Matcher(_FromAlertmanager):
    """One label that a silence goes by."""

    name: str
    value: str
    is_regex: bool
    is_equal: bool = True


class Status(_FromAlertmanager):
    """Whether a silence is still to come, holds or has ended."""

    state: Literal["pending", "active", "expired"]


class Silence(_FromAlertmanager):
    """A silence as Alertmanager's API tells of it."""

    id: str
    status: Status
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    created_by: str
    comment: str

    @property
    def breach(self) -> str | None:
        """The breach it takes on; None for one that goes by anything but the id of a breach."""
        if len(self.matchers) != 1:
            return None
        (by,) = self.matchers
        exact = by.name == "breach_id" and by.is_equal and not by.is_regex
        return by.value if exact and len(by.value.split(":")) > 2 else None

    @property
    def holds(self) -> bool:
        """Whether it is in force now."""
        return self.status.state == "active"

    @property
    def was_ended(self) -> bool:
        """Whether somebody ended it after it had begun and before its time."""
        begun_and_over = self.status.state == "expired" and self.starts_at < self.ends_at
        return begun_and_over and self.ends_at <= self.updated_at + _AT_ONCE


_SILENCES: Final = TypeAdapter(tuple[Silence, ...])


def silences(url: str) -> tuple[Silence, ...]:
    """Every silence that Alertmanager knows of; raises `AlertmanagerError`."""
    try:
        with urlopen(f"{url.rstrip('/')}/api/v2/silences", timeout=10.0) as answer:
            return _SILENCES.validate_json(answer.read(_LARGEST))
    except (URLError, OSError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise AlertmanagerError(
            f"{url} does not answer: {error}. Operator action: check --alertmanager-url"
        ) from error
    except ValidationError as error:
        raise AlertmanagerError(
            f"{url} does not answer as Alertmanager does: {error.error_count()} faults. "
            "Operator action: check --alertmanager-url, its path included"
        ) from error
