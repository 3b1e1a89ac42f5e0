"""The written pages against what the code declares."""

import re
from pathlib import Path

from events.data import DATA

DOCS = Path(__file__).resolve().parent.parent / "docs"
LETTERS = {"cmo": "C", "sponsor": "S", "lab": "L", "carrier": "T"}
ROW = re.compile(r"^\| `(cmo\.\S+\.v\d+)`( †)? \| .+ \| ([CSLT ]+) \|$", re.M)
LINK = re.compile(r"\]\((?!\w+://)([^)#]+)")


def test_the_events_page_says_who_may_say_each_type_and_which_are_plans() -> None:
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    written = {kind: ({*by.split()}, bool(plan)) for kind, plan, by in ROW.findall(page)}
    declared = {data.TYPE: ({LETTERS[s] for s in data.SPEAKERS}, data.PLAN) for data in DATA}
    assert written == declared


def test_every_link_between_the_pages_leads_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert broken == []
