"""The client of Kafka that publishes: connected as it must be, and its errors as ours."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from kafka import errors as kafka_errors

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
            kafka_errors.AuthorizationError,
            kafka_errors.SaslAuthenticationFailedError,
            kafka_errors.UnsupportedSaslMechanismError,
            kafka_errors.IllegalSaslStateError,
            kafka_errors.SecurityDisabledError,
        ),
        NotPermitted,
        "check the credentials and what they may write",
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
    try:
        return client(
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
        told = f"{bootstrap}: no broker answers: check address, port and protocol"
        raise BrokersUnreachable(told) from None
    except REFUSALS as error:
        # Not chained: what the client prints of its settings may hold a secret.
        kind, told = type(ours(error)), _without_secrets(str(error), security)
        kind = kind if isinstance(error, kafka_errors.KafkaError) else InvalidSetting
        raise kind(f"{bootstrap}: {type(error).__name__}: {told}") from None


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
    for kinds, kind, remedy in _OURS:
        if isinstance(error, kinds):
            return kind(f"{error}: {remedy}")
    return Undelivered(f"{error}: send it again under the same id")
