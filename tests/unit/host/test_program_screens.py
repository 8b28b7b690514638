"""Recorded programs show on our screen what they show on a reference terminal's."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest
from tests.fixtures.programs.plays import PLAYS
from tests.fixtures.programs.screens import Cell, Screen, differences, reference, replayed

if TYPE_CHECKING:
    from collections.abc import Iterable

CUT_FROM_THE_TOP = "a lower alternate screen gives up its upper rows, there its lower ones"
SHOWN_AGAIN = "there, a wider alternate screen shows again what had been cut off on the right"
WRAP_FORGOTTEN = "there, a wrap that pended in a narrow row moves the cursor on in the wide one"

EXPECTED = {
    ("vim", "resized to 50x12"): CUT_FROM_THE_TOP,
    ("fzf", "resized to 50x12"): CUT_FROM_THE_TOP,
    ("tmux", "resized to 50x12"): CUT_FROM_THE_TOP,
    ("tmux", "resized to 90x36"): SHOWN_AGAIN,
    ("htop", "resized to 90x36"): WRAP_FORGOTTEN,
}
"""Where they differ: just after a change of size, until the program has drawn its screen anew."""


@cache
def ours(name: str) -> tuple[Screen, ...]:
    return tuple(replayed(name))


@cache
def theirs(name: str) -> tuple[Screen, ...]:
    return tuple(reference(name))


def named(screens: Iterable[Screen]) -> list[str]:
    return [screen.at for screen in screens]


@pytest.mark.parametrize("name", PLAYS)
def test_every_step_shows_the_rows_cursor_and_styles_of_the_reference(name: str) -> None:
    assert named(ours(name)) == named(theirs(name))
    found = [
        line
        for own, other in zip(ours(name), theirs(name), strict=True)
        if (name, own.at) not in EXPECTED
        for line in differences(own, other)
    ]
    assert found == []


@pytest.mark.parametrize(("name", "at"), EXPECTED)
def test_what_is_said_to_differ_does_and_is_over_when_the_program_has_drawn(
    name: str, at: str
) -> None:
    step = named(ours(name)).index(at)
    assert differences(ours(name)[step], theirs(name)[step])
    assert not differences(ours(name)[step + 1], theirs(name)[step + 1])


@pytest.mark.parametrize("name", PLAYS)
def test_a_recording_has_every_step_and_all_that_matters(name: str) -> None:
    steps = [step.name for step in PLAYS[name].steps]
    assert [at for at in named(ours(name)) if not at.startswith("resized")] == steps
    widths = [screen.size[0] for screen in ours(name)]
    heights = [screen.size[1] for screen in ours(name)]
    assert min(widths) < widths[0] < max(widths)
    assert min(heights) < heights[0] < max(heights)
    assert ours(name)[0].alternate
    assert not ours(name)[-1].alternate
    cells = {cell for screen in ours(name) for row in screen.rows for cell in row}
    assert "\0" in {cell.text for cell in cells}
    assert len({cell.style for cell in cells}) > 4


def changed(screen: Screen, cell: Cell) -> Screen:
    """Return the screen with its fourth row's sixth cell replaced."""
    rows = [*screen.rows]
    rows[3] = (*rows[3][:5], cell, *rows[3][6:])
    return replace(screen, rows=tuple(rows))


@pytest.mark.parametrize("name", PLAYS)
def test_one_changed_cell_is_found_in_any_screen(name: str) -> None:
    for screen in theirs(name):
        text, style = screen.rows[3][5]
        for cell in (Cell("☃", style), Cell(text, f"{style} strange".strip())):
            (line,) = differences(screen, changed(screen, cell))
            assert "column 5 of row 3" in line
        assert not differences(screen, changed(screen, Cell(text, style)))


def test_a_moved_cursor_and_another_screen_are_found() -> None:
    screen = theirs("panel")[0]
    column, row = screen.cursor
    for other in (
        replace(screen, cursor=(column + 1, row)),
        replace(screen, hidden=not screen.hidden),
        replace(screen, alternate=not screen.alternate),
        replace(screen, size=(1, 1), rows=()),
    ):
        assert len(differences(screen, other)) == 1
