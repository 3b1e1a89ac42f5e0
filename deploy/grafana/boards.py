"""All the boards, made from the catalogue, and the files they are written to."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alerts.kpi import Kpi
from alerts.kpis import KPIS
from deploy.grafana.cmo import cmo
from deploy.grafana.deliveries import deliveries
from deploy.grafana.inventory import inventory
from deploy.grafana.lots import lots
from deploy.grafana.monitor import monitor
from deploy.grafana.overview import overview
from deploy.grafana.panels import Json

FOLDER: Final = Path("deploy/grafana/dashboards")
MADE_BY: Final = (overview, cmo, deliveries, inventory, lots, monitor)


def boards(kpis: Sequence[Kpi] = KPIS) -> list[Json]:
    """Every board there should be."""
    return [made(kpis) for made in MADE_BY]


def documents() -> dict[Path, str]:
    """Every board, by its path in the project, as text."""
    return {
        FOLDER / f"{str(board['uid']).removeprefix('cmowatch-')}.json": text(board)
        for board in boards()
    }


def text(board: Json) -> str:
    """A board as it is written."""
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"
