"""What a mapping leaves out of a table without a word: no fault, and worth a look."""

from collections.abc import Iterator, Sequence

from events.adapters.fields import fields_below
from events.adapters.mapping import EventMapping, TableMapping
from events.adapters.usual_words import names_a_state, names_what_is_to_be

_STATUS = "data.status"
_HAPPENED = frozenset({"delivered", "received", "shipped", "completed", "counted", "listed"})
_SHOWN = 2_000


def notes(mapping: TableMapping, header: Sequence[str]) -> Iterator[str]:
    """What is to be told of a table by the names of its columns, once."""
    unused = [name for name in header if name and name not in mapping.columns]
    if unused:
        yield f"columns that no field uses: {', '.join(unused)[:_SHOWN]}"
    for each in mapping.events:
        yield from _state_not_told(each, unused)
        yield from _time_to_be(each)


def _state_not_told(mapping: EventMapping, unused: list[str]) -> Iterator[str]:
    """The status of stock that every row is given while a column looks like one."""
    if _STATUS in mapping.fields or _STATUS not in fields_below(mapping.type, required=False):
        return
    column = next(filter(names_a_state, unused), None)
    looks = column and (
        f", and column {column!r} looks like it: say `{_STATUS}: {{column: {column}, words: "
        "{…}}`, or"
    )
    yield (
        f"{mapping.type}: every row counts as unrestricted: no field sets {_STATUS}"
        f"{looks or '; say'} `{_STATUS}: {{constant: unrestricted}}` if that is meant"
    )


def _time_to_be(mapping: EventMapping) -> Iterator[str]:
    """The time of what has happened, from a column of what is to happen."""
    if mapping.type.split(".")[2] not in _HAPPENED:
        return
    for column in filter(names_what_is_to_be, mapping.fields["time"].columns):
        yield (
            f"{mapping.type}: its time is when it happened, and column {column!r} looks like one "
            "of when it should"
        )
