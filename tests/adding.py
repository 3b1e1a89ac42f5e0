"""What docs/adding.md tells to add, put into a copy of the project."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "adding.md"
PRODUCT: Final = ("events", "alerts", "streams", "deploy", "docs")
ENDS_WITHIN: Final = 120
"""Seconds for a command in the copy."""

_BLOCK: Final = re.compile(r"^```python\n# (\S+): ([^\n]+)\n(.*?)^```$", re.M | re.S)
_PLACE: Final = re.compile(r'(above|below|instead of) "(.+)"')


class Block(NamedTuple):
    """A block of the page: the file it names, where it goes there, and its lines."""

    file: str
    where: str
    text: str

    def put_into(self, project: Path) -> None:
        path = project / self.file
        if self.where == "new file":
            assert not path.exists(), f"{self.file} is there already"
            path.write_text(self.text, encoding="utf-8")
        else:
            path.write_text(self._put(path.read_text(encoding="utf-8")), encoding="utf-8")

    def _put(self, text: str) -> str:
        if self.where.startswith("without"):
            return self._without(text)
        place = _PLACE.fullmatch(self.where)
        assert place, f"{self.file}: where is {self.where!r}?"
        side, line = place[1], f"{place[2]}\n"
        assert f"\n{text}".count(f"\n{line}") == 1, f"{self.file} has not once {line!r}"
        put = {"above": self.text + line, "below": line + self.text, "instead of": self.text}
        return f"\n{text}".replace(f"\n{line}", f"\n{put[side]}")[1:]

    def _without(self, text: str) -> str:
        gone = set(self.text.splitlines())
        assert gone <= set(text.splitlines()), f"{self.file} lacks a line of {gone}"
        return "".join(line for line in text.splitlines(True) if line.rstrip("\n") not in gone)


def blocks() -> Iterator[Block]:
    """The blocks of the page, in its order."""
    return (Block(*found) for found in _BLOCK.findall(PAGE.read_text(encoding="utf-8")))


def copy(into: Path) -> Path:
    """The project without its tests, in a folder."""
    for folder in PRODUCT:
        ignored = shutil.ignore_patterns("__pycache__", "secrets")
        shutil.copytree(ROOT / folder, into / folder, ignore=ignored)
    return into


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the copy, which comes before the project that is installed."""
    environment = {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""}
    return subprocess.run(
        [sys.executable, *command],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=ENDS_WITHIN,
    )
