"""Everything that can be set about a running monitor, read once where the program is composed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from ssl import SSLContext, SSLError, create_default_context
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from streams.errors import UnusableFile

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]


class Settings(BaseSettings):
    """The settings, each from the environment under `CMOWATCH_` and its name, else its default.

    Durations are in seconds. Raises pydantic's `ValidationError`, which names the setting.
    """

    model_config = SettingsConfigDict(env_prefix="CMOWATCH_", frozen=True, extra="forbid")

    brokers: str = Field("localhost:9092", description="bootstrap servers, host:port, by comma")
    group: str = Field("cmowatch", min_length=1, description="consumer group of the workers")
    partitions: int = Field(8, ge=1, le=1000, description="of each topic; never changed")
    replication: int = Field(1, ge=1, le=10, description="replicas of each topic we create")
    declare_topics: bool = Field(True, description="create the topics that are missing")
    agreements: Path | None = Field(
        None, description="folder of agreement files; without one nobody is watched"
    )
    default_agreement: bool = Field(
        False, description="let the default agreement, or a default.yaml, cover every other CMO"
    )

    web_host: str = Field("127.0.0.1", description="address of metrics and health")
    web_port: int = Field(6066, ge=1, le=65_535, description="port of metrics and health")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least that is logged; libraries' own below warning at debug only"
    )

    session_timeout: float = Field(60.0, ge=6.0, description="until a silent worker is replaced")
    heartbeat: float = Field(3.0, gt=0, description="between signs of life; under a third of it")
    tick: float = Field(1.0, gt=0, le=60, description="between judgements")
    stale_after: float = Field(60.0, gt=0, description="without hearing the log: judge nothing")
    broker_wait: float = Field(300.0, ge=0, description="how long to wait for a broker at start")
    max_poll_records: int = Field(1000, ge=1, le=5000, description="most messages of one batch")

    security: Protocol = Field("PLAINTEXT", description="how brokers are spoken to")
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="how SASL proves the password"
    )
    username: str | None = Field(None, description="of SASL")
    password: SecretStr | None = Field(None, description="of SASL; or password_file")
    password_file: Path | None = Field(None, description="a file that holds the password")
    ca_file: Path | None = Field(None, description="PEM certificates to trust; else the system's")

    @model_validator(mode="after")
    def _heartbeats_often_enough(self) -> Self:
        if self.heartbeat * 3 >= self.session_timeout:
            raise ValueError("heartbeat must be less than a third of session_timeout")
        return self

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("give password or password_file, not both")
        known = self.username is not None and (self.password or self.password_file) is not None
        if self.security.startswith("SASL") and not known:
            raise ValueError(f"{self.security} needs username, and password or password_file")
        return self

    @property
    def secret(self) -> str | None:
        """The password in clear, for the clients of Kafka alone; raises `UnusableFile`."""
        if self.password_file is None:
            return self.password.get_secret_value() if self.password is not None else None
        with _named("CMOWATCH_PASSWORD_FILE", self.password_file):
            found = self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        if not found:
            raise _unusable("CMOWATCH_PASSWORD_FILE", self.password_file, "it is empty")
        return found

    @property
    def ssl(self) -> SSLContext | None:
        """How the brokers' certificates are checked; None where nothing is encrypted.

        Raises `UnusableFile`.
        """
        if not self.security.endswith("SSL"):
            return None
        if self.ca_file is None:
            return create_default_context()
        with _named("CMOWATCH_CA_FILE", self.ca_file):
            return create_default_context(cafile=str(self.ca_file))

    def client(self) -> dict[str, Any]:
        """What every client of aiokafka is given to find the brokers and log in."""
        return {"bootstrap_servers": self.brokers, **self.login()}

    def login(self) -> dict[str, Any]:
        """How brokers are spoken to, in the names that both clients of Kafka have for it."""
        plain: dict[str, Any] = {"security_protocol": self.security}
        if (context := self.ssl) is not None:
            plain["ssl_context"] = context
        if not self.security.startswith("SASL"):
            return plain
        return {
            **plain,
            "sasl_mechanism": self.sasl_mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.secret,
        }


@contextmanager
def _named(setting: str, path: Path) -> Iterator[None]:
    """Says of a file that cannot be used which setting names it; never what is in it."""
    try:
        yield
    except SSLError:
        raise _unusable(setting, path, "it holds no certificate in PEM") from None
    except UnicodeDecodeError:
        raise _unusable(setting, path, "it is no text in UTF-8") from None
    except OSError as error:
        raise _unusable(setting, path, f"it cannot be read: {error.strerror}") from None


def _unusable(setting: str, path: Path, why: str) -> UnusableFile:
    return UnusableFile(
        f"{setting}={path}: {why}. Operator action: name a file that this user may read, or unset "
        f"{setting}."
    )
