"""The whole picture: panes with titles and lines, the tabs below, the help. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterm_mcp.attach.frame import BLANK, Frame, cells_of
from iterm_mcp.attach.layout import (
    STATUS_ROWS,
    TITLE_ROWS,
    Divider,
    Placed,
    panes,
    place,
    span,
)

if TYPE_CHECKING:
    from iterm_mcp.attach.frame import Cell
    from iterm_mcp.attach.layout import Node

ACTIVE, QUIET, STATUS = "1;32", "2", "7"

HELP = (
    "After {prefix}:",
    " d           detach",
    " arrows, o   another pane",
    " n, p        another tab",
    " {prefix}      type it",
    " ?           this help",
    "Any key closes this.",
)


@dataclass(frozen=True, slots=True)
class Screen:
    """What a session shows; the cursor is a column and a row of its screen."""

    lines: list[list[Cell]]
    cursor: tuple[int, int]


@dataclass(slots=True)
class Scene:
    """What is to be seen.

    Attributes:
        tabs: The tabs' names in order; `selected` is the place of the one that is shown.
        root: Its panes, and `active` the session that is typed into.
        screens: By session; one that is missing has not been read yet.
        cursor: Whether the program that is typed into shows one.
    """

    root: Node
    active: str
    tabs: list[str]
    selected: int
    prefix: str
    screens: dict[str, Screen] = field(default_factory=dict)
    help: bool = False
    cursor: bool = True


def grid_for(columns: int, rows: int) -> tuple[int, int]:
    """Return the host's grid that fills a terminal: a row less for titles, and for the tabs."""
    return columns, rows - STATUS_ROWS - 1


def compose(scene: Scene, columns: int, rows: int) -> Frame:
    """Return the picture for a terminal of this size.

    Of panes that do not fit, the part is shown that has the cursor in it.
    """
    body = rows - STATUS_ROWS
    frame = _cut(_draw_panes(scene, columns, body), scene, columns, body)
    frame.cells.append([BLANK] * columns)
    frame.rows = rows
    _draw_status(frame, scene)
    if scene.help:
        _draw_help(frame, scene.prefix)
    return frame


def _draw_panes(scene: Scene, columns: int, rows: int) -> Frame:
    """Return all panes, and at least so many columns and rows."""
    wide, high = span(scene.root)
    whole = Frame(max(wide, columns), max(high + TITLE_ROWS, rows))
    for one in place(scene.root):
        if isinstance(one, Divider):
            for y in range(one.y, one.y + one.rows):
                whole.put(one.x, y, cells_of("│", QUIET), 1)
        else:
            _draw_pane(whole, scene, one)
    return whole


def _cut(whole: Frame, scene: Scene, columns: int, rows: int) -> Frame:
    """Return the part that has room."""
    active = next((p for p in panes(scene.root) if p.pane.session_id == scene.active), None)
    x = y = 0
    if active is not None:
        screen = scene.screens.get(scene.active)
        at = screen.cursor if screen else (0, 0)
        right, bottom = active.x + active.pane.columns, active.y + active.pane.rows
        x = _beginning(active.x, right, active.x + at[0], whole.columns, columns)
        y = _beginning(active.y - TITLE_ROWS, bottom, active.y + at[1], whole.rows, rows)
    frame = Frame(columns, rows)
    for row in range(rows):
        cells = whole.cells[y + row][x:]
        if cells and not cells[0][0]:
            cells[0] = (" ", cells[0][1])  # the half of a wide one
        frame.put(0, row, cells, columns)
    if whole.cursor is not None:
        cursor = whole.cursor[0] - x, whole.cursor[1] - y
        if 0 <= cursor[0] < columns and 0 <= cursor[1] < rows:
            frame.cursor = cursor
    return frame


def _beginning(start: int, end: int, cursor: int, whole: int, room: int) -> int:
    """Return from where on to show a length, so that a part of it, or the cursor, is seen."""
    if end <= room:
        return 0
    begin = min(start, whole - room)
    return begin if cursor < begin + room else min(cursor, whole - 1) - room + 1


def _draw_pane(frame: Frame, scene: Scene, placed: Placed) -> None:
    pane, active = placed.pane, placed.pane.session_id == scene.active
    look = ACTIVE if active else QUIET
    title = cells_of(f"── {pane.title} " if pane.title else "", look)
    line = title + cells_of("─", look) * max(0, pane.columns - len(title))
    frame.put(placed.x, placed.y - TITLE_ROWS, line, pane.columns)
    screen = scene.screens.get(pane.session_id)
    if screen is None:
        return
    for row, cells in enumerate(screen.lines[: pane.rows]):
        frame.put(placed.x, placed.y + row, cells, pane.columns)
    x, y = screen.cursor
    x, y = placed.x + min(x, pane.columns - 1), placed.y + y
    if active and scene.cursor and not scene.help:
        frame.cursor = x, y


def _draw_status(frame: Frame, scene: Scene) -> None:
    y = frame.rows - STATUS_ROWS
    wide, high = span(scene.root)
    room = grid_for(frame.columns, frame.rows)
    cut = (wide, high) if wide > room[0] or high > room[1] else None
    note = f" {wide}x{high}, cut off " if cut else f" {scene.prefix} ? for help "
    right = cells_of(note, STATUS)
    frame.put(0, y, cells_of(" ", STATUS) * frame.columns, frame.columns)
    x = 0
    widths = [len(cells_of(f" {number}:{name} ")) for number, name in enumerate(scene.tabs, 1)]
    first = 0
    while first < scene.selected and sum(widths[first : scene.selected + 1]) > frame.columns:
        first += 1
    for number, name in list(enumerate(scene.tabs))[first:]:
        look = f"1;{STATUS}" if number == scene.selected else STATUS
        mark = "*" if number == scene.selected else " "
        cells = cells_of(f"{mark}{number + 1}:{name} ", look)
        frame.put(x, y, cells, len(cells))
        x += len(cells)
    at = max(0, frame.columns - len(right))
    if cut or x <= at:
        frame.put(at, y, right, len(right))


def _draw_help(frame: Frame, prefix: str) -> None:
    lines = [cells_of(f" {line.format(prefix=prefix)} ", STATUS) for line in HELP]
    width = max(map(len, lines))
    x, y = max(0, (frame.columns - width) // 2), max(0, (frame.rows - len(lines)) // 2)
    for row, line in enumerate(lines):
        full = line + cells_of(" ", STATUS) * (width - len(line))
        frame.put(x, y + row, full, width)
