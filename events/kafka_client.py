"""The client of Kafka that publishes: connected as it must be, and its errors as ours."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from kafka import errors as kafka_errors
from kafka.net.compat import KafkaNetClient

from events.errors import (
    BrokersUnreachable,
    EventTooLarge,
    InvalidSetting,
    NotPermitted,
    PublishError,
    TopicMissing,
    Undelivered,
)

TO_FIND_A_TOPIC = 10.0
"""Seconds after which a topic that is not found is missing."""

_SETTINGS = ("security_protocol", "sasl_", "ssl_")
_PROTOCOLS = ("SSL", "SASL_SSL", "SASL_PLAINTEXT", "PLAINTEXT")
_TO_CONNECT = 15.0
_TO_BE_MET = 3.0
_NOT_TRUSTED = "CERTIFICATE_VERIFY_FAILED"

REFUSALS = (
    kafka_errors.KafkaError,
    ValueError,
    TypeError,
    RuntimeError,
    AssertionError,
    OSError,
)
"""Whatever the client refuses work with."""

_OURS: tuple[tuple[tuple[type[Exception], ...], type[PublishError], str], ...] = (
    (
        (kafka_errors.UnknownTopicOrPartitionError, kafka_errors.InvalidTopicError),
        TopicMissing,
        "create the topics first",
    ),
    (
        (
            kafka_errors.SaslAuthenticationFailedError,
            kafka_errors.UnsupportedSaslMechanismError,
            kafka_errors.IllegalSaslStateError,
        ),
        NotPermitted,
        "authentication failed: check user, password and mechanism of SASL",
    ),
    (
        (kafka_errors.AuthorizationError, kafka_errors.SecurityDisabledError),
        NotPermitted,
        "let this user write the topic: docs/deploy.md has the rights",
    ),
    (
        (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError),
        EventTooLarge,
        "say it in more events",
    ),
    (
        (
            kafka_errors.KafkaConnectionError,
            kafka_errors.NodeNotReadyError,
            kafka_errors.BrokerNotAvailableError,
            kafka_errors.NetworkExceptionError,
            kafka_errors.MetadataEmptyBrokerList,
        ),
        BrokersUnreachable,
        "check that the brokers run and can be reached",
    ),
    (
        (
            kafka_errors.KafkaConfigurationError,
            kafka_errors.UnsupportedCodecError,
            kafka_errors.UnsupportedCompressionTypeError,
            kafka_errors.UnsupportedVersionError,
            ValueError,
            TypeError,
        ),
        InvalidSetting,
        "check the publisher's settings against the broker",
    ),
)


def connected(
    client: Callable[..., Any],
    bootstrap: str,
    compression: str | None,
    timeout: timedelta,
    security: Mapping[str, Any],
) -> Any:
    """A client for these brokers, after their first answer.

    Raises `BrokersUnreachable`, `NotPermitted` or `InvalidSetting`, without any secret in it.
    """
    _check(security)
    seconds = timeout.total_seconds()
    seen: list[Exception] = []
    try:
        return client(
            kafka_client=partial(_Introduced, seen),
            bootstrap_servers=bootstrap.split(","),
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            compression_type=compression,
            linger_ms=5,
            max_block_ms=TO_FIND_A_TOPIC * 1_000,
            bootstrap_timeout_ms=min(seconds, _TO_CONNECT) * 1_000,
            delivery_timeout_ms=seconds * 1_000,
            request_timeout_ms=min(seconds / 2, 30) * 1_000,
            **security,
        )
    except kafka_errors.KafkaTimeoutError:
        why = f" ({_without_secrets(str(seen[-1]), security)})" if seen else ""
        told = f"{bootstrap}: no broker answers{why}: check address, port and protocol"
        raise BrokersUnreachable(told) from None
    except REFUSALS as error:
        # Not chained: what the client prints of its settings may hold a secret.
        found: PublishError = InvalidSetting(f"{type(error).__name__}: {error}")
        if isinstance(error, kafka_errors.KafkaError):
            found = ours(error)
        raise type(found)(f"{bootstrap}: {_without_secrets(str(found), security)}") from None


def refusal(bootstrap: str, security: Mapping[str, Any]) -> NotPermitted | None:
    """Why brokers that answer do not let us in; None where they do, or none answers."""
    client: Any = None
    try:
        client = _Introduced([], bootstrap_servers=bootstrap.split(","), **security)
    except REFUSALS as error:
        if isinstance(found := ours(error), NotPermitted):
            return NotPermitted(f"{bootstrap}: {_without_secrets(str(found), security)}")
    finally:
        if client is not None:
            client.close()
    return None


class _Introduced(KafkaNetClient):  # type: ignore[misc]
    """A client that has met a broker, or raised why one that answers does not let it in.

    Left to itself it takes a refusal for an absence, and tries until its time is over.
    """

    def __init__(self, seen: list[Exception], **settings: Any) -> None:
        super().__init__(**settings)
        try:
            seen += self._failures()
            for error in seen:
                if isinstance(ours(error), NotPermitted):
                    raise error
        except BaseException:
            self.close()
            raise

    def _failures(self) -> list[Exception]:
        """What kept us from each broker in turn; none as soon as one lets us in."""
        failures = []
        for broker in self._manager.cluster.bootstrap_brokers():
            try:
                self._manager.run(self._met, broker.node_id)
                return []
            except REFUSALS as error:
                failures.append(error)
        return failures

    async def _met(self, node: Any) -> None:
        connection = self._manager.get_connection(
            node,
            timeout_ms=_TO_BE_MET * 1_000,
            pop_on_close=False,
            refresh_metadata_on_err=False,
            reset_backoff_on_connect=False,
        )
        try:
            await connection
        except kafka_errors.KafkaConnectionError as error:
            if connection.broker_version is None:
                raise
            # Over TLS the client loses the refusal when the broker hangs up right after it.
            raise kafka_errors.SaslAuthenticationFailedError("the broker hung up") from error


def _check(security: Mapping[str, Any]) -> None:
    """Refuses what the client would pass over, and talk in the clear to whoever answers."""
    for name in security:
        if not name.startswith(_SETTINGS):
            raise InvalidSetting(f"{name}: not a security setting; {', '.join(_SETTINGS)}… are")
    if security and security.get("security_protocol") not in _PROTOCOLS:
        raise InvalidSetting(f"security_protocol: needs to be one of {', '.join(_PROTOCOLS)}")


def _without_secrets(text: str, security: Mapping[str, Any]) -> str:
    for value in security.values():
        if isinstance(value, str) and value:
            text = text.replace(value, "…")
    return text


def ours(error: Exception) -> PublishError:
    """What an error of kafka-python is in our tree; `Undelivered` for any we have no word for."""
    if isinstance(error, PublishError):
        return error
    if _NOT_TRUSTED in str(error):
        return NotPermitted(f"{error}: trust who signed the broker's certificate: see the CA file")
    for kinds, kind, remedy in _OURS:
        if isinstance(error, kinds):
            return kind(f"{error}: {remedy}")
    return Undelivered(f"{error}: send it again under the same id")
