"""What the brokers let us do; and why they are of no use: none answers, or one refuses us."""

import asyncio
from typing import Final

from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from events.data import OWN
from events.kafka_client import refusal
from streams.errors import NoBroker, NotPermitted, StreamError
from streams.settings import Settings

FORBIDDEN: Final = (
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
"""What aiokafka raises when a right is missing."""


def not_permitted(settings: Settings, right: str) -> NotPermitted:
    """The error of a right that our user has not."""
    return NotPermitted(
        f"the brokers do not permit {settings.username or 'this client'} to go on. Operator "
        f"action: grant it {right}, as docs/deploy.md shows, and start again."
    )


def forbidden(settings: Settings, error: KafkaError, operation: str = "Read") -> NotPermitted:
    """What one of `FORBIDDEN` is in our tree, met where we wanted to read, or else."""
    if isinstance(error, GroupAuthorizationFailedError):
        return not_permitted(settings, f"Read on the group {settings.group}")
    if isinstance(error, TransactionalIdAuthorizationFailed):
        ids = f"the transactional ids that begin with {settings.group}-"
        return not_permitted(settings, f"Write and Describe on {ids}")
    if isinstance(error, ClusterAuthorizationFailedError):
        return not_permitted(settings, f"{operation} on the topics {', '.join(OWN)}")
    named = error.args[0] if error.args else "cmo."
    topics = named if isinstance(named, str) else ", ".join(sorted(named))
    return not_permitted(settings, f"{operation} on the topic {topics}")


async def unusable(settings: Settings, error: KafkaError | TimeoutError) -> StreamError:
    """What an error of aiokafka is in our tree: `NotPermitted`, else `NoBroker`.

    A broker that refuses a login is asked once more, for aiokafka tells of it in its log alone.
    """
    if isinstance(error, FORBIDDEN):
        return forbidden(settings, error)
    if refused := await asyncio.to_thread(refusal, settings.brokers, settings.login()):
        return NotPermitted(
            f"{refused}. Operator action: mend CMOWATCH_USERNAME, CMOWATCH_PASSWORD or "
            "CMOWATCH_PASSWORD_FILE, CMOWATCH_CA_FILE, and start again."
        )
    return NoBroker(
        f"{settings.brokers} does not answer as a Kafka broker: {error!r}. Operator action: "
        "start the broker, or set CMOWATCH_BROKERS and CMOWATCH_SECURITY."
    )
