"""Grafana's HTTP API through grafana-api, whose faults stay in this module.

grafana-api lets through the exceptions of its HTTP library, fails on answers that are no JSON,
raises TypeError on an error told in plain text that holds "message", and puts names into paths as
they are. So everything here goes by uid or id, and every exception becomes one of ours.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, cast
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaException, GrafanaServerError
from grafana_api.grafana_face import GrafanaFace

from deploy.grafana.errors import (
    BadAddress,
    GrafanaError,
    GrafanaFailed,
    InTheWay,
    NotAllowed,
    NotAsGrafana,
    NotFound,
    NotReached,
    NotTaken,
    OtherOrganisation,
    TooOld,
)
from deploy.grafana.panels import Json

_PATIENCE: Final = 15.0
_LONGEST_ANSWER: Final = 300
_MOST: Final = 5_000
_MOST_ANNOTATIONS: Final = 100_000
_OLDEST: Final = 11

_BY_STATUS: Final[Mapping[int, tuple[type[GrafanaError], str]]] = {
    400: (NotTaken, "A board that Grafana reads from files can only be changed in those files."),
    401: (NotAllowed, "The token is wrong, expired or of another Grafana: make a new one."),
    403: (
        NotAllowed,
        "The token's service account needs the role Admin of its organisation; a wrong token ends "
        "here too where anonymous access is on.",
    ),
    404: (NotFound, "Check that the address is that of Grafana, its path included."),
    409: (InTheWay, "Rename or remove what has this name or uid, and run this again."),
    412: (InTheWay, "Somebody changed it meanwhile, or has its name: look at it, and run again."),
    429: (GrafanaFailed, "Grafana is asked too often: wait, and run this again."),
}


class Grafana:
    """One organisation of one Grafana; what it raises is a `GrafanaError` that never has the token.

    `url` is where people open it, with its path if it has one.
    """

    def __init__(self, url: str, token: str) -> None:
        if not token.isascii() or not token.isprintable() or not token or " " in token:
            raise BadAddress(
                "the token is no token. Operator action: put nothing but the token into its file"
            )
        self.url, self._token = url.rstrip("/"), token
        protocol, host, port, path = address(url)
        self._face = GrafanaFace(
            token, host, port, url_path_prefix=path, protocol=protocol, timeout=_PATIENCE
        )
        # A redirect would turn what is written into what is read, and is a wrong address anyhow.
        self._face.api.s.max_redirects = 0

    def __repr__(self) -> str:
        return f"Grafana({self.url!r})"

    def log_in(self, organisation: str | None = None) -> str:
        """The name of the organisation that the token belongs to.

        Raises `NotAllowed` for a token that is nobody's, even where anonymous access is on and
        anything else that is only read is answered all the same; `TooOld` for a Grafana before 11;
        `OtherOrganisation` when an organisation is named and it is another.
        """
        self._asked("log in", self._face.user.get_actual_user)
        self._refuse_if_old()
        found = self._asked("read the organisation", self._organisation)
        name = str(found.get("name"))
        if organisation is not None and organisation != name:
            raise OtherOrganisation(
                f"{self.url}: the token belongs to the organisation {name!r}, not to "
                f"{organisation!r}. Operator action: make a token in the organisation that is meant"
            )
        return name

    def _organisation(self) -> object:
        return self._face.organization.get_current_organization()

    def _refuse_if_old(self) -> None:
        """Raises `TooOld`; the settings tell the version to whom may log in, even if hidden."""
        what = "read the version"
        answer = self._asked(what, lambda: self._face.api.GET("/frontend/settings"))
        about = answer.get("buildInfo")
        version = str(about.get("version")) if isinstance(about, dict) else ""
        if (number := re.match(r"(\d+)\.", version)) is None:
            raise self._strange(what, f"no version, {version!r}")
        if int(number[1]) < _OLDEST:
            raise TooOld(
                f"{self.url}: this is Grafana {version}; boards and annotations made here need "
                f"{_OLDEST} or later. Operator action: upgrade Grafana"
            )

    def folder(self, uid: str) -> Json | None:
        """A folder; None where there is none."""
        return self._found("read the folder", lambda: self._face.folder.get_folder(uid))

    def create_folder(self, uid: str, title: str) -> None:
        """Make a folder."""
        self._asked("make the folder", lambda: self._face.folder.create_folder(title, uid))

    def rename_folder(self, uid: str, title: str, version: int) -> None:
        """Give a folder another title; raises `InTheWay` when it is no longer of this version."""
        self._asked(
            "rename the folder", lambda: self._face.folder.update_folder(uid, title, version)
        )

    def sources(self) -> list[Json]:
        """Every data source."""
        return self._listed(
            "list the data sources", lambda: self._face.datasource.list_datasources()
        )

    def create_source(self, source: Json) -> None:
        """Make a data source."""
        self._asked("make the data source", lambda: self._face.datasource.create_datasource(source))

    def update_source(self, id_: int, source: Json) -> None:
        """Write a data source over the one of this id."""
        self._asked(
            "change the data source",
            lambda: self._face.datasource.update_datasource(id_, source),
        )

    def board(self, uid: str) -> tuple[Json, Json] | None:
        """A board and what is known about it; None where there is none."""
        found = self._found("read the board", lambda: self._face.dashboard.get_dashboard(uid))
        if found is None:
            return None
        board, about = found.get("dashboard"), found.get("meta")
        if not isinstance(board, dict) or not isinstance(about, dict):
            raise self._strange("read the board", found)
        return board, about

    def write_board(self, board: Json, folder: str, message: str) -> None:
        """Write a board; raises `InTheWay` when it is no longer of the version that `board` has."""
        given = {"dashboard": board, "folderUid": folder, "message": message, "overwrite": False}
        self._asked("write the board", lambda: self._face.dashboard.update_dashboard(given))

    def boards(self, tag: str) -> list[Json]:
        """What search tells of every board with a tag."""
        return self._listed(
            "search the boards",
            lambda: self._face.search.search_dashboards(tag=tag, type_="dash-db", limit=_MOST),
        )

    def delete_board(self, uid: str) -> None:
        """Delete a board."""
        self._asked("delete the board", lambda: self._face.dashboard.delete_dashboard(uid))

    def annotations(self, tag: str) -> list[Json]:
        """Every annotation of the organisation with a tag, at whatever time."""
        return self._listed(
            "list the annotations",
            lambda: self._face.annotations.get_annotation(tags=[tag], limit=_MOST_ANNOTATIONS),
        )

    def create_annotation(self, given: Json) -> None:
        """Make an annotation of no board: its `time` and `timeEnd` in ms, `tags` and `text`."""
        self._asked(
            "make the annotation", lambda: self._face.annotations.add_annotation(**_named(given))
        )

    def update_annotation(self, id_: int, given: Json) -> None:
        """Write an annotation over the one of this id, whole: a part of one would wipe its tags."""
        self._asked(
            "change the annotation",
            lambda: self._face.annotations.update_annotation(id_, **_named(given)),
        )

    def delete_annotation(self, id_: int) -> None:
        """Delete an annotation."""
        self._asked(
            "delete the annotation",
            lambda: self._face.annotations.delete_annotations_by_id(id_),
        )

    def number(self, answer: Json, name: str) -> int:
        """A number Grafana told; raises `NotAsGrafana` where it is none."""
        value = answer.get(name)
        if not isinstance(value, int):
            raise self._strange(f"read {name}", answer)
        return value

    def _found(self, what: str, ask: Callable[[], object]) -> Json | None:
        """What is there, or None where Grafana itself says that it is not."""
        with suppress(NotFound):
            return self._asked(what, ask)
        return None

    def _listed(self, what: str, ask: Callable[[], object]) -> list[Json]:
        answer = self._answer(what, ask)
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise self._strange(what, answer)
        return cast(list[Json], answer)

    def _asked(self, what: str, ask: Callable[[], object]) -> Json:
        answer = self._answer(what, ask)
        if not isinstance(answer, dict):
            raise self._strange(what, answer)
        return cast(Json, answer)

    def _answer(self, what: str, ask: Callable[[], object]) -> object:
        try:
            return ask()
        except GrafanaException as error:
            raise self._refused(what, error) from None
        except (requests.exceptions.JSONDecodeError, TypeError):
            raise self._strange(what, "no JSON") from None
        except requests.TooManyRedirects:
            raise self._strange(what, "a redirect") from None
        except requests.RequestException as error:
            raise NotReached(
                self._said(what, f"no answer: {error}")
                + ". Operator action: check the address, and that Grafana runs"
            ) from None

    def _refused(self, what: str, error: GrafanaException) -> GrafanaError:
        answer = error.response
        message = answer.get("message", "") if isinstance(answer, Mapping) else ""
        if not isinstance(answer, Mapping) or (error.status_code == 404 and not message):
            return self._strange(what, f"status {error.status_code} and no JSON")
        kind, action = _BY_STATUS.get(error.status_code, (NotTaken, "See what it says."))
        if isinstance(error, GrafanaServerError):
            kind, action = GrafanaFailed, "Look at Grafana's own log."
        line = self._said(what, f"status {error.status_code}, {message or answer}")
        return kind(f"{line}. Operator action: {action}")

    def _strange(self, what: str, answer: object) -> NotAsGrafana:
        return NotAsGrafana(
            self._said(what, f"the answer is not Grafana's: {answer}")
            + ". Operator action: check that the address is that of Grafana, its path included, "
            "and that no login page stands before it"
        )

    def _said(self, what: str, answer: str) -> str:
        """What happened, on one line, and never the token, whoever repeats it."""
        line = " ".join(answer.replace(self._token, "…").split())[:_LONGEST_ANSWER]
        return f"{self.url}: could not {what}: {line}"


def _named(given: Json) -> Json:
    """An annotation under the names that grafana-api gives its parts."""
    return {_AS_PARAMETER.get(name, name): value for name, value in given.items()}


_AS_PARAMETER: Final = {"time": "time_from", "timeEnd": "time_to"}


def address(url: str) -> tuple[str, str, int | None, str]:
    """Protocol, host, port and path of an address, as grafana-api puts them together again.

    Raises `BadAddress` for one that is none, or that has a user in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"{error}. Operator action: give an address like {_LIKE}") from None
    if parts.username or parts.password or "@" in parts.netloc:
        raise BadAddress("an address has no user in it. Operator action: leave it out")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadAddress(f"{url} is no address. Operator action: give one like {_LIKE}")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    path = parts.path.strip("/")
    return parts.scheme, host, port, f"{path}/" if path else ""


_LIKE = "https://grafana.example or https://tools.example/grafana"
