"""What a selection holds, and which can be."""

from __future__ import annotations

import pytest

from iterm_mcp.host import selection
from iterm_mcp.host.engine import Engine
from iterm_mcp.host.selection import Part


@pytest.fixture
def engine() -> Engine:
    """Ten columns: a wrapped line on rows 0 and 1, an empty row 2, a wide character on row 3."""
    one = Engine(10, 5, scrollback=20, on_osc=lambda _event: None)
    one.feed("0123456789abc\r\n\r\nla世st".encode())
    return one


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([], ""),
        ([Part((2, 0), (4, 0))], "23"),
        ([Part((8, 0), (2, 1))], "89ab"),
        ([Part((0, 1), (2, 3))], "abc\n\nla"),
        ([Part((0, 1), (0, 2))], "abc"),
        ([Part((0, 3), (4, 3))], "la世"),
        ([Part((0, 0), (3, 1), (1, 2))], "12\nbc"),
        ([Part((0, 0), (2, 0)), Part((0, 1), (1, 1))], "01\na"),
        ([Part((0, 0), (2, 0)), Part((2, 0), (3, 0), connected=True)], "012"),
        ([Part((3, 1), (0, 0))], ""),
        ([Part((0, 90), (5, 99))], ""),
    ],
)
def test_text_is_what_would_be_copied(engine: Engine, parts: list[Part], expected: str) -> None:
    assert selection.text(engine, parts) == expected


def test_the_text_of_lost_lines_is_left_out(engine: Engine) -> None:
    engine.feed(b"\r\n" * 40)
    part = Part((0, 0), (0, engine.overflow + 1))
    assert selection.remaining([part, Part((0, 0), (9, 1))], engine.overflow) == [part]
    assert selection.text(engine, [part]) == ""


@pytest.mark.parametrize(
    ("part", "fits"),
    [
        (Part((0, 0), (10, 0)), True),
        (Part((0, 0), (11, 0)), False),
        (Part((11, 0), (0, 1)), False),
        (Part((0, 0), (5, 0), (4, 6)), True),
        (Part((0, 0), (5, 0), (5, 6)), False),
        (Part((-1, 0), (5, 0)), False),
        (Part((0, -1), (5, 0)), False),
        (Part((0, 0), (5, 0), (0, -1)), False),
    ],
)
def test_a_part_lies_on_the_screens_columns(part: Part, *, fits: bool) -> None:
    assert part.fits(10) is fits


def test_of_a_long_selection_only_the_beginning_is_read_whatever_its_parts() -> None:
    engine = Engine(10, 5, scrollback=8000, on_osc=lambda _event: None)
    engine.feed(b"x\r\n" * 8000)
    parts = [Part((0, 0), (1, 7999))] * 3

    assert selection.text(engine, parts).count("x") == selection.MAX_LINES
