"""Each KPI's worked example, told to a CMO of its own and read."""

from typing import Any, Final

import pytest

from alerts.example import Example, moment
from alerts.kpi import Kpi
from alerts.kpis import KPIS
from tests.builders import agreed, folded, read, told

_SPEAKERS: Final = {"C": "cmo", "S": "sponsor", "L": "lab", "T": "carrier"}


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name)
def test_a_kpi_reads_what_its_example_says(kpi: Kpi) -> None:
    example = kpi.example
    assert example.story, "an example is a story in words, too"
    assert example.told, "an example without an event shows nothing"
    assert example.reads, "an example without a figure claims nothing"
    assert _read(kpi, example) == dict(example.reads)


def _read(kpi: Kpi, example: Example) -> dict[str, Any]:
    """What the reading that an example is about says in the fields it names."""
    events = [
        told(each.data, each.at, _SPEAKERS[each.by], recorded=each.recorded_at)
        for each in example.told
    ]
    about = {**example.scope.named, "quantile": example.quantile}
    cmo = folded(events, agreed(**example.terms))
    reading = read(cmo, moment(example.as_of), kpi.name, **about)
    return {name: getattr(reading, name) for name in example.reads}
