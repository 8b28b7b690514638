"""Stretches of output, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.unit.services.stage import ONE, Stage, span

from iterm_mcp.models.output import OutputLine
from iterm_mcp.services.output.excerpts import join, read_excerpt

if TYPE_CHECKING:
    from iterm_mcp.models.commands import Excerpt
    from iterm_mcp.models.output import Span


async def read(stage: Stage, wanted: Span, lines: int = 100) -> Excerpt:
    return await read_excerpt(stage.terminal, ONE, wanted, max_lines=lines)


async def test_it_begins_and_ends_at_its_cells() -> None:
    stage = Stage("0123", "abcd", "4567")

    found = await read(stage, span(0, 2, 2, 1))

    assert (found.text, found.first_line, found.end_line) == ("23\nabcd\n4", 0, 3)


async def test_wide_characters_take_two_cells() -> None:
    stage = Stage("x")
    stage.rows[0] = OutputLine("\u6f22\u5b57x", cells=((1, 1), (0, 1), (1, 1), (0, 1), (1, 1)))

    assert (await read(stage, span(0, 2, 0, 4))).text == "\u5b57"


async def test_only_the_end_is_read_and_the_rest_counted() -> None:
    stage = Stage(*map(str, range(10)))
    stage.lost = 2

    found = await read(stage, span(0, 0, 10, 0), 3)

    assert (found.text, found.lost, found.left_out) == ("7\n8\n9", 2, 5)


async def test_rows_that_are_lost_are_counted_and_the_others_read() -> None:
    stage = Stage(*map(str, range(10)))
    stage.lost = 4

    found = await read(stage, span(1, 0, 10, 0))

    assert (found.text, found.first_line, found.lost) == ("4\n5\n6\n7\n8\n9", 4, 3)


async def test_a_whole_page_that_is_lost_is_passed_over() -> None:
    stage = Stage(*map(str, range(10)))
    stage.lost, stage.largest_page = 6, 3

    found = await read(stage, span(0, 0, 10, 0))

    assert (found.text, found.lost) == ("6\n7\n8\n9", 6)


async def test_what_is_lost_while_it_is_read_is_not_mixed_with_the_rest() -> None:
    stage = Stage(*map(str, range(10)))
    stage.largest_page = 4
    stage.lose_at_reading = [0, 6]

    found = await read(stage, span(0, 0, 10, 0))

    assert (found.text, found.first_line, found.lost) == ("6\n7\n8\n9", 6, 6)


async def test_rows_that_never_were_are_none() -> None:
    stage = Stage("a", height=2)

    found = await read(stage, span(5, 0, 9, 0))

    assert (found.text, found.first_line, found.end_line) == ("", 5, 5)


def test_a_wrapped_row_goes_on_in_the_next() -> None:
    assert join([("ab", True), ("c", False), ("", False), ("d", True)]) == "abc\n\nd"
    assert join([]) == ""
