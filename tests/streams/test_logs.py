"""Few log lines of a kind."""

import io
import logging
from collections.abc import Iterator

import pytest

from streams.logs import FewOfAKind, log_to


def line(template: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, "", 1, template, args, None)


def test_lines_of_one_template_are_limited_and_others_are_not() -> None:
    few = FewOfAKind(most=2, now=lambda: 0.0)
    assert [few.filter(line("no node %d", n)) for n in range(4)] == [True, True, False, False]
    assert few.filter(line("something else"))


def test_after_a_while_a_line_says_how_many_were_held_back() -> None:
    clock = [0.0]
    few = FewOfAKind(most=2, seconds=30, now=lambda: clock[0])
    for n in range(10):
        few.filter(line("no node %d", n))
    clock[0] = 31.0
    assert few.filter(late := line("no node %d", 11))
    assert late.getMessage() == "no node 11 (8 like it held back)"


@pytest.fixture
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root, ours = logging.getLogger(), logging.getLogger("streams")
    before, levels = root.handlers[:], (root.level, ours.level)
    monkeypatch.setattr("sys.excepthook", None)
    root.handlers[:] = []
    yield io.StringIO()
    logging.captureWarnings(False)
    root.handlers[:] = before
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("error", ["streams error"]),
        ("warning", ["streams warning", "aiokafka warning", "streams error"]),
        ("info", ["streams info", "streams warning", "aiokafka warning", "streams error"]),
        (
            "debug",
            [
                *("streams info", "aiokafka info", "streams warning", "aiokafka warning"),
                "streams error",
            ],
        ),
    ],
)
def test_what_libraries_do_is_told_at_debug_alone(
    stream: io.StringIO, level: str, written: list[str]
) -> None:
    log_to(stream, level)
    ours, theirs = logging.getLogger("streams.app"), logging.getLogger("aiokafka.client")
    for said in ("info", "warning"):
        for name, logger in (("streams", ours), ("aiokafka", theirs)):
            logger.log(logging.getLevelName(said.upper()), "%s %s", name, said)
    ours.error("streams error")
    assert [text.partition(": ")[2] for text in stream.getvalue().splitlines()] == written
