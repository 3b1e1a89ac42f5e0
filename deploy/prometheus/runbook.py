"""The runbook page: each alert about ourselves, and what to do about it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.prometheus.pipeline import pipeline
from deploy.prometheus.rule import PAGE, TICKET, Rule

RUNBOOK: Final = Path("docs/runbook.md")

_LOUDNESS = {PAGE: "pages", TICKET: "is a ticket"}

_INTRODUCTION = """\
# What to do when an alert comes

Made from `deploy/prometheus` by `cmowatch render`; change it there.

An alert on a breach carries what was agreed, what is, on how much evidence, since when and what
to do first; [kpis.md](kpis.md) says how each KPI is worked out. It stays for {held} after the
breach is cleared, so that a worker that restarts neither resolves nor repeats it.

The alerts below are about the monitor itself.
"""


def runbook(held: str) -> str:
    """The page, in Markdown; an alert of a breach outlasts it by `held`."""
    sections = (line for rule in pipeline(held) if "alert" in rule for line in _section(rule))
    return "\n".join([_INTRODUCTION.format(held=held), *sections])


def _section(rule: Rule) -> Iterator[str]:
    labels, annotations = rule["labels"], rule["annotations"]
    assert not isinstance(labels, str)
    assert not isinstance(annotations, str)
    loudness = _LOUDNESS.get(labels["severity"], "tells nobody")
    lasting = f" after {rule['for']}" if "for" in rule else ""
    yield f"## {rule['alert']}"
    yield ""
    yield f"It {loudness}{lasting}."
    for line in annotations["description"].splitlines():
        name, _, text = line.partition(": ")
        yield ""
        yield f"**{name}:** {text}"
    yield ""
    yield f"    {rule['expr']}".replace("\n", "\n    ").rstrip()
    yield ""
