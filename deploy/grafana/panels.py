"""The parts of a Grafana board, each as the JSON Grafana reads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

Json = dict[str, object]

SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
"""The data source that is chosen at the top of the board."""

NONE: Final = "none"
"""The unit of what has none."""

GREEN, YELLOW, RED, PURPLE, BLUE = "dark-green", "dark-orange", "dark-red", "purple", "dark-blue"
FAINT = "rgba(128, 128, 128, 0.15)"

WIDTH: Final = 24


def instant(ref: str, expression: str) -> Json:
    """A query for how things stand at the end of the chosen time, as a table."""
    return {
        **_query(ref, expression),
        "instant": True,
        "range": False,
        "format": "table",
    }


def over_time(ref: str, expression: str, legend: str) -> Json:
    """A query for how things went over the chosen time; `legend` names each line."""
    return {
        **_query(ref, expression),
        "instant": False,
        "range": True,
        "format": "time_series",
        "legendFormat": legend,
    }


def _query(ref: str, expression: str) -> Json:
    return {"refId": ref, "datasource": SOURCE, "editorMode": "code", "expr": expression}


def mapped(texts: Mapping[str, tuple[str, str | None]]) -> list[Json]:
    """Value mappings: for each value its text, and its colour where it has one."""
    options = {
        value: {"text": text, "index": index, **({"color": color} if color else {})}
        for index, (value, (text, color)) in enumerate(texts.items())
    }
    return [{"type": "value", "options": options}]


def steps(*levels: tuple[float | None, str]) -> Json:
    """Thresholds: from each value on its colour; the first has no value."""
    return {
        "mode": "absolute",
        "steps": [{"value": value, "color": color} for value, color in levels],
    }


def fixed(color: str) -> Json:
    """A colour that no value changes."""
    return {"mode": "fixed", "fixedColor": color}


def override(field: str, **properties: object) -> Json:
    """What holds for the one field of this name."""
    return _override({"id": "byName", "options": field}, properties)


def override_query(ref: str, **properties: object) -> Json:
    """What holds for every field of the one query."""
    return _override({"id": "byFrameRefID", "options": ref}, properties)


def _override(matcher: Json, properties: Mapping[str, object]) -> Json:
    # A keyword cannot hold the dot of `custom.width`.
    named = [{"id": name.replace("__", "."), "value": value} for name, value in properties.items()]
    return {"matcher": matcher, "properties": named}


def transformed(id_: str, **options: object) -> Json:
    """A transformation of what the queries gave."""
    return {"id": id_, "options": options}


def arranged(columns: Mapping[str, str], hidden: Iterable[str] = ()) -> Json:
    """The columns of a table in this order under these titles, less the hidden ones."""
    return transformed(
        "organize",
        indexByName={name: index for index, name in enumerate(columns)},
        renameByName={name: title for name, title in columns.items() if name != title},
        excludeByName=dict.fromkeys(hidden, True),
    )


def stat(title: str, help_: str, expression: str, *, defaults: Json) -> Json:
    """One figure in large type."""
    return {
        "type": "stat",
        "title": title,
        "description": help_,
        "datasource": SOURCE,
        "targets": [{**instant("A", expression), "format": "time_series"}],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "colorMode": "background",
            "graphMode": "none",
            "justifyMode": "center",
            "textMode": "value",
            "wideLayout": False,
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        },
    }


def table(
    title: str,
    help_: str,
    targets: Sequence[Json],
    transformations: Sequence[Json],
    *,
    defaults: Json,
    overrides: Sequence[Json],
    empty: str,
    sorted_by: Sequence[tuple[str, bool]] = (),
) -> Json:
    """Rows and columns; `empty` is what it says without any, `sorted_by` name and descending."""
    return {
        "type": "table",
        "title": title,
        "description": help_,
        "datasource": SOURCE,
        "targets": list(targets),
        "transformations": list(transformations),
        "fieldConfig": _fields({"noValue": empty}, defaults, overrides),
        "options": {
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "reducer": [], "countRows": False, "fields": []},
            "sortBy": [{"displayName": name, "desc": desc} for name, desc in sorted_by],
        },
    }


def _fields(always: Json, defaults: Json, overrides: Sequence[Json]) -> Json:
    return {"defaults": {**always, **defaults}, "overrides": list(overrides)}


def lines(
    title: str,
    help_: str,
    targets: Sequence[Json],
    *,
    defaults: Json,
    overrides: Sequence[Json] = (),
    empty: str,
    beside: bool = True,
) -> Json:
    """Lines over time; their last values stand in a legend beside them, or below."""
    drawn: Json = {"lineWidth": 2, "fillOpacity": 0, "showPoints": "never", "spanNulls": False}
    legend: Json = {"displayMode": "table", "placement": "right", "width": 440}
    if not beside:
        legend = {"displayMode": "list", "placement": "bottom"}
    return {
        "type": "timeseries",
        "title": title,
        "description": help_,
        "datasource": SOURCE,
        "targets": list(targets),
        "fieldConfig": _fields({"noValue": empty}, {**defaults, "custom": drawn}, overrides),
        "options": {
            "legend": {"showLegend": True, "calcs": ["lastNotNull"], **legend},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    }


def bands(
    title: str,
    help_: str,
    targets: Sequence[Json],
    *,
    defaults: Json,
    overrides: Sequence[Json],
    empty: str,
) -> Json:
    """States over time: a band for each series, with the state's word on it."""
    drawn: Json = {"fillOpacity": 80, "lineWidth": 0}
    return {
        "type": "state-timeline",
        "title": title,
        "description": help_,
        "datasource": SOURCE,
        "targets": list(targets),
        "fieldConfig": _fields({"custom": drawn, "noValue": empty}, defaults, overrides),
        "options": {
            "mergeValues": True,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.85,
            "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    }


def recent(panel: Json, span: str) -> Json:
    """A panel that shows a span of its own until somebody chooses moments on the board."""
    return {**panel, "timeFrom": span}


def bars(
    title: str,
    help_: str,
    targets: Sequence[Json],
    transformations: Sequence[Json],
    *,
    by: str,
    overrides: Sequence[Json],
    empty: str,
) -> Json:
    """Bars beside each other for each value of the field `by`, with their figures."""
    return {
        "type": "barchart",
        "title": title,
        "description": help_,
        "datasource": SOURCE,
        "targets": list(targets),
        "transformations": list(transformations),
        "fieldConfig": {
            "defaults": {
                "noValue": empty,
                "decimals": 0,
                "custom": {"fillOpacity": 85, "lineWidth": 0, "axisGridShow": False},
            },
            "overrides": list(overrides),
        },
        "options": {
            "xField": by,
            "orientation": "horizontal",
            "stacking": "none",
            "showValue": "auto",
            "text": {"valueSize": 13},
            "barWidth": 0.8,
            "groupWidth": 0.8,
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    }
