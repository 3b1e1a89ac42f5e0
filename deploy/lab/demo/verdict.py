"""What was done to the simulated CMOs, beside what the monitor found."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from alerts.judge import Verdict
from alerts.kpis import BY_NAME
from deploy.lab.demo.board import value_of
from deploy.lab.demo.snapshot import About, Figure, Snapshot
from deploy.lab.simulate.truth import Trouble, Truth


@dataclass(frozen=True, slots=True)
class Finding:
    """An injected trouble, and the judged figures in which it should show."""

    trouble: Trouble
    figures: tuple[Figure, ...]

    @property
    def found(self) -> bool:
        """Whether all of them show the state that the truth expects, or none does where none is."""
        return self.states == {self.trouble.expected} - {"none"}

    @property
    def states(self) -> set[str]:
        """What the monitor shows."""
        return {str(figure.state) for figure in self.figures}


def findings(truth: Truth, snapshot: Snapshot) -> list[Finding]:
    """Each trouble with what was found of it."""
    judged = [figure for figure in snapshot.figures if figure.state is not None]
    return [
        Finding(trouble, tuple(figure for figure in judged if _concerns(trouble, figure.about)))
        for trouble in truth.troubles
    ]


def _concerns(trouble: Trouble, about: About) -> bool:
    """A trouble that names no product, state or topic concerns every one of its CMO."""
    if (about.kpi, about.cmo) != (trouble.kpi, trouble.cmo):
        return False
    return trouble.scope.items() <= about.scope.named.items()


def false_alarms(truth: Truth, snapshot: Snapshot) -> list[str]:
    """The breaches that stand open for CMOs nothing was done to."""
    return [b.id for b in snapshot.breaches if b.about.cmo in truth.healthy]


def verdict(found: Iterable[Finding], truth: Truth, snapshot: Snapshot) -> RenderableType:
    """The troubles beside what was found, and what was said of the healthy ones."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.title, table.title_justify, table.title_style = "Truth and finding", "left", "bold"
    for name in ("injected trouble", "CMO", "KPI", "since", "expected", "found"):
        table.add_column(name, overflow="fold")
    for each in found:
        trouble, kpi = each.trouble, BY_NAME[each.trouble.kpi]
        where = " ".join([kpi.title, *trouble.scope.values()])
        known = (figure for figure in each.figures if figure.state is not Verdict.UNKNOWN)
        values = ", ".join(value_of(kpi, figure.value) for figure in known)
        states = ", ".join(sorted(each.states)) or "no figure"
        shown = f"{'✔' if each.found else '✘'} {states} {values}"
        about = (trouble.trouble.replace("_", " "), trouble.cmo, where)
        style = "green" if each.found else "bold red"
        table.add_row(*about, trouble.since[:10], trouble.expected, Text(shown, style=style))
    return Group(table, _of_the_healthy(truth, snapshot), _of_the_invalid(truth, snapshot))


def _of_the_invalid(truth: Truth, snapshot: Snapshot) -> Text:
    refused = sum(snapshot.refused.values())
    return Text(f"{truth.invalid:,} events were made invalid, {refused:,} were refused.")


def _of_the_healthy(truth: Truth, snapshot: Snapshot) -> Text:
    alarms = false_alarms(truth, snapshot)
    if alarms:
        return Text(f"Breaches of healthy CMOs: {', '.join(alarms)}", style="bold red")
    return Text(f"No breach of the {len(truth.healthy)} healthy CMOs.", style="green")
