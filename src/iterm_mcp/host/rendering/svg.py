"""A view as an SVG picture that stands alone: no fonts, scripts or pictures from elsewhere.

Every cell stands where it belongs whatever font the viewer has: ordinary letters have a
position each, other characters are fitted into their cells, lines and blocks are drawn.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from iterm_mcp.host.lines import PLAIN
from iterm_mcp.host.rendering.blocks import shape_of
from iterm_mcp.host.rendering.palette import Shown, shown
from iterm_mcp.host.rendering.shapes import HEIGHT, WIDTH, Box, area, path_data
from iterm_mcp.host.rendering.svg_text import BASELINE, Cell, decorations, text_elements
from iterm_mcp.host.rendering.view import Glyph, glyphs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterm_mcp.host.rendering.view import View

MARGIN = 8
"""Pixels around the screen, in the colour of its background."""

FONT_SIZE = 15
FONTS = (
    "'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',ui-monospace,monospace"
)

_CURSOR_PIXELS = 2
_CRISP = ' shape-rendering="crispEdges"'


def render_svg(view: View) -> str:
    """Return the picture. Text can be selected; links to the web can be followed."""
    rows = [list(_cells(view, number)) for number in range(len(view.lines))]
    width = view.columns * WIDTH + 2 * MARGIN
    height = len(rows) * HEIGHT + 2 * MARGIN
    colors = view.colors
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">'
        f'<rect width="100%" height="100%" fill="{_hex(colors.background)}"/>'
        f'<g transform="translate({MARGIN} {MARGIN})" fill="{_hex(colors.foreground)}"'
        f' font-family="{FONTS}" font-size="{FONT_SIZE}" xml:space="preserve"'
        ' style="font-variant-ligatures:none">\n'
    )
    parts = (
        _backgrounds(rows, colors.background),
        _shapes(rows),
        _rows(rows, colors.foreground),
        _line_cursor(view, rows),
    )
    return "".join((opening, *chain.from_iterable(parts), "</g></svg>\n"))


def _cells(view: View, number: int) -> Iterator[Cell]:
    """Yield what a row shows, with the cursor's colours where a block stands on it."""
    cursor = view.cursor
    at = -1
    if cursor is not None and cursor.row == number and cursor.shape == "block":
        at = min(cursor.column, view.columns - 1)
    on_cursor = Shown(view.colors.cursor_text, view.colors.cursor, view.colors.cursor_text)
    end = 0
    for glyph in glyphs(view.lines[number], view.columns):
        end = glyph.column + glyph.width
        under = glyph.column <= at < end
        yield Cell(glyph, on_cursor if under else shown(glyph.style, view.colors))
    if at >= end:
        yield Cell(Glyph(at, " ", 1, PLAIN), on_cursor)


def _backgrounds(rows: list[list[Cell]], default: int) -> Iterator[str]:
    """Yield one path a colour; runs of cells that are alike in rows below each other are one."""
    found: dict[int, list[Box]] = {}
    growing: dict[tuple[int, int, int], int] = {}
    for number, row in enumerate([*rows, []]):
        runs = set(_runs(row, default))
        for run in [run for run in growing if run not in runs]:
            color, left, right = run
            found.setdefault(color, []).append(Box(left, growing.pop(run), right, number * HEIGHT))
        for run in runs:
            growing.setdefault(run, number * HEIGHT)
    for color, boxes in sorted(found.items()):
        yield f'<path{_CRISP} fill="{_hex(color)}" d="{path_data(area(*sorted(boxes)), 0, 0)}"/>\n'


def _runs(row: list[Cell], default: int) -> Iterator[tuple[int, int, int]]:
    """Yield colour, left and right of each run of cells with a background."""
    start = end = 0
    last = default
    for glyph, colors in row:
        if colors.background != last or glyph.column != end:
            if last != default:
                yield last, start * WIDTH, end * WIDTH
            start, last = glyph.column, colors.background
        end = glyph.column + glyph.width
    if last != default:
        yield last, start * WIDTH, end * WIDTH


def _shapes(rows: list[list[Cell]]) -> Iterator[str]:
    """Yield one path a colour: neighbouring areas of one path have no seam."""
    found: dict[tuple[int, bool, float, bool], list[str]] = {}
    for number, row in enumerate(rows):
        for glyph, colors in row:
            shape = None if glyph.style.invisible else shape_of(glyph.text)
            if shape is not None:
                data = path_data(shape.path, glyph.column * WIDTH, number * HEIGHT)
                key = colors.foreground, shape.stroked, shape.opacity, shape.crisp
                found.setdefault(key, []).append(data)
    for (color, stroked, opacity, crisp), paths in sorted(found.items()):
        paint = f'fill="none" stroke="{_hex(color)}"' if stroked else f'fill="{_hex(color)}"'
        shade = "" if opacity == 1 else f' fill-opacity="{opacity}"'
        yield f'<path{_CRISP if crisp else ""} {paint}{shade} d="{"".join(paths)}"/>\n'


def _rows(rows: list[list[Cell]], foreground: int) -> Iterator[str]:
    for number, row in enumerate(rows):
        elements = "".join((*text_elements(row, foreground), *decorations(row)))
        if elements:
            yield f'<g transform="translate(0 {number * HEIGHT + BASELINE})">{elements}</g>\n'


def _line_cursor(view: View, rows: list[list[Cell]]) -> Iterator[str]:
    """Yield a cursor that is a bar or an underline."""
    cursor = view.cursor
    if cursor is None or cursor.shape == "block" or not 0 <= cursor.row < len(rows):
        return
    column = min(cursor.column, view.columns - 1)
    left, top, bottom = column * WIDTH, cursor.row * HEIGHT, (cursor.row + 1) * HEIGHT
    if cursor.shape == "bar":
        box = Box(left, top, left + _CURSOR_PIXELS, bottom)
    else:
        box = Box(left, bottom - _CURSOR_PIXELS, left + WIDTH, bottom)
    yield f'<path fill="{_hex(view.colors.cursor)}" d="{path_data(area(box), 0, 0)}"/>\n'


def _hex(color: int) -> str:
    return f"#{color:06x}"
