"""The page on importing tables shows a mapping that works."""

import gzip
import re
from pathlib import Path

from events.adapters.table import read_table
from events.event import Event

PAGE = Path(__file__).resolve().parents[2] / "docs" / "import.md"


def test_the_mapping_of_the_page_makes_events(tmp_path: Path) -> None:
    [mapping] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "map.yaml").write_text(mapping, encoding="utf-8")
    table = "Status,Order,Line,Supplier,Delivered,Booked,Pieces\ndelivered,P1,1,Acme,02.11.2026,"
    (tmp_path / "t.csv.gz").write_bytes(
        gzip.compress(f"{table}03.11.2026,5\nopen,,,,,,\n".encode())
    )
    [made] = read_table(tmp_path / "map.yaml", tmp_path / "t.csv.gz")
    assert isinstance(made, Event)
    assert (made.id, made.partitionkey, made.time.day) == ("P1-1-delivered", "acme", 2)
