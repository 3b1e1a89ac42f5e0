"""Names that come to one id: whether they are one is for people to say."""

from collections.abc import Collection, Iterable
from typing import Final

from events.spelling import alike

MOST: Final = 3
"""How many names of an id are kept; two are enough to doubt it."""


def kept(names: Iterable[str]) -> tuple[str, ...]:
    """Those kept of the names of an id, in whatever order they came: one of each that differs.

    Two differ in more than case, spaces and punctuation.
    """
    first: dict[str, str] = {}
    for name in sorted(names):
        first.setdefault(alike(name), name)
    return tuple(first[each] for each in sorted(first)[:MOST])


def doubt(id_: str, names: tuple[str, ...], declared: Collection[str]) -> str:
    """Why an id cannot be relied on; empty where it has one name, or all of them are declared."""
    if len(names) < 2 or all(alike(name) in declared for name in names):
        return ""
    told = " and ".join(map(repr, names))
    return f"{told} all come to {id_}: if they are one, say so as its aliases in products.yaml"
