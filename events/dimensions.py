"""Dimensions: what a figure about a CMO may be narrowed to, each declared here and nowhere else."""

from typing import Final, NamedTuple


class Scope(NamedTuple):
    """What part of a CMO something is about; None where that says nothing."""

    site: str | None = None
    product: str | None = None
    lot_state: str | None = None
    topic: str | None = None

    @property
    def named(self) -> dict[str, str]:
        """The dimensions that say something, by name."""
        pairs = zip(self._fields, self, strict=True)
        return {name: value for name, value in pairs if value is not None}

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The names of those that say something."""
        return tuple(self.named)

    def narrowed(self, dimensions: tuple[str, ...]) -> "Scope | None":
        """What of this is about these dimensions alone; None where one of them says nothing."""
        values = {name: getattr(self, name) for name in dimensions}
        return None if None in values.values() else Scope(**values)


DIMENSIONS: Final[tuple[str, ...]] = Scope._fields
"""The names of all dimensions, in the order in which they are written everywhere."""

WHOLE: Final = Scope()
"""A CMO as a whole."""
