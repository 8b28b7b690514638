from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.host.rendering.pictures import Letter, Picture, picture_of
from tests.unit.host.rendering.views import view_of

from iterm_mcp.host.lines import Line, Style, StyleRun
from iterm_mcp.host.rendering.palette import DARK
from iterm_mcp.host.rendering.shapes import HEIGHT, WIDTH
from iterm_mcp.host.rendering.view import Cursor, View

if TYPE_CHECKING:
    from iterm_mcp.host.rendering.view import CursorShape


def cells(left: int, top: int, right: int, bottom: int) -> str:
    """The outline of some cells."""
    left, right, top, bottom = left * WIDTH, right * WIDTH, top * HEIGHT, bottom * HEIGHT
    return f"M{left} {top}H{right}V{bottom}H{left}Z"


def test_letters_stand_at_their_columns() -> None:
    picture = picture_of("ab  c\n\x1b[7Cd")

    assert picture.letters() == [
        Letter(0, 0, "a"), Letter(0, 1, "b"), Letter(0, 4, "c"), Letter(1, 7, "d")
    ]  # fmt: skip


def test_what_follows_wide_and_combined_characters_stands_at_its_column() -> None:
    picture = picture_of("漢a👍b\u00e9e\u0301c→d")

    assert [letter.text for letter in picture.letters()] == [*"漢a👍bé", "e\u0301", *"c→d"]
    places = [letter.column for letter in picture.letters()]
    assert places == [0.5, 2, 3, 5, 6, 7, 8, 9, 10]


def test_signs_are_made_as_wide_as_their_cells_and_letters_keep_their_shape() -> None:
    fitted = {text.text: text for text in picture_of("→👍漢א").all("text")}

    assert fitted["→"].get("textLength") == str(WIDTH)
    assert fitted["👍"].get("textLength") == str(2 * WIDTH)
    assert fitted["漢"].get("textLength") is None
    assert fitted["א"].get("text-anchor") == "middle"


def test_a_space_after_a_word_can_be_copied_with_it() -> None:
    picture = picture_of(
        "one two   \x1b[31mthree\x1b[0m \x1b[1mfour\x1b[0m 漢 \x1b[8mx\x1b[0m five"
    )

    assert [text.text for text in picture.all("text")] == [
        "one ", "two ", "three ", "four ", "漢", " ", "five"
    ]  # fmt: skip


def test_an_invisible_letter_parts_a_word_in_two() -> None:
    picture = picture_of("ab\x1b[8mcd\x1b[0mef")

    assert [text.text for text in picture.all("text")] == ["ab", "ef"]
    assert [letter.column for letter in picture.letters()] == [0, 1, 4, 5]


def test_weight_slant_and_colour_are_the_texts_own() -> None:
    bold, italic, red, plain = picture_of("\x1b[1mb\x1b[0;3mi\x1b[0;38;2;255;0;0mr\x1b[0mp").all(
        "text"
    )

    assert (bold.get("font-weight"), italic.get("font-style")) == ("bold", "italic")
    assert (red.get("fill"), plain.get("fill")) == ("#ff0000", None)


def test_invisible_text_is_not_in_the_picture() -> None:
    picture = picture_of("\x1b[4;8;9;53msecret─\x1b[0m")

    assert not picture.letters()
    assert not picture.all("path")


def test_backgrounds_that_touch_are_one_rectangle() -> None:
    red = "\x1b[48;2;255;0;0m"
    picture = picture_of(f" {red}ab\x1b[1mc\x1b[0m\n {red}   \x1b[0m\n {red}  \x1b[0m")

    assert picture.painted("#ff0000") == cells(1, 0, 4, 2) + cells(1, 2, 3, 3)


def test_the_background_of_a_row_erased_to_its_end_reaches_the_end() -> None:
    picture = picture_of("\x1b[48;2;255;0;0m\x1b[Ka\x1b[0m", rows=1)

    assert picture.painted("#ff0000") == cells(0, 0, 40, 1)


def test_backgrounds_with_a_gap_are_two_rectangles() -> None:
    picture = picture_of("\x1b[41ma\x1b[0mb\x1b[41mc\x1b[42md\x1b[0m", rows=1)

    assert picture.painted(f"#{DARK.palette[1]:06x}") == cells(0, 0, 1, 1) + cells(2, 0, 3, 1)
    assert picture.painted(f"#{DARK.palette[2]:06x}") == cells(3, 0, 4, 1)


@pytest.mark.parametrize(
    ("code", "lines"),
    [("4", 1), ("4:2", 2), ("4:3", 1), ("4:4", 1), ("4:5", 1), ("9", 1), ("53", 1), ("4;9;53", 3)],
)
def test_each_line_is_drawn_in_its_colour_over_all_its_cells(code: str, lines: int) -> None:
    picture = picture_of(f" \x1b[{code};31ma b\x1b[0m")

    drawn = [path.attrib["d"] for path in picture.all("path")]
    assert len(drawn) == lines
    assert all(data.startswith(f"M{WIDTH} ") for data in drawn)
    assert {path.get("stroke") for path in picture.all("path")} == {f"#{DARK.palette[1]:06x}"}
    assert all(data.endswith(f"h{3 * WIDTH}") or data.count("q") == 3 for data in drawn)


