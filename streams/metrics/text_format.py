"""Series in Prometheus' text format."""

from collections.abc import Callable, Mapping
from typing import Protocol

from events.dimensions import Scope

Add = Callable[[str, float], None]
"""Adds a series to its family, by its labels and value."""


class Families(Protocol):
    """Whatever takes series, family by family."""

    def family(self, name: str, kind: str, help_: str) -> Add:
        """A family of series; what it gives adds one by its labels and value."""


class Page:
    """Series in Prometheus' text format, each family with its help and type before it."""

    def __init__(self) -> None:
        self._families: dict[str, list[str]] = {}

    def family(self, name: str, kind: str, help_: str) -> Add:
        """A family of series; what it gives adds one by its labels and value."""
        if name not in self._families:
            # A counter's family is named without the `_total` its series end in.
            self._families[name] = [f"# HELP {name} {help_}", f"# TYPE {name} {kind}"]
        add = self._families[name].append
        return lambda labels, value: add(f"{name}{{{labels}}} {value}")

    def text(self) -> str:
        """The page; a family without series is left out."""
        shown = (lines for lines in self._families.values() if len(lines) > 2)
        return "".join("\n".join(lines) + "\n" for lines in shown)


def label(name: str, value: str) -> str:
    """A label as it is written, whatever its value holds."""
    safe = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{name}="{safe}"'


def written(labels: Mapping[str, str]) -> str:
    """Labels as they stand beside a series' name."""
    return ",".join(label(name, value) for name, value in labels.items())


def scoped(kpi: str, cmo: str, scope: Scope) -> list[str]:
    """The labels of something about one KPI of one CMO, for one scope."""
    named = (label(name, value) for name, value in scope.named.items())
    return [label("kpi", kpi), label("cmo", cmo), *named]
