"""Rows as bytes are the messages that they should be."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterm_mcp.host import line_wire, wire
from iterm_mcp.host.lines import PLAIN, Color, Line, Style, StyleRun
from iterm_mcp.host.messages import write_style

if TYPE_CHECKING:
    from tests.unit.host.screens import Screen

colors = st.one_of(
    st.just(Color("default")),
    st.builds(Color, st.just("palette"), st.integers(0, 255)),
    st.builds(Color, st.just("rgb"), st.integers(0, 0xFFFFFF)),
)
looks = st.builds(
    Style,
    foreground=colors,
    background=colors,
    bold=st.booleans(),
    underline_color=st.none() | colors,
    url=st.none() | st.text(max_size=200),
)
lines = st.builds(
    Line,
    st.text(max_size=300),
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 300)), max_size=3).map(tuple),
    st.lists(st.builds(StyleRun, looks, st.integers(1, 1 << 20)), max_size=3).map(tuple),
    st.booleans(),
)


def read(rows: list[Line], *, styles: bool) -> list[wire.LineContents]:
    data = line_wire.contents(rows, styles=styles)
    return list(wire.GetBufferResponse.FromString(data).contents)


def message(line: Line, *, styles: bool) -> wire.LineContents:
    """Return what a line is, attribute by attribute."""
    out = wire.LineContents(text=line.text)
    end = out.CONTINUATION_SOFT_EOL if line.soft_wrapped else out.CONTINUATION_HARD_EOL
    out.continuation = end
    for points, repeats in line.cells:
        out.code_points_per_cell.add(num_code_points=points, repeats=repeats)
    for run in line.styles if styles else ():
        write_style(run.style, out.style.add(repeats=run.cells))
    return out


@given(st.lists(lines, max_size=5), st.booleans())
def test_lines_are_the_messages_that_they_should_be(
    rows: list[Line],
    styles: bool,  # noqa: FBT001 - drawn
) -> None:
    assert read(rows, styles=styles) == [message(one, styles=styles) for one in rows]


@pytest.mark.parametrize("styles", [False, True])
@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"plain\r\n \x1b[2;5Hgap \r\n" + b"wrapped " * 7,
        b"\x1b[1mbold",
        "漢 e\u0301 é".encode(),
    ],
)
def test_a_page_is_its_lines(engine: Screen, written: bytes, styles: bool) -> None:  # noqa: FBT001 - a case
    engine.feed(written)
    rows = engine.read(0, 99, partial(line_wire.page, styles=styles))
    assert rows == [
        line_wire.contents([line], styles=styles) for line in engine.lines(0, 99, styles=styles)
    ]


def test_an_answer_is_the_whole_message() -> None:
    rows = [Line("first", ((1, 5),)), Line("second", ((1, 6),))]
    response = wire.GetBufferResponse(status=wire.GetBufferResponse.OK)
    response.cursor.x = 5
    body = line_wire.body(response, line_wire.contents(rows, styles=False))
    data = line_wire.answer(7, body)
    response.contents.extend(message(line, styles=False) for line in rows)
    expected = wire.ServerOriginatedMessage(id=7, get_buffer_response=response)
    assert wire.ServerOriginatedMessage.FromString(data) == expected


def test_a_line_has_its_styles_only_when_they_are_wanted() -> None:
    bold = Style(
        foreground=Color("palette", 3),
        background=Color("rgb", 0x0102FF),
        bold=True,
        underline_color=Color("rgb", 0x102030),
        url="https://example.com",
    )
    line = Line("ab", ((1, 2),), (StyleRun(bold, 1), StyleRun(Style(), 1)), soft_wrapped=True)
    (bare,), (full,) = read([line], styles=False), read([line], styles=True)
    assert (bare.text, list(bare.style)) == ("ab", [])
    assert bare.continuation == wire.LineContents.CONTINUATION_SOFT_EOL
    assert [(one.num_code_points, one.repeats) for one in bare.code_points_per_cell] == [(1, 2)]
    first, second = full.style
    assert (first.repeats, first.bold, first.fgStandard, first.url.url) == (
        1, True, 3, "https://example.com"
    )  # fmt: skip
    rgb = first.bgRgb
    assert (rgb.red, rgb.green, rgb.blue) == (1, 2, 255)
    assert first.underlineColor.green == 0x20
    assert (second.fgAlternate, second.bgAlternate) == (wire.DEFAULT, wire.DEFAULT)
    assert not second.HasField("url")


def test_the_last_line_of_a_text_is_not_continued() -> None:
    (line,) = read([Line("end")], styles=False)
    assert line.continuation == wire.LineContents.CONTINUATION_HARD_EOL


def test_more_runs_than_are_remembered_are_written_too() -> None:
    runs = tuple(StyleRun(PLAIN, cells) for cells in range(1, 10_000))
    (line,) = read([Line("", (), runs)], styles=True)
    assert [one.repeats for one in line.style] == list(range(1, 10_000))
