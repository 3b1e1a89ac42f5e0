"""What an event costs from bytes to windows, here and at an earlier commit, without Kafka."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from operator import attrgetter
from pathlib import Path
from statistics import median
from typing import NamedTuple, Self

from deploy.lab.bench.earlier import agreements_in
from deploy.lab.bench.errors import FoldEnded
from deploy.lab.bench.variants import VARIANTS, Batch, batches
from events.outcomes import Message

_SCRIPT = Path(__file__).with_name("refold.py")
_PLAIN = attrgetter(*Message.__struct_fields__)


class Folded(NamedTuple):
    """One tree's fold of all: microseconds of the processor an event, and how many it refused."""

    cost: float
    refused: int


class Pair(NamedTuple):
    """The same messages folded by both trees, a few thousand by one and then by the other."""

    variant: str
    here: Folded
    there: Folded

    @property
    def ratio(self) -> float:
        """How much of what it cost there it costs here."""
        return self.here.cost / self.there.cost


def pairs(
    lines: Sequence[bytes], here: Path, there: Path, repeats: int, folder: Path
) -> Iterator[Pair]:
    """Folds each variant of the events in both trees, so many times over.

    Raises `FoldEnded`, with the last it said, for a fold that does not come to its end.
    """
    files = {title: folder / f"{number}.pickle" for number, title in enumerate(VARIANTS)}
    for title, file in files.items():
        write(batches(map(VARIANTS[title], lines)), file)
    for _ in range(repeats):
        for title, file in files.items():
            yield Pair(title, *folded((here, there), file))


def write(made: Iterable[Batch], file: Path) -> None:
    """Writes messages as plain tuples, which any commit reads."""
    plain = [(topic, end, [_PLAIN(each) for each in messages]) for topic, end, messages in made]
    file.write_bytes(pickle.dumps(plain, pickle.HIGHEST_PROTOCOL))


def folded(trees: Sequence[Path], file: Path) -> list[Folded]:
    """A file of messages folded by each tree, in processes that take turns of a few thousand.

    Neighbours of the machine come and go within seconds: so they trouble all alike.
    """
    with ExitStack() as stack:
        folds = [stack.enter_context(_Fold(tree, file)) for tree in trees]
        while sum(fold.turn() for fold in folds):
            folds.reverse()
        by_tree = {fold.tree: fold.sum for fold in folds}
    return [by_tree[tree] for tree in trees]


class _Fold:
    """One tree's process, and what it took by now."""

    def __init__(self, tree: Path, file: Path) -> None:
        self.tree = tree
        self._events = self._refused = 0
        self._spent = 0.0
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_SCRIPT), str(file), str(agreements_in(tree))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def turn(self) -> bool:
        """Lets it fold the next few thousand; whether there were any."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            _, last = self._process.communicate()
            said = last.decode(errors="replace")[-2_000:]
            raise FoldEnded(f"the fold in {self.tree} ended: {said}")
        found = json.loads(line)
        self._events += found["events"]
        self._spent += found["processor"]
        self._refused = found["refused"]
        return bool(found["events"])

    @property
    def sum(self) -> Folded:
        """What all of it took."""
        return Folded(self._spent / self._events * 1e6, self._refused)


class Ratio(NamedTuple):
    """The medians of the pairs of one variant."""

    variant: str
    here: float
    there: float
    ratio: float
    lowest: float
    highest: float
    refused: tuple[int, int]


def ratios(found: Sequence[Pair]) -> list[Ratio]:
    """The medians of each variant; the ratio is that of the pairs, which share their neighbours."""
    return [_ratio(title, [pair for pair in found if pair.variant == title]) for title in VARIANTS]


def _ratio(title: str, found: Sequence[Pair]) -> Ratio:
    shares = [pair.ratio for pair in found]
    return Ratio(
        title,
        median(pair.here.cost for pair in found),
        median(pair.there.cost for pair in found),
        median(shares),
        min(shares),
        max(shares),
        (found[0].here.refused, found[0].there.refused),
    )
