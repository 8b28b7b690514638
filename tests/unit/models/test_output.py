"""Cells and characters of a row, and rows of a session, counted both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.models.output import OutputLine, OutputLines

WIDE = OutputLine("\u6f22a\u0301b", cells=((1, 1), (0, 1), (2, 1), (1, 1)))
"""A character of two cells, one made of two code points in one cell, and a plain one."""


def test_a_row_of_plain_characters_has_a_cell_for_each() -> None:
    row = OutputLine("abc")
    assert row.width == 3
    assert [row.offset(column) for column in range(5)] == [0, 1, 2, 3, 3]
    assert [row.column(offset) for offset in range(4)] == [0, 1, 2, 3]


def test_wide_and_combined_characters_keep_their_cells() -> None:
    assert WIDE.width == 4
    assert [WIDE.offset(column) for column in range(6)] == [0, 1, 1, 3, 4, 4]
    assert [WIDE.column(offset) for offset in range(5)] == [0, 2, 2, 3, 4]


cells = st.lists(
    st.sampled_from([((1, 1),), ((1, 1), (0, 1)), ((2, 1),), ((3, 1), (0, 1)), ((1, 4),)]),
    min_size=1,
    max_size=8,
)


@given(cells)
def test_a_cell_that_holds_characters_is_found_again_by_the_first_of_them(
    runs: list[tuple[tuple[int, int], ...]],
) -> None:
    flat = tuple(one for run in runs for one in run)
    row = OutputLine("x" * sum(size * count for size, count in flat), cells=flat)
    sizes = [size for size, count in flat for _ in range(count)]
    assert row.width == len(sizes)
    for column, size in enumerate(sizes):
        if size:
            assert row.column(row.offset(column)) == column


ROWS = OutputLines(10, tuple(OutputLine(text) for text in "abcd"))


@pytest.mark.parametrize(("number", "text"), [(9, None), (10, "a"), (13, "d"), (14, None)])
def test_a_line_is_found_by_its_number_alone(number: int, text: str | None) -> None:
    found = ROWS.at(number)
    assert (None if found is None else found.text) == text


@pytest.mark.parametrize(
    ("first", "end", "number", "texts"),
    [
        (11, 13, 11, "bc"),
        (0, 12, 10, "ab"),
        (12, 99, 12, "cd"),
        (12, 5, 12, ""),
        (20, 30, 20, ""),
        (0, 5, 10, ""),
    ],
)
def test_a_part_has_the_lines_that_are_there_under_their_numbers(
    first: int, end: int, number: int, texts: str
) -> None:
    part = ROWS.part(first, end)
    assert (part.first, [line.text for line in part.lines]) == (number, list(texts))
    assert part.end == part.first + len(texts)
