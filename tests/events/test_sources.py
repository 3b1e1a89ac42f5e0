"""A source speaks for a CMO as its agreement says, for as long as it says."""

from datetime import date, timedelta

import pytest
from pydantic import ValidationError

from events.data import Speaker
from events.sources import Source, Voice, voice

DAY = date(2024, 5, 2)


def source(name: str, **given: date | None) -> Source:
    return Source.model_validate({"source": name, "speaker": Speaker.CMO, **given})


@pytest.mark.parametrize(
    ("name", "covered", "foreign"),
    [
        ("/sponsor", "/sponsor", "/sponsor/a"),
        ("/cmo/{cmo}", "/cmo/acme", "/cmo/borealis"),
        ("/cmo/{cmo}/*", "/cmo/acme/mes", "/cmo/acme"),
        ("/cmo/{cmo}/erp", "/cmo/acme/erp", "/cmo/acme/mes"),
        ("/lab/*", "/lab/one/hplc", "/LAB/one"),
        ("*", "anything", None),
        ("/a.c", "/a.c", "/abc"),
    ],
)
def test_a_source_covers_its_own_name_and_no_other(
    name: str, covered: str, foreign: str | None
) -> None:
    assert source(name).covers("acme", covered, DAY)
    if foreign is not None:
        assert not source(name).covers("acme", foreign, DAY)


def test_a_source_speaks_from_its_first_day_to_its_last() -> None:
    span = source("/sponsor", start=DAY, end=DAY + timedelta(days=1))
    days = [DAY + timedelta(days=offset) for offset in range(-1, 3)]
    assert [span.covers("acme", "/sponsor", day) for day in days] == [False, True, True, False]


def test_the_first_source_that_covers_speaks() -> None:
    lab = Source(source="/lab/*", speaker=Speaker.LAB)
    carrier = Source(source="/lab/*", speaker=Speaker.CARRIER)
    assert voice((lab, carrier), "acme", "/lab/x", DAY) == Voice(Speaker.LAB, False)


def test_a_source_nobody_names_has_no_voice() -> None:
    assert voice((source("/sponsor"),), "acme", "/nobody", DAY) is None


@pytest.mark.parametrize("name", ["/a*b", "/{site}/x", "/{cmo}/{cmo}", "/cmo/{cmo", "**"])
def test_a_pattern_that_is_more_than_a_name_and_a_star_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        source(name)


def test_a_misspelt_setting_of_a_source_is_refused() -> None:
    with pytest.raises(ValidationError, match="untill"):
        source("/sponsor", untill=DAY)