def test_dotted_and_dashed_lines_join_from_cell_to_cell() -> None:
    for code in ("4:4", "4:5"):
        (path,) = picture_of(f"\x1b[{code}mab\x1b[0m").all("path")
        assert WIDTH % sum(map(int, path.attrib["stroke-dasharray"].split())) == 0


def test_an_underline_may_have_its_own_colour() -> None:
    (path,) = picture_of("\x1b[4:3;58;2;1;2;3mx\x1b[0m").all("path")

    assert path.get("stroke") == "#010203"


def test_lines_and_blocks_are_drawn_to_the_edges_of_their_cells() -> None:
    picture = picture_of("─│\n█\x1b[31m░\x1b[0m\u2571", rows=2)

    assert not picture.all("text")
    drawn = picture.painted(f"#{DARK.foreground:06x}")
    assert f"H{WIDTH}V" in drawn
    assert cells(0, 1, 1, 2) in drawn
    (shade,) = [path for path in picture.all("path") if path.get("fill-opacity")]
    assert (shade.get("fill-opacity"), shade.get("fill")) == ("0.25", f"#{DARK.palette[1]:06x}")
    (stroke,) = [path for path in picture.all("path") if path.get("stroke")]
    assert stroke.get("d") == f"M{2 * WIDTH} {2 * HEIGHT}L{3 * WIDTH} {HEIGHT}"


def test_areas_have_crisp_edges_and_thin_lines_may_be_blurred_but_not_vanish() -> None:
    paths = picture_of("\x1b[41m \x1b[0m█─│╭").all("path")

    assert [path.get("shape-rendering") for path in paths] == [
        "crispEdges", None, "crispEdges", None
    ]  # fmt: skip


def test_a_link_leads_to_its_address_and_covers_its_cells() -> None:
    picture = picture_of('\x1b]8;;https://a/?x=1&y="2"\x1b\\to here\x1b]8;;\x1b\\ no', rows=1)

    (link,) = picture.all("a")
    assert link.get("href") == 'https://a/?x=1&y="2"'
    assert "".join(link.itertext()) == "to here"
    assert link[0].get("width") == str(7 * WIDTH)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "x", "http://[", ""])
def test_what_could_run_a_script_is_no_link(url: str) -> None:
    line = Line("x", ((1, 1),), (StyleRun(Style(url=url), 1),))
    picture = Picture(View([line], 5))

    assert not picture.all("a")
    assert [letter.text for letter in picture.letters()] == ["x"]


@pytest.mark.parametrize("column", [1, 2])
def test_a_block_cursor_takes_the_colours_of_a_whole_character(column: int) -> None:
    view = view_of("a漢b", rows=1)
    colors = replace(DARK, cursor=0x00FF00, cursor_text=0xFF00FF)
    picture = Picture(replace(view, cursor=Cursor(column, 0), colors=colors))

    assert picture.painted("#00ff00") == cells(1, 0, 3, 1)
    (under,) = [text for text in picture.all("text") if text.get("fill") == "#ff00ff"]
    assert under.text == "漢"


@pytest.mark.parametrize(("printed", "left"), [("", 0), ("ab", 2), ("abc\x1b[D", 2), ("abcd", 3)])
def test_a_block_cursor_may_stand_where_nothing_is_and_never_beyond_the_edge(
    printed: str, left: int
) -> None:
    picture = picture_of(printed, columns=4, rows=1, cursor=True)

    assert cells(left, 0, left + 1, 1) in picture.painted(f"#{DARK.cursor:06x}")


@pytest.mark.parametrize(
    ("shape", "box"),
    [("bar", f"M{WIDTH} 0H{WIDTH + 2}V{HEIGHT}"), ("underline", f"M{WIDTH} 18H{2 * WIDTH}V20")],
)
def test_other_cursors_are_thin(shape: CursorShape, box: str) -> None:
    view = replace(view_of("abc", rows=1), cursor=Cursor(1, 0, shape))

    assert Picture(view).painted(f"#{DARK.cursor:06x}").startswith(box)


def test_a_cursor_outside_of_the_lines_is_not_drawn() -> None:
    for shape in ("block", "bar"):
        view = replace(view_of("abc", rows=1), cursor=Cursor(1, -5, shape))
        assert not Picture(view).all("path")


@given(st.text(max_size=30))
def test_any_text_makes_a_picture_that_stands_alone(text: str) -> None:
    line = Line(text, ((1, len(text)),), (StyleRun(Style(url=f"http://{text}"), len(text)),))
    picture = Picture(View([line], 30))

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", picture.svg)
    assert {element.tag.partition("}")[2] for element in picture.root.iter()} <= {
        "svg", "g", "rect", "path", "text", "a"
    }  # fmt: skip


def test_tags_and_entities_are_only_text() -> None:
    picture = picture_of("<b>&amp;]]>'\"", rows=1)

    assert "".join(letter.text for letter in picture.letters()) == "<b>&amp;]]>'\""
