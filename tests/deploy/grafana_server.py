"""A server that answers as Grafana's documented API does, as far as provisioning asks it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa_not-a-secret-but-looked-for-everywhere"
Answer = tuple[int, Any]


@dataclass
class State:
    """What this Grafana holds, what it was asked, and where it is to answer otherwise.

    `instead` gives, for a method and the beginning of a path, the status and the body of the
    answer: a text is sent as it is, anything else as JSON.
    """

    url: str = ""
    prefix: str = ""
    folders: dict[str, dict[str, Any]] = field(default_factory=dict)
    sources: list[dict[str, Any]] = field(default_factory=list)
    boards: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    from_files: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    instead: dict[tuple[str, str], Answer] = field(default_factory=dict)
    moved_to: str = ""
    anonymous: bool = False
    version: str = "11.6.0"
    organisation: str = "Main Org."
    annotations: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def written(self) -> list[tuple[str, str]]:
        """Everything it was asked that changes something."""
        return [each for each in self.asked if each[0] != "GET"]

    def answer(self, method: str, path: str, query: dict[str, list[str]], given: Any) -> Answer:
        """The status and the content of the answer."""
        self.asked.append((method, path))
        for (when, start), answer in self.instead.items():
            if method == when and path.startswith(start):
                return answer
        match method, path.removeprefix("/api/").split("/"):
            case "GET", ["user"]:
                return 200, {"login": "sa-1-cmowatch"}
            case "GET", ["frontend", "settings"]:
                return 200, {"buildInfo": {"version": self.version}}
            case "GET", ["org"]:
                return 200, {"id": 1, "name": self.organisation}
            case "GET", ["annotations"]:
                tagged = (a for a in self.annotations.values() if query["tags"][0] in a["tags"])
                return 200, [*tagged][: int(query.get("limit", ["100"])[0])]
            case "POST", ["annotations"]:
                return self._annotated(len(self.annotations) + 1, given)
            case "PUT", ["annotations", id_]:
                return self._annotated(int(id_), given)
            case "DELETE", ["annotations", id_]:
                self.annotations.pop(int(id_), None)
                return 200, {"message": "Annotation deleted"}
            case "GET", ["datasources"]:
                return 200, self.sources
            case "POST", ["datasources"]:
                return self._new_source(given)
            case "PUT", ["datasources", id_]:
                found = next(source for source in self.sources if source["id"] == int(id_))
                found.update(given)
                return 200, {"message": "Datasource updated"}
            case "GET", ["folders", uid]:
                return self._known(self.folders, uid, "folder not found")
            case "POST", ["folders"]:
                return self._new_folder(given)
            case "PUT", ["folders", uid]:
                return self._renamed(uid, given)
            case "GET", ["dashboards", "uid", uid]:
                return self._board(uid)
            case "POST", ["dashboards", "db"]:
                return self._write(given)
            case "DELETE", ["dashboards", "uid", uid]:
                del self.boards[uid]
                return 200, {"title": uid, "message": "Dashboard deleted"}
            case "GET", ["search"]:
                return 200, self._found(query["tag"][0])
        return 404, {"message": "Not found"}

    def _known(self, held: dict[str, dict[str, Any]], uid: str, otherwise: str) -> Answer:
        return (200, held[uid]) if uid in held else (404, {"message": otherwise})

    def _annotated(self, id_: int, given: Any) -> Answer:
        """An annotation as it is kept: of a tag no more than what is before its second colon."""
        tags = [":".join(tag.split(":")[:2]) for tag in given["tags"]]
        end = given["timeEnd"] or given["time"]
        held = self.annotations.get(id_, {"id": id_, "dashboardUID": ""})
        kept = {**held, **given, "timeEnd": end, "tags": tags}
        self.annotations[id_] = kept
        return 200, {"id": id_, "message": "Annotation added"}

    def _new_source(self, given: Any) -> Answer:
        if any(source["name"] == given["name"] for source in self.sources):
            return 409, {"message": "data source with the same name already exists"}
        self.sources.append({"id": len(self.sources) + 1, "version": 1, "readOnly": False, **given})
        return 200, {"message": "Datasource added"}

    def _new_folder(self, given: Any) -> Answer:
        self.folders[given["uid"]] = {**given, "id": 1, "version": 1}
        return 200, self.folders[given["uid"]]

    def _renamed(self, uid: str, given: Any) -> Answer:
        folder = self.folders[uid]
        if folder["version"] != given["version"]:
            return 412, {"message": "the folder has been changed by someone else"}
        folder.update(title=given["title"], version=folder["version"] + 1)
        return 200, folder

    def _board(self, uid: str) -> Answer:
        if uid not in self.boards:
            return 404, {"message": "Dashboard not found"}
        about = {"folderUid": self.places[uid], "provisioned": uid in self.from_files}
        return 200, {"dashboard": self.boards[uid], "meta": about}

    def _write(self, given: Any) -> Answer:
        board, uid = dict(given["dashboard"]), given["dashboard"]["uid"]
        held = self.boards.get(uid)
        if held and not given["overwrite"] and board.get("version") != held["version"]:
            changed = "The dashboard has been changed by someone else"
            return 412, {"message": changed, "status": "version-mismatch"}
        version = held["version"] + 1 if held else 1
        self.boards[uid] = {**board, "id": 7, "version": version}
        self.places[uid] = given["folderUid"]
        return 200, {"uid": uid, "status": "success", "version": version}

    def _found(self, tag: str) -> list[dict[str, Any]]:
        return [
            {"uid": uid, "title": board["title"], "folderUid": self.places[uid]}
            for uid, board in self.boards.items()
            if tag in board.get("tags", [])
        ]


@contextmanager
def serving(prefix: str = "") -> Iterator[State]:
    """A Grafana on this machine for as long as the `with` lasts."""
    state = State(prefix=prefix)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body leave together: apart, the second waits 40 ms for the first's receipt.
        wbufsize = -1

        def _serve(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path.removeprefix(state.prefix))
            if state.moved_to:
                return self._send(302, "", {"Location": state.moved_to})
            anonymous = state.anonymous and parts.path != "/api/user"
            if self.headers.get("Authorization") != f"Bearer {TOKEN}" and not anonymous:
                return self._send(401, {"message": "Invalid API key"})
            content = json.loads(given) if given else None
            status, body = state.answer(self.command, parts.path, parse_qs(parts.query), content)
            return self._send(status, body)

        do_GET = do_POST = do_PUT = do_DELETE = _serve

        def _send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: a test's output is its own."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}{prefix}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
