"""The command `cmowatch demo`."""

import sys
from os import environ
from pathlib import Path

import click
from rich.console import Console

from deploy.lab.demo.run import demo as run_demo

_PAGE = 180


@click.command()
@click.option("--once", is_flag=True, help="Wait until all is judged, print the board, and end.")
@click.option(
    "--deliveries",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Real deliveries besides: the SCMS delivery history as CSV, plain or gzip.",
)
def demo(once: bool, deliveries: Path | None) -> None:
    """Show the monitor at work: a real Kafka, a year of eight CMOs, and a live board.

    The eight are simulated, and troubles are put into their year; they are told at the end beside
    what was found. Ctrl-C stops everything. CMOWATCH_BROKERS names a cluster to use instead of one
    of the demo's own; its topics must be empty.

    Exit code: 0 every trouble was found, 1 one was not or the demo could not run, 2 wrong usage or
    settings, 130 interrupted.
    """
    sys.exit(run_demo(once=once, deliveries=deliveries, console=_console()))


def _console() -> Console:
    """The terminal; where there is none, a page wide enough for the whole board."""
    there = Console()
    return there if there.is_terminal or "COLUMNS" in environ else Console(width=_PAGE)
