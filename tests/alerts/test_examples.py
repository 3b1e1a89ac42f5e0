"""Each KPI's worked example, told to a CMO of its own and read."""

from typing import Any, Final

import pytest

from alerts.cmo import Cmo
from alerts.example import Example, Refused, moment
from alerts.kpi import Kpi
from alerts.kpis import KPIS
from events.outcomes import Message, Reason, Rejection
from tests.builders import ACME, accepted, agreed, read, told

_SPEAKERS: Final = {"C": "cmo", "S": "sponsor", "L": "lab", "T": "carrier"}


@pytest.mark.parametrize("kpi", KPIS, ids=lambda kpi: kpi.name)
def test_a_kpi_reads_what_its_example_says(kpi: Kpi) -> None:
    example = kpi.example
    assert example.story, "an example is a story in words, too"
    assert example.told, "an example without an event shows nothing"
    assert example.reads, "an example without a figure claims nothing"
    assert _read(kpi, example) == dict(example.reads)


def _rejection(refused: Refused, offset: int) -> Rejection:
    stamp = round(refused.at.timestamp() * 1_000)
    message = Message(refused.topic, 0, offset, stamp, ACME.encode(), b"{")
    return Rejection(Reason.NOT_JSON, "no JSON", message, cmo=ACME)


def _read(kpi: Kpi, example: Example) -> dict[str, Any]:
    """What the reading that an example is about says in the fields it names."""
    about = {**example.scope.named, "quantile": example.quantile}
    cmo = Cmo(ACME, agreed(**example.terms))
    for offset, each in enumerate(example.told):
        if isinstance(each, Refused):
            cmo.refuse(_rejection(each, offset))
        else:
            how = told(each.data, each.at, _SPEAKERS[each.by], recorded=each.recorded_at)
            cmo.take(accepted(how, offset))
    reading = read(cmo, moment(example.as_of), kpi.name, **about)
    return {name: getattr(reading, name) for name in example.reads}
