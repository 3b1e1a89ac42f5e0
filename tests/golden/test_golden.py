"""Whole worlds answer as they were recorded to, reading by reading and word by word."""

import json

import pytest

from tests.alerts.test_scms import delivered_or_missing
from tests.golden.record import ANSWERS, WORLDS, answers, deliveries, digests

RECORDED = json.loads(ANSWERS.read_text(encoding="utf-8"))

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_answers_as_recorded(name: str) -> None:
    assert digests(answers(WORLDS[name]())) == RECORDED[name]


def test_the_real_deliveries_answer_as_recorded() -> None:
    assert digests(answers(deliveries(delivered_or_missing()))) == RECORDED["deliveries"]


def test_every_world_that_is_recorded_is_asked() -> None:
    assert RECORDED.keys() == {*WORLDS, "deliveries"}
