"""Rows decoded in bulk are the rows that are decoded cell by cell."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.host.cells import build_line, build_lines
from iterm_mcp.host.lines import Line, Style
from iterm_mcp.host.plain_cells import ascii_text, is_unstyled, plain_text

CODE_POINT, CLUSTER, PALETTE, RGB = range(4)
SPACER_TAIL = 2


def cell(point: int, *, tag: int = CODE_POINT, style: int = 0, wide: int = 0, link: int = 0) -> int:
    return tag | point << 2 | style << 26 | wide << 42 | link << 45 | 1 << 46


class Row:
    """What a row of so many styles answers."""

    def __init__(self, number: int) -> None:
        self.number = number

    def cluster(self, column: int) -> str:
        return f"{column}\u0301"

    def style(self, _column: int) -> Style:
        return Style(bold=True, url=str(self.number))

    def linked_style(self, column: int) -> Style:
        return Style(url=f"{self.number} {column // 3}")


points = st.one_of(
    st.sampled_from([0, 0, 0x20]),
    st.integers(0x20, 0x7E),
    st.integers(0xA0, 0xFF),
    st.sampled_from([0x100, 0x2500, 0x3FFF, 0x4000, 0xD7FF, 0xE000, 0xFFFF]),
)
plain = st.builds(cell, points, style=st.sampled_from([0, 0, 1, 64, 0xFFFF]))
odd = st.one_of(
    st.builds(cell, st.integers(0x10000, 0x10FFFF)),
    st.builds(cell, points, tag=st.just(CLUSTER)),
    st.builds(cell, st.integers(0, 0xFF), tag=st.just(PALETTE)),
    st.builds(cell, st.integers(0, 0xFFFFFF), tag=st.just(RGB)),
    st.builds(cell, st.just(0), wide=st.integers(1, 3)),
    st.builds(cell, points, link=st.just(1)),
)
WIDTH = 7
row = st.one_of(
    st.lists(st.builds(cell, points), min_size=WIDTH, max_size=WIDTH),
    st.lists(plain, min_size=WIDTH, max_size=WIDTH),
    st.lists(st.one_of(plain, odd), min_size=WIDTH, max_size=WIDTH),
)


def packed(cells: list[int]) -> bytes:
    return struct.pack(f"<{len(cells)}Q", *cells)


@given(st.lists(st.tuples(row, st.booleans()), max_size=6), st.booleans(), st.booleans())
def test_lines_made_together_are_those_made_one_by_one(
    rows: list[tuple[list[int], bool]],
    styles: bool,  # noqa: FBT001 - drawn
    erased: bool,  # noqa: FBT001 - drawn
) -> None:
    clusters = [any(one & 3 == CLUSTER for one in cells) for cells, _ in rows]
    flags = [(wraps, cluster) for (_, wraps), cluster in zip(rows, clusters, strict=True)]
    together = build_lines(
        packed([one for cells, _ in rows for one in cells]),
        flags,
        Row,
        styles=styles,
        erased=erased,
    )
    assert together == [
        build_line(
            cells,
            Row(number),
            clusters=clusters[number],
            soft_wrapped=wraps,
            styles=styles,
            erased=erased,
        )
        for number, (cells, wraps) in enumerate(rows)
    ]
    for line in together:
        assert all(left.style != right.style for left, right in pairwise(line.styles))


def test_no_rows_make_no_lines() -> None:
    assert build_lines(b"", [], Row, styles=True, erased=True) == []


def test_empty_cells_stand_as_zero_inside_a_row_and_are_dropped_at_its_end() -> None:
    cells = packed([cell(0), cell(0x61), cell(0), cell(0x20), cell(0), cell(0)])
    assert plain_text(cells) == "\0a\0 \0\0"
    assert build_lines(cells, [(True, False)], Row, styles=False, erased=False) == [
        Line("\0a\0 ", ((1, 4),), (), soft_wrapped=True)
    ]


@pytest.mark.parametrize(
    "strange",
    [
        cell(0x10000),
        cell(0x61, tag=CLUSTER),
        cell(3, tag=PALETTE),
        cell(0, tag=RGB),
        cell(0x4E16, wide=1),
        cell(0, wide=SPACER_TAIL),
    ],
)
def test_one_strange_cell_is_not_taken_for_a_plain_one(strange: int) -> None:
    assert plain_text(packed([cell(0x61), strange])) is None


@pytest.mark.parametrize("bit", range(26, 46))
def test_every_bit_of_a_style_or_link_is_seen(bit: int) -> None:
    unstyled = not (26 <= bit < 42 or bit == 45)
    assert is_unstyled(packed([cell(0x61), cell(0x61) | 1 << bit])) == unstyled


@given(st.lists(st.one_of(plain, odd), max_size=WIDTH))
def test_ascii_is_what_plain_text_takes_and_ascii_can_hold(cells: list[int]) -> None:
    text = plain_text(packed(cells))
    expected = text.encode() if text is not None and text.isascii() else None
    assert ascii_text(packed(cells)) == expected
