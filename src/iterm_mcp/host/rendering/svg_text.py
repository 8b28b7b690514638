"""One row's letters, links and lines as SVG elements, measured from its baseline."""

from __future__ import annotations

import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr

from iterm_mcp.host.rendering.blocks import shape_of
from iterm_mcp.host.rendering.shapes import HEIGHT, WIDTH
from iterm_mcp.host.rendering.view import seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iterm_mcp.host.lines import Style
    from iterm_mcp.host.rendering.palette import Shown
    from iterm_mcp.host.rendering.view import Glyph

BASELINE = 15
"""How far below its top a row's letters stand."""

LINKED = frozenset({"http", "https", "mailto", "ftp", "file"})
"""What may be linked to; a program could print a link that runs a script."""

_ORDINARY = "\u0530"
"""Latin, Greek and Cyrillic letters come before it; monospaced fonts have them, one cell wide."""

_UNDER, _STRUCK, _OVER = 2.5, -4.5, 0.5 - BASELINE
"""Where lines run: in the middle of a row of pixels."""
_DASHES = {"dotted": "1 2", "dashed": "5 4"}
"""Each adds up to a cell or a part of one, so that runs join."""


class Cell(NamedTuple):
    """What is shown, and in which colours."""

    glyph: Glyph
    colors: Shown


def text_elements(row: Iterable[Cell], foreground: int) -> Iterator[str]:
    """Yield the letters, linked where they are links; `foreground` is the colour set already."""
    for url, group in groupby(row, lambda cell: _address(cell.glyph.style)):
        cells = list(group)
        elements = "".join(_elements(cells, foreground))
        if url is None:
            yield elements
            continue
        left, last = cells[0].glyph.column, cells[-1].glyph
        width = (last.column + last.width - left) * WIDTH
        yield (
            f"<a href={quoteattr(url)}>"
            f'<rect x="{left * WIDTH}" y="{-BASELINE}" width="{width}" height="{HEIGHT}"'
            f' fill="none" pointer-events="all"/>{elements}</a>'
        )


def _address(style: Style) -> str | None:
    """Return where a cell links to, if that may be followed."""
    if style.url is None:
        return None
    url = seen(style.url)
    try:
        return url if urlsplit(url).scheme in LINKED else None
    except ValueError:
        return None


def _elements(cells: list[Cell], foreground: int) -> Iterator[str]:
    """Yield words in one look each; the space after a word is part of it, so that it is copied."""
    word: list[Glyph] = []
    look = ""
    after_text = False
    for glyph, colors in cells:
        if glyph.text == " ":
            if after_text:
                word.append(glyph)
            yield from _word(word, look)
            word, after_text = [], False
            continue
        own = _look(glyph.style, foreground, colors)
        ordinary = glyph.width == 1 and len(glyph.text) == 1 and glyph.text < _ORDINARY
        after_text = not glyph.style.invisible and shape_of(glyph.text) is None
        if own != look or not (ordinary and after_text):
            yield from _word(word, look)
            word, look = [], own
        if not after_text:
            continue
        if ordinary:
            word.append(glyph)
        else:
            yield _fitted(glyph, look)
    yield from _word(word, look)


def _look(style: Style, foreground: int, colors: Shown) -> str:
    fill = "" if colors.foreground == foreground else f' fill="#{colors.foreground:06x}"'
    weight = ' font-weight="bold"' if style.bold else ""
    slant = ' font-style="italic"' if style.italic else ""
    return fill + weight + slant


def _word(word: list[Glyph], look: str) -> Iterator[str]:
    """Yield letters, and the space after them, each at its own place."""
    if word:
        places = " ".join(str(glyph.column * WIDTH) for glyph in word)
        text = escape("".join(glyph.text for glyph in word))
        yield f'<text x="{places}"{look}>{text}</text>'


def _fitted(glyph: Glyph, look: str) -> str:
    """Return a character that may come from another font than its neighbours.

    Letters keep their shape in the middle of their cells, which they hardly ever exceed; signs
    and emoji differ more from font to font, and are made as wide as theirs.
    """
    left, width = glyph.column * WIDTH, glyph.width * WIDTH
    if unicodedata.category(glyph.text[0])[0] in "LM":
        place = f'x="{left + width / 2:g}" text-anchor="middle"'
    else:
        place = f'x="{left}" textLength="{width}" lengthAdjust="spacingAndGlyphs"'
    return f"<text {place}{look}>{escape(glyph.text)}</text>"


def decorations(row: Iterable[Cell]) -> Iterator[str]:
    """Yield the lines under, through and over letters."""
    for key, group in groupby(row, _lines):
        cells = list(group)
        if not any(key):
            continue
        left = cells[0].glyph.column * WIDTH
        length = (cells[-1].glyph.column + cells[-1].glyph.width) * WIDTH - left
        underline, struck, over = key
        if underline is not None:
            yield _underline(*underline, left, length)
        if struck is not None:
            yield _line(left, _STRUCK, length, struck)
        if over is not None:
            yield _line(left, _OVER, length, over)


def _lines(cell: Cell) -> tuple[tuple[str, int] | None, int | None, int | None]:
    """Return the shape and colour of the line under a cell, and the colours of the others."""
    style, colors = cell.glyph.style, cell.colors
    if style.invisible:
        return None, None, None
    return (
        (style.underline_shape, colors.underline) if style.underline else None,
        colors.foreground if style.strikethrough else None,
        colors.foreground if style.overline else None,
    )


def _underline(shape: str, color: int, left: int, length: int) -> str:
    if shape == "double":
        upper, lower = (_line(left, _UNDER + offset, length, color) for offset in (-1, 1))
        return upper + lower
    if shape == "curly":
        waves = f"q{WIDTH / 4} -3 {WIDTH / 2} 0t{WIDTH / 2} 0" * (length // WIDTH)
        return f'<path fill="none" stroke="#{color:06x}" d="M{left} {_UNDER}{waves}"/>'
    dashes = f' stroke-dasharray="{_DASHES[shape]}"' if shape in _DASHES else ""
    return _line(left, _UNDER, length, color, dashes)


def _line(left: int, y: float, length: int, color: int, dashes: str = "") -> str:
    return f'<path fill="none" stroke="#{color:06x}"{dashes} d="M{left} {y:g}h{length}"/>'
