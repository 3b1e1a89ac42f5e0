"""What every Grafana board has: its frame, what can be chosen on it, and where panels lie."""

from collections.abc import Mapping
from typing import Final
from zlib import crc32

from deploy.grafana.panels import SOURCE, WIDTH, Json
from deploy.links import BOARDS, CMO
from deploy.prometheus.retention import KEPT_DAYS

SCHEMA: Final = 39
"""The version of the boards' schema: Grafana 11 and later read it."""

MADE: Final = "cmowatch-made"
"""The tag of every board made here; no other board is ever deleted."""

_LARGEST_ID: Final = (1 << 31) - 1

MONTHS_13: Final = {"from": f"now-{KEPT_DAYS - 6}d", "to": "now"}
"""The time every board opens with: all of the history, and what stands now at its end."""

_BREACHES: Final[Json] = {
    "name": "Breaches",
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "iconColor": "red",
    "target": {"type": "tags", "tags": [MADE, "cmo:$cmo"], "matchAny": False, "limit": 100},
}
"""What `cmowatch provision annotations` tells of the one CMO, beside every curve."""

_CHOSEN_HERE: Final = "${datasource:queryparam}&${site:queryparam}&${product:queryparam}"

_SCOPE: Final = (("site", "Site"), ("product", "Product"))


def board(uid: str, description: str, panels: list[Json], *, one_cmo: bool = False) -> Json:
    """A board under its fixed uid; with `one_cmo` it is always about a single CMO."""
    who = chosen_one("cmo", "CMO") if one_cmo else chosen("cmo", "CMO")
    return {
        "uid": uid,
        "title": f"cmowatch: {BOARDS[uid]}",
        "description": f"{description} Made from alerts/kpis by cmowatch render; change it there.",
        "tags": [MADE],
        "schemaVersion": SCHEMA,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": MONTHS_13,
        "timezone": "utc",
        "templating": {
            "list": [chosen_source(), who, *(chosen(*each, within="cmo") for each in _SCOPE)]
        },
        "annotations": {"list": [_BREACHES] if one_cmo else []},
        "links": [_link(to, title) for to, title in BOARDS.items() if to != uid],
        "panels": panels,
    }


def _link(uid: str, title: str) -> Json:
    # A board of one CMO would take "all of them" for a name; who clicks a name is led to it.
    one = uid == CMO
    return {
        "type": "link",
        "title": title,
        "url": f"/d/{uid}?{_CHOSEN_HERE}" if one else f"/d/{uid}",
        "icon": "dashboard",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": not one,
        "keepTime": True,
    }


def to_cmo(title: str, cmo: str, panel: int | None = None) -> Json:
    """A link from a cell to the board of a CMO, which `cmo` gives, and there to a panel."""
    view = "" if panel is None else f"&viewPanel=panel-{panel}"
    return {
        "title": title,
        "url": f"/d/{CMO}?{_CHOSEN_HERE}&var-cmo={cmo}{view}&${{__url_time_range}}",
    }


TO_THIS_CMO: Final = to_cmo("All about this CMO", "${__value.raw}")
"""The link of a cell that holds the CMO itself."""


def chosen_source() -> Json:
    """The variable that chooses the data source."""
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Prometheus",
        "query": "prometheus",
        "refresh": 1,
        "hide": 0,
    }


def chosen_one(name: str, label: str) -> Json:
    """A variable of which one value is always chosen, at first the first."""
    return {**_values(name, label, "cmo_kpi_evidence"), "multi": False, "includeAll": False}


def chosen(name: str, label: str, within: str | None = None) -> Json:
    """A variable whose values are those of the label of its name; all of them at first.

    `within` is a variable that narrows them.
    """
    series = "cmo_kpi_evidence" + (f'{{{within}=~"${within}"}}' if within else "")
    return {
        **_values(name, label, series),
        "multi": True,
        "includeAll": True,
        # Also what has no such label.
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _values(name: str, label: str, series: str) -> Json:
    values = f"label_values({series}, {name})"
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": {"query": values, "refId": "values"},
        "refresh": 2,
        "sort": 1,
        "hide": 0,
    }


def id_of(name: str) -> int:
    """The id of a panel, which bookmarks and links hold: of its name alone, wherever it stands."""
    return crc32(name.encode()) & _LARGEST_ID or 1


class Layout:
    """Panels set out from the top down, each with an id of its own.

    Raises `ValueError` for two of one id: one of them has to get another title.
    """

    def __init__(self) -> None:
        self.panels: list[Json] = []
        self._y = 0

    def row(self, question: str) -> None:
        """The heading of what follows."""
        self._put(_heading(question), 0, 1, WIDTH)
        self._y += 1

    def side_by_side(self, height: int, *panels: tuple[int, Json]) -> None:
        """Panels beside each other, each with its width."""
        x = 0
        for width, panel in panels:
            self._put(panel, x, height, width)
            x += width
        self._y += height

    def in_columns(self, height: int, columns: int, panels: Mapping[int, Json]) -> None:
        """Panels under ids of their own, as many beside each other as there are columns."""
        width = WIDTH // columns
        for n, (id_, panel) in enumerate(panels.items()):
            self._put(panel, n % columns * width, height, width, id_)
            if n % columns == columns - 1 or n == len(panels) - 1:
                self._y += height

    def _put(self, panel: Json, x: int, height: int, width: int, id_: int | None = None) -> None:
        own = id_of(f"{panel['type']}: {panel['title']}") if id_ is None else id_
        if any(other["id"] == own for other in self.panels):
            raise ValueError(f"{panel['title']}: another panel of the board has its id")
        place: Json = {"x": x, "y": self._y, "w": width, "h": height}
        self.panels.append({"id": own, "gridPos": place, **panel})


def _heading(question: str) -> Json:
    return {"type": "row", "title": question, "collapsed": False, "panels": []}
