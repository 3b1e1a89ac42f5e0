"""Makes messages and tables by seeded chance, and holds the claims against each, for so long.

The first input that breaks a claim is kept as a file of the corpus, and ends the run with 1.
"""

import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

import click

from tests.fuzz.claims import Broken, of_message, of_table
from tests.fuzz.mutations import mutated

CORPUS: Final = Path(__file__).parent / "corpus"
MESSAGES: Final = CORPUS / "messages"
TABLES: Final = CORPUS / "tables"
MAPPINGS: Final = CORPUS / "mappings"
_TOLD_EVERY: Final = 20_000


def inputs(folder: Path) -> list[Path]:
    """The files of a folder of the corpus, in the order of their names."""
    return sorted(folder.iterdir())


def mappings_of(table: Path) -> list[Path]:
    """The mappings a table of the corpus is read by: the one it is named after, else every one."""
    own = MAPPINGS / f"{table.name.partition('.')[0]}.yaml"
    return [own] if own.exists() else inputs(MAPPINGS)


def messages(seed: int) -> Iterator[Callable[[], object]]:
    """Endless made messages, each with the claims on it."""
    known, random = [path.read_bytes() for path in inputs(MESSAGES)], Random(seed)
    while True:
        value = mutated(random.choice(known), known, random)
        yield _claim(MESSAGES, value, lambda value=value: of_message(value))  # type: ignore[misc]


def tables(seed: int) -> Iterator[Callable[[], object]]:
    """Endless made tables, each with the claims on it."""
    paths, random = inputs(TABLES), Random(seed)
    known = [path.read_bytes() for path in paths]
    while True:
        path = random.choice(paths)
        content = mutated(path.read_bytes(), known, random)
        mapping = random.choice(mappings_of(path))
        yield _claim(
            TABLES,
            content,
            lambda content=content, mapping=mapping: of_table(content, mapping),  # type: ignore[misc]
            f"{mapping.stem}.",
        )


def _claim(
    folder: Path, content: bytes, claim: Callable[[], object], name: str = ""
) -> Callable[[], object]:
    """The claim, which keeps an input that breaks it."""

    def hold() -> object:
        try:
            return claim()
        except Broken:
            kept = folder / f"{name}found-{blake2b(content, digest_size=6).hexdigest()}"
            kept.write_bytes(content)
            click.echo(f"kept as {kept}", err=True)
            raise

    return hold


KINDS: Final = {"messages": messages, "tables": tables}


def run(kind: str, seed: int, seconds: float, most: int | None = None) -> tuple[int, int]:
    """How many inputs were made in the time, and of how many something was taken."""
    end, taken, made = time.monotonic() + seconds, 0, 0
    for made, hold in zip(count(1), KINDS[kind](seed), strict=False):
        taken += bool(hold())
        if made % _TOLD_EVERY == 0:
            click.echo(f"{kind}: {made:,} made, of {taken:,} something was taken")
        if time.monotonic() > end or made == most:
            break
    return made, taken


def main() -> None:
    """Runs each kind in turn; exits with 1 at the first input that breaks a claim."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="for each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(KINDS), help="messages or tables alone")
    given = parser.parse_args()
    for kind in [given.only] if given.only else KINDS:
        try:
            made, taken = run(kind, given.seed, given.minutes * 60)
        except Broken as broken:
            sys.exit(f"{kind}, seed {given.seed}: {broken}")
        click.echo(f"{kind}: {made:,} made, of {taken:,} something was taken; every claim holds")


if __name__ == "__main__":
    main()
