"""What an event costs from bytes to windows, here and at an earlier commit, without Kafka."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from deploy.lab.bench.earlier import agreements_in
from deploy.lab.bench.errors import FoldEnded
from deploy.lab.bench.variants import VARIANTS, Batch, batches

_SCRIPT = Path(__file__).with_name("refold.py")
_LONGEST = 900.0


class Folded(NamedTuple):
    """One tree's fold of all: microseconds of the processor an event, and how many it refused."""

    cost: float
    refused: int


class Pair(NamedTuple):
    """The same messages folded by both trees, one right after the other."""

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
    """Folds each variant of the events in both trees, in turn, and first in the other each time.

    Raises `FoldEnded`, with the last it said, for a fold that does not come to its end.
    """
    files = {title: folder / f"{number}.pickle" for number, title in enumerate(VARIANTS)}
    for title, file in files.items():
        write(batches(map(VARIANTS[title], lines)), file)
    for repeat in range(repeats):
        for title, file in files.items():
            trees = (here, there) if repeat % 2 == 0 else (there, here)
            found = {tree: folded(tree, file) for tree in trees}
            yield Pair(title, found[here], found[there])


def write(made: Iterable[Batch], file: Path) -> None:
    """Writes messages as plain tuples, which any commit reads."""
    plain = [(topic, end, [tuple(each) for each in messages]) for topic, end, messages in made]
    file.write_bytes(pickle.dumps(plain, pickle.HIGHEST_PROTOCOL))


def folded(tree: Path, file: Path) -> Folded:
    """One fold of a file of messages by a tree, in a process of its own."""
    ran = subprocess.run(
        [sys.executable, "-P", str(_SCRIPT), str(file), str(agreements_in(tree))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"},
        timeout=_LONGEST,
        check=False,
    )
    if ran.returncode:
        raise FoldEnded(f"the fold in {tree} ended: {ran.stderr.decode(errors='replace')[-2_000:]}")
    said = json.loads(ran.stdout)
    return Folded(said["processor"] / said["events"] * 1e6, said["refused"])


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
