"""What is refused, told on stderr with where it stands, its field, its value and the reason."""

from collections.abc import Sequence

import click

from events.adapters.base import RowError
from events.outcomes import Rejection

Refused = Rejection | RowError


def refusal(item: Refused) -> str:
    """A line of a file that is no event: where, which field, which value, and why."""
    if isinstance(item, RowError):
        cell = f"{item.column} = {item.value!r}: " if item.column else ""
        return f"row {item.row}: {cell}{item.reason}"
    where = f"line {item.message.offset}: {item.field or 'event'}"
    return f"{where} = {item.value!r}: {item.reason}: {item.detail}"


def tell_refused(refused: Sequence[Rejection]) -> None:
    """Tells on stderr which messages were refused and why, and how many."""
    for rejection in refused:
        message = rejection.message
        where = f"{message.topic or 'line'} {message.partition}/{message.offset}"
        field = f"{rejection.field} = {rejection.value!r}: " if rejection.field else ""
        line = f"{where}: {rejection.reason}: {field}{rejection.detail}"
        click.echo(printable(line), err=True)
    if refused:
        click.echo(f"refused {len(refused):,}", err=True)


def printable(text: str) -> str:
    """The text without anything that would move a terminal's cursor."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
