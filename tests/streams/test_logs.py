"""Few log lines of a kind."""

import logging

from streams.logs import FewOfAKind


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
