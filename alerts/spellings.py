"""Names that come to one id: whether they are one is for people to say."""

from collections.abc import Collection, Iterable
from typing import Final

from events.spelling import alike

MOST: Final = 3
"""How many names of an id are kept; two are enough to doubt it."""

Named = tuple[str, str]
"""What is named, "product" or "site", and its id."""

_WHERE: Final = {
    "product": "as its aliases in products.yaml",
    "site": "under site_names in the agreement",
}
"""Where people say that names are one."""


class Spellings:
    """The names that were given for ids, in whatever order they came: one of each that differs.

    Two differ in more than case, spaces and punctuation.
    """

    def __init__(self) -> None:
        self._of: dict[Named, tuple[str, ...]] = {}
        self._with_several: set[Named] = set()

    def __bool__(self) -> bool:
        """Whether any id has several names."""
        return bool(self._with_several)

    def add(self, named: Named, names: Iterable[str]) -> None:
        """More names of an id."""
        first: dict[str, str] = {}
        for name in sorted((*self.of(named), *names)):
            first.setdefault(alike(name), name)
        self._of[named] = held = tuple(first[each] for each in sorted(first)[:MOST])
        if len(held) > 1:
            self._with_several.add(named)

    def of(self, named: Named) -> tuple[str, ...]:
        """Some of the names of an id."""
        return self._of.get(named, ())

    def doubt(self, named: Named, declared: Collection[str]) -> str:
        """Why an id cannot be relied on; empty where it has one name, or `declared` has all."""
        if named not in self._with_several:
            return ""
        names, known = self._of[named], {alike(each) for each in declared}
        if all(alike(name) in known for name in names):
            return ""
        kind, id_ = named
        told = " and ".join(map(repr, names))
        return f"{told} all come to {id_}: if they are one, say so {_WHERE[kind]}"
