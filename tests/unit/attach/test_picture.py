"""The whole picture, and how the host's lines become cells."""

from __future__ import annotations

import pytest
from iterm2 import api_pb2 as wire

from iterm_mcp.attach.layout import Pane, Split
from iterm_mcp.attach.picture import Scene, Screen, compose, grid_for
from iterm_mcp.attach.wire_cells import line_cells, sgr, tree_of


def _screen(*lines: str, cursor: tuple[int, int] = (0, 0)) -> Screen:
    return Screen([[(letter, "") for letter in line] for line in lines], cursor)


def _scene() -> Scene:
    root = Split(vertical=True, children=(Pane("a", 8, 3, "one"), Pane("b", 11, 3, "two\x1b")))
    screens = {"a": _screen("left"), "b": _screen("right", "more", cursor=(4, 1))}
    return Scene(root, "b", ["sh"], 0, "ctrl-b", screens)


def test_panes_stand_side_by_side_with_titles_above_and_tabs_below() -> None:
    frame = compose(_scene(), 40, 6)
    assert frame.text() == [
        "── one ─│── two ────",
        "left    │right",
        "        │more",
        "        │",
        "",
        "*1:sh" + " " * 16 + " ctrl-b ? for help",
    ]
    assert frame.cursor == (13, 2)
    assert grid_for(40, 6) == (40, 4)


def test_in_a_smaller_terminal_the_part_with_the_cursor_is_shown() -> None:
    frame = compose(_scene(), 12, 3)
    assert frame.text() == ["│right", "│more", " 20x3, cut off"[:12]]
    assert frame.cursor == (5, 1)
    scene = _scene()
    scene.active = "a"
    frame = compose(scene, 12, 4)
    assert frame.text() == ["── one ─│──", "left    │rig", "        │mor", " 20x3, cut off"[:12]]
    assert frame.cursor == (0, 1)


def test_the_part_that_is_shown_follows_the_cursor_along_a_pane_that_is_too_wide() -> None:
    screen = _screen("0123456789漢x", cursor=(11, 0))
    screen.lines[0].insert(11, ("", ""))
    scene = Scene(Pane("a", 20, 1), "a", ["sh"], 0, "ctrl-b", {"a": screen})
    assert compose(scene, 8, 3).text()[1] == "456789漢"
    screen = Screen(screen.lines, (18, 0))
    scene.screens["a"] = screen
    frame = compose(scene, 8, 3)
    assert frame.text()[1] == " x", "half of a wide one is blank"
    assert frame.cursor == (7, 1)


def test_a_program_that_hides_the_cursor_shows_none() -> None:
    scene = _scene()
    scene.cursor = False
    assert compose(scene, 40, 6).cursor is None


def test_of_many_tabs_the_selected_one_is_named() -> None:
    scene = _scene()
    scene.tabs, scene.selected = [f"tab{number}" for number in range(20)], 15
    assert "*16:tab15" in compose(scene, 40, 6).text()[-1]


@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (2, 2), (3, 40), (200, 1)])
def test_any_size_of_terminal_has_a_picture(columns: int, rows: int) -> None:
    scene = _scene()
    scene.help = True
    frame = compose(scene, columns, rows)
    assert [len(row) for row in frame.cells] == [columns] * rows


def test_a_pane_that_was_not_read_yet_is_blank() -> None:
    scene = _scene()
    scene.screens.clear()
    assert compose(scene, 40, 6).text()[1] == "        │"


def test_help_covers_the_middle_and_hides_the_cursor() -> None:
    scene = _scene()
    scene.help = True
    frame = compose(scene, 40, 12)
    assert any("After ctrl-b:" in row for row in frame.text())
    assert frame.cursor is None


def test_a_line_becomes_cells_with_their_styles() -> None:
    line = wire.LineContents(text="a漢\0e\u0301")
    for points, repeats in ((1, 2), (0, 1), (1, 1), (2, 1)):
        line.code_points_per_cell.add(num_code_points=points, repeats=repeats)
    line.style.add(bold=True, repeats=1)
    line.style.add(fgStandard=3, underline=True, repeats=2)
    colored = ("漢", "4;38;5;3"), ("", "4;38;5;3")
    assert line_cells(line) == [("a", "1"), *colored, (" ", ""), ("e\u0301", "")]


def test_control_characters_never_reach_the_terminal() -> None:
    line = wire.LineContents(text="\x1b\x9b")
    line.code_points_per_cell.add(num_code_points=1, repeats=2)
    assert line_cells(line) == [(" ", ""), (" ", "")]


def test_colours_are_kept_as_the_program_chose_them() -> None:
    style = wire.CellStyle(bgRgb=wire.RGBColor(red=1, green=2, blue=3), inverse=True)
    assert sgr(style) == "7;48;2;1;2;3"
    assert sgr(wire.CellStyle(fgAlternate=wire.AlternateColor.DEFAULT)) == ""


def test_a_tree_is_read_with_sizes_and_titles() -> None:
    root = wire.SplitTreeNode(vertical=True)
    for name in ("x", "y"):
        leaf = root.links.add().node.links.add().session
        leaf.unique_identifier, leaf.title = name, name.upper()
        leaf.grid_size.width, leaf.grid_size.height = 4, 2
    inner = [Split(vertical=False, children=(Pane(name, 4, 2, name.upper()),)) for name in "xy"]
    assert tree_of(root) == Split(vertical=True, children=tuple(inner))
