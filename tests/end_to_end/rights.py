"""The rights in Kafka that docs/deploy.md tells to grant, granted on a broker of a test."""

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "deploy.md"


def of_the_page() -> list[ACL]:
    """What the page's commands grant and deny, all of them."""
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^acls (--.*)$", text, re.M)
    return [acl for command in commands for acl in acls(command)]


def acls(arguments: str) -> list[ACL]:
    """What `kafka-acls --add` makes of these arguments; click refuses any it has not."""
    given = _COMMAND.make_context("kafka-acls", shlex.split(arguments)).params
    pattern = ACLResourcePatternType[given["resource_pattern_type"].upper()]
    places = [(kind, name) for kind in _PLACES for name in given[kind.name.lower()]]
    whom = [(name, ACLPermissionType.ALLOW) for name in given["allow_principal"]]
    whom += [(name, ACLPermissionType.DENY) for name in given["deny_principal"]]
    return [
        ACL(who, "*", _operation(name), permission, ResourcePattern(kind, place, pattern))
        for who, permission in whom
        for name in given["operation"]
        for kind, place in places
    ]


_PLACES = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID

_COMMAND = click.Command(
    "kafka-acls",
    params=[
        *(
            click.Option([f"--{name}"], multiple=True)
            for name in (
                *("allow-principal", "deny-principal", "operation"),
                *("topic", "group", "transactional-id"),
            )
        ),
        click.Option(
            ["--resource-pattern-type"],
            type=click.Choice(("literal", "prefixed")),
            default="literal",
        ),
    ],
)


def _operation(name: str) -> ACLOperation:
    return ACLOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()]


def grant(brokers: str, granted: Sequence[ACL]) -> None:
    with _admin(brokers) as admin:
        done = admin.create_acls(granted)
    assert done["failed"] == [], done


def withdraw(brokers: str, granted: Sequence[ACL]) -> None:
    filters = [
        ACLFilter(acl.principal, acl.host, acl.operation, acl.permission_type, acl.resource_pattern)
        for acl in granted
    ]
    with _admin(brokers) as admin:
        admin.delete_acls(filters)


@contextmanager
def _admin(brokers: str) -> Iterator[Any]:
    admin = KafkaAdminClient(bootstrap_servers=brokers)
    try:
        yield admin
    finally:
        admin.close()
