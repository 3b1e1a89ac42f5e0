"""What Grafana lacks of what is generated here: found first, shown, and only then written."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Final

from deploy.grafana.api import Grafana
from deploy.grafana.board import MADE
from deploy.grafana.boards import boards
from deploy.grafana.errors import InTheWay
from deploy.grafana.panels import Json

FOLDER: Final = "cmowatch"
FOLDER_TITLE: Final = "Contract manufacturers"
SOURCE: Final = "cmowatch-prometheus"
SOURCE_NAME: Final = "cmowatch Prometheus"
OURS: Final = "cmowatch-"
"""How the uid of every board made here begins."""

_SCRAPED_EVERY: Final = "10s"
"""What deploy/prometheus/prometheus.yml has: no step is shorter."""

_KEPT_BY_GRAFANA: Final = {"id", "version"}
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s\"]+(?=@)")
_AROUND: Final = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between what is and what should be, and how it is made to be."""

    what: str
    difference: str
    make: Callable[[], None]


def changes(
    grafana: Grafana, prometheus: str, wanted: Sequence[Json] | None = None
) -> Iterator[Change]:
    """What is missing or different, each found before anything is written.

    Raises `GrafanaError` when Grafana does not answer as it should, `InTheWay` when what stands
    where something of ours belongs is not ours.
    """
    wanted = boards() if wanted is None else wanted
    yield from _source(grafana, prometheus)
    yield from _folder(grafana)
    for board in wanted:
        yield from _board(grafana, board)
    yield from _left_over(grafana, {str(board["uid"]) for board in wanted})


def _source(grafana: Grafana, prometheus: str) -> Iterator[Change]:
    wanted: Json = {
        "uid": SOURCE,
        "name": SOURCE_NAME,
        "type": "prometheus",
        "access": "proxy",
        "url": prometheus,
        "jsonData": {"httpMethod": "POST", "timeInterval": _SCRAPED_EVERY},
    }
    found = [source for source in grafana.sources() if source.get("uid") == SOURCE]
    if not found:
        yield Change(
            f"+ data source {SOURCE_NAME}",
            difference({}, wanted),
            lambda: grafana.create_source(wanted),
        )
        return
    is_now = found[0]
    if is_now.get("type") != wanted["type"]:
        raise InTheWay(
            f"the data source {SOURCE} is of type {is_now.get('type')}. Operator action: remove "
            "it, and run this again"
        )
    shown = {name: is_now.get(name) for name in wanted}
    extra = shown["jsonData"] if isinstance(shown["jsonData"], dict) else {}
    merged = {**wanted, "jsonData": {**extra, **_dict(wanted["jsonData"])}}
    if shown == merged:
        return
    if is_now.get("readOnly"):
        raise InTheWay(
            f"the data source {SOURCE} is read from files and differs. Operator action: change "
            "it in those files"
        )
    id_ = grafana.number(is_now, "id")
    yield Change(
        f"~ data source {SOURCE_NAME}",
        difference(shown, merged),
        lambda: grafana.update_source(id_, {**is_now, **merged}),
    )


def _folder(grafana: Grafana) -> Iterator[Change]:
    found = grafana.folder(FOLDER)
    wanted: Json = {"title": FOLDER_TITLE}
    if found is None:
        yield Change(
            f"+ folder {FOLDER_TITLE}",
            difference({}, wanted),
            lambda: grafana.create_folder(FOLDER, FOLDER_TITLE),
        )
    elif found.get("title") != FOLDER_TITLE:
        version = grafana.number(found, "version")
        yield Change(
            f"~ folder {FOLDER_TITLE}",
            difference({"title": found.get("title")}, wanted),
            lambda: grafana.rename_folder(FOLDER, FOLDER_TITLE, version),
        )


def _board(grafana: Grafana, wanted: Json) -> Iterator[Change]:
    uid, title = str(wanted["uid"]), str(wanted["title"])
    found = grafana.board(uid)
    if found is None:
        new = {**wanted, "id": None}
        yield Change(
            f"+ board {title}",
            f"  {len(_as_lines(wanted))} lines of JSON",
            lambda: grafana.write_board(new, FOLDER, _MESSAGE),
        )
        return
    board, about = found
    _check_is_ours(uid, board)
    is_now = {name: value for name, value in board.items() if name not in _KEPT_BY_GRAFANA}
    moved = about.get("folderUid") != FOLDER
    if is_now == wanted and not moved:
        return
    if about.get("provisioned"):
        raise InTheWay(
            f"the board {uid} is read from files and differs. Operator action: change it there"
        )
    kept = {name: board[name] for name in _KEPT_BY_GRAFANA if name in board}
    yield Change(
        f"~ board {title}{', back to its folder' if moved else ''}",
        difference(is_now, wanted),
        lambda: grafana.write_board({**wanted, **kept}, FOLDER, _MESSAGE),
    )


_MESSAGE: Final = "cmowatch provision grafana"


def _check_is_ours(uid: str, board: Json) -> None:
    tags = board.get("tags")
    if not isinstance(tags, list) or MADE not in tags:
        raise InTheWay(
            f"the board {uid} is not tagged {MADE}, so it was not made here. Operator action: "
            "rename or remove it, and run this again"
        )


def _left_over(grafana: Grafana, wanted: set[str]) -> Iterator[Change]:
    """Boards made here by another version: only with our tag, in our folder, under our name."""
    for board in grafana.boards(MADE):
        uid = str(board.get("uid"))
        if board.get("folderUid") == FOLDER and uid.startswith(OURS) and uid not in wanted:
            yield Change(
                f"- board {board.get('title')}",
                f"  {uid} is made no more",
                lambda uid=uid: grafana.delete_board(uid),  # type: ignore[misc]
            )


def difference(before: Json, after: Json) -> str:
    """What changes, line by line of the JSON, without credentials in addresses."""
    both = (_as_lines(before), _as_lines(after))
    lines = list(unified_diff(*both, "is", "will be", lineterm="", n=_AROUND))
    return "\n".join(f"  {_CREDENTIALS.sub('…', line)}" for line in lines)


def _as_lines(content: Json) -> list[str]:
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True).splitlines()


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}
