from __future__ import annotations

from dataclasses import replace
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.host.rendering.views import view_of

from iterm_mcp.host.lines import Color, Line, Style, StyleRun
from iterm_mcp.host.rendering.text import render_ansi, render_text
from iterm_mcp.host.rendering.view import View, glyphs

COLUMNS, ROWS = 30, 6

STYLES = [
    "1", "2", "3", "4", "4:2", "4:3", "4:4", "4:5", "5", "7", "8", "9", "53", "31", "97",
    "44", "103", "38;5;9", "38;5;200", "48;2;1;2;3", "58;5;4", "58;2;9;8;7",
]  # fmt: skip
pieces = st.one_of(
    st.sampled_from(["0", *STYLES]).map(lambda code: f"\x1b[{code}m"),
    st.sampled_from(["a", "b c", "漢字", "e\u0301", "👍", "\n", "\x1b[K", "\x1b[5C", " "]),
    st.sampled_from(["http://a/", "http://b/?x=1;y", ""]).map(lambda url: f"\x1b]8;;{url}\x1b\\"),
)


def shown(view: View) -> list[list[object]]:
    """What each row shows, with the emptiness at its end left out."""
    rows: list[list[object]] = []
    for line in view.lines:
        row = list(glyphs(line, view.columns))
        while row and row[-1].text == " " and row[-1].style in {Style(), _ink(row[-1].style)}:
            row.pop()
        rows.append(list(row))
    return rows


def _ink(style: Style) -> Style:
    """What of a style does not show on an empty cell."""
    lines = style.underline or style.strikethrough or style.overline or style.inverse or style.url
    return style if not lines and style.background.kind == "default" else Style()


@given(st.lists(pieces, max_size=30).map("".join))
def test_what_was_rendered_with_styles_looks_the_same_when_it_is_printed(printed: str) -> None:
    view = view_of(printed, columns=COLUMNS, rows=ROWS)

    again = view_of(render_ansi(view).rstrip("\n"), columns=COLUMNS, rows=ROWS)

    assert shown(again) == shown(view)


@pytest.mark.parametrize("code", STYLES)
def test_each_style_survives(code: str) -> None:
    view = view_of(f"\x1b[{code}mx y\x1b[0m z", rows=1)

    again = view_of(render_ansi(view).rstrip("\n"), rows=1)

    assert next(glyphs(view.lines[0], 1)).style != Style()
    assert shown(again) == shown(view)


def test_a_line_begins_and_ends_without_a_style() -> None:
    view = view_of("\x1b[1;31mred\nmore\x1b[0m plain", rows=2)

    assert render_ansi(view) == "\x1b[0;1;31mred\x1b[0m\n\x1b[0;1;31mmore\x1b[0m plain\n"


def test_a_link_is_closed_at_the_end_of_its_line() -> None:
    view = view_of("\x1b]8;;http://a/\x1b\\x\x1b]8;;\x1b\\", rows=1)

    assert render_ansi(view) == "\x1b]8;;http://a/\x1b\\x\x1b]8;;\x1b\\\n"


def test_text_has_neither_styles_nor_spaces_at_the_ends_of_lines() -> None:
    view = view_of("\x1b[1mbold\x1b[0m   \n\n  漢字 e\u0301\x1b[5Cx", rows=4)

    assert render_text(view) == "bold\n\n  漢字 e\u0301     x\n\n"


@pytest.mark.parametrize("letter", ["\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\ufeff", "\ud800"])
def test_characters_that_do_something_are_not_shown(letter: str) -> None:
    line = Line(f"a{letter}b", ((1, 3),), (StyleRun(Style(url=f"x:{letter}y"), 3),))

    for render in (render_text, render_ansi):
        assert "a b" in render(View([line], 10))
    link = render_ansi(View([line], 10)).split("\x1b\\")[0]
    assert link == "\x1b]8;;x:y"


def test_cells_beyond_the_screen_are_cut_off_and_half_a_character_is_a_space() -> None:
    line = Line("ab漢x", ((1, 2), (1, 1), (0, 1), (1, 1)))

    assert render_text(View([line], 3)) == "ab\n"
    assert [glyph.text for glyph in glyphs(line, 3)] == ["a", "b", " "]
    assert render_text(View([line], 4)) == "ab漢\n"


def test_cells_without_styles_are_plain() -> None:
    line = Line("ab", ((1, 2),), (StyleRun(Style(bold=True), 1),))

    assert [glyph.style for glyph in glyphs(line, 5)] == [Style(bold=True), Style()]


def test_colours_of_their_own_and_of_underlines_are_written_in_full() -> None:
    styles = (
        Style(foreground=Color("rgb", 0x010203)),
        Style(underline=True, underline_color=Color("palette", 3)),
    )
    line = Line("ab", ((1, 2),), tuple(StyleRun(style, 1) for style in styles))

    assert render_ansi(View([line], 2)) == "\x1b[0;38;2;1;2;3ma\x1b[0;4;58;5;3mb\x1b[0m\n"


def test_every_colour_of_the_palette_survives() -> None:
    styles = list(
        chain.from_iterable(
            (Style(foreground=color), replace(Style(), background=color))
            for color in (Color("palette", index) for index in range(256))
        )
    )
    line = Line("x" * len(styles), ((1, len(styles)),), tuple(StyleRun(one, 1) for one in styles))

    again = view_of(render_ansi(View([line], len(styles)))[:-1], columns=len(styles), rows=1)

    assert [glyph.style for glyph in glyphs(again.lines[0], len(styles))] == styles
