"""An earlier commit of this project, checked out beside this one to be measured against it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.lab.bench.errors import NoSuchCommit

EARLIER = "a5702b2"
""""Merge branch 'contract'": the first commit that speaks the contract as it is."""

ROOT = Path(__file__).resolve().parents[3]
"""This checkout."""


@contextmanager
def tree_of(revision: str) -> Iterator[Path]:
    """A work tree of a revision in a temporary folder, gone afterwards.

    Raises `NoSuchCommit` when there is none to be had.
    """
    with TemporaryDirectory(prefix="bench-") as name:
        tree = Path(name) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), revision)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    try:
        subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = str(getattr(error, "stderr", None) or error).strip()
        raise NoSuchCommit(
            f"git {' '.join(arguments)}: {said}. Operator action: name a commit that this clone "
            "has with --against, or fetch the whole history with git fetch --unshallow."
        ) from error


def agreements_in(tree: Path) -> Path:
    """The folder of agreements that a tree's demo comes with."""
    return min((tree / "deploy").rglob("agreements/*.yaml")).parent


def worker_of(tree: Path) -> str:
    """The module of a tree that runs its worker for the contest, wherever it lay then."""
    found = min((tree / "deploy").rglob("bench/own.py"))
    return ".".join(found.relative_to(tree).with_suffix("").parts)
